"""Any `torch.nn.Module` as a network spec, through torch.func's functional_call and vmap."""

import inspect
import threading
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import nn
from torch.func import functional_call, vmap
from torch.utils._python_dispatch import _disable_current_modes

from plastlab.errors import check_choice, check_type
from plastlab.nets.network import GradientRoom, Network, Pass, Units
from plastlab.nets.trial import (
    ACTIVATION_MODULES,
    check_draws,
    check_parameters,
    takes_sizes,
    try_out,
)
from plastlab.neutral import neutral
from plastlab.rng import borrowed, generator
from plastlab.rows import Layout, Rows, Table

Tensor = torch.Tensor
START = ("start",)  # the key of a network before its first update


class Quiet:
    """While it holds, in any thread, torch does not warn that vmap does an operation replica by
    replica: it would say so once for each operation of each update."""

    def __init__(self) -> None:
        self._lock, self._holding = threading.Lock(), 0

    def __enter__(self) -> None:
        self._move(1)

    def __exit__(self, *_: object) -> None:
        self._move(-1)

    def _move(self, by: int) -> None:
        with self._lock:
            self._holding += by
            torch._C._functorch._set_vmap_fallback_warning_enabled(not self._holding)


QUIET = Quiet()


@dataclass(frozen=True)
class Module:
    """Your own network: `factory(inputs, outputs)` makes one `torch.nn.Module` that maps
    [B, inputs] to [B, outputs].

    It trains on the same rows, with the same optimizers and interventions, at about a third of
    the speed of the built-in specs. The outputs of its activation modules, in the order in
    which they run, are its hidden activations. In a plain `nn.Sequential` of Linear layers and
    activations the hidden units are found by themselves; elsewhere give `units`, pairs of
    parameter prefixes (the layer that feeds the units, the layer that reads them), for methods
    that reset units. `tables` names parameters that are looked up, not multiplied, such as
    positions (an nn.Embedding's are found): no method takes them for a matrix.
    """

    factory: Callable[[int, int], nn.Module]
    units: tuple[tuple[str, str], ...] | None = None
    tables: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        is_other = isinstance(self.factory, type) and not issubclass(self.factory, nn.Module)
        if not callable(self.factory) or isinstance(self.factory, nn.Module) or is_other:
            raise TypeError(
                f"Module.factory must be a function of (inputs, outputs) that makes a new "
                f"torch.nn.Module; got {_called(self.factory)}. Every seed needs its own: "
                "write Module(lambda inputs, outputs: nn.Sequential(...))."
            )
        if not takes_sizes(self.factory):
            raise TypeError(
                f"Module.factory must be a function of (inputs, outputs); got one that takes "
                f"{inspect.signature(self.factory)}."
            )
        remedy = 'Write Module(factory, units=(("0", "2"), ("2", "4"))).'
        for pair in check_type("Module.units", self.units, (tuple, type(None)), remedy) or ():
            check_type("Module.units: each pair", pair, tuple, remedy)
        check_type("Module.tables", self.tables, tuple, 'Write tables=("positions",).')

    def build(
        self, inputs: int, outputs: int, seeds: tuple[int, ...], *key: object
    ) -> "ModuleNetwork":
        """One newly made module a seed; a draw depends on (seed, key) alone. What is frozen
        (requires_grad=False) belongs to the seed: newly drawn networks have the first one's."""
        make = partial(self._make, inputs, outputs)
        modules = [make(generator(seed, "weights", *key)) for seed in seeds]
        check_parameters(modules[0])
        first = modules
        if key not in ((), START) and frozen_names(modules[0]):
            first = [make(generator(seed, "weights", *START)) for seed in seeds]
        tables = self._tables(modules[0])
        weights, buffers = (_rows(some, f, tables) for some, f in ((modules, False), (first, True)))
        return ModuleNetwork(modules[0], make, self._units(modules[0]), weights, buffers)

    @neutral()
    def check(self, inputs: int, outputs: int) -> None:
        """Make a few networks and let them answer, once.

        Raises:
            ValueError: they cannot be trained as they are; it says why, and what to do.
        """
        keys = ((0, "trial"), (0, "trial"), (1, "trial"))
        modules = [self._make(inputs, outputs, generator(*key)) for key in keys]
        network = self.build(inputs, outputs, (0, 1), "trial")
        check_draws(*modules)
        with borrowed():
            try_out(modules[0], network, inputs, outputs)

    def changed(self, **settings: object) -> "Module":
        """Your module is yours: change it in the factory."""
        listed = ", ".join(f"{name}={value!r}" for name, value in settings.items())
        raise ValueError(
            f"a Module cannot be changed from outside, here to {listed}; build it so in your "
            "factory (for LayerNorm, put nn.LayerNorm before the activations)."
        )

    def _make(self, inputs: int, outputs: int, own: torch.Generator) -> nn.Module:
        with borrowed() as generators:  # torch.nn draws its initial weights from torch's
            generators.seed(own.initial_seed())
            with _disable_current_modes():  # a watched probe may ask for new networks
                module = self._call(inputs, outputs)
            if torch.initial_seed() != own.initial_seed():
                raise ValueError(
                    "Module.factory sets torch's seed itself, so all seeds would start alike. "
                    "Leave out torch.manual_seed: it is set to each network's own seed before."
                )
        return check_type("Module.factory's result", module, nn.Module, "Return the module.")

    def _call(self, inputs: int, outputs: int) -> nn.Module:
        try:
            return self.factory(inputs, outputs)
        except Exception as error:
            error.add_note(f"This was raised by your Module.factory({inputs}, {outputs}).")
            raise

    def _tables(self, module: nn.Module) -> frozenset[str]:
        """Names of the parameters that are looked up."""
        named = [name for name, _ in module.named_parameters()]
        for name in self.tables:
            check_choice("Module.tables: parameter", name, named)
        found = (n for n, part in module.named_modules() if isinstance(part, nn.Embedding))
        return frozenset((*self.tables, *(f"{name}.weight".lstrip(".") for name in found)))

    def _units(self, module: nn.Module) -> tuple[Units, ...]:
        if self.units is not None:
            trained = ((n, p) for n, p in module.named_parameters() if p.requires_grad)
            names = [n.removesuffix(".weight") for n, p in trained if p.dim() > 1]
            for pair in self.units:
                for prefix in pair:
                    check_choice("Module.units: layer", prefix, names)
            return tuple(Units(f"{a}.", f"{b}.") for a, b in self.units)
        if not isinstance(module, nn.Sequential):
            return ()
        plain = (nn.Linear, *ACTIVATION_MODULES)
        if frozen_names(module) or not all(isinstance(child, plain) for child in module):
            return ()
        matrices = [str(i) for i, child in enumerate(module) if isinstance(child, nn.Linear)]
        return tuple(Units(f"{a}.", f"{b}.") for a, b in zip(matrices, matrices[1:], strict=False))


class ModuleNetwork(Network):
    """R copies of a user's module. Gradients come from autograd. Its `buffers` are the parameters
    that are frozen."""

    needs_graph = True

    def __init__(
        self,
        module: nn.Module,
        make: Callable[[torch.Generator], nn.Module],
        units: tuple[Units, ...],
        weights: Rows,
        buffers: Rows,
    ) -> None:
        self.module, self.units, self.weights, self.buffers = module, units, weights, buffers
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
        return ModuleNetwork(self.module, self._make, self.units, weights, buffers)

    def forward(self, x: Tensor, before: bool = False, rate: float | None = None) -> Pass:
        """Inputs [R, B, features] through every replica's module, which has no running statistics
        for a `rate`."""
        parameters = {**self._leaves.views, **self.buffers.views}
        with QUIET:
            logits, *kept = vmap(self._one, randomness="error")(parameters, x)
        hidden, inputs = ([h.movedim(1, -1) for h in some] for some in kept)
        return Pass(logits.mT, hidden, (logits.mT, hidden), inputs if before else None)

    def _one(self, weights: dict[str, Tensor], x: Tensor) -> tuple:
        hidden: list[Tensor] = []
        before: list[Tensor] = []
        with ExitStack() as hooks:
            for child in self.module.modules():
                if isinstance(child, ACTIVATION_MODULES):
                    first = child.register_forward_pre_hook(
                        lambda m, i: before.append(_given(m, i))
                    )
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
        pulled = zip(hidden, extra, strict=False)
        pairs += [(h, e) for h, e in pulled if e is not None and h.requires_grad]
        outputs, slopes = zip(*pairs, strict=True)
        leaves = list(self._leaves.views.values())
        found = torch.autograd.grad(outputs, leaves, slopes, allow_unused=True)
        for room, gradient in zip(gradients.bound, found, strict=True):
            room.copy_(gradient) if gradient is not None else room.zero_()


def frozen_names(module: nn.Module) -> list[str]:
    """Names of the parameters that are not trained."""
    return [name for name, p in module.named_parameters() if not p.requires_grad]


def _called(factory: Any) -> str:
    kind = isinstance(factory, type)
    return f"the class {factory.__name__}" if kind else type(factory).__name__


def _rows(modules: list[nn.Module], frozen: bool, tables: frozenset[str]) -> Rows:
    """The trained or the frozen parameters of modules as rows, one each."""
    named = [
        {name: p for name, p in module.named_parameters() if p.requires_grad != frozen}
        for module in modules
    ]
    kinds = {name: Table if name in tables else tuple for name in named[0]}
    shapes = tuple((name, kinds[name](p.shape)) for name, p in named[0].items())
    rows = Rows.zeros(Layout(shapes), len(named))
    with torch.no_grad():
        for r, parameters in enumerate(named):
            for name, parameter in parameters.items():
                rows[name][r] = parameter
    return rows


def _given(activation: nn.Module, arguments: tuple) -> Tensor:
    """What an activation is given; a copy, if the activation writes over it."""
    return arguments[0].clone() if getattr(activation, "inplace", False) else arguments[0]
