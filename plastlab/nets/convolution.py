"""Convolution layers of R networks at once."""

from typing import Any

import torch

from plastlab.nets.layers import Layer, Tensor, Trace, fan_in_start
from plastlab.products import product


class Conv1d(Layer):
    """One-dimensional convolution, weight [R, out, in, kernel], as `torch.nn.Conv1d`.

    It gathers the windows and multiplies matrices: grouped convolution over replicas is several
    times slower on a CPU.
    """

    def __init__(
        self,
        channels_in: int,
        channels: int,
        kernel: int,
        stride: int,
        padding: int,
        gain: float | None,
        first: bool = False,
        bias: bool = True,
    ) -> None:
        self.kernel, self.stride, self.padding = kernel, stride, padding
        self.fan_in, self.gain, self.first = channels_in * kernel, gain, first
        self.shapes = {"weight": (channels, channels_in, kernel)}
        if bias:
            self.shapes["bias"] = (channels,)

    def length(self, length: int) -> int:
        """Number of output positions for `length` input positions."""
        return (length + 2 * self.padding - self.kernel) // self.stride + 1

    def start(self, name: str, shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
        """A fresh weight or bias."""
        return fan_in_start(name, shape, self.fan_in, self.gain, generator)

    def _taps(self, length: int) -> list[tuple[int, slice, slice]]:
        """For each kernel position: the outputs it reaches, and the inputs it reads."""
        taps = []
        for j in range(self.kernel):
            low = max(0, -(-(self.padding - j) // self.stride))
            high = min(self.length(length), (length - 1 + self.padding - j) // self.stride + 1)
            start = low * self.stride + j - self.padding
            stop = (high - 1) * self.stride + j - self.padding + 1
            taps.append((j, slice(low, high), slice(start, stop, self.stride)))
        return taps

    def _windows(self, h: Tensor) -> Tensor:
        """[R, in, length, B] -> [R, in * kernel, out length * B], zero where padded."""
        replicas, channels, length, batch = h.shape
        out = h.new_zeros(replicas, channels, self.kernel, self.length(length), batch)
        for j, outputs, inputs in self._taps(length):
            out[:, :, j, outputs] = h[:, :, inputs]
        return out.view(replicas, self.fan_in, -1)

    def forward(self, parameters: Any, h: Tensor, trace: Trace) -> tuple[Tensor, Any]:
        """[R, in, length, B] -> [R, out, out length, B]."""
        windows = self._windows(h)
        y = product(parameters[0].flatten(2), windows)
        if len(parameters) == 2:
            y = y.add_(parameters[1].unsqueeze(2))
        return y.view(*y.shape[:2], -1, h.shape[-1]), (windows, h.shape)

    def backward(
        self, parameters: Any, room: Any, saved: Any, slope: Tensor, extra: list[Tensor | None]
    ) -> Tensor:
        """[R, out, out length, B] -> [R, in, length, B]."""
        windows, shape = saved
        slope = slope.flatten(2)
        product(slope, windows.mT, out=room[0].flatten(2))
        if len(room) == 2:
            torch.sum(slope, 2, out=room[1])
        if self.first:
            return slope
        parts = product(parameters[0].flatten(2).mT, slope)
        parts = parts.view(*shape[:2], self.kernel, -1, shape[-1])
        out = slope.new_zeros(shape)
        for j, outputs, inputs in self._taps(shape[2]):
            out[:, :, inputs] += parts[:, :, j, outputs]
        return out
