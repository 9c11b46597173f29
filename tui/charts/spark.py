"""A small line of a few rows made of eighth blocks, for the equity curve."""

from __future__ import annotations

from collections.abc import Sequence

EIGHTHS = " ▁▂▃▄▅▆▇█"
ASCII_STEPS = " ._-=+*%#"


def spark(
    values: Sequence[float], width: int, rows: int, steps: str = EIGHTHS, *, within: tuple[float, float] | None = None
) -> list[str]:
    """`rows` strings of `width` characters, top first: one column per value or per bucket's last value, oldest left.

    A flat curve lies at half height. Fewer values than columns take two columns each, and the rest stays empty. `within` gives the
    lowest and the highest value of a scale that several curves share.
    """
    if width <= 0 or rows <= 0:
        return []
    if not values:
        return [" " * width] * rows
    drawn = min(width, 2 * len(values))
    sampled = [values[_last_of_bucket(column, len(values), drawn)] for column in range(drawn)]
    low, high = within or (min(sampled), max(sampled))
    levels = len(steps) - 1
    full = rows * levels
    heights = [1 + round((value - low) / (high - low) * (full - 1)) if high > low else full // 2 for value in sampled]
    return [
        "".join(steps[max(0, min(levels, height - (rows - 1 - row) * levels))] for height in heights).ljust(width)
        for row in range(rows)
    ]


def _last_of_bucket(column: int, count: int, width: int) -> int:
    return (column + 1) * count // width - 1 if count >= width else column * count // width
