"""What of a result is drawn: the probes and conditions that a caller named."""

from collections.abc import Sequence

from plastlab.errors import check_all, check_choice


def chosen(name: str, given: str | Sequence[str] | None, allowed: Sequence[str]) -> tuple[str, ...]:
    """One name, several in the order given, or all that are allowed for None.

    Raises:
        TypeError: something that is no name.
        ValueError: no name, or one that is not allowed.
    """
    if given is None:
        return tuple(allowed)
    remedy = "Give a name, or a list of names."
    names = (given,) if isinstance(given, str) else check_all(name, given, str, remedy)
    if not names:
        raise ValueError(f"{name} must be at least one of {', '.join(allowed)}; got none.")
    if len(set(names)) < len(names):
        raise ValueError(f"{name} must name each once; got {', '.join(names)}.")
    return tuple(check_choice(name, each, allowed) for each in names)
