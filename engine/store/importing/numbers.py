"""Text into exact integers, whole columns at once: through decimals, never through binary floats.

`123.45` at 1/10,000 ──► 1,234,500; finer than the unit, too large or no number ──► null. Floats of a Parquet file are taken by
their shortest decimal, which is the figure that was written.
"""

from __future__ import annotations

import polars as pl

_PLACES = 12
_DECIMAL = pl.Decimal(38, _PLACES)
EMPTY_WORDS = ("", "-", "--", "—", "nan", "none", "null", "n/a", "na")
"""How vendors write that there is no figure."""


def as_text(table: pl.DataFrame) -> pl.DataFrame:
    """Every column as text, empty words as null."""
    text = table.select(pl.all().cast(pl.String).str.strip_chars())
    words = pl.all().str.to_lowercase().is_in(EMPTY_WORDS)
    return text.with_columns(pl.when(~words).then(pl.all())) if text.width else text


def exact(column: str, scale: int) -> pl.Expr:
    """The integer of a text column in 1/`scale` units; null unless it lies on that grid and in 64 bits."""
    scaled = _scaled(column, scale)
    whole = scaled.cast(pl.Int64, strict=False)
    return pl.when(whole.cast(_DECIMAL) == scaled).then(whole)


def nearest(column: str, scale: int) -> pl.Expr:
    """The integer nearest to a text column in 1/`scale` units, half away from zero; for figures that a vendor has computed."""
    return _scaled(column, scale).round(0, mode="half_away_from_zero").cast(pl.Int64, strict=False)


def _scaled(column: str, scale: int) -> pl.Expr:
    return pl.col(column).str.replace_all(",", "", literal=True).cast(_DECIMAL, strict=False) * scale
