"""Your own data and streams: converted where that is plain, else refused by name and shape."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from small import trained

from plastlab.condition import Condition
from plastlab.data import Data, Gaussian, Problem, RandomTargets
from plastlab.data.drawn import base
from plastlab.losses import CrossEntropy, SquaredError
from plastlab.nets import MLP
from plastlab.optim import SGD
from plastlab.run import run
from plastlab.streams import RandomLabels, Stationary, Stream, WarmStart

DATA = Gaussian(examples=24, inputs=4, classes=3)
ONE = {"a": Condition(SGD(0.1), MLP(5, 1))}
SEEDS = (3, 1)


class Own(Data):
    """Gaussian's problem, spoiled by `spoil`."""

    inputs, outputs = 4, 3

    def __init__(self, spoil=lambda p: p, **settings):
        self.spoil = spoil
        for name, value in settings.items():
            setattr(self, name, value)

    def draw(self, seeds):
        return self.spoil(DATA.draw(seeds))


def both(**changes):
    """A spoiler that changes training and held-out examples alike."""

    def spoil(problem):
        new = {name: act(getattr(problem, name)) for name, act in changes.items()}
        held_out = {f"{n}_test": act(getattr(problem, f"{n}_test")) for n, act in changes.items()}
        return replace(problem, **new, **held_out)

    return spoil


def real(y):
    return y.unsqueeze(2).double()


def values(spec, kind=Stationary):
    return trained(kind(spec, 2, 3, 8), ONE, SEEDS).network.weights.flat


@pytest.mark.parametrize(
    "spoil",
    [
        both(x=torch.Tensor.numpy, y=torch.Tensor.numpy),
        both(x=lambda x: np.asfortranarray(x.numpy().astype(">f8"))),
        both(y=lambda y: y.numpy().astype(np.uint16)),
        both(y=torch.Tensor.int),
        both(y=lambda y: y.to(torch.uint8)),
        both(x=torch.Tensor.double),
        both(x=lambda x: x.mT.contiguous().mT),
        both(x=lambda x: x.clone().requires_grad_()),
        both(x=torch.Tensor.to_sparse),
    ],
)
def test_what_is_plainly_meant_is_converted(spoil):
    assert torch.equal(values(Own(spoil)), values(Own()))
    assert torch.equal(values(Own()), values(DATA))


def test_real_targets_of_other_types_are_converted():
    whole = Own(both(y=lambda y: y.unsqueeze(2)), outputs=1, loss=SquaredError())
    doubles = Own(both(y=real), outputs=1, loss=SquaredError())
    assert torch.equal(values(whole), values(doubles))
    assert torch.isfinite(values(whole)).all()


def holed(v):
    v = v.clone()
    v[1, 5, 2] = float("nan")
    return v


NUMBERS = {"outputs": 1, "loss": SquaredError()}


@pytest.mark.parametrize(
    ("own", "message"),
    [
        (
            Own(lambda p: (p.x, p.y)),
            r"Own.draw: the result must be a Problem; got ",
        ),
        (Own(both(x=torch.Tensor.tolist)), "Own.draw: x must be a Tensor or a ndarray; got"),
        (Own(both(x=lambda x: x + 0j)), "Own.draw: x must hold real numbers; got"),
        (Own(both(x=lambda x: x.to("meta"))), "Own.draw: x must hold real numbers; got"),
        (Own(both(x=lambda x: x.numpy().astype(str))), "Own.draw: x must hold real numbers; got"),
        (Own(both(x=lambda x: x[0])), r"= \[2, N, 4\]; got \[24, 4\]. .*x.expand\(len\(seeds\)"),
        (Own(both(x=lambda x: x.view(2, 24, 2, 2))), r"\[2, 24, 2, 2\]. Flatten .*x.flatten\(2\)"),
        (Own(both(x=lambda x: x[:1])), r"\[2, N, 4\]; got \[1, 24, 4\]. Give one problem for each"),
        (Own(inputs=5), r"\[2, N, 5\]; got \[2, 24, 4\]. Or is Own.inputs wrong"),
        (Own(lambda p: replace(p, x=p.x[:, :0])), r"x must have at least one example; got \[2, 0"),
        (
            Own(lambda p: replace(p, x_test=p.x[:, :0])),
            r"Own.draw: x_test must have at least one example; got \[2, 0, 4\]",
        ),
        (
            Own(both(x=holed)),
            r"x must be finite numbers; got nan at seed 1, example 5, place 2 \(from 0\)",
        ),
        (
            Own(lambda p: replace(p, x_test=p.x_test / 0)),
            "x_test must be finite numbers; got -?inf",
        ),
        (Own(both(y=torch.Tensor.float)), r"y must be classes.*torch.float32.*y.long\(\).*Squared"),
        (
            Own(both(y=lambda y: torch.eye(3)[y])),
            r"\[2, 24\]; got \[2, 24, 3\]. Give y.argmax\(2\)",
        ),
        (Own(both(y=lambda y: y + 1)), r"classes 0 to 2; got 1 to 3. Count from 0: y - 1"),
        (Own(both(y=lambda y: y - 1)), r"classes 0 to 2; got -1 to 1. Or is Own.outputs = 3 wrong"),
        (Own(outputs=2), "classes 0 to 1; got 0 to 2. Or is Own.outputs = 2 wrong"),
        (Own(lambda p: replace(p, y=p.y[:, :9])), r"= \[2, 24\]; got \[2, 9\]. Give one class"),
        (Own(lambda p: replace(p, y_test=p.y[:, :9])), r"y_test must be classes .*got \[2, 9\]"),
        (Own(**NUMBERS), r"outputs\] = \[2, 24, 1\]; got \[2, 24\]. Give y.unsqueeze\(2\)"),
        (Own(both(y=lambda y: real(y).log()), **NUMBERS), "y must be finite numbers; got -inf at"),
    ],
)
def test_a_problem_that_is_none_is_refused_by_name(own, message):
    with pytest.raises((TypeError, ValueError), match=message):
        run(Stationary(own, 2, 3, 8), ONE, seeds=SEEDS)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"inputs": 4.0}, "Own.inputs must be a whole number at least 1; got 4.0"),
        ({"inputs": lambda: 4}, "Own.inputs must be a whole number at least 1; got <func"),
        ({"outputs": 0}, "Own.outputs must be a whole number at least 1; got 0"),
        (
            {"loss": CrossEntropy},
            "Own.loss must be a CrossEntropy or a SquaredError; got the class",
        ),
        ({"loss": torch.nn.MSELoss()}, r"Own.loss must be .*Write loss = SquaredError\(\)"),
    ],
)
def test_a_spec_that_misdescribes_itself_is_refused(settings, message):
    with pytest.raises(TypeError if "outputs" not in settings else ValueError, match=message):
        Stationary(Own(**settings))


@pytest.mark.parametrize("missing", ["inputs", "outputs", "draw"])
def test_a_spec_that_lacks_something_is_refused(missing):
    members = {"inputs": 4, "outputs": 3, "draw": Own.draw}
    kind = type("Short", (Data,), {n: v for n, v in members.items() if n != missing})
    with pytest.raises(TypeError, match=f"Short does not say its `{missing}`"):
        trained(Stationary(kind()), ONE, SEEDS)


def test_two_specs_of_ones_own_that_call_themselves_equal_are_drawn_each():
    class Equal(Own):
        def __init__(self, factor):
            super().__init__(both(x=lambda x: x * factor))

        def __eq__(self, other):
            return True

        def __hash__(self):
            return 0

    one, two = Equal(1.0), Equal(2.0)
    assert one == two
    assert torch.equal(base(one, SEEDS).x * 2, base(two, SEEDS).x)
    assert Own() != Own()
    first, second = (RandomTargets(own) for own in (one, two))
    assert torch.equal(base(first, SEEDS).x * 2, base(second, SEEDS).x)
    assert base(one, SEEDS) is base(one, SEEDS)


class Changing(Stream):
    """Its tasks are what `act` makes of the base problem."""

    changes = "labels"

    def __init__(self, act, **methods):
        super().__init__(DATA, 2, 3, 8)
        for name, value in {"act": act, **methods}.items():
            object.__setattr__(self, name, value)

    def change(self, problem, t, seeds):
        return self.act(problem)


class Ordered(Changing):
    """Its order is what `found` makes of the usual one."""

    def order(self, t, seeds):
        return self.found(super().order(t, seeds))


class Tasked(Changing):
    """Says itself what its tasks are."""

    def task(self, t, seeds):
        return self.act(base(self.data, seeds))


class Counted(Changing):
    """Miscounts its examples."""

    def examples(self, t, seeds):
        return 9


def same(problem):
    return problem


def drifting(problem):
    problem.x.mul_(1.1)
    return problem


@pytest.mark.parametrize(
    ("stream", "message"),
    [
        (Changing(lambda p: None), "Changing.change: the result must be a Problem; got None"),
        (Changing(lambda p: replace(p, x=p.x[..., :2])), r"Changing.change: x .*\[2, 24, 2\]"),
        (Changing(lambda p: replace(p, x=p.x / 0)), "Changing.change: x must be finite numbers"),
        (Changing(lambda p: replace(p, y=p.y + 3)), "Changing.change: y must be classes 0 to 2"),
        (
            Changing(lambda p: replace(p, y=p.y.float())),
            "Changing.change: y must be classes, whole",
        ),
        (
            Changing(lambda p: replace(p, x=p.x[:, :9])),
            r"y must be classes .*\[2, 9\]; got \[2, 24\]",
        ),
        (
            Changing(lambda p: Problem(p.x[:, :9], p.y[:, :9], p.x_test, p.y_test)),
            'Changing.examples says that task 0 has 24, but its x has 9.*changes = "examples"',
        ),
        (Changing(drifting), "Changing.change writes to the base problem that it was lent"),
        (Tasked(lambda p: replace(p, x=p.x / 0)), "Tasked.task: x must be finite numbers"),
        (Tasked(lambda p: p.x), "Tasked.task: the result must be a Problem"),
        (Counted(same), "Counted.examples says that task 0 has 9, but its x has 24"),
        (
            Ordered(same, found=lambda o: o + 1),
            "Ordered.order must name examples 0 to 23; got 1 to",
        ),
        (Ordered(same, found=lambda o: o - 1), "Ordered.order must name examples 0 to 23; got -1"),
        (
            Ordered(same, found=lambda o: o[:, :2]),
            r"Ordered.order must give .*\[2, 3, 8\]; got \[2, 2",
        ),
        (Ordered(same, found=torch.Tensor.float), "Ordered.order must give whole numbers; got"),
        (Ordered(same, found=torch.Tensor.tolist), "Ordered.order must be a Tensor or a ndarray"),
    ],
)
def test_a_stream_that_gives_something_else_is_refused_by_name(stream, message):
    with pytest.raises((TypeError, ValueError), match=message):
        trained(stream, ONE, SEEDS)
    assert torch.equal(base(DATA, SEEDS).x, DATA.draw(SEEDS).x)


def test_a_good_stream_of_ones_own_passes():
    flipped = Changing(lambda p: replace(p, y=2 - p.y))
    assert torch.isfinite(trained(flipped, ONE, SEEDS).network.weights.flat).all()
    numpy = Ordered(same, found=lambda o: o.numpy().astype(np.int32))
    usual = trained(Stationary(DATA, 2, 3, 8), ONE, SEEDS)
    assert torch.equal(trained(numpy, ONE, SEEDS).network.weights.flat, usual.network.weights.flat)


@pytest.mark.parametrize("kind", [Stationary, RandomLabels, WarmStart])
def test_a_task_is_made_once_at_its_boundary(kind, monkeypatch):
    made, change = [], kind.change
    monkeypatch.setattr(
        kind, "change", lambda s, p, t, seeds: made.append(t) or change(s, p, t, seeds)
    )
    trained(kind(DATA, 2, 3, 8), ONE, SEEDS)
    assert made == [0, 1]
