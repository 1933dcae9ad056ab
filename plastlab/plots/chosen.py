"""What of a result is drawn: the probes and conditions that a caller named."""

from collections.abc import Sequence

from plastlab.errors import check_choice


def chosen(name: str, given: str | Sequence[str] | None, allowed: Sequence[str]) -> tuple[str, ...]:
    """One name, several in the order given, or all that are allowed for None.

    Raises:
        ValueError: no name, or one that is not allowed.
    """
    if given is None:
        return tuple(allowed)
    names = (given,) if isinstance(given, str) else tuple(given)
    if not names:
        raise ValueError(f"{name} must be at least one of {', '.join(allowed)}; got none.")
    return tuple(check_choice(name, each, allowed) for each in names)
