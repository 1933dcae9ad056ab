"""Errors that a notebook says in one line: an interrupt, a name that is not there yet."""

import threading

import pytest
from jupyter_client.manager import start_new_kernel

from plastlab.oneline import Stopped, stoppable, unknown

START = """
from plastlab import *
import warnings
labels = RandomLabels(data=Gaussian(examples=24, inputs=12, classes=3), tasks=50_000, steps=100)
conditions = {"Adam": Condition(Adam(lr=0.01), net=MLP(8))}
def late():
    return labells
"""
ABOVE = "run the cells above first (Run > Run All Above Selected Cell)."


@pytest.fixture(scope="module")
def ask():
    """Executes a cell in a kernel with a reader, who may press stop; returns the error shown."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("PLASTLAB_STILLS")
        manager, client = start_new_kernel(kernel_name="python3")

    def ask(source, stop=False):
        lines = []

        def hear(message):
            if message["msg_type"] == "error":
                lines.extend(message["content"]["traceback"])
            if stop and message["msg_type"] == "stream":
                threading.Timer(0.5, manager.interrupt_kernel).start()

        client.execute_interactive(source, timeout=60, output_hook=hear)
        return lines

    assert ask(START) == []
    yield ask
    client.stop_channels()
    manager.shutdown_kernel(now=True)


@pytest.mark.parametrize(
    ("work", "kept"),
    [
        ("run(labels, conditions)", "Nothing was kept: run the cell again to start anew."),
        (
            "Training(labels, conditions).advance(10**9)",
            "This training may stand in the middle of an update: run the cell that makes it again.",
        ),
    ],
    ids=["run", "Training"],
)
def test_the_stop_button_says_one_line(ask, work, kept):
    assert ask(f"print('begins', flush=True); {work}", stop=True) == [f"Stopped. {kept}"]


def test_a_name_that_is_not_there_says_what_to_run(ask):
    plain = f"`found` is not known here. If an earlier cell makes it, {ABOVE}"
    assert ask("level = found + 1") == [plain]
    assert ask("[found for _ in range(2)]") == [plain]
    assert ask("labells") == [
        f"`labells` is not known here. Did you mean `labels`? If not, {ABOVE}"
    ]


def test_a_name_in_a_function_and_any_other_error_keep_their_traceback(ask):
    assert "NameError" in ask("late()")[-1] and len(ask("late()")) > 2
    assert "ZeroDivisionError" in ask("1 / 0")[-1]
    assert "fit" in ask("raise NameError('does not fit')")[-1]


def test_builtins_are_near_too():
    assert "Did you mean `print`?" in unknown("prnt", ["print"])


def test_what_is_stopped_is_an_interrupt_with_a_sentence():
    with pytest.raises(KeyboardInterrupt) as caught, stoppable("All is kept."):
        raise KeyboardInterrupt
    assert type(caught.value) is Stopped and str(caught.value) == "Stopped. All is kept."
    with pytest.raises(ZeroDivisionError), stoppable("All is kept."):
        raise ZeroDivisionError
