"""What makes a bar sound: each rule finds the rows that break it, and a row that breaks one is refused with the reason.

bars ──► judge: fields · symbol · duplicates · prices · volume · times · calendar · units · limits · splits ──► sound + refused
A rule never mends a figure and never looks at bars later than the row it judges.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Protocol

import polars as pl

from engine.core.errors import CalendarUnknown
from engine.core.units import UNITS, Market
from engine.exchange import calendar
from engine.store.market.layout import INTERVAL_MINUTES, QUARANTINE_SCHEMA, RAW, SUFFIX_MARKET
from engine.store.market.price_bounds import price_bounds
from engine.store.market.quarantine import Reason, refused
from engine.store.snapshot import BAR_SCHEMA

UNIT_TOLERANCE_PPM = 150_000
"""How far the average price may lie outside low to high before volume or amount is taken to be in another unit."""
SPLIT_RATIOS = (1.5, 2, 3, 4, 5, 6, 7, 8, 10, 15, 20, 25, 30, 40, 50, 100)
SPLIT_TOLERANCE = 0.03
MAX_PRICE = 10**12
"""A hundred million yuan or dollars a share: above it the arithmetic of limits would not fit 64 bits."""
_KEY = ["symbol", "start"]


@dataclass(frozen=True, slots=True)
class Write:
    """One write of bars: where they come from, on which basis their prices are, and when it happens."""

    market: Market
    interval: str
    source: str
    basis: str
    now: datetime


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """BAR_SCHEMA rows that may be kept, by symbol and time, and QUARANTINE_SCHEMA rows that may not."""

    sound: pl.DataFrame
    refused: pl.DataFrame


class _Drop(Protocol):
    def __call__(self, reason: Reason, broken: pl.Expr, detail: str | pl.Expr) -> None: ...


def judge(bars: pl.DataFrame, write: Write, *, securities: pl.DataFrame, previous: pl.DataFrame) -> Judged:
    """Tell sound bars from the rest; every row of `bars` (BAR_SCHEMA, nulls allowed) is in exactly one of the two answers.

    `securities` is the folded history (securities.folded), `previous` the last kept bar before these of each symbol. Prices on
    another basis than raw are not held against limits, units and splits, which speak of what was traded.
    """
    rows = bars.select(list(BAR_SCHEMA)).cast(BAR_SCHEMA).sort([*_KEY, "known_at"], nulls_last=True)
    found: list[pl.DataFrame] = []

    def drop(reason: Reason, broken: pl.Expr, detail: str | pl.Expr) -> None:
        nonlocal rows
        mask = rows.select(broken.fill_null(value=True)).to_series()
        if mask.any():
            bad = rows.filter(mask)
            told = detail if isinstance(detail, str) else pl.lit(bad.select(detail).to_series())
            named = {"table": write.interval, "source": write.source}
            found.append(refused(bad.select(list(BAR_SCHEMA)), reason=reason, detail=told, **named))
            rows = rows.filter(~mask)

    drop(Reason.EMPTY, pl.any_horizontal(pl.all().is_null()), "a field is empty")
    drop(Reason.SYMBOL, ~_suffix().is_in(_suffixes(write.market)), f"no symbol of {write.market}")
    twin = pl.struct(list(BAR_SCHEMA)).is_duplicated() & ~pl.struct(list(BAR_SCHEMA)).is_first_distinct()
    drop(Reason.DUPLICATE, twin, "the same row again")
    drop(Reason.DUPLICATE, pl.struct(_KEY).is_duplicated(), "two different bars of one time")
    _soundness(drop, write)
    rows = _with_hours(rows, write)
    drop(Reason.OFF_CALENDAR, pl.col("opens").is_null(), "the trading day is no session of the market")
    drop(Reason.OFF_CALENDAR, ~pl.col("start").is_between("opens", "closes", closed="left"), "outside the session's hours")
    if write.basis == RAW:
        drop(Reason.UNIT, _other_unit(write.market), _unit_detail(write.market))
        if write.market is Market.ASHARE:
            rows = rows.join(price_bounds(rows, securities), on=_KEY, how="left")
            beyond = (pl.col("high") > pl.col("limit_up")) | (pl.col("low") < pl.col("limit_down"))
            drop(Reason.BEYOND_LIMIT, beyond.fill_null(value=False), _limit_detail())
        if write.market is not Market.CRYPTO:
            rows = _with_before(rows, previous)
            drop(Reason.SPLIT, _split(), _split_detail())
    empty = pl.DataFrame(schema=QUARANTINE_SCHEMA)
    return Judged(rows.select(list(BAR_SCHEMA)), pl.concat([empty, *found]))


def _soundness(drop: _Drop, write: Write) -> None:
    prices = [pl.col(name) for name in ("open", "high", "low", "close")]
    drop(Reason.PRICE, pl.min_horizontal(prices) <= 0, "a price is not positive")
    ordered = (pl.col("high") >= pl.max_horizontal(prices)) & (pl.col("low") <= pl.min_horizontal(prices))
    drop(Reason.PRICE, ~ordered, "high is not the highest or low not the lowest")
    drop(Reason.PRICE, (pl.col("pre_close") < 0) | (pl.col("factor_ppm") <= 0), "a reference price or factor below zero")
    if write.market is not Market.CRYPTO:
        largest = pl.max_horizontal(*prices, "pre_close")
        drop(Reason.PRICE, largest > MAX_PRICE, f"a price above {MAX_PRICE} units, which no share has had")
    drop(Reason.VOLUME, (pl.col("volume") < 0) | (pl.col("amount") < 0), "volume or amount below zero")
    span = pl.duration(minutes=INTERVAL_MINUTES[write.interval])
    whole_session = write.interval == "1d" and write.market is not Market.CRYPTO
    ends = pl.col("start") if whole_session else pl.col("start") + span
    drop(Reason.TIMES, pl.col("known_at") < ends, "known before its end")
    drop(Reason.FUTURE, pl.col("known_at") > pl.lit(write.now), f"known only after {write.now.isoformat(timespec='seconds')}")


def _suffix() -> pl.Expr:
    return pl.col("symbol").str.extract(r"\.([A-Z]+)$", 1)


def _suffixes(market: Market) -> list[str]:
    return [suffix for suffix, owner in SUFFIX_MARKET.items() if owner is market]


def _with_hours(rows: pl.DataFrame, write: Write) -> pl.DataFrame:
    """`rows` with the instants between which a bar of their trading day may begin, null where the day is no session."""
    instant = BAR_SCHEMA["start"]
    hours = [(day, *_hours(write.market, day)) for day in rows["trading_day"].unique().sort()]
    table = pl.DataFrame(hours, schema={"trading_day": pl.Date(), "opens": instant, "closes": instant}, orient="row")
    return rows.join(table, on="trading_day", how="left", maintain_order="left")


def _hours(market: Market, day: date) -> tuple[datetime | None, datetime | None]:
    try:
        session = calendar(market).session(day)
    except (CalendarUnknown, ValueError):
        return None, None
    return session.first_order, session.ends


def _average(market: Market) -> pl.Expr:
    """Amount over volume in price units."""
    units = UNITS[market]
    return pl.col("amount").cast(pl.Float64) / pl.col("volume") * (units.price * units.quantity / units.money)


def _other_unit(market: Market) -> pl.Expr:
    slack = UNIT_TOLERANCE_PPM / 1e6
    average = _average(market)
    outside = (average < pl.col("low") * (1 - slack)) | (average > pl.col("high") * (1 + slack))
    return (pl.col("volume") > 0) & (pl.col("amount") > 0) & outside & ~_index()


def _index() -> pl.Expr:
    """Indices, which trade nothing at their own level: Shanghai's begin with 000, Shenzhen's with 399."""
    return pl.col("symbol").str.contains(r"^(000\d{3}\.SH|399\d{3}\.SZ|899\d{3}\.BJ)$")


def _unit_detail(market: Market) -> pl.Expr:
    average = _average(market).round(0).cast(pl.Int64, strict=False)
    return pl.format("amount/volume is {} price units, the bar's prices {} to {}", average, "low", "high")


def _limit_detail() -> pl.Expr:
    text = "prices {} to {}, limits {} to {} around {}"
    return pl.format(text, *(pl.col(name) for name in ("low", "high", "limit_down", "limit_up", "pre_close")))


def _with_before(rows: pl.DataFrame, previous: pl.DataFrame) -> pl.DataFrame:
    """`rows` with the close, factor and day of the bar before, kept or new."""
    names = ("close", "factor_ppm", "trading_day")
    last = rows.select("symbol").unique().join(previous, on="symbol", how="left")
    ordered = rows.join(last.select("symbol", *(pl.col(name).alias(f"last_{name}") for name in names)), on="symbol", how="left")
    goes_on = pl.col("symbol") == pl.col("symbol").shift(1)
    before = [pl.when(goes_on).then(pl.col(name).shift(1)).otherwise(f"last_{name}").alias(f"before_{name}") for name in names]
    return ordered.sort(_KEY).with_columns(before)


def _split() -> pl.Expr:
    """A jump of the open by the ratio of a split, on a new day, which neither a factor nor a reference price explains."""
    ratio = pl.max_horizontal(pl.col("open") / pl.col("before_close"), pl.col("before_close") / pl.col("open"))
    near = pl.any_horizontal([(ratio / one - 1).abs() < SPLIT_TOLERANCE for one in SPLIT_RATIOS])
    fresh_day = pl.col("trading_day") != pl.col("before_trading_day")
    moved = (pl.col("factor_ppm") != pl.col("before_factor_ppm")) | (
        (pl.col("pre_close") > 0) & (pl.col("pre_close") != pl.col("before_close"))
    )
    return (near & fresh_day & ~moved).fill_null(value=False)


def _split_detail() -> pl.Expr:
    return pl.format("opens at {} after a close of {}, and nothing explains the ratio", "open", "before_close")
