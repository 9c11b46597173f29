"""The sim tape of perpetuals: simulated contracts with funding of their own from a seed, played as kept ones are; nothing is real.

seed, contracts ──► hourly walks in whole ticks · a settlement every eight hours ──► a store of its own ──► StoredTape
The store lies apart from the kept market, under a name made of its seed and terms, so that nothing invented is ever taken for real.
Every name begins with 模拟 (simulated). Trends last some days, and now and then a price jumps: margins are there to be called.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from engine.core.errors import DataError
from engine.core.instrument import Board
from engine.core.units import PPM, UNITS, Market
from engine.exchange import Contract, funding_rate
from engine.feeds.stored import StoredTape
from engine.store.market import FUNDING, SECURITIES, SECURITY_SCHEMA, MarketStore
from engine.store.market.resample import resampled
from engine.store.snapshot import BAR_SCHEMA

SOURCE = "sim"
HISTORY = 150
"""Days before the first one played, for averages and for how names move together."""
HOURS = 8
_HOURLY, _HOUR = "1h", timedelta(hours=1)
_REGIME = 72
"""Hours for which a trend lasts."""
_NOISE_PPM, _DRIFT_PPM, _JUMP_IN, _JUMP_PPM = 5, 700, 400, 90_000
"""A thousandth of an hour's deviation, the most a trend adds in an hour, and one hour in so many jumps by up to so much."""


@dataclass(frozen=True, slots=True)
class SimTerms:
    """What is simulated: the same terms give the same market."""

    seed: int
    start: date
    sessions: int


def sim_perp_tape(
    home: Path, terms: SimTerms, contracts: Mapping[str, Contract], bars: Sequence[tuple[str, int]], begin: date | None
) -> StoredTape:
    """The tape of these contracts, from `begin` on where it is given; made under `home` on the first day. Raises DataError."""
    told = f"{terms.seed}|{terms.start}|{terms.sessions}|{'|'.join(sorted(contracts))}"
    store = MarketStore.open(home / SOURCE / hashlib.sha256(told.encode()).hexdigest()[:16], Market.CRYPTO)
    last = terms.start + timedelta(days=terms.sessions - 1)
    if not store.inventory():
        _fill(store, terms, contracts)
    try:
        tape = StoredTape(store, start=max(terms.start, begin or terms.start), end=last, bars=bars, contracts=contracts)
    except DataError as error:
        raise DataError(f"sim: {error}") from None
    tape.source = SOURCE
    return tape


def _fill(store: MarketStore, terms: SimTerms, contracts: Mapping[str, Contract]) -> None:
    """Make the market and keep it: bars last, so that a store cut short is filled again."""
    first = datetime.combine(terms.start - timedelta(days=HISTORY), time(), UTC)
    now = first + timedelta(days=HISTORY + terms.sessions + 1)
    made = [
        _contract(symbol, number, terms, contract, first) for number, (symbol, contract) in enumerate(sorted(contracts.items()))
    ]
    store.write_facts(SECURITIES, pl.concat([one.listed for one in made]), source=SOURCE, now=now)
    store.write_facts(FUNDING, pl.concat([one.funding for one in made]), source=SOURCE, now=now)
    hourly = pl.concat([one.bars for one in made])
    store.write_bars(resampled(hourly, _HOURLY, "1d", Market.CRYPTO).whole, "1d", source=SOURCE, now=now)
    for interval in ("4h", "2h", "8h"):
        store.write_bars(resampled(hourly, _HOURLY, interval, Market.CRYPTO).whole, interval, source=SOURCE, now=now)
    store.write_bars(hourly, _HOURLY, source=SOURCE, now=now)


@dataclass(frozen=True, slots=True, eq=False)
class _Made:
    listed: pl.DataFrame
    bars: pl.DataFrame
    funding: pl.DataFrame


def _contract(symbol: str, number: int, terms: SimTerms, contract: Contract, first: datetime) -> _Made:
    rng = np.random.Generator(np.random.PCG64(np.random.SeedSequence([terms.seed, number + 2_000_000])))
    units, hours = UNITS[Market.CRYPTO], (HISTORY + terms.sessions) * 24
    size = int(rng.integers(0, 5))
    price = int(rng.integers(10, 100)) * 10**size * units.price // 10
    tick = contract.tick or 10**size * units.price // 10_000
    step = contract.step or max(1, units.quantity // 10**size // 10)
    drift = np.repeat(rng.integers(-_DRIFT_PPM, _DRIFT_PPM + 1, hours // _REGIME + 1), _REGIME)[:hours]
    noise = rng.integers(-866, 867, (4, hours)).sum(axis=0) * _NOISE_PPM
    jumps = np.where(rng.integers(0, _JUMP_IN, hours) == 0, rng.integers(-_JUMP_PPM, _JUMP_PPM + 1, hours), 0)
    closes = _walk(price // tick, (noise + drift + jumps).tolist())
    opens = [price // tick, *closes[:-1]]
    wide = rng.integers(0, 4_000, (2, hours)).tolist()
    reach = [[at * share // PPM for at, share in zip(opens, row, strict=True)] for row in wide]
    high = [max(pair) + more for *pair, more in zip(opens, closes, reach[0], strict=True)]
    low = [max(1, min(pair) - less) for *pair, less in zip(opens, closes, reach[1], strict=True)]
    shares = (rng.integers(200, 2_000, hours) * (5_000_000 * units.money // units.notional(price, step) // 1_000)).tolist()
    starts = [first + _HOUR * hour for hour in range(hours)]
    volume = [max(1, share) * step for share in shares]
    columns: dict[str, Any] = {
        "symbol": [symbol] * hours,
        "interval": [_HOURLY] * hours,
        "trading_day": [at.date() for at in starts],
        "start": starts,
        "known_at": [at + _HOUR for at in starts],
        "open": [value * tick for value in opens],
        "high": [value * tick for value in high],
        "low": [value * tick for value in low],
        "close": [value * tick for value in closes],
        "volume": volume,
        "amount": [units.notional((up + down) * tick // 2, quantity) for up, down, quantity in zip(high, low, volume, strict=True)],
        "pre_close": [value * tick for value in opens],
        "factor_ppm": [PPM] * hours,
    }
    paid = range(HOURS, hours + 1, HOURS)
    premium = rng.integers(-40_000, 60_001, hours + 1)
    rates = [funding_rate(int(premium[at]) + int(drift[at - 1]) * 100, HOURS) for at in paid]
    rows = [(symbol, first + _HOUR * at, rate, HOURS, closes[at - 1] * tick) for at, rate in zip(paid, rates, strict=True)]
    fact = dict.fromkeys(SECURITY_SCHEMA) | {"symbol": symbol, "known_at": first, "board": Board.PERP.value}
    fact |= {"name": f"模拟{contract.symbol}", "listed": True, "tick": tick, "step": step, "source": SOURCE}
    return _Made(
        pl.DataFrame([fact], schema=SECURITY_SCHEMA),
        pl.DataFrame(columns, schema=BAR_SCHEMA),
        pl.DataFrame(rows, schema=FUNDING.schema, orient="row"),
    )


def _walk(begin: int, moves: Sequence[int]) -> list[int]:
    """Prices in ticks after each move in ppm; never below a hundred ticks, nor so far from home that it would not come back."""
    found, at = [], begin
    for move in moves:
        pull = (begin - at) * 500 // max(begin, 1)
        at = max(100, at + at * (move + pull) // PPM)
        found.append(at)
    return found
