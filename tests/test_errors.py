"""Argument checks: what passes is returned, what fails says name, given, allowed, remedy."""

import math

import numpy as np
import pytest

from plastlab.errors import (
    check_choice,
    check_number,
    check_numbers,
    check_takes,
    check_type,
    missing,
)


def test_choice_returns_what_it_was_given():
    assert check_choice("MLP.activation", "tanh", ("relu", "tanh")) == "tanh"
    assert check_choice("Digits.size", 8, iter((8, 16))) == 8


def test_choice_lists_the_allowed_and_the_nearest():
    with pytest.raises(ValueError) as error:
        check_choice("MLP.activation", "rel", ("relu", "tanh", "gelu"))
    expected = "MLP.activation must be one of relu, tanh, gelu; got 'rel'. Did you mean 'relu'?"
    assert str(error.value) == expected


def test_choice_without_a_near_name_suggests_nothing():
    with pytest.raises(ValueError, match=r"one of relu, tanh; got 'x'\.$"):
        check_choice("MLP.activation", "x", ("relu", "tanh"))


@pytest.mark.parametrize("given", [True, 1.0, None, ["relu"], np.zeros(2)])
def test_choice_does_not_take_look_alikes(given):
    with pytest.raises(ValueError, match="n must be one of 1, 2"):
        check_choice("n", given, (1, 2))


@pytest.mark.parametrize(
    ("given", "limits"),
    [
        (0, {"low": 0}),
        (1, {"low": 0, "high": 1}),
        (0.5, {"low": 0, "low_open": True}),
        (np.float32(0.25), {"low": 0, "high": 1}),
        (np.int64(3), {"low": 1, "integer": True}),
        (-5, {}),
    ],
)
def test_number_returns_what_it_was_given(given, limits):
    found = check_number("x", given, **limits)
    assert found == given
    assert type(found) in (int, float)


@pytest.mark.parametrize(
    ("given", "limits", "message"),
    [
        (-1, {"low": 0}, "SGD.lr must be a finite number at least 0; got -1."),
        (0, {"low": 0, "low_open": True}, "SGD.lr must be a finite number above 0; got 0."),
        (
            2,
            {"low": 0, "high": 1},
            "SGD.lr must be a finite number at least 0 and at most 1; got 2.",
        ),
        (0, {"low": 1, "integer": True}, "SGD.lr must be a whole number at least 1; got 0."),
        (math.nan, {}, "SGD.lr must be a finite number; got nan."),
        (math.inf, {"low": 0}, "SGD.lr must be a finite number at least 0; got inf."),
    ],
)
def test_number_out_of_range(given, limits, message):
    with pytest.raises(ValueError) as error:
        check_number("SGD.lr", given, **limits)
    assert str(error.value) == message


@pytest.mark.parametrize("given", [True, "3", None, [1], 1j])
def test_number_of_the_wrong_type(given):
    with pytest.raises(
        TypeError, match="lr must be a finite number; got .* Give an int or a float"
    ):
        check_number("lr", given)


def test_whole_number_does_not_take_a_float():
    with pytest.raises(
        TypeError, match=r"tasks must be a whole number at least 1; got 3.0. Give an"
    ):
        check_number("tasks", 3.0, low=1, integer=True)


def test_type_returns_what_it_was_given():
    assert check_type("x", 3, int, "") == 3
    assert check_type("x", "a", (int, str)) == "a"


def test_type_names_value_class_and_remedy():
    with pytest.raises(TypeError) as error:
        check_type("run: stream", "labels", (int, dict), "Give a stream such as Stationary().")
    expected = (
        "run: stream must be an int or a dict; got 'labels' (a str). "
        "Give a stream such as Stationary()."
    )
    assert str(error.value) == expected


def test_type_tells_a_class_from_its_instance():
    with pytest.raises(TypeError, match="got the class dict"):
        check_type("run: stream", dict, int, "")


def test_type_shortens_a_long_value():
    with pytest.raises(TypeError) as error:
        check_type("x", list(range(1000)), int)
    assert len(str(error.value)) < 120


class SGD:
    """Read letter by letter."""


class UPGD:
    """Its first letter sounds like "you"."""


class L2Init:
    """A letter and a number."""


@pytest.mark.parametrize(
    ("kind", "wanted"),
    [(SGD, "an SGD"), (UPGD, "a UPGD"), (L2Init, "an L2Init"), (int, "an int"), (str, "a str")],
)
def test_an_article_is_chosen_by_sound(kind, wanted):
    with pytest.raises(TypeError, match=f"x must be {wanted}; got"):
        check_type("x", None, kind)


def test_a_missing_attribute_names_the_nearest_or_all():
    thing = SGD()
    thing.rate, thing._hidden = 0.1, 2
    assert str(missing(thing, "rte")) == "SGD has no 'rte'. Did you mean 'rate'?"
    assert str(missing(thing, "zzz")) == "SGD has no 'zzz'. It has rate."
    assert str(missing(thing, "depth", {"depths": "net.depths"})).endswith("mean 'net.depths'?")


@pytest.mark.parametrize("given", [3, [1, 2], np.ones((2, 2)), np.float32(1), range(3)])
def test_numbers_come_back_as_floats(given):
    found = check_numbers("x", given, 0)
    assert found.dtype == float
    assert found.tolist() == np.asarray(given).tolist()


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ([1, -1], ValueError, r"x must be finite numbers at least 0; got \[1, -1\]\."),
        ([np.nan], ValueError, r"x must be finite numbers at least 0; got \[nan\]\."),
        ([], ValueError, r"x must be finite numbers at least 0; got \[\]\."),
        ("3", TypeError, "got '3' .a str.. Give a number or an array of numbers"),
        ([[1], [2, 3]], TypeError, "got .* Give a number or an array of numbers"),
        ([True], TypeError, r"got \[True\]"),
    ],
)
def test_what_are_no_numbers_is_refused(given, error, message):
    with pytest.raises(error, match=message):
        check_numbers("x", given, 0)


def test_a_whole_number_has_at_most_64_bits():
    assert check_number("n", 2**63 - 1, integer=True) == 2**63 - 1
    for given in (2**63, 10**400):
        with pytest.raises(ValueError, match="n must be a whole number; got"):
            check_number("n", given, integer=True)


def test_a_function_that_does_not_take_the_names_is_refused():
    assert check_takes("f", lambda a, b=1: a, ["a"])
    with pytest.raises(TypeError, match="f must take c; it says: missing a required argument: 'a'"):
        check_takes("f", lambda a: a, ["c"])
    with pytest.raises(TypeError, match="f must be a function; got the class int"):
        check_takes("f", int, ["c"])
