"""The fuzzer: calls every public name with arguments that are wrong, odd or unusual, and judges
what comes of it.

A call starts from good arguments (`fuzz_names`), of which one or two are replaced (`fuzz_values`),
or one is left out, misspelt or added. What is accepted is used, too: a spec trains for a few
updates, a plot is drawn. A call is

    ok        it was accepted, and nothing says that it should not have been
    clear     refused in a sentence of ours that names the argument
    obscure   any other error, at once or on use, or no answer in time
    nonsense  accepted, though no such value can be meant; or an equal number of another type was
              refused, or made a difference
"""

import contextlib
import io
import linecache
import random
import resource
import signal
import traceback
import warnings
from dataclasses import dataclass, field
from pathlib import Path

import fuzz_values

import plastlab

PACKAGE = str(Path(plastlab.__file__).parent)
OK, CLEAR, OBSCURE, NONSENSE = "ok", "clear", "obscure", "nonsense"
SECONDS = 15.0  # that a call may take
MEMORY = 2**31  # bytes that a call may ask for


class Slow(BaseException):
    """The time for a call is up."""


@dataclass(frozen=True)
class Target:
    """A public name: what is called, with good arguments, what each may be, and how the result is
    used. `text` makes two results comparable."""

    name: str
    call: object
    good: dict
    kinds: dict = field(default_factory=dict)
    use: object = None
    text: object = repr

    def allows(self, argument, value):
        """The oracle's word on a value: True, False or None."""
        kind = self.kinds.get(argument)
        if kind is None:
            return None
        if isinstance(kind, Rule):
            return kind.allows(value)
        return fuzz_values.fits(kind, argument, value)


@dataclass(frozen=True)
class Rule:
    """What an argument may be, where its annotation does not say it."""

    allows: object


@dataclass(frozen=True)
class Call:
    """One call: its arguments, and which of them were replaced."""

    target: Target
    arguments: dict
    replaced: tuple
    how: str


@dataclass(frozen=True)
class Outcome:
    """What came of a call, and why it is judged so."""

    call: Call
    verdict: str
    why: str = ""

    def __str__(self):
        given = ", ".join(f"{k}={short(self.call.arguments[k])}" for k in self.call.replaced)
        return f"{self.verdict:8} {self.call.target.name}({given}): {self.why}"


def short(value):
    """A value in at most 60 letters."""
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def composed(rng, target):
    """A call of `target`: mostly with one argument replaced."""
    how = rng.choices(["one", "two", "twin", "extra", "missing"], [70, 12, 10, 4, 4])[0]
    arguments, names = dict(target.good), list(target.good)
    if how == "extra" or not names:
        surplus = rng.choice([n + "s" for n in names] + ["betas", "surplus", "self_"])
        return Call(target, {**arguments, surplus: 1}, (surplus,), "extra")
    if how == "missing":
        gone = rng.choice(names)
        return Call(target, {k: v for k, v in arguments.items() if k != gone}, (), how)
    replaced = tuple(rng.sample(names, min(1 + (how == "two"), len(names))))
    for name in replaced:
        same = fuzz_values.twin(rng, arguments[name]) if how == "twin" else None
        arguments[name] = fuzz_values.draw(rng) if same is None else same
        how = "one" if how == "twin" and same is None else how
    return Call(target, arguments, replaced, how)


def judged(call):
    """Make the call, use what it gives, and judge."""
    try:
        with quiet():
            made = call.target.call(**call.arguments)
            accepted = call.target.text(made)
            if call.how == "twin":
                return _judged_twin(call, accepted)
            if unfit := [k for k in call.replaced if _refused_by_oracle(call, k)]:
                return Outcome(call, NONSENSE, f"{', '.join(unfit)} accepted")
            if call.target.use is not None:
                call.target.use(made)
    except Slow:
        return Outcome(call, OBSCURE, f"no answer in {SECONDS} s")
    except Exception as error:
        return _judged_error(call, error)
    return Outcome(call, OK)


def _refused_by_oracle(call, argument):
    return argument in call.target.good and (
        call.target.allows(argument, call.arguments[argument]) is False
    )


def _judged_twin(call, accepted):
    with quiet():
        expected = call.target.text(call.target.call(**call.target.good))
    if accepted == expected:
        return Outcome(call, OK)
    return Outcome(call, NONSENSE, f"an equal number made a difference: {short(accepted)}")


def _judged_error(call, error):
    why = f"{type(error).__name__}: {str(error)[:200]}"
    if call.how == "twin":
        return Outcome(call, NONSENSE, f"an equal number was refused: {why}")
    return Outcome(call, CLEAR if is_clear(call, error) else OBSCURE, why)


def is_clear(call, error):
    """Whether an error is a sentence of ours about an argument, or Python's own about keywords."""
    if getattr(
        error, "__notes__", ()
    ):  # raised by a function that was given, as a note of ours says
        return any(name in note for name in call.replaced for note in error.__notes__)
    if type(error) not in (TypeError, ValueError):
        return False
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if frame.filename.startswith(PACKAGE)]
    if not ours or call.how in ("extra", "missing"):
        keyword = "unexpected keyword argument" in str(error) or "missing" in str(error)
        return keyword or (bool(ours) and _raised(frames[-1]))
    named = any(
        name in str(error)
        for name in (*call.replaced, call.target.name.split(":")[0].split(".")[-1])
    )
    return _raised(frames[-1]) and named and frames[-1].filename.startswith(PACKAGE)


def _raised(frame):
    """Whether a line says raise: the error is meant."""
    return linecache.getline(frame.filename, frame.lineno).lstrip().startswith("raise ")


@contextlib.contextmanager
def quiet():
    """Nothing is printed, warnings are not looked at; time and memory are limited."""

    def late(*_):
        raise Slow

    before = signal.signal(signal.SIGALRM, late)
    signal.setitimer(signal.ITIMER_REAL, SECONDS)
    limits = resource.getrlimit(resource.RLIMIT_AS)
    taken = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (taken + MEMORY, limits[1]))
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, limits)
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def fuzz(targets, calls, seed=0):
    """Yield the outcome of so many calls; each depends on (seed, its number) alone."""
    for number in range(calls):
        rng = random.Random(f"{seed} {number}")
        yield judged(composed(rng, targets[number % len(targets)]))
