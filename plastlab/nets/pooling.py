"""Pooling layers of R networks at once."""

from typing import Any

import torch
import torch.nn.functional as F

from plastlab.nets.layers import Layer, Tensor, Trace


class MaxPool1d(Layer):
    """The largest of each window of positions, as `torch.nn.MaxPool1d`; of equal ones the first
    gets the gradient."""

    def __init__(self, kernel: int, stride: int, padding: int) -> None:
        self.kernel, self.stride, self.padding = kernel, stride, padding

    def length(self, length: int) -> int:
        """Number of output positions for `length` input positions."""
        return (length + 2 * self.padding - self.kernel) // self.stride + 1

    def _tap(self, padded: Tensor, j: int, length: int) -> Tensor:
        """What each of `length` windows holds at its position `j`, a view."""
        return padded[:, :, j : j + self.stride * (length - 1) + 1 : self.stride]

    def forward(self, parameters: Any, h: Tensor, trace: Trace) -> tuple[Tensor, Any]:
        """[R, channels, length, B] -> [R, channels, out length, B]."""
        padded = F.pad(h, (0, 0, self.padding, self.padding), value=-torch.inf)
        length = self.length(h.shape[2])
        if torch.is_grad_enabled():  # as below, but gives ties to the first; far slower
            y = F.max_pool2d(padded.flatten(0, 1), (self.kernel, 1), (self.stride, 1))
            return y.view(*h.shape[:2], length, -1), (padded, y.view(*h.shape[:2], length, -1))
        y = self._tap(padded, 0, length)
        for j in range(1, self.kernel):
            y = torch.maximum(y, self._tap(padded, j, length))
        return y, (padded, y)

    def backward(
        self, parameters: Any, room: Any, saved: Any, slope: Tensor, extra: list[Tensor | None]
    ) -> Tensor:
        """[R, channels, out length, B] -> [R, channels, length, B]."""
        padded, y = saved
        back = torch.zeros_like(padded)
        for j in range(self.kernel):
            below = (self._tap(padded, j, y.shape[2]) - y).sign_()  # -1, and 0 at the largest
            own = torch.addcmul(slope, slope, below)
            self._tap(back, j, y.shape[2]).add_(own)
            slope = slope - own
        return back[:, :, self.padding : padded.shape[2] - self.padding]
