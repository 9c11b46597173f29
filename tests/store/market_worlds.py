"""Small real-shaped markets for the tests of the store: bars with honest prices, and a home that holds every table."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl

from engine.core.units import Market
from engine.exchange import calendar
from engine.store.bars import DIVIDEND_SCHEMA
from engine.store.market import (
    EX_RIGHTS,
    FUNDAMENTALS,
    FUNDING,
    INTERVAL_MINUTES,
    OPEN_INTEREST,
    SECURITIES,
    SECURITY_SCHEMA,
    MarketStore,
)
from engine.store.snapshot import BAR_SCHEMA

NOW = datetime(2026, 1, 1, tzinfo=UTC)
FIRST_DAY, LAST_DAY = date(2024, 1, 2), date(2024, 3, 29)
SHARES = ("000001.SZ", "300750.SZ", "600519.SH", "688981.SH")
PAIRS = ("BTCUSDT.BINANCE", "ETHUSDT.BINANCE")


def daily_bars(symbols: tuple[str, ...] = SHARES, first: date = FIRST_DAY, last: date = LAST_DAY) -> pl.DataFrame:
    """A-share daily bars that walk by a few ticks a day; amount is volume times the close."""
    rows = []
    known = calendar(Market.ASHARE)
    for place, symbol in enumerate(symbols):
        close = 100_000 + 50_000 * place
        for number, day in enumerate(known.sessions(first, last)):
            session, before = known.session(day), close
            close += 100 * ((number * 7 + place * 3) % 11 - 5)
            volume = 100 * (1 + number % 9)
            figures = (before, max(before, close) + 200, min(before, close) - 200, close, volume, volume * close, before, 1_000_000)
            rows.append((symbol, "1d", day, session.opens.astimezone(UTC), session.closes.astimezone(UTC), *figures))
    return pl.DataFrame(rows, schema=BAR_SCHEMA, orient="row")


def pair_bars(interval: str = "4h", days: int = 20, symbols: tuple[str, ...] = PAIRS, first: date = FIRST_DAY) -> pl.DataFrame:
    """Crypto bars without a hole."""
    span = timedelta(minutes=INTERVAL_MINUTES[interval])
    begin = datetime.combine(first, datetime.min.time(), UTC)
    rows = []
    for place, symbol in enumerate(symbols):
        close = (place + 1) * 10**12
        for number in range(int(timedelta(days=days) / span)):
            start, before = begin + number * span, close
            close += 10**8 * ((number * 5 + place) % 13 - 6)
            figures = (
                before,
                max(before, close) + 10**7,
                min(before, close) - 10**7,
                close,
                3 * 10**8 + number,
                0,
                before,
                1_000_000,
            )
            rows.append((symbol, interval, start.date(), start, start + span, *figures))
    return pl.DataFrame(rows, schema=BAR_SCHEMA, orient="row")


def at(day: date, hour: int, minute: int = 0) -> datetime:
    """An instant of UTC."""
    return datetime(day.year, day.month, day.day, hour, minute, tzinfo=UTC)


def security(symbol: str, known: datetime, **words: object) -> dict[str, object]:
    """One fact of a security."""
    return {**dict.fromkeys(SECURITY_SCHEMA), "symbol": symbol, "known_at": known, "source": "test", **words}


def fill(home: Path) -> None:
    """Every table of two markets, with rows all over the first quarter of 2024."""
    shares, pairs = MarketStore.open(home, Market.ASHARE), MarketStore.open(home, Market.CRYPTO)
    shares.write_bars(daily_bars(), "1d", source="test", now=NOW)
    for interval, days in (("4h", 60), ("1h", 40), ("5m", 3)):
        pairs.write_bars(pair_bars(interval, days), interval, source="test", now=NOW)
    months = [at(date(2024, month, day), 1) for month in (1, 2, 3) for day in (3, 11, 22)]
    facts = []
    for place, symbol in enumerate(SHARES):
        facts.append(security(symbol, months[0] - timedelta(days=40), list_date=date(2020, 1, 2), listed=True))
        for number, known in enumerate(months):
            words = {"name": f"名{place}{number}", "special_treatment": number % 2 == 1, "industry": f"行业{number % 3}"}
            facts.append(security(symbol, known + timedelta(hours=place), **words))
    facts.append(security(SHARES[0], months[-1], listed=False))
    facts += [security(symbol, at(FIRST_DAY, 0), board="spot", listed=True, tick=10**7) for symbol in PAIRS]
    table = pl.DataFrame(facts, schema=SECURITY_SCHEMA, orient="row")
    shares.write_facts(SECURITIES, table.filter(pl.col("symbol").is_in(SHARES)), source="test", now=NOW)
    pairs.write_facts(SECURITIES, table.filter(pl.col("symbol").is_in(PAIRS)), source="test", now=NOW)
    paid = [(symbol, known, number + place, 8, 0) for place, symbol in enumerate(PAIRS) for number, known in enumerate(months)]
    pairs.write_facts(FUNDING, pl.DataFrame(paid, schema=FUNDING.schema, orient="row"), source="test", now=NOW)
    held = [(symbol, known, number + 5, "test") for symbol in PAIRS for number, known in enumerate(months)]
    pairs.write_facts(OPEN_INTEREST, pl.DataFrame(held, schema=OPEN_INTEREST.schema, orient="row"), source="test", now=NOW)
    said = [(symbol, known, date(2023, 12, 31), "eps", float(number)) for symbol in SHARES for number, known in enumerate(months)]
    shares.write_facts(FUNDAMENTALS, pl.DataFrame(said, schema=FUNDAMENTALS.schema, orient="row"), source="test", now=NOW)
    going = [
        (symbol, known, known.date(), known.date() + timedelta(days=9), 10_000_000, 0, 0) for symbol in SHARES for known in months
    ]
    shares.write_facts(EX_RIGHTS, pl.DataFrame(going, schema=DIVIDEND_SCHEMA, orient="row"), source="test", now=NOW)
