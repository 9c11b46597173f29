"""A vendor's bars into the store: text to exact units, wall-clock times to instants, every row kept or refused with a reason.

table of text ──► symbol · time · suspended · numbers ──► BAR_SCHEMA ──► MarketStore.write_bars
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import polars as pl

from engine.core.errors import CalendarUnknown, DataError
from engine.core.units import PPM, UNITS, Market
from engine.exchange import calendar
from engine.store.importing.headers import amount_unit, counted_in_lots
from engine.store.importing.numbers import exact, nearest
from engine.store.importing.plan import Plan, Stamp, VolumeUnit
from engine.store.importing.symbols import symbol_in_name, symbol_table
from engine.store.importing.times import clock_minutes, moments
from engine.store.market import INTERVAL_MINUTES, RAW, MarketStore, Reason
from engine.store.snapshot import BAR_SCHEMA

_PRICES = ("open", "high", "low", "close")
_SHARES_A_LOT = 100
_ZONES = {Market.ASHARE: "Asia/Shanghai", Market.US: "America/New_York", Market.CRYPTO: "UTC"}
_HOURS = {Market.ASHARE: (time(9, 30), time(15, 0)), Market.US: (time(9, 30), time(16, 0))}
_FALSE = ("0", "0.0", "false", "f", "no", "否")
_DAILY = "1d"


@dataclass(frozen=True, slots=True, eq=False)
class Read:
    """The rows of a file that could be read as bars (BAR_SCHEMA), how many could not, and what else it says of its shares."""

    bars: pl.DataFrame
    interval: str
    refused: int
    marks: pl.DataFrame


def read_bars(store: MarketStore, table: pl.DataFrame, origin: Mapping[str, str], plan: Plan, stem: str) -> Read:
    """Make bars of `table` (our field names, text); what cannot be read is in quarantine when this returns. Raises DataError."""
    missing = [name for name in (*_PRICES, "volume") if name not in table.columns]
    if missing:
        raise DataError(f"{plan.source}: no column for {missing[0]}; name it with --map {missing[0]}=HEADER")
    rows = _with_moment(_with_symbol(table, plan, stem), plan)
    interval = plan.interval or _interval(rows, plan)
    refused = 0

    def drop(reason: Reason, broken: pl.Expr, detail: str) -> None:
        nonlocal rows, refused
        mask = rows.select(broken.fill_null(value=True)).to_series()
        if mask.any():
            bad = rows.filter(mask).with_columns(known_at=_utc("moment", plan.market))
            refused += store.quarantine_rows(bad, table=interval, reason=reason, detail=detail, source=plan.source)
            rows = rows.filter(~mask)

    drop(Reason.SYMBOL, pl.col("full").is_null(), f"no symbol of {plan.market}")
    drop(Reason.TIMES, pl.col("moment").is_null(), "no date or time")
    drop(Reason.SUSPENDED, _suspended(rows), "did not trade")
    drop(Reason.EMPTY, pl.any_horizontal(pl.col(name).is_null() for name in (*_PRICES, "volume")), "a figure is missing")
    rows = rows.with_columns(**_figures(rows, origin, plan))
    names = ("volume", "amount", "pre_close", "factor_ppm", *_PRICES)
    drop(Reason.NUMBER, pl.any_horizontal(pl.col(f"exact {name}").is_null() for name in names), "finer than the unit, or no number")
    return Read(_bars(rows, interval, plan), interval, refused, _marks(rows, plan))


def _with_symbol(table: pl.DataFrame, plan: Plan, stem: str) -> pl.DataFrame:
    if plan.symbol is not None or "symbol" not in table.columns:
        symbol = symbol_in_name(plan.symbol or stem, plan.market)
        if symbol is None:
            raise DataError(f"{plan.source}: neither a symbol column nor a symbol in the file's name; say it with --symbol")
        return table.with_columns(full=pl.lit(symbol))
    spelt = table["symbol"].drop_nulls().unique().sort()
    meaning = {text: full for text, full in symbol_table(spelt, plan.market).items() if full is not None}
    return table.with_columns(full=pl.col("symbol").replace_strict(meaning, default=None, return_dtype=pl.String))


def _with_moment(table: pl.DataFrame, plan: Plan) -> pl.DataFrame:
    """`moment`: the wall-clock time of the row in the market's zone (UTC for crypto); midnight for a day."""
    for name in ("bar_end", "bar_start", "date", "time"):
        if name in table.columns:
            whole = moments(name)
            if name == "date" and "time" in table.columns:
                whole = pl.coalesce(moments("time"), whole.dt.truncate("1d") + pl.duration(minutes=clock_minutes("time")))
            return table.with_columns(moment=whole, stamp=pl.lit(_stamp(name, plan).value))
    raise DataError(f"{plan.source}: no column of dates or times; name it with --map date=HEADER")


def _stamp(name: str, plan: Plan) -> Stamp:
    """What the person says, else what the header says, else the custom of the market: A-share vendors stamp the end of a bar."""
    if plan.stamp is not None:
        return plan.stamp
    if name in ("bar_end", "bar_start"):
        return Stamp.END if name == "bar_end" else Stamp.START
    return Stamp.END if plan.market is Market.ASHARE else Stamp.START


def _interval(rows: pl.DataFrame, plan: Plan) -> str:
    """The interval of the file: the usual step between its rows."""
    steps = rows.sort("full", "moment").select(pl.col("moment").diff().over("full").dt.total_minutes().alias("step"))["step"]
    positive = steps.filter(steps > 0)
    if positive.is_empty():
        raise DataError(f"{plan.source}: too few rows to tell the interval; say it with --interval")
    usual = int(positive.mode().min())  # type: ignore[arg-type]
    for name, minutes in INTERVAL_MINUTES.items():
        if minutes == usual:
            return name
    raise DataError(f"{plan.source}: rows are {usual} minutes apart, which is no interval; say it with --interval")


def _suspended(rows: pl.DataFrame) -> pl.Expr:
    flags = [pl.lit(value=False)]
    if "suspended" in rows.columns:
        flags.append(~pl.col("suspended").fill_null("0").str.to_lowercase().is_in(_FALSE))
    if "trading" in rows.columns:
        flags.append(pl.col("trading").fill_null("1").str.to_lowercase().is_in(_FALSE))
    return pl.any_horizontal(flags)


def _figures(rows: pl.DataFrame, origin: Mapping[str, str], plan: Plan) -> dict[str, pl.Expr]:
    """`exact NAME` columns in core units; a figure that the file does not have is 0 (none), a factor 1."""
    units = UNITS[plan.market]
    convert: Callable[[str, int], pl.Expr] = exact if plan.basis == RAW else nearest
    lots = plan.volume is VolumeUnit.LOTS or (plan.volume is None and _lots(rows, origin, plan))
    made = {f"exact {name}": convert(name, units.price) for name in _PRICES}
    made["exact volume"] = exact("volume", units.quantity * (_SHARES_A_LOT if lots else 1))
    amount = units.money * (plan.amount_factor or amount_unit(origin))
    for name, figure in (("amount", nearest("amount", amount)), ("pre_close", convert("pre_close", units.price))):
        present = name in rows.columns
        made[f"exact {name}"] = pl.when(pl.col(name).is_null()).then(0).otherwise(figure) if present else pl.lit(0, pl.Int64)
    factor = nearest("factor", PPM) if "factor" in rows.columns else pl.lit(PPM, pl.Int64)
    made["exact factor_ppm"] = factor
    return made


def _lots(rows: pl.DataFrame, origin: Mapping[str, str], plan: Plan) -> bool:
    """Whether volumes are in lots: what the header says, else what amounts and prices prove."""
    said = counted_in_lots(origin["volume"])
    if said is not None or plan.market is not Market.ASHARE or "amount" not in rows.columns:
        return bool(said)
    figures = rows.select(pl.col("volume", "amount", "close").cast(pl.Float64, strict=False)).filter(
        (pl.col("volume") > 0) & (pl.col("amount") > 0) & (pl.col("close") > 0)
    )
    ratio = figures.select((pl.col("amount") / pl.col("volume") / pl.col("close")).median()).item()
    return ratio is not None and _SHARES_A_LOT * 0.85 < ratio * (plan.amount_factor or amount_unit(origin)) < _SHARES_A_LOT * 1.15


def _bars(rows: pl.DataFrame, interval: str, plan: Plan) -> pl.DataFrame:
    named = rows.select(
        pl.col("full").alias("symbol"),
        *("moment", "stamp"),
        *(pl.col(f"exact {name}").alias(name) for name in (*_PRICES, "volume", "amount", "pre_close", "factor_ppm")),
    )
    timed = _daily(named, plan.market) if interval == _DAILY else _intraday(named, interval, plan.market)
    if plan.market is not Market.ASHARE and "pre_close" not in rows.columns:
        timed = _with_reference(timed)
    return timed.with_columns(interval=pl.lit(interval)).select(list(BAR_SCHEMA)).cast(BAR_SCHEMA)


def _daily(rows: pl.DataFrame, market: Market) -> pl.DataFrame:
    days = rows.select(pl.col("moment").dt.date().alias("trading_day")).unique()["trading_day"].sort()
    instant = BAR_SCHEMA["start"]
    hours = [(day, *_hours(market, day)) for day in days.to_list()]
    table = pl.DataFrame(hours, schema={"trading_day": pl.Date(), "start": instant, "known_at": instant}, orient="row")
    dated = rows.with_columns(trading_day=pl.col("moment").dt.date())
    return dated.join(table, on="trading_day", how="left", maintain_order="left")


def _hours(market: Market, day: date) -> tuple[datetime, datetime]:
    """When a day's bar begins and is known; the usual hours where the calendar has no such session (the store refuses it then)."""
    known = calendar(market)
    try:
        session = known.session(day)
        return session.opens, session.closes
    except (CalendarUnknown, ValueError):
        opens, closes = _HOURS.get(market, (time(0), time(23, 59)))
        zone = ZoneInfo(_ZONES[market])
        return datetime.combine(day, opens, zone), datetime.combine(day, closes, zone)


def _intraday(rows: pl.DataFrame, interval: str, market: Market) -> pl.DataFrame:
    span = timedelta(minutes=INTERVAL_MINUTES[interval])
    start = pl.when(pl.col("stamp") == Stamp.END.value).then(pl.col("moment") - span).otherwise(pl.col("moment"))
    placed = rows.with_columns(local=start)
    return placed.with_columns(
        trading_day=pl.col("local").dt.date(),
        start=_utc("local", market),
        known_at=_utc("local", market) + span,
    )


def _with_reference(bars: pl.DataFrame) -> pl.DataFrame:
    """`pre_close` of a market without an exchange's reference price: the last close of the symbol's day before, 0 on its first."""
    days = bars.sort("symbol", "start").group_by("symbol", "trading_day", maintain_order=True).agg(pl.col("close").last())
    before = days.select("symbol", "trading_day", pl.col("close").shift(1).over("symbol").fill_null(0).alias("pre_close"))
    return bars.drop("pre_close").join(before, on=["symbol", "trading_day"], how="left", maintain_order="left")


def _marks(rows: pl.DataFrame, plan: Plan) -> pl.DataFrame:
    """symbol, moment and ST flag (null = not said) of each row."""
    flag = ~pl.col("is_st").str.to_lowercase().is_in(_FALSE) if "is_st" in rows.columns else pl.lit(None, pl.Boolean)
    return rows.select(pl.col("full").alias("symbol"), pl.col("moment").dt.date().alias("day"), special_treatment=flag)


def _utc(column: str, market: Market) -> pl.Expr:
    zoned = pl.col(column).dt.replace_time_zone(_ZONES[market], ambiguous="earliest", non_existent="null")
    return zoned.dt.convert_time_zone("UTC")


def file_stem(path: Path) -> str:
    """The name of a file without its endings."""
    return path.name.split(".")[0]
