"""How far a sync came: for each interval, the trading days that were asked of the source and kept, by symbol.

A day counts as covered once its answer is durable, bars or none; what a killed sync had not noted is asked for again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import polars as pl

from engine.core.units import Market
from engine.store.market.layout import MARKET_DIRECTORY
from engine.store.market.sealed import read_sealed, write_sealed

_SCHEMA = pl.Schema({"symbol": pl.String(), "first": pl.Date(), "last": pl.Date()})
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Covered:
    """The trading days of one symbol that have been asked for: all from `first` to `last`."""

    first: date
    last: date


def read_covered(home: Path, market: Market, interval: str) -> dict[str, Covered]:
    """What has been asked for so far, by symbol. Raises DataError for a damaged file."""
    path = _path(home, market, interval)
    if not path.exists():
        return {}
    return {symbol: Covered(first, last) for symbol, first, last in read_sealed(path)[0].select(list(_SCHEMA)).iter_rows()}


def write_covered(home: Path, market: Market, interval: str, covered: Mapping[str, Covered]) -> None:
    """Keep what has been asked for. The caller holds the market's files (writing.py). Raises DataError when the disk refuses."""
    rows = [(symbol, span.first, span.last) for symbol, span in sorted(covered.items())]
    write_sealed(_path(home, market, interval), pl.DataFrame(rows, schema=_SCHEMA, orient="row"), {"rows": len(rows)})


def missing(span: Covered | None, first: date, last: date) -> list[tuple[date, date]]:
    """The stretches of days from `first` to `last` that have not been asked for; covered days stay one stretch without a hole."""
    if first > last:
        return []
    if span is None:
        return [(first, last)]
    before = [(first, span.first - _DAY)] if first < span.first else []
    after = [(span.last + _DAY, last)] if last > span.last else []
    return before + after


def widened(span: Covered | None, first: date, last: date) -> Covered:
    """`span` with the days from `first` to `last`, which join on to it."""
    if span is None:
        return Covered(first, last)
    return Covered(min(span.first, first), max(span.last, last))


def _path(home: Path, market: Market, interval: str) -> Path:
    return home / MARKET_DIRECTORY / market.value / "sync" / f"{interval}.rows"
