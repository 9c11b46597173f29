"""Two sources asked for the same prices: a few names at a time, because agreement is bought with requests.

sample(table) ──► the same names from another vendor ──► compare ──► names that disagree
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from engine.core.units import PPM


@dataclass(frozen=True, slots=True)
class Compared:
    """The names that could be compared, and which of them disagree."""

    names: tuple[str, ...]
    disagree: tuple[str, ...]

    @property
    def mostly_wrong(self) -> bool:
        """More disagree than agree: one of the two sources as a whole is wrong, not a name."""
        return len(self.disagree) * 2 > len(self.names)


def sample(table: pl.DataFrame, count: int, turn: int) -> list[str]:
    """`count` names with a price, evenly over the table, other ones at each `turn`; fewer where there are fewer."""
    priced = table.filter(pl.col("last") > 0, ~pl.col("suspended"))["symbol"].to_list()
    if len(priced) <= count:
        return priced
    stride = len(priced) // count
    return [priced[(turn + place * stride) % len(priced)] for place in range(count)]


def compare(ours: pl.DataFrame, theirs: pl.DataFrame, *, tolerance_ppm: int, apart_s: float) -> Compared:
    """Names of both tables whose last price or reference price differ by more than `tolerance_ppm` of ours.

    Rows of different days, or more than `apart_s` seconds apart, or without a price, are not compared: they are old, not wrong.
    """
    both = ours.select("symbol", "trading_day", "known_at", "last", "pre_close").join(
        theirs.select("symbol", "trading_day", "known_at", "last", "pre_close"), on="symbol", suffix="_theirs"
    )
    both = both.filter(
        pl.col("last") > 0,
        pl.col("last_theirs") > 0,
        pl.col("trading_day") == pl.col("trading_day_theirs"),
        (pl.col("known_at") - pl.col("known_at_theirs")).abs() <= pl.duration(seconds=apart_s),
    )
    off = _off("last", tolerance_ppm) | _off("pre_close", tolerance_ppm)
    return Compared(tuple(both["symbol"].to_list()), tuple(both.filter(off)["symbol"].sort().to_list()))


def _off(name: str, tolerance_ppm: int) -> pl.Expr:
    ours, theirs = pl.col(name), pl.col(f"{name}_theirs")
    known = (ours > 0) & (theirs > 0)
    return known & ((ours - theirs).abs() * PPM > ours * tolerance_ppm)
