"""Gauss-Newton: a gradient divided by the loss's curvature, as far as the answers are linear."""

from dataclasses import dataclass
from types import SimpleNamespace

import torch

from plastlab.errors import check_number, check_type
from plastlab.interventions.base import Intervention
from plastlab.losses import SquaredError
from plastlab.optim import SGD
from plastlab.rows import Rows
from plastlab.state import State

Tensor = torch.Tensor
DAMPINGS = 1e-12, 1e8


@dataclass(frozen=True)
class GaussNewton(Intervention):
    """Puts a Gauss-Newton step in the gradient's place: `Condition(SGD(lr=1.0)) + GaussNewton()`.

    With J the gradients of the answers and r their errors on the batch, the step solves
    (J'J + d I) step = J'r. At lr 1 and without the damping d it goes where a network that is linear
    in its weights has its least squared error; in which coordinates the weights are written does
    not matter then. As in the method of Levenberg and Marquardt, a step that would not lower the
    batch's loss is not taken, and the next one is damped four times as much; after one that is
    taken, a third as much. d is in units of the mean of diag J'J and begins at `damping`.

    For regressions (squared error) and whole batches. Time grows with the cube of the number of
    parameters, so it is for networks of a few hundred.
    """

    damping: float = 1e-3

    def __post_init__(self) -> None:
        check_number("GaussNewton.damping", self.damping, 0, low_open=True)

    def optimizer(self, settings: SGD) -> SGD:
        """Plain gradient descent, which takes the step as it is."""
        remedy = "Write Condition(SGD(lr=1.0), net) + GaussNewton()."
        return check_type("GaussNewton: the condition's optimizer", settings, SGD, remedy)

    def after_backward(self, s: State, mem: SimpleNamespace) -> None:
        """Replace the gradient by the step, or by 0 where the step would not help."""
        remedy = "Gauss-Newton is for regressions: give TeacherRegression or RandomTargets."
        check_type("GaussNewton: the stream's loss", s.loss, SquaredError, remedy)
        if not hasattr(mem, "damping"):
            mem.damping = torch.full((len(s.seeds),), self.damping, dtype=torch.float64)
        step = damped_step(s, mem.damping).float()
        moved = s.network.twin(Rows(s.weights.layout, s.weights.flat.clone()), s.buffers)
        moved.weights.flat.addcmul_(step, s.lr.neg().float()[:, None])
        helps = s.loss(moved.forward(s.x).logits, s.y) < s.loss(s.logits, s.y)
        s.gradients.flat.copy_(step.where(helps[:, None], torch.zeros(())))
        mem.damping = (mem.damping * torch.where(helps, 1 / 3, 4.0)).clamp_(*DAMPINGS)


def damped_step(s: State, damping: Tensor) -> Tensor:
    """(J'J + damping mean(diag J'J) I)^-1 J'r for each replica's batch and damping [R] -> [R, P],
    in double precision. Padding between parameters has no slope, so it gets a step of 0."""
    slopes = jacobian(s)
    errors = (s.logits - s.y).double().flatten(1).unsqueeze(2)
    curvature = slopes.mT @ slopes
    diagonal = curvature.diagonal(dim1=1, dim2=2)
    diagonal.add_((damping * diagonal.sum(1) / s.weights.layout.size)[:, None])
    return torch.linalg.solve_ex(curvature, slopes.mT @ errors)[0].squeeze(2)


def jacobian(s: State) -> Tensor:
    """The gradient of every answer to the batch for all weights, padding included
    [R, outputs * B, P], in double precision: one backward pass an output, through networks that
    see one example each."""
    replicas, batch, inputs = s.x.shape
    flat = (own.flat.repeat_interleave(batch, 0) for own in (s.weights, s.buffers))
    layouts = s.weights.layout, s.buffers.layout
    copies = s.network.twin(*(Rows(lay, own) for lay, own in zip(layouts, flat, strict=True)))
    x, outputs = s.x.reshape(-1, 1, inputs), s.logits.shape[1]
    found = []
    for output in torch.eye(outputs):
        slope = output[None, :, None].repeat(replicas * batch, 1, 1)
        rows = copies.gradient(x, lambda _, slope=slope: slope)
        found.append(rows.flat.double().view(replicas, batch, -1))
    return torch.cat(found, 1)
