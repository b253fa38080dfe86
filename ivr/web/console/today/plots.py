"""The bars of plots. Words stand beside a picture, never in it, so that it can stretch with the page. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

WIDTH, HEIGHT = 1000.0, 100.0
# The part of a step that its bars fill.
_FILLED = 0.72
# A value that is not zero shows.
_LEAST = 1.5


@dataclass(frozen=True)
class Bar:
    """One bar of a picture of WIDTH by HEIGHT. series: from 1. title: shown when one points at it."""

    x: float
    y: float
    width: float
    height: float
    series: int
    title: str


def bars(series: Sequence[Sequence[float | None]], titles: Sequence[Sequence[str]], top: float) -> list[Bar]:
    """The bars of one or more series side by side. top: the value of a bar of full height. None: no bar."""
    steps = len(series[0])
    step = WIDTH / max(1, steps)
    width = step * _FILLED / len(series)
    drawn: list[Bar] = []
    for number, (values, of_series) in enumerate(zip(series, titles, strict=True)):
        for index, (value, title) in enumerate(zip(values, of_series, strict=True)):
            if value:
                height = max(_LEAST, HEIGHT * min(1.0, value / top))
                x = index * step + step * (1 - _FILLED) / 2 + number * width
                drawn.append(
                    Bar(round(x, 1), round(HEIGHT - height, 1), round(width, 1), round(height, 1), number + 1, title)
                )
    return drawn


def share(part: int, whole: int) -> float:
    """The width of a bar that shows a part of a whole."""
    return round(WIDTH * part / whole, 1) if whole else 0.0
