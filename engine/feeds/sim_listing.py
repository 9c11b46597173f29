"""Who is listed on the simulated market: codes by board, sectors, ST, new listings, and what drives each name.

Nothing here is real: every name begins with 模拟 (simulated), whatever company its code belongs to in the world.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from engine.core.instrument import Board, Instrument
from engine.core.units import PPM, Market
from engine.exchange import symbol_of

Whole = npt.NDArray[np.int64]

TICK = 100
"""0.01 CNY, the tick of every share this market lists; checked against engine.exchange in the tests."""
MOST_NAMES = 10_000
SECTORS = (
    *("银行", "证券", "保险", "地产", "白酒", "食品", "医药", "器械", "半导体", "软件", "通信", "电子"),
    *("光伏", "电池", "汽车", "机械", "军工", "化工", "钢铁", "有色", "煤炭", "电力", "航运", "传媒"),
)
_BOARDS: tuple[tuple[Board, int, tuple[int, ...]], ...] = (
    (Board.MAIN_SH, 31, (600_000, 601_000, 603_000, 605_000)),
    (Board.MAIN_SZ, 27, (0, 1_000, 2_000, 3_000)),
    (Board.CHINEXT, 25, (300_000, 301_000)),
    (Board.STAR, 11, (688_000,)),
    (Board.BSE, 6, (920_000,)),
)
"""Board, its share of a hundred names, and the thousands its codes are taken from."""
_ST_IN, _NEW_IN, _YOUNG_IN = 40, 150, 60
"""One name in so many is ST, is listed while the market is played, was listed shortly before."""


class Names(NamedTuple):
    """What is listed, and what drives each name: sector, pull of it, own volatility, home price, shares a day and afloat."""

    instruments: tuple[Instrument, ...]
    sector: Whole
    beta: Whole
    volatility: Whole
    price: Whole
    volume: Whole
    floating: Whole
    listed_at: Whole


def listing(rng: np.random.Generator, size: int, days: Sequence[date], history: int) -> Names:
    """The names, sorted by symbol; as far as there are enough, some are ST, some young, some list while the market is played."""
    codes = sorted(_codes(rng, size), key=lambda pair: pair[1])
    sector = rng.integers(0, len(SECTORS), size)
    treated = rng.integers(0, _ST_IN, size) == 0
    listed_at = np.full(size, -1, dtype=np.int64)
    draw = rng.integers(0, PPM, size)
    played = len(days) - history
    if played > 1:
        listed_at = np.where(draw % _NEW_IN == 0, history + 1 + draw // _NEW_IN % (played - 1), listed_at)
        if size >= 20:
            listed_at[int(rng.integers(0, size))] = history + 1  # one new listing at least
    young = (draw % _YOUNG_IN == 1) & (listed_at < 0)
    listed_at = np.where(young, np.maximum(0, history - 1 - draw // _YOUNG_IN % 60), listed_at)
    treated &= listed_at < 0
    if size >= 20 and not treated.any():
        treated[int(np.flatnonzero(listed_at < 0)[0])] = True
    long_ago = date(2015, 1, 5)
    instruments = tuple(
        Instrument(
            symbol=symbol,
            market=Market.ASHARE,
            board=board,
            name=f"{'*ST' if treated[row] else ''}模拟{SECTORS[sector[row]]}{row:04d}",
            industry=f"模拟{SECTORS[sector[row]]}",
            list_date=days[int(listed_at[row])] if listed_at[row] >= 0 else _founded(board, long_ago),
            special_treatment=bool(treated[row]),
        )
        for row, (board, symbol) in enumerate(codes)
    )
    dear = rng.integers(0, 100, size) < 2
    price = np.where(dear, rng.integers(20_000, 150_000, size), 300 + rng.integers(0, 70, size) * rng.integers(1, 80, size)) * TICK
    shares = rng.integers(20, 600, size) * rng.integers(1, 10, size) * 10_000
    return Names(
        instruments=instruments,
        sector=sector,
        beta=rng.integers(500_000, 1_500_000, size),
        volatility=rng.integers(9_000, 26_000, size),
        price=price,
        volume=np.maximum(shares, 100_000),
        floating=np.maximum(shares, 100_000) * rng.integers(20, 200, size),
        listed_at=listed_at,
    )


def _codes(rng: np.random.Generator, size: int) -> list[tuple[Board, str]]:
    """Distinct codes of each board, as many as its share of the market, spread over the thousands it uses."""
    wanted = [(board, min(size * share // 100, len(thousands) * 1_000 - 1), thousands) for board, share, thousands in _BOARDS]
    missing = size - sum(count for _, count, _ in wanted)
    found: list[tuple[Board, str]] = []
    for board, count, thousands in wanted:
        room = len(thousands) * 1_000 - 1
        more = min(missing, room - count) if board in (Board.MAIN_SH, Board.MAIN_SZ) else 0
        missing -= more
        places = np.sort(rng.permutation(room)[: count + more]) + 1
        found += [(board, symbol_of(f"{thousands[place // 1_000] + place % 1_000:06d}")) for place in places.tolist()]
    return found


def _founded(board: Board, long_ago: date) -> date:
    """A listing day of old on which the board existed."""
    return {Board.STAR: date(2019, 7, 22), Board.BSE: date(2021, 11, 15)}.get(board, long_ago)
