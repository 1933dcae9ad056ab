"""Trial: a reader's own module is looked at and tried out once, before anything is trained."""

import inspect
import traceback
from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.dropout import _DropoutNd
from torch.nn.parameter import UninitializedTensorMixin
from torch.utils.hooks import RemovableHandle

from plastlab.nets.network import Network
from plastlab.rng import normal

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
FEW = 2  # values of a start that was set and not drawn: zeros and ones, an identity matrix
UNROLL = "Unroll nn.LSTMCell, nn.GRUCell or nn.RNNCell in a loop, or use plastlab.nets.Recurrent."


def takes_sizes(factory: Callable) -> bool:
    """Whether a factory can be called with (inputs, outputs); one that does not say counts."""
    try:
        inspect.signature(factory).bind(1, 1)
    except TypeError:
        return False
    except ValueError:  # a function in C that does not say
        return True
    return True


def check_parameters(module: nn.Module) -> None:
    """Raise unless every parameter can be a row's, and at least one is trained."""
    for name, child in module.named_modules():
        if isinstance(child, _BatchNorm):
            raise ValueError(
                f"Module does not support BatchNorm (layer {name!r}): its answer to an example "
                "depends on the examples beside it, or on running statistics. Use nn.LayerNorm or "
                "nn.GroupNorm, or one of plastlab's networks, such as MLP(batch_norm=True)."
            )
    for name, tensor in [*module.named_parameters(), *module.named_buffers()]:
        if isinstance(tensor, UninitializedTensorMixin):
            raise ValueError(
                f"Module does not support lazy layers: {name!r} has no size yet. The factory is "
                "given the sizes; write nn.Linear(inputs, 32) in the place of nn.LazyLinear(32)."
            )
    if names := [name for name, _ in module.named_buffers()]:
        raise ValueError(
            f"Module does not support buffers, such as running statistics; got {', '.join(names)}. "
            "Keep a constant as nn.Parameter(values, requires_grad=False), which is never trained."
        )
    for name, parameter in module.named_parameters():
        _check_parameter(name, parameter)
    frozen = [not parameter.requires_grad for parameter in module.parameters()]
    if all(frozen):
        has = "every parameter is frozen" if frozen else "it has no parameter"
        raise ValueError(f"Module has nothing to train: {has}. Give one with requires_grad=True.")


def _check_parameter(name: str, parameter: Tensor) -> None:
    wanted = torch.get_default_dtype()
    if parameter.dtype != wanted:
        raise ValueError(
            f"Module: parameter {name!r} must be of {wanted}, as the data; got {parameter.dtype}. "
            "Leave .double(), .half() and dtype= out of the factory."
        )
    if not parameter.is_cpu:
        raise ValueError(
            f"Module: parameter {name!r} must lie on the CPU; got device {parameter.device}. Leave "
            "device= and .to(device) out of the factory."
        )
    if not parameter.numel():
        raise ValueError(
            f"Module: parameter {name!r} has no entries; got shape {list(parameter.shape)}. Make "
            "every layer at least 1 wide."
        )


def check_draws(first: nn.Module, again: nn.Module, other: nn.Module) -> None:
    """Raise unless the start depends on the seed, and on it alone: `again` was made for the seed of
    `first`, `other` for another one."""
    if first is again or first is other:
        raise ValueError(
            "Module.factory hands out the same module again and again, so all seeds would be one. "
            "Make the module inside the factory."
        )
    a, b, c = (dict(module.named_parameters()) for module in (first, again, other))
    if [(n, p.shape) for n, p in a.items()] != [(n, p.shape) for n, p in c.items()]:
        raise ValueError(
            "Module.factory must make the same parameters for every seed; it does not."
        )
    if not all(torch.equal(a[name], b[name]) for name in a):
        raise ValueError(
            "Module.factory makes two different starts for one seed: it keeps a state or draws "
            "from a generator of its own. Draw from a global one (torch.randn, nn.init): they are "
            "set to each network's seed before the factory is called."
        )
    trained = [name for name in a if a[name].requires_grad]
    drawn = any(len(a[name].unique()) > FEW for name in trained)
    if drawn and all(torch.equal(a[name], c[name]) for name in trained):
        raise ValueError(
            "Module.factory makes the same start for every seed, so all seeds would be one. Draw "
            "it inside the factory, without a seed or a copy of your own; torch's generator is set "
            "to each network's seed. What all share on purpose can be frozen, requires_grad=False."
        )


def try_out(module: nn.Module, network: Network, inputs: int, outputs: int) -> None:
    """Raise unless the module answers examples as a network should, alone and as many at once.

    `network` are two such modules; the caller keeps torch's generator from being moved.
    """
    x = normal((2, inputs), (0, 1), "trial").to(torch.get_default_dtype())
    for few in (x[0].clone(), x[0, :1].clone()):
        _try_alone(module, few, outputs)
    with torch.enable_grad():
        try:
            logits, again = (network.forward(x.clone()).logits.detach() for _ in range(2))
            depends = network.differentiable().forward(x.clone()).logits.requires_grad
        except Exception as error:
            raise ValueError(_why_not_together(module, error)) from error
    if not torch.equal(logits.nan_to_num(), again.nan_to_num()):
        raise ValueError(
            "Module: two passes over the same examples gave different answers. A module must keep "
            "nothing from pass to pass and draw no random numbers of its own."
        )
    if not depends:
        raise ValueError(
            "Module: the answers do not depend on the parameters, so nothing would be learned. "
            "Leave detach(), no_grad() and integer operations out of forward."
        )


def _try_alone(module: nn.Module, x: Tensor, outputs: int) -> None:
    """One pass of one module over examples x [B, inputs]."""
    before, wanted = x.clone(), (len(x), outputs)
    try:
        answers, overwritten = _answer(module, x)
    except Exception as error:
        _explain(error, wanted[0], x.shape[1], outputs)
        raise
    if not isinstance(answers, Tensor):
        raise ValueError(
            f"Module: forward must return one tensor [{wanted[0]}, {outputs}] for {wanted[0]} "
            f"examples; got {type(answers).__name__}. Return the answers alone."
        )
    if answers.shape != wanted or answers.dtype != x.dtype:
        raise ValueError(
            f"Module: forward must return a tensor of {x.dtype} {list(wanted)} for {wanted[0]} "
            f"examples; got {answers.dtype} {list(answers.shape)}. Let the last layer give "
            "`outputs` numbers, and keep the first axis."
        )
    if overwritten:
        raise ValueError(
            f"Module: forward writes over what layer {overwritten[0]!r} gave, which is one of the "
            "hidden activations. Write x = x + y in the place of x += y."
        )
    if not torch.equal(x, before):
        raise ValueError(
            "Module: forward writes over its inputs, which are the data. Write x = x + 1 in the "
            "place of x += 1, and no inplace=True in the first layer."
        )


def _answer(module: nn.Module, x: Tensor) -> tuple[Any, list[str]]:
    """The module's answers, and the names of activations whose output was written over later."""
    gave: list[tuple[str, Tensor, int]] = []

    def watch(name: str, activation: nn.Module) -> RemovableHandle:
        return activation.register_forward_hook(
            lambda m, given, out: gave.append((name, out, out._version))
        )

    children = module.named_modules()
    hooks = [watch(name, one) for name, one in children if isinstance(one, ACTIVATION_MODULES)]
    try:
        answers = module(x)
    finally:
        for hook in hooks:
            hook.remove()
    return answers, [name for name, out, version in gave if out._version != version]


def _explain(error: Exception, examples: int, inputs: int, outputs: int) -> None:
    """Say where a reader's error comes from; raise one of our own in the place of torch's."""
    where = f"on {examples} examples [{examples}, {inputs}]"
    made = f"The factory was called with (inputs, outputs) = ({inputs}, {outputs})"
    deepest = traceback.extract_tb(error.__traceback__)[-1].filename
    if type(error) is RuntimeError or deepest.startswith(torch.__path__[0]):
        raise ValueError(
            f"Module: the forward pass fails {where}: {_first_line(error)}. {made}; let the first "
            "layer take `inputs` numbers for each example."
        ) from error
    error.add_note(f"This was raised by the forward pass of your module {where}. {made}.")


def _why_not_together(module: nn.Module, error: Exception) -> str:
    """Why what works for one module does not for many."""
    children = list(module.named_modules())
    named = [f"{name!r} ({type(child).__name__})" for name, child in children if _is_random(child)]
    if named or "randomness" in str(error):
        return (
            f"Module: forward draws random numbers, here {', '.join(named) or 'in a function'}, "
            "and they would not follow the seed. Leave Dropout and the like out, or return "
            "the module in its quiet form, module.eval()."
        )
    if recurrent := [name for name, child in children if isinstance(child, nn.RNNBase)]:
        kind = type(dict(children)[recurrent[0]]).__name__
        return (
            f"Module does not support nn.{kind} (layer {recurrent[0]!r}), which torch cannot run "
            f"for many networks at once. {UNROLL}"
        )
    return (
        "Module: the forward pass works for one network, and not for many at once by "
        f"torch.func.vmap: {_first_line(error)}. Write branches on values (if x.sum() > 0), item() "
        "and the like as operations on tensors, such as torch.where."
    )


def _is_random(child: nn.Module) -> bool:
    rate = getattr(child, "dropout", 0.0)
    random = isinstance(child, (_DropoutNd, nn.RReLU)) or (isinstance(rate, float) and rate > 0)
    return child.training and random and getattr(child, "p", 1.0) > 0


def _first_line(error: Any) -> str:
    return str(error).strip().partition("\n")[0].rstrip(".") or type(error).__name__
