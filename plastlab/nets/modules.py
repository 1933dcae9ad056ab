"""Any `torch.nn.Module` as a network spec, through torch.func's functional_call and vmap."""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import nn
from torch.func import functional_call, vmap

from plastlab.errors import check_choice, check_type
from plastlab.nets.network import GradientRoom, Network, Pass, Units
from plastlab.rng import borrowed, generator
from plastlab.rows import Layout, Rows

ACTIVATION_MODULES = (
    nn.ReLU,
    nn.LeakyReLU,
    nn.Tanh,
    nn.GELU,
    nn.SiLU,
    nn.ELU,
    nn.Sigmoid,
    nn.PReLU,
)

Tensor = torch.Tensor


@dataclass(frozen=True)
class Module:
    """Your own network: `factory(inputs, outputs)` makes one `torch.nn.Module` that maps
    [B, inputs] to [B, outputs].

    It trains on the same rows, with the same optimizers and interventions, at about a third of
    the speed of the built-in specs. The outputs of its activation modules, in the order in
    which they run, are its hidden activations. In a plain `nn.Sequential` of Linear layers and
    activations the hidden units are found by themselves; elsewhere give `units`, pairs of
    parameter prefixes (the layer that feeds the units, the layer that reads them), for methods
    that reset units.
    """

    factory: Callable[[int, int], nn.Module]
    units: tuple[tuple[str, str], ...] | None = None

    def __post_init__(self) -> None:
        if not callable(self.factory) or isinstance(self.factory, nn.Module):
            raise TypeError(
                f"Module.factory must be a function of (inputs, outputs) that makes a new "
                f"torch.nn.Module; got {type(self.factory).__name__}. Every seed needs its own: "
                "write Module(lambda inputs, outputs: nn.Sequential(...))."
            )
        remedy = 'Write Module(factory, units=(("0", "2"), ("2", "4"))).'
        for pair in check_type("Module.units", self.units, (tuple, type(None)), remedy) or ():
            check_type("Module.units: each pair", pair, tuple, remedy)

    def build(
        self, inputs: int, outputs: int, seeds: tuple[int, ...], *key: object
    ) -> "ModuleNetwork":
        """One newly made module a seed; a draw depends on (seed, key) alone."""
        modules = [self._make(inputs, outputs, generator(seed, "weights", *key)) for seed in seeds]
        shapes = tuple((name, tuple(p.shape)) for name, p in modules[0].named_parameters())
        weights = Rows.zeros(Layout(shapes), len(seeds))
        with torch.no_grad():
            for r, module in enumerate(modules):
                for name, parameter in module.named_parameters():
                    weights[name][r] = parameter
        make = partial(self._make, inputs, outputs)
        return ModuleNetwork(modules[0], make, self._units(modules[0]), weights)

    def changed(self, **settings: object) -> "Module":
        """Your module is yours: change it in the factory."""
        listed = ", ".join(f"{name}={value!r}" for name, value in settings.items())
        raise ValueError(
            f"a Module cannot be changed from outside, here to {listed}; build it so in your "
            "factory (for LayerNorm, put nn.LayerNorm before the activations)."
        )

    def _make(self, inputs: int, outputs: int, own: torch.Generator) -> nn.Module:
        with borrowed():  # torch.nn draws its initial weights from torch's
            torch.default_generator.manual_seed(own.initial_seed())
            module = self.factory(inputs, outputs)
        check_type("Module.factory's result", module, nn.Module, "Return the module.")
        if any(True for _ in module.buffers()):
            names = ", ".join(name for name, _ in module.named_buffers())
            raise ValueError(
                f"Module does not support buffers such as BatchNorm's running statistics; got "
                f"{names}. Use LayerNorm, or BatchNorm with track_running_stats=False."
            )
        return module

    def _units(self, module: nn.Module) -> tuple[Units, ...]:
        if self.units is not None:
            names = [n.removesuffix(".weight") for n, p in module.named_parameters() if p.dim() > 1]
            for pair in self.units:
                for prefix in pair:
                    check_choice("Module.units: layer", prefix, names)
            return tuple(Units(f"{a}.", f"{b}.") for a, b in self.units)
        if not isinstance(module, nn.Sequential):
            return ()
        plain = (nn.Linear, *ACTIVATION_MODULES)
        if not all(isinstance(child, plain) for child in module):
            return ()
        matrices = [str(i) for i, child in enumerate(module) if isinstance(child, nn.Linear)]
        return tuple(Units(f"{a}.", f"{b}.") for a, b in zip(matrices, matrices[1:], strict=False))


class ModuleNetwork(Network):
    """R copies of a user's module. Gradients come from autograd."""

    needs_graph = True

    def __init__(
        self,
        module: nn.Module,
        make: Callable[[torch.Generator], nn.Module],
        units: tuple[Units, ...],
        weights: Rows,
    ) -> None:
        self.module, self.units, self.weights = module, units, weights
        self.buffers = Rows.zeros(Layout(()), len(weights.flat))
        self._make = make
        trainable = all(view.requires_grad for view in weights.views.values())
        self._leaves = weights if trainable else weights.leaves()

    def _bind(self, rows: Rows, buffers: Rows | None) -> Any:
        return list(rows.views.values())

    def start(self, name: str, count: int, own: torch.Generator) -> Tensor:
        """New initial values for `count` units, from a newly made module [count, ...]."""
        return self._make(own).get_parameter(name).detach()[:count]

    def twin(self, weights: Rows, buffers: Rows) -> "ModuleNetwork":
        """Networks of this architecture with other weights."""
        return ModuleNetwork(self.module, self._make, self.units, weights)

    def forward(self, x: Tensor, before: bool = False, rate: float | None = None) -> Pass:
        """Inputs [R, B, features] through every replica's module, which has no running statistics
        for a `rate`."""
        logits, *kept = vmap(self._one, randomness="error")(self._leaves.views, x)
        hidden, inputs = ([h.movedim(1, -1) for h in some] for some in kept)
        return Pass(logits.mT, hidden, (logits.mT, hidden), inputs if before else None)

    def _one(self, weights: dict[str, Tensor], x: Tensor) -> tuple:
        hidden: list[Tensor] = []
        before: list[Tensor] = []
        with ExitStack() as hooks:
            for child in self.module.modules():
                if isinstance(child, ACTIVATION_MODULES):
                    first = child.register_forward_pre_hook(lambda m, i: before.append(i[0]))
                    second = child.register_forward_hook(lambda m, i, out: hidden.append(out))
                    hooks.callback(first.remove)
                    hooks.callback(second.remove)
            return functional_call(self.module, weights, (x,)), hidden, before

    def backward(
        self,
        passed: Pass,
        slope: Tensor,
        gradients: GradientRoom,
        extra: list[Tensor | None],
    ) -> None:
        """Write the gradient of the summed losses into `gradients`."""
        logits, hidden = passed.saved
        pairs = [(logits, slope)]
        pairs += [(h, e) for h, e in zip(hidden, extra, strict=False) if e is not None]
        outputs, slopes = zip(*pairs, strict=True)
        leaves = list(self._leaves.views.values())
        found = torch.autograd.grad(outputs, leaves, slopes, allow_unused=True)
        for room, gradient in zip(gradients.bound, found, strict=True):
            room.copy_(gradient) if gradient is not None else room.zero_()
