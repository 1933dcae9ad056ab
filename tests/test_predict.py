"""Predictions: what a guess is, what is said about it, and that nobody is asked where nobody is."""

import nbformat
import pytest
from nbclient import NotebookClient

from plastlab.panels.controls import Choice, Slider
from plastlab.panels.predict import Guess, calibration, predict, tally


def number(low=0.0, high=1.0):
    return Guess("Share right", Slider(low, high))


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


def test_whoever_waits_is_called_once_when_the_guess_closes_and_at_once_afterwards():
    guess, called = number(), []
    guess.when_closed(lambda: called.append("before"))
    assert called == []
    guess.skip()
    guess.when_closed(lambda: called.append("after"))
    assert called == ["before", "after"]


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
        (0.3, 0.1, None, None, "You said 0.3, between 0.2 and 0.4."),
    ],
)
def test_a_number_is_compared_with_the_truth(value, give_or_take, truth, hit, sentence):
    guess = answered(value, give_or_take, truth)
    assert guess.hit is hit
    assert guess.sentence().startswith("You said 0.3, between ")
    assert guess.sentence().endswith(sentence)


def test_a_choice_is_compared_with_the_truth():
    guess = choice()
    guess.commit("SGD")
    assert guess.sentence() == "You said SGD." and guess.hit is None
    guess.truth = "Adam"
    assert guess.sentence() == "You said SGD. It was Adam: you were wrong." and guess.hit is False
    guess.truth = "SGD"
    assert guess.sentence() == "You said SGD. It was SGD: you were right." and guess.hit is True


def test_a_skipped_guess_learns_the_truth_and_is_not_counted():
    guess = number()
    guess.skip()
    guess.truth = 0.25
    assert guess.sentence() == "You skipped. It was 0.25." and guess.hit is None
    assert tally([guess]) == "You have not committed to an answer yet."


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
        (lambda: calibration([0.5]), "Give a list of what predict(...) returned"),
    ],
)
def test_a_wrong_question_says_what_is_wrong(wrong, message):
    with pytest.raises((ValueError, TypeError)) as caught:
        wrong()
    assert message in str(caught.value)


def test_where_nobody_is_asked_everything_is_shown_at_once(monkeypatch):
    monkeypatch.delenv("JPY_SESSION_NAME", raising=False)
    notebook = nbformat.v4.new_notebook()
    sources = [
        "from plastlab.panels.predict import calibration, predict\n"
        "guess = predict('Share right', low=0, high=1)",
        "from IPython.display import Markdown\n"
        "guess.reveal(Markdown('a *figure*'), 3.5, truth=0.2)",
        "calibration([guess]); guess.committed or guess.skipped",
    ]
    notebook.cells = [nbformat.v4.new_code_cell(source) for source in sources]
    NotebookClient(notebook, kernel_name="python3").execute()
    asked, shown, counted = [cell.outputs for cell in notebook.cells]
    assert asked[0].text.startswith("Share right\n(Nobody was asked here")
    assert shown[0].text == "What came out:\n"
    assert shown[1].data["text/markdown"] == "a *figure*"
    assert shown[2].data["text/plain"] == "3.5"
    assert counted[0].text == "You have not committed to an answer yet.\n"
    assert counted[1].data["text/plain"] == "False"
