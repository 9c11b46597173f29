"""How a file is to be read, as a person says it or as its columns tell: nothing is guessed that the rows could contradict."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum

from engine.core.instrument import Board
from engine.core.units import Market
from engine.store.market import RAW


class Stamp(StrEnum):
    """Which end of its interval a bar's time names."""

    START = "start"
    END = "end"


class VolumeUnit(StrEnum):
    """What a volume of 1 means."""

    SHARES = "shares"
    LOTS = "lots"


@dataclass(frozen=True, slots=True)
class Plan:
    """What a person says of a file; None is left to its columns.

    `columns` names headers by field (`{"close": "收盘价"}`), `symbol` is that of a file without a symbol column, `basis` how its
    prices are adjusted (`raw`, or a word like `split`), `board` the product of crypto pairs, `resample` longer intervals that are
    made of complete groups of its bars. `as_of` is the day on which a list of securities was drawn up (today where
    None), `taxonomy` whose industries it names.
    """

    market: Market
    source: str
    interval: str | None = None
    symbol: str | None = None
    columns: Mapping[str, str] = field(default_factory=dict)
    stamp: Stamp | None = None
    volume: VolumeUnit | None = None
    amount_factor: int | None = None
    basis: str = RAW
    board: Board | None = None
    resample: tuple[str, ...] = ()
    as_of: date | None = None
    taxonomy: str = ""
