"""Your own examples: what is in them, how they are split and scaled, and what is refused."""

import pickle
from dataclasses import FrozenInstanceError, replace

import numpy as np
import pytest
import torch
from sklearn.datasets import load_diabetes, load_digits, load_wine
from small import trained

from plastlab import cache
from plastlab.condition import Condition
from plastlab.data import Arrays
from plastlab.losses import CrossEntropy, SquaredError
from plastlab.nets import MLP
from plastlab.optim import Adam
from plastlab.probes import accuracy, loss
from plastlab.run import run
from plastlab.streams import PermutedInputs, RandomLabels, Stationary

X = np.random.default_rng(0).normal([5.0, -2.0, 100.0], [1.0, 0.1, 30.0], (40, 3))
Y = np.arange(40) % 4
NAMES = np.array(["ash", "elm", "fir", "oak"])


class Frame:
    """As much of a pandas frame or series as is used."""

    def __init__(self, values, columns=()):
        self.values, self.columns = values, columns

    def to_numpy(self):
        return np.array(self.values)

    def __getitem__(self, name):
        return Frame(self.values[name])


def test_wine_becomes_a_stream_in_three_lines_and_is_memorized():
    x, y = load_wine(return_X_y=True)
    wine = Arrays(x, y)
    result = run(RandomLabels(wine, 1, 250), {"Adam": Condition(Adam(1e-2))}, 2, use_cache=False)
    assert result.values["accuracy"].min() > 0.9  # chance is a third
    assert (wine.inputs, wine.outputs, wine.names, wine.grid) == (13, 3, (0, 1, 2), None)


def test_held_out_wine_is_told_apart():
    wine = Arrays(*load_wine(return_X_y=True))
    stream = Stationary(wine, tasks=1, steps=150)
    found = trained(stream, {"a": Condition(Adam(3e-3), MLP(16, 1))}, (0, 1, 2)).measure(accuracy)
    assert found["a"].min() > 0.9


def test_diabetes_is_a_regression_better_than_the_mean():
    """Standardized targets have variance 1; least squares leaves about half of it."""
    x, y = load_diabetes(return_X_y=True)
    data = Arrays(x, y, kind="numbers")
    problem = data.draw((0, 1))
    assert isinstance(data.loss, SquaredError)
    assert problem.y.shape == (2, 354, 1)
    torch.testing.assert_close(problem.y[0].std(0, correction=0), torch.ones(1))
    shard = trained(Stationary(data, 1, 100), {"a": Condition(Adam(3e-3), MLP(32, 1))}, (0, 1))
    assert shard.measure(loss)["a"].max() < 0.75 * problem.y_test[0].square().mean()


def test_each_example_is_on_one_side_with_its_label_scaled_by_the_training_examples():
    problem = Arrays(X, NAMES[Y], held_out=0.3).draw((0,))
    assert problem.x.shape == (1, 28, 3)
    assert problem.x_test.shape == (1, 12, 3)
    x = torch.cat([problem.x[0], problem.x_test[0]]).double().numpy()
    y = torch.cat([problem.y[0], problem.y_test[0]]).numpy()
    ranks, wanted = x[:, 0].argsort(), X[:, 0].argsort()
    assert y[ranks].tolist() == Y[wanted].tolist()
    own = X[wanted][ranks.argsort()]
    expected = (own - own[:28].mean(0)) / own[:28].std(0)
    np.testing.assert_allclose(x, expected, atol=1e-5)
    assert np.bincount(y[:28]).tolist() == [7, 7, 7, 7]  # of each class alike
    assert not np.array_equal(ranks.argsort()[:28], np.arange(28))


def test_unscaled_values_stay_and_a_constant_input_is_zero():
    x = np.column_stack([X, np.full(40, 0.1)])
    as_given = Arrays(x, Y, scale=False).draw((0,))
    assert as_given.x[0, :, 3].unique().tolist() == [np.float32(0.1)]
    found = torch.cat([as_given.x[0], as_given.x_test[0]]).numpy()
    assert sorted(map(tuple, found)) == sorted(map(tuple, x.astype(np.float32)))
    assert Arrays(x, Y).draw((0,)).x[0, :, 3].unique().tolist() == [0.0]
    targets = Arrays(X, X[:, 2], scale=False).draw((0,)).y
    assert set(targets.flatten().tolist()) < set(X[:, 2].astype(np.float32).tolist())


def test_values_that_float32_cannot_tell_apart_are_scaled_before():
    x = 1e9 + np.arange(40.0)[:, None]
    assert len(Arrays(x, Y).draw((0,)).x.unique()) == 32


def test_seeds_share_the_examples_or_have_their_own():
    shared, own = (Arrays(X, Y, examples=n).draw((0, 5)) for n in (None, 20))
    assert shared.x.stride(0) == shared.y.stride(0) == own.x_test.stride(0) == 0
    assert own.x.shape == (2, 20, 3)
    pool = {tuple(row): int(c) for row, c in zip(shared.x[0].numpy(), shared.y[0], strict=True)}
    for x, y in zip(own.x, own.y, strict=True):
        assert len({tuple(row) for row in x.numpy()}) == 20
        assert [pool[tuple(row)] for row in x.numpy()] == y.tolist()
    assert not torch.equal(own.x[0], own.x[1])
    assert torch.equal(own.x[1], Arrays(X, Y, examples=20).draw((5,)).x[0])


def test_with_nothing_held_out_all_are_trained_on():
    problem = Arrays(X, Y, held_out=0).draw((0,))
    assert problem.x.shape == (1, 40, 3)
    assert torch.equal(problem.x, problem.x_test)
    assert torch.equal(problem.y, problem.y_test)


@pytest.mark.parametrize(
    ("y", "names"),
    [
        (NAMES[Y], ("ash", "elm", "fir", "oak")),
        (NAMES[Y].astype(object), ("ash", "elm", "fir", "oak")),
        (NAMES[Y].astype("S"), ("ash", "elm", "fir", "oak")),
        (list(NAMES[Y]), ("ash", "elm", "fir", "oak")),
        (Y, (0, 1, 2, 3)),
        (Y + 1, (1, 2, 3, 4)),
        (Y[:, None], (0, 1, 2, 3)),
        ((10 * Y).astype(np.uint8), (0, 10, 20, 30)),
        (torch.tensor(Y, dtype=torch.int32), (0, 1, 2, 3)),
        (Y.astype(float), (0.0, 1.0, 2.0, 3.0)),
        (torch.tensor(Y).bfloat16().requires_grad_(), (0.0, 1.0, 2.0, 3.0)),
        (np.eye(4)[Y], (0, 1, 2, 3)),
        (torch.eye(4)[Y].bool(), (0, 1, 2, 3)),
        (Frame(Y), (0, 1, 2, 3)),
    ],
)
def test_classes_of_any_type_are_numbered_in_order(y, names):
    data = Arrays(X, y)
    assert data.names == names
    assert data.outputs == 4
    assert isinstance(data.loss, CrossEntropy)
    assert data.draw((0,)).y.dtype == torch.int64
    assert torch.equal(data.draw((0,)).y, Arrays(X, Y).draw((0,)).y)


def test_two_truths_are_two_classes():
    assert Arrays(X, Y > 1).names == (False, True)


@pytest.mark.parametrize("y", [X[:, 0], list(X[:, 0]), X[:, :1], torch.tensor(X[:, 0])])
def test_real_numbers_are_targets(y):
    assert Arrays(X, y).outputs == 1
    assert Arrays(X, y).names == ()
    assert Arrays(X, y).draw((0,)).y.shape == (1, 32, 1)


def test_several_targets_and_whole_ones():
    assert Arrays(X, X[:, :2]).draw((0, 1)).y.shape == (2, 32, 2)
    assert Arrays(X, np.arange(40), kind="numbers").outputs == 1
    assert Arrays(X, Y / 2, kind="classes").names == (0.0, 0.5, 1.0, 1.5)


@pytest.mark.parametrize(
    "x",
    [
        X.tolist(),
        torch.tensor(X),
        X.astype(object),
        X.astype(str),
        Frame(X),
        np.asfortranarray(X),
        X.astype(">f8"),
        torch.tensor(X).to_sparse(),
    ],
)
def test_inputs_of_any_type_are_the_same_numbers(x):
    assert torch.equal(Arrays(x, Y).draw((0,)).x, Arrays(X, Y).draw((0,)).x)


def test_images_lie_on_a_grid():
    images, labels = load_digits().images, load_digits().target
    assert (Arrays(images, labels).inputs, Arrays(images, labels).grid) == (64, (8, 8))
    assert Arrays(images[:, None], labels).grid == (8, 8)
    assert Arrays(images[:, :2], labels).grid == (2, 8)
    flat = Arrays(images.reshape(-1, 64), labels)
    assert torch.equal(Arrays(images, labels).draw((0,)).x, flat.draw((0,)).x)


def test_it_is_a_frozen_value_with_a_digest_in_the_place_of_its_arrays():
    data = Arrays(X, Y)
    again, other = Arrays(X.copy(), Y.copy()), X.copy()
    other[7, 1] += 1e-9
    assert data == again
    assert hash(data) == hash(again)
    assert repr(data) == repr(again)
    assert len(repr(data)) < 200
    different = [Arrays(other, Y), Arrays(X, Y[::-1]), Arrays(X, Y, scale=False)]
    different += [replace(data, held_out=0.3), replace(data, examples=9), Arrays(X, Y, "numbers")]
    assert len({data, *different}) == len({repr(d) for d in (data, *different)}) == 7
    assert pickle.loads(pickle.dumps(data)) == data
    assert len(pickle.dumps(data)) < 2 * X.nbytes + 2000
    with pytest.raises(FrozenInstanceError):
        data.scale = False
    with pytest.raises(ValueError, match="read-only"):
        data.x[0, 0] = 1.0


def test_what_the_reader_does_to_his_arrays_later_does_not_matter():
    x, y = X.copy(), torch.tensor(Y)
    data = Arrays(x, y)
    before = data.draw((0,))
    x += 1.0
    y[:] = 0
    assert data == Arrays(X, Y)
    assert torch.equal(data.draw((0,)).x, before.x)
    assert torch.equal(pickle.loads(pickle.dumps(data)).draw((0,)).y, before.y)


def test_a_result_is_kept_under_the_content_of_its_arrays(tmp_path, monkeypatch):
    monkeypatch.setenv(cache.FOLDER, str(tmp_path))

    def key(x):
        stream = RandomLabels(Arrays(x, Y))
        return cache.Keeper().key(stream, Condition(), (0,), (accuracy,), 10)

    assert key(X) is not None
    assert key(X) == key(X.copy())
    assert key(X) != key(X + 1.0)


@pytest.mark.parametrize("kind", [Stationary, RandomLabels, PermutedInputs])
def test_a_seed_is_the_same_alone_and_in_company(kind):
    stream = kind(Arrays(X, Y), 2, 5, 8)
    alone, company = stream.task(1, (3,)), stream.task(1, (0, 3))
    for part in ("x", "y", "x_test", "y_test"):
        assert torch.equal(getattr(alone, part)[0], getattr(company, part)[1])
