"""What can be traded: one instrument, and the words for where it is listed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from engine.core.units import UNITS, Market, Units


class Board(StrEnum):
    """The listing segment that decides ticks, lots, price limits and fees (板块)."""

    MAIN_SH = "main_sh"
    MAIN_SZ = "main_sz"
    STAR = "star"
    CHINEXT = "chinext"
    BSE = "bse"
    BSE_OLD = "bse_old"
    B_SHARE_SH = "b_share_sh"
    B_SHARE_SZ = "b_share_sz"
    ETF_SH = "etf_sh"
    ETF_SZ = "etf_sz"
    ETF_STAR_20 = "etf_star_20"
    LOF_SZ = "lof_sz"
    REIT = "reit"
    CB_SH = "cb_sh"
    CB_SZ = "cb_sz"
    US = "us"
    SPOT = "spot"
    PERP = "perp"


def coin_of(symbol: str, currency: str) -> str:
    """What a pair of coins trades, by its symbol: BTC for `BTCUSDT.BINANCE` in USDT; the code itself where it is no such pair."""
    code = symbol.rpartition(".")[0] or symbol
    return code.removesuffix(currency) or code


@dataclass(frozen=True, slots=True)
class Instrument:
    """One tradable thing, as known at a moment.

    `symbol` carries its market (`600519.SH`, `AAPL.US`, `BTCUSDT.BINANCE`). `tick` is in price units, `step` in quantity
    units; for A-shares both follow from board and date and the exchange room is the authority, these are its values today.
    """

    symbol: str
    market: Market
    board: Board
    name: str
    industry: str = ""
    tick: int = 100
    step: int = 1
    list_date: date | None = None
    special_treatment: bool = False
    delisting: bool = False

    @property
    def code(self) -> str:
        """The symbol without its market suffix."""
        return self.symbol.rpartition(".")[0]

    @property
    def units(self) -> Units:
        """The fixed units of this instrument's market."""
        return UNITS[self.market]
