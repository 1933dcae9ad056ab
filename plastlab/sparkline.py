"""A small picture in a line of text: seeds, their interval, the threshold it is held to."""

import base64
import math
from collections.abc import Sequence

WIDTH, HEIGHT, EDGE = 132, 18, 6  # pixels
MARGIN = 0.08  # of the drawn range, at either end
SEED, MEAN, RULE = "#868686", "#2f86c6", "#c8641e"  # seen on a white and on a dark page


def sparkline(values: Sequence[float], threshold: float, interval: tuple[float, float]) -> str:
    """An image's address (data:, SVG) of `values` [S] as dots, the interval from its low to its
    high end as a bar with the mean in it, and a tick at the threshold. Not finite is not drawn."""
    finite = [v for v in values if math.isfinite(v)]
    shown = [v for v in (*finite, threshold, *interval) if math.isfinite(v)]
    low, high = min(shown), max(shown)
    span = (high - low) or max(abs(high), 1.0)
    low, span = low - MARGIN * span, (1 + 2 * MARGIN) * span

    def across(value: float) -> float:
        return round(EDGE + (WIDTH - 2 * EDGE) * (value - low) / span, 1)

    middle = HEIGHT / 2
    parts = [_line(EDGE, WIDTH - EDGE, middle, SEED, 1, 0.5)]
    parts += [_dot(across(value), middle) for value in finite]
    if all(map(math.isfinite, interval)):
        left, right = map(across, interval)
        parts.append(_line(min(left, right - 2), right, middle, MEAN, 5, 0.85))
    x = across(threshold)
    parts.append(f'<path d="M{x} 1V{HEIGHT - 1}" stroke="{RULE}" stroke-width="2"/>')
    svg = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" '
        f'viewBox="0 0 {WIDTH} {HEIGHT}">{"".join(parts)}</svg>'
    )
    return "data:image/svg+xml;base64," + base64.b64encode(svg.encode()).decode()


def _line(left: float, right: float, y: float, color: str, width: int, opacity: float) -> str:
    look = f'stroke="{color}" stroke-width="{width}" opacity="{opacity}"'
    return f'<path d="M{left} {y}H{right}" {look}/>'


def _dot(x: float, y: float) -> str:
    return f'<circle cx="{x}" cy="{y}" r="3" fill="{SEED}" opacity="0.75"/>'
