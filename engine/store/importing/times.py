"""Dates and clock times as vendors write them, into trading days and UTC instants.

2024-01-02 · 20240102 · 2024/1/2 · 2024-01-02 09:35(:00) · 20240102093500000 · seconds, milli- and microseconds since 1970
"""

from __future__ import annotations

import polars as pl

_STAMPS = ("%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%d %H:%M", "%Y/%m/%d %H:%M:%S", "%Y/%m/%d %H:%M", "%Y-%m-%dT%H:%M:%S%.f", "%Y%m%d %H%M")
_DAYS = ("%Y-%m-%d", "%Y/%m/%d", "%Y%m%d")
_EPOCHS = ((10, 1_000_000), (13, 1_000), (16, 1))
"""Digits of a count since 1970 in our years, and the microseconds that one of it lasts."""
_COMPACT = r"^(20\d{12})\d{0,3}$"


def moments(column: str) -> pl.Expr:
    """A text column as wall-clock times without a zone (Datetime us); a day alone is its midnight. Null where it is neither."""
    text = pl.col(column).str.replace(r"(Z|\+00:00| UTC)$", "")
    stamps = [text.str.to_datetime(form, time_unit="us", strict=False) for form in _STAMPS]
    days = [text.str.to_date(form, strict=False).cast(pl.Datetime("us")) for form in _DAYS]
    compact = text.str.extract(_COMPACT, 1).str.to_datetime("%Y%m%d%H%M%S", time_unit="us", strict=False)
    epochs = [
        pl.when(text.str.contains(rf"^\d{{{digits}}}$")).then(text.cast(pl.Int64, strict=False) * factor).cast(pl.Datetime("us"))
        for digits, factor in _EPOCHS
    ]
    return pl.coalesce(*stamps, *days, compact, *epochs)


def days(column: str) -> pl.Expr:
    """A text column as dates; null where it is none."""
    return moments(column).dt.date()


def clock_minutes(column: str) -> pl.Expr:
    """A text column of clock times (`0935`, `09:35`, `09:35:00`) as minutes after midnight; null where it is none."""
    digits = pl.col(column).str.replace_all(":", "", literal=True).str.zfill(4).str.slice(0, 4)
    hour, minute = digits.str.slice(0, 2).cast(pl.Int64, strict=False), digits.str.slice(2, 2).cast(pl.Int64, strict=False)
    return pl.when((hour < 24) & (minute < 60)).then(hour * 60 + minute)
