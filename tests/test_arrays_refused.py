"""Your own examples, from a table; and what of arrays and tables is refused, by name and place."""

import numpy as np
import pytest
import torch
from test_arrays import NAMES, Frame, X, Y

from plastlab.condition import Condition
from plastlab.data import Arrays
from plastlab.run import run
from plastlab.streams import RandomLabels

COLUMNS = {"acid": X[:, 0], "sugar": X[:, 1], "alcohol": X[:, 2], "quality": NAMES[Y]}
FROM = Arrays.from_table


def written(path, text=None, separator=","):
    """A CSV file of the columns, or of some text."""
    rows = [COLUMNS, *zip(*COLUMNS.values(), strict=True)]
    lines = [separator.join(str(value) for value in row) for row in rows]
    path.write_text("\n".join(lines) + "\n" if text is None else text, encoding="utf-8")
    return path


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_a_csv_becomes_a_stream(tmp_path, separator):
    path = written(tmp_path / "wine.csv", separator=separator)
    wine = FROM(path, target="quality")
    assert wine == FROM(str(path), "quality") == Arrays(X, NAMES[Y])
    result = run(RandomLabels(wine, 1, 2), {"a": Condition()}, 2, use_cache=False)
    assert np.isfinite(result.values["accuracy"]).all()


def test_quoted_cells_a_mark_at_the_start_and_empty_lines_are_read(tmp_path):
    rows = "".join(f'{i}.5,"{"ab"[i % 2]}, of {i % 2}"\n\n' for i in range(10))
    path = written(tmp_path / "a.csv", '\ufeffvalue,"name, first"\n' + rows)
    data = FROM(path, target="name, first")
    assert data.names == ("a, of 0", "b, of 1")
    assert data.x[:, 0].tolist() == [i + 0.5 for i in range(10)]


def test_frames_and_dicts_are_tables_and_columns_can_be_chosen():
    frame = Frame(COLUMNS, list(COLUMNS))
    assert FROM(frame, "quality") == FROM(COLUMNS, "quality") == Arrays(X, NAMES[Y])
    assert FROM(COLUMNS, "quality", ["alcohol", "acid"]) == Arrays(X[:, [2, 0]], NAMES[Y])
    both = FROM(COLUMNS, ["acid", "sugar"], ["alcohol"], held_out=0.5, scale=False)
    assert both == Arrays(X[:, 2:], X[:, :2], held_out=0.5, scale=False)
    assert FROM(COLUMNS, "quality", None, "classes", 0.2, 7).examples == 7


def test_a_numeric_target_of_a_csv_is_read_as_numbers(tmp_path):
    rows = "".join(f"{i},{i % 2},{i / 3}\n" for i in range(30))
    path = written(tmp_path / "a.csv", "x,y,z\n" + rows)
    assert FROM(path, "y").names == (0.0, 1.0)
    assert FROM(path, "z").names == ()


def holed(row, column, value):
    x = X.copy()
    x[row, column] = value
    return x


def texts(row, value):
    y = NAMES[Y].astype(object)
    y[row] = value
    return y


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Arrays(holed(3, 1, np.nan), Y), "x must be finite.*got nan at row 3, column 1"),
        (lambda: Arrays(holed(0, 2, -np.inf), Y), "got -inf at row 0, column 2"),
        (lambda: Arrays(holed(0, 2, np.inf).astype(np.float16), Y), "got inf at row 0, column 2"),
        (lambda: Arrays(holed(9, 0, 1e39), Y), "at most 3.4e.38 in size; got 1e.39 at row 9"),
        (lambda: Arrays([[10**400], [1]], [0, 1]), "at most 3.4e.38 in size; got .* at row 0"),
        (lambda: Arrays(X.astype(object) + 0j, Y), "Arrays.x must be numbers or text; got .*j"),
        (lambda: Arrays(X + 0j, Y), "Arrays.x must be an array of numbers"),
        (lambda: Arrays([*X.tolist()[:-1], [1.0, None, 2.0]], Y), "got None at row 39, column 1"),
        (lambda: Arrays([*X.tolist()[:-1], [1.0, "low", 2]], Y), "got 'low' at row 39, column 1"),
        (lambda: Arrays([*X.tolist()[:-1], [1.0]], Y), "Arrays.x must have rows of one length"),
        (lambda: Arrays(np.ma.masked_greater(X, 5), Y), "must not be masked; it is at row 0"),
        (lambda: Arrays(X.astype("M8[s]"), Y), "Arrays.x must be an array of numbers"),
        (lambda: Arrays(torch.tensor(X).to("meta"), Y), "Arrays.x must hold real numbers"),
        (lambda: Arrays(X[:, 0], Y), r"\[examples, inputs\].*got array.*\[40\]"),
        (lambda: Arrays(X.reshape(5, 2, 2, 2, 3), Y), r"\[examples, rows, columns\], at least one"),
        (lambda: Arrays(X[:0], Y[:0]), r"at least one; got .*\[0, 3\]"),
        (lambda: Arrays(X[:, :0], Y), r"at least one; got .*\[40, 0\]"),
        (lambda: Arrays({"a": 1}, Y), "Arrays.x must be an array of numbers or text; got {'a': 1}"),
        (lambda: Arrays(None, Y), "Arrays.x must be an array .*got None"),
        (lambda: Arrays(X, None), "Arrays.y must be an array .*got None"),
        (lambda: Arrays(X, Y[:-1]), r"Arrays.y must be \[40\] or \[40, outputs\].*\[39\]"),
        (lambda: Arrays(X, X[None]), r"Arrays.y must be \[40\] or \[40, outputs\].*\[1, 40, 3\]"),
        (lambda: Arrays(X, 0 * Y), r"at least two classes; got \[0\] alone"),
        (lambda: Arrays(X, texts(4, "")), "must name a class in each row; got '' at row 4"),
        (lambda: Arrays(X, texts(4, None)), "Arrays.y must be numbers or text; got None at row 4"),
        (lambda: Arrays(X, texts(4, np.nan)), "Arrays.y must be numbers or text; got nan at row 4"),
        (lambda: Arrays(X, texts(4, 3)), "must be numbers or text, not both"),
        (lambda: Arrays(X, holed(4, 0, np.nan)[:, 0]), "Arrays.y must be finite.* at row 4"),
        (lambda: Arrays(X, np.arange(40)), "Arrays.kind must be said where y has 40 different"),
        (lambda: Arrays(X, np.ones((40, 2))), "Arrays.kind must be said where y has 1 different"),
        (lambda: Arrays(X, NAMES[Y], "numbers"), "must be numbers, with kind='numbers'; got"),
        (lambda: Arrays(X, X, "classes"), r"must be \[N\], or one-hot \[N, classes\]; got"),
        (lambda: Arrays(X, Y, "class"), "Arrays.kind must be one of .*Did you mean 'classes'"),
        (lambda: Arrays(X, Y, held_out=1.0), "Arrays.held_out must be .*at most 0.9; got 1.0"),
        (lambda: Arrays(X, Y, held_out=0.05), "held_out=0.05 of 40 examples must be at least one"),
        (lambda: Arrays(X, Y, examples=33), "Arrays.examples must be .*at most 32; got 33"),
        (lambda: Arrays(X, Y, examples=0), "Arrays.examples must be .*at least 1"),
        (lambda: FROM(COLUMNS, "qualty"), "target must be one of .*Did you mean 'quality'"),
        (lambda: FROM(COLUMNS, "quality", ["acidity"]), "columns must be one of acid.*'acidity'"),
        (lambda: FROM(COLUMNS, "quality", "acid"), "columns must be a list or a tuple; got 'acid'"),
        (lambda: FROM(COLUMNS, "quality", []), "must name at least one column each"),
        (lambda: FROM(COLUMNS, "acid", ["acid"]), "none in both"),
        (lambda: FROM(COLUMNS, "acid"), "column 'quality' must be numbers; got 'ash' at row 0"),
        (lambda: FROM(COLUMNS | {"b": [1]}, "quality"), "column 'b' must have one value a row, 40"),
        (lambda: FROM(COLUMNS | {"b": X}, "quality"), "column 'b' must have one value a row, 40"),
        (lambda: FROM(X, "quality"), "file must be a CSV file's path, a table with columns, or a"),
        (lambda: FROM("nowhere.csv", "quality"), "nowhere.csv"),
    ],
)
def test_what_makes_no_data_set_is_refused_by_name_and_place(make, message):
    with pytest.raises((TypeError, ValueError, FileNotFoundError), match=message):
        make()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "must have a first line that names each column once, and rows; got .* and 0 rows"),
        ("a,b\n", "and 0 rows"),
        ("a,a\n1,2\n", r"names each column once.*got \['a', 'a'\]"),
        ("a,y\n1,2\n3\n", "must have 2 values in each row; got 1 in row 1"),
        ("a,y\n1,2\n,3\n", "column 'a' must be numbers; got '' at row 1"),
        ("a,y\n1,2\nnan,3\n", "column 'a' must be finite numbers.*got nan at row 1"),
    ],
)
def test_a_file_that_is_no_table_of_numbers_is_refused(tmp_path, text, message):
    with pytest.raises(ValueError, match=message):
        FROM(written(tmp_path / "a.csv", text), "y")


def test_a_file_in_another_encoding_is_refused(tmp_path):
    (tmp_path / "a.csv").write_bytes("größe,y\n1,2\n".encode("latin-1"))
    with pytest.raises(ValueError, match="not text in UTF-8. Save it as UTF-8"):
        FROM(tmp_path / "a.csv", "y")
