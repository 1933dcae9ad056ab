"""Predictions: what a guess is, what is said about it, and that nobody is asked where nobody is."""

import math

import numpy as np
import pytest

from plastlab.panels import predict as asking
from plastlab.panels.controls import Choice, Slider
from plastlab.panels.guess import Guess, tally
from plastlab.panels.memory import Memory
from plastlab.panels.predict import calibration, predict


class Numbers:
    """What a statistic gives: numbers that carry their seeds and their unit."""

    def __init__(self, values, unit=""):
        self.values, self.unit = np.asarray(values), unit

    def mean(self):
        return self.values.mean(-1)


def number(low=0.0, high=1.0, unit=""):
    return Guess("Share right", Slider(low, high), unit)


def choice():
    return Guess("Which loses more?", Choice(["Adam", "SGD", "about the same"]))


def answered(value, give_or_take, truth):
    guess = number()
    guess.commit(value, give_or_take)
    guess.truth = truth
    return guess


def test_a_guess_is_open_until_it_is_committed():
    guess = number()
    assert (guess.open, guess.committed, guess.value, guess.interval) == (True, False, None, None)
    guess.commit(0.4, give_or_take=0.1)
    assert (guess.open, guess.committed, guess.skipped) == (False, True, False)
    assert guess.value == 0.4
    assert (guess.low, guess.high) == guess.interval == pytest.approx((0.3, 0.5))


def test_an_interval_is_cut_off_at_the_ends_of_the_range():
    guess = number()
    guess.commit(0.9, give_or_take=0.3)
    assert guess.interval == pytest.approx((0.6, 1.0))


def test_whoever_follows_is_called_when_the_guess_closes_and_when_it_opens_again():
    guess, seen = number(), []
    guess.follow(lambda: seen.append(guess.open))
    assert seen == []
    guess.skip()
    guess.reopen()
    guess.commit(0.4, 0.1)
    assert seen == [False, True, False]
    guess.reopen()
    assert (guess.open, guess.value, guess.interval) == (True, None, None)


@pytest.mark.parametrize("close", [Guess.skip, lambda guess: guess.commit(0.2)])
def test_a_closed_guess_stays_as_it_is(close):
    guess = number()
    close(guess)
    with pytest.raises(RuntimeError, match="Run the cell with predict.* again"):
        guess.commit(0.5)
    with pytest.raises(RuntimeError, match="Already closed"):
        guess.skip()


@pytest.mark.parametrize(
    ("value", "give_or_take", "truth", "hit", "sentence"),
    [
        (0.3, 0.1, 0.35, True, "It was 0.35: inside your interval."),
        (0.3, 0.1, 0.12, False, "It was 0.12: outside your interval."),
        (0.3, 0.0, 0.3, True, "It was 0.3: inside your interval."),
        (0.3, 0.1, None, None, "You said 0.2 to 0.4."),
    ],
)
def test_a_number_is_compared_with_the_truth(value, give_or_take, truth, hit, sentence):
    guess = number()
    guess.commit(value, give_or_take)
    if truth is not None:
        guess.reveal(truth=truth)
    assert guess.hit is hit
    assert guess.sentence().startswith("You said 0.")
    assert guess.sentence().endswith(sentence)


def test_a_choice_is_compared_with_the_truth_in_quotation_marks():
    guess = choice()
    guess.commit("SGD")
    assert guess.sentence() == "You said “SGD”." and guess.hit is None
    guess.reveal(truth="Adam")
    assert guess.sentence() == "You said “SGD”. It was “Adam”: not what you said."
    assert guess.hit is False
    guess.reveal(truth="SGD")
    assert guess.sentence() == "You said “SGD”. It was “SGD”, as you said." and guess.hit is True


def test_a_skipped_guess_learns_the_truth_and_is_not_counted():
    guess = number()
    guess.skip()
    guess.reveal(truth=0.25)
    assert guess.sentence() == "You skipped. It was 0.25." and guess.hit is None
    assert tally([guess]) == "You have not committed to an answer yet."


def judged(guess, numbers, *answer):
    guess.commit(*answer)
    guess.judge(numbers)
    return guess.sentence()


def test_the_mean_of_numbers_is_the_truth_and_the_unit_stands_behind_it(capsys):
    percent = number(0, 100, "%")
    found = Numbers([16.0, 18.0], "%")
    said = judged(percent, found, 55, 15)
    assert said == "You said 40 to 70 %. It was 17 %: outside your interval."
    assert (percent.truth, percent.hit) == (17.0, False)
    assert judged(number(0, 3000), np.array([1249.0, 1251.0]), 2000) == (
        "You said 2,000. It was 1,250: outside your interval."
    )
    assert judged(number(), 0.5, 0.4, 0.1).endswith("It was 0.5: inside your interval.")
    assert judged(number(), Numbers([0.5, math.nan]), 0.4, 0.1) == (
        "You said 0.3 to 0.5. There is no number, since it is not finite in every seed."
    )


def test_the_truth_of_choices_is_the_largest_mean_or_the_range_that_it_falls_into():
    named = judged(choice(), {"Adam": Numbers([1, 2]), "SGD": [4, 0.0, 3]}, "Adam")
    assert named == "You said “Adam”. It was “SGD”: not what you said."
    ranges = {"a tenth or less": (None, 10), "up to half": (10, 50), "more": (50, None)}
    asked = predict("How much is lost?", choices=ranges, unit="points")
    said = judged(asked, Numbers([40, 46], "points"), "up to half")
    assert said == "You said “up to half”. It was 43 points, “up to half”, as you said."
    assert asked.truth == "up to half" and asked.hit
    for value, name in ((-1e9, "a tenth or less"), (10, "a tenth or less"), (1e9, "more")):
        asked.judge(value)
        assert asked.truth == name


def test_a_tally_counts_intervals_and_choices():
    right = choice()
    right.commit("Adam")
    right.truth = "Adam"
    guesses = [answered(0.5, 0.2, 0.6), answered(0.5, 0.2, 0.9), answered(0.5, 0.5, 0.9), right]
    assert tally([*guesses, number()]) == (
        "Your intervals caught 2 of 3 numbers. You chose right 1 of 1 times."
    )


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda: predict("?"), "predict needs low and high, or choices; got low=None, high=None"),
        (lambda: predict("?", low=0), "needs low and high, or choices; got low=0, high=None"),
        (lambda: predict("?", low=0, high=1, choices=["a", "b"]), "low and high, or choices"),
        (lambda: predict(3, low=0, high=1), "predict: question must be a str; got 3"),
        (lambda: predict("?", low=1, high=0), "predict: low must be below high; got 1, 0"),
        (
            lambda: predict("?", choices=["a"]),
            "predict: choices must be at least 2, all different; got ['a']",
        ),
        (lambda: number().commit(2.0), "Guess.commit: value must be a finite number at least 0"),
        (lambda: choice().commit("Adma"), "Did you mean 'Adam'?"),
        (lambda: number().reveal(truth="Adam"), "reveal: truth must be a finite number"),
        (lambda: choice().reveal(truth="RMSProp"), "reveal: truth must be one of Adam, SGD"),
        (
            lambda: number(0, 100, "%").judge(Numbers([1], "points")),
            "the question asks for '%', and numbers are in 'points'. Write predict(..., unit=",
        ),
        (lambda: number().judge(Numbers([1], "%")), "asks for 'a number without unit', and"),
        (lambda: number().judge(Numbers([[1], [2]])), "must be one a seed; their mean has shape"),
        (lambda: number().judge("half"), "judge: numbers must be numbers; got"),
        (lambda: number().judge({"a": 1}), "judge: numbers must be numbers; got"),
        (lambda: number().judge(0.5, then=3), "judge: then must be a str; got 3"),
        (lambda: choice().judge(0.5), "must be a dict, choice -> numbers"),
        (lambda: choice().judge({"Adma": 1}), "a key of numbers must be one of Adam, SGD"),
        (lambda: predict("?", choices={"a": (0, 1), "b": 3}), "choices['b'] must be a range"),
        (lambda: predict("?", choices={"a": (0, 1), "b": (3, 2)}), "low must be below high"),
        (
            lambda: predict("?", choices={"a": (0, 1), "b": (2, 3)}).judge(1.5),
            "judge: 1.5 lies in none of the choices' ranges",
        ),
        (lambda: predict("?", low=0, high=1, unit=3), "predict: unit must be a str; got 3"),
        (lambda: calibration([0.5]), "Give a list of what predict(...) returned"),
    ],
)
def test_a_wrong_question_says_what_is_wrong(wrong, message):
    with pytest.raises((ValueError, TypeError)) as caught:
        wrong()
    assert message in str(caught.value)


def stops(**ends):
    return asking.predict("How many?", **ends).control.stops()


def test_long_ranges_are_answered_in_whole_numbers():
    for ends in ({"low": 0, "high": 100}, {"low": 0.0, "high": 100.0}, {"low": -10, "high": 1}):
        assert all(isinstance(stop, int) for stop in stops(**ends)), ends
    assert set(np.diff(stops(low=0.5, high=12.5))) == {1.0}
    assert stops(low=0, high=1)[1] == 0.01


def test_an_answer_and_what_came_out_are_kept_as_plain_numbers_and_names():
    kept, entries = Memory(), []
    kept.keep = lambda kind, **fields: entries.append((kind, fields)) or "The disk is full."
    guess = Guess("How many?", Slider(0, 100), "%", record=kept)
    guess.commit(50, 10)
    guess.judge([60.0, 62.0])
    which = Guess("Which?", Choice([1, 2]), record=kept)
    which.judge({1: 0, 2: 5})
    which.commit(1)
    asked = {"page": "", "question": "How many?"}
    given = {"unit": "%", "value": 50, "low": 40, "high": 60, "choices": None}
    named = {"unit": "", "value": "1", "low": None, "high": None, "choices": ["1", "2"]}
    assert entries == [
        ("answer", asked | given),
        ("outcome", asked | {"truth": 61.0}),
        ("answer", asked | {"question": "Which?"} | named),
        ("outcome", asked | {"question": "Which?", "truth": "2"}),
    ]
    assert guess.fault == "The disk is full."


@pytest.mark.parametrize(
    ("asked", "value", "comes_back"),
    [
        ({"low": 0, "high": 100, "unit": "%"}, 50, True),
        ({"low": 0, "high": 100}, 50, False),
        ({"low": 0, "high": 49, "unit": "%"}, 50, False),
        ({"choices": [50, 60], "unit": "%"}, 50, False),
    ],
)
def test_only_an_answer_that_fits_the_question_comes_back(asked, value, comes_back):
    memory = Memory()
    Guess("How many?", Slider(0, 100), "%", record=memory).commit(value)
    again = predict("How many?", **asked)
    again.record = memory
    assert asking._take_up(again) is comes_back
    assert again.value == (value if comes_back else None)
