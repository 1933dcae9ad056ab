"""Losses of R replicas at once: logits are batch last, [R, outputs, B].

Each loss is a mean over its own replica's batch and never over replicas, so gradients stay
independent. `gradient` is the derivative of the summed losses with respect to the logits.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F


@dataclass(frozen=True)
class CrossEntropy:
    """Softmax cross-entropy in nats; targets [R, B] are class numbers (int64)."""

    def __call__(self, logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """Mean loss of each replica [R]."""
        return F.cross_entropy(logits, targets, reduction="none").mean(1)

    def gradient(self, logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """Softmax minus one-hot, divided by the batch size [R, classes, B]."""
        share = 1.0 / logits.shape[-1]
        slope = torch.softmax(logits, 1).mul_(share)
        targets = targets[:, None]
        return slope.scatter_add_(1, targets, slope.new_full((), -share).expand_as(targets))


@dataclass(frozen=True)
class SquaredError:
    """Mean over batch and outputs of (logit - target) squared; targets are [R, outputs, B]."""

    def __call__(self, logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """Mean loss of each replica [R]."""
        return (logits - targets).square().mean((1, 2))

    def gradient(self, logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """Twice the error, divided by batch size times outputs [R, outputs, B]."""
        return (logits - targets).mul_(2.0 / logits[0].numel())
