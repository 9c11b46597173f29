"""Files of dated facts into the store: security lists, funding, open interest, distributions, statements.

columns ──► which table ──► rows with the instant from which each could be known ──► MarketStore.write_facts
A list of securities says nothing of earlier dates but when a share was listed or delisted: names, marks and industries are known
from the date of the list on, dated name columns (`name_2025_07`) from the month after theirs.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime

import polars as pl

from engine.core.errors import DataError
from engine.core.units import UNITS, Market
from engine.store.importing.numbers import exact
from engine.store.importing.plan import Plan
from engine.store.importing.symbols import symbol_table
from engine.store.importing.times import days, moments
from engine.store.market import (
    EX_RIGHTS,
    FUNDAMENTALS,
    FUNDING,
    OPEN_INTEREST,
    SECURITIES,
    MarketStore,
    Reason,
    Table,
)

MILLIONTH = 1_000_000
RATE_SCALE = 10**8
_ZONES = {Market.ASHARE: "Asia/Shanghai", Market.US: "America/New_York", Market.CRYPTO: "UTC"}
_DATED_NAME = re.compile(r"column name_(\d{4})_(\d{2})")
_FALSE = ("0", "0.0", "false", "f", "no", "否")
_TIMES = ("calc_time", "bar_start", "bar_end", "date", "time")
_KINDS: tuple[tuple[str, Table], ...] = (
    ("rate", FUNDING),
    ("open_interest", OPEN_INTEREST),
    ("ex_date", EX_RIGHTS),
    ("value", FUNDAMENTALS),
    ("list_date", SECURITIES),
    ("name", SECURITIES),
    ("industry", SECURITIES),
)


@dataclass(frozen=True, slots=True, eq=False)
class Facts:
    """Rows for a table of facts, how many rows of the file could not be read, and how many gave none because they say nothing."""

    table: Table
    rows: pl.DataFrame
    refused: int


def table_of(columns: list[str]) -> Table:
    """The table that a file with these fields belongs to. Raises DataError for one that belongs to none."""
    for field, table in _KINDS:
        if field in columns:
            return table
    raise DataError(f"neither bars nor facts: the columns are {', '.join(columns[:20])}; name them with --map FIELD=HEADER")


def read_facts(store: MarketStore, table: pl.DataFrame, plan: Plan, now: datetime) -> Facts:
    """Make facts of `table` (our field names, text); what cannot be read is in quarantine when this returns. Raises DataError."""
    kind = table_of(table.columns)
    if "symbol" not in table.columns:
        raise DataError(f"{plan.source}: no column of symbols; name it with --map symbol=HEADER")
    refused = 0

    def drop(rows: pl.DataFrame, reason: Reason, broken: pl.Expr, detail: str) -> pl.DataFrame:
        nonlocal refused
        mask = rows.select(broken.fill_null(value=True)).to_series()
        if mask.any():
            refused += store.quarantine_rows(rows.filter(mask), table=kind.name, reason=reason, detail=detail, source=plan.source)
        return rows.filter(~mask)

    spelt = table["symbol"].drop_nulls().unique().sort()
    meaning = {text: full for text, full in symbol_table(spelt, plan.market).items() if full is not None}
    full = pl.col("symbol").replace_strict(meaning, default=None, return_dtype=pl.String)
    rows = drop(table.with_columns(full=full), Reason.SYMBOL, pl.col("full").is_null(), f"no symbol of {plan.market}")
    made = _MAKERS[kind.name](rows.with_columns(symbol=pl.col("full")), plan, now)
    if kind is not SECURITIES:
        needed = [name for name in made.columns if name in kind.schema]
        made = drop(
            made, Reason.NUMBER, pl.any_horizontal(pl.col(name).is_null() for name in needed), "a time or figure cannot be read"
        )
    return Facts(kind, made.select(list(kind.schema)).cast(kind.schema), refused)


def _when(rows: pl.DataFrame, plan: Plan) -> pl.Expr:
    name = next((name for name in _TIMES if name in rows.columns), None)
    if name is None:
        raise DataError(f"{plan.source}: no column of times; name it with --map date=HEADER")
    return _utc(moments(name), plan.market)


def _funding(rows: pl.DataFrame, plan: Plan, now: datetime) -> pl.DataFrame:
    timed = rows.with_columns(known_at=_when(rows, plan), rate_e8=exact("rate", RATE_SCALE)).sort("symbol", "known_at")
    hours = pl.col("known_at").diff().over("symbol").dt.total_hours()
    said = pl.col("interval_hours").cast(pl.Int64, strict=False) if "interval_hours" in rows.columns else hours
    usual = said.mode().first().over("symbol").fill_null(8)
    mark = exact("mark", UNITS[plan.market].price).fill_null(0) if "mark" in rows.columns else pl.lit(0, pl.Int64)
    return timed.with_columns(interval_hours=pl.when(said.is_between(1, 24)).then(said).otherwise(usual), mark=mark)


def _open_interest(rows: pl.DataFrame, plan: Plan, now: datetime) -> pl.DataFrame:
    quantity = exact("open_interest", UNITS[plan.market].quantity)
    return rows.with_columns(known_at=_when(rows, plan), quantity=quantity, source=pl.lit(plan.source))


def _ex_rights(rows: pl.DataFrame, plan: Plan, now: datetime) -> pl.DataFrame:
    """Known when the day of the announcement is over, or the ex-date where that is missing."""
    amounts = ("cash_per_10", "bonus_per_10", "transfer_per_10")
    paid = {name: exact(name, MILLIONTH).fill_null(0) if name in rows.columns else pl.lit(0, pl.Int64) for name in amounts}
    ex_date = days("ex_date")
    announced = pl.coalesce(days("announced"), ex_date) if "announced" in rows.columns else ex_date
    record = pl.coalesce(days("record_date"), ex_date) if "record_date" in rows.columns else ex_date
    over = _utc(announced.cast(pl.Datetime("us")) + pl.duration(days=1), plan.market)
    return rows.with_columns(known_at=over, ex_date=ex_date, record_date=record, **paid)


def _fundamentals(rows: pl.DataFrame, plan: Plan, now: datetime) -> pl.DataFrame:
    for name in ("announced", "report_date", "item"):
        if name not in rows.columns:
            raise DataError(f"{plan.source}: statements need {name}; name it with --map {name}=HEADER")
    over = _utc(days("announced").cast(pl.Datetime("us")) + pl.duration(days=1), plan.market)
    value = pl.col("value").cast(pl.Float64, strict=False)
    return rows.with_columns(known_at=over, report_date=days("report_date"), value=value)


def _securities(rows: pl.DataFrame, plan: Plan, now: datetime) -> pl.DataFrame:
    listed_on = days("list_date") if "list_date" in rows.columns else pl.lit(None, pl.Date)
    listing = rows.select("symbol", list_date=listed_on).with_columns(
        known_at=_utc(pl.col("list_date").cast(pl.Datetime("us")), plan.market).fill_null(pl.lit(now)),
        effective=pl.col("list_date"),
        listed=pl.lit(value=True),
        board=pl.lit(plan.board.value if plan.board else None, pl.String),
    )
    parts = [listing]
    if "delist_date" in rows.columns:
        gone = rows.select("symbol", day=days("delist_date")).drop_nulls("day")
        over = _utc(pl.col("day").cast(pl.Datetime("us")) + pl.duration(days=1), plan.market)
        parts.append(gone.select("symbol", known_at=over, effective="day", listed=pl.lit(value=False)))
    for column in rows.columns:
        if dated := _DATED_NAME.fullmatch(column):
            year, month = int(dated[1]), int(dated[2])
            after = date(year + month // 12, month % 12 + 1, 1)
            parts.append(_named(rows.select("symbol", name=_plain_name(column, plan.market)), after, plan))
    today = plan.as_of or now.date()
    words: dict[str, pl.Expr] = {name: _plain_name(name, plan.market) for name in ("name", "industry") if name in rows.columns}
    if "is_st" in rows.columns:
        words["special_treatment"] = ~pl.col("is_st").str.to_lowercase().is_in(_FALSE)
    if words:
        current = rows.filter(_still_listed(rows, today)).select("symbol", **words)
        parts.append(_named(current.with_columns(taxonomy=pl.lit(plan.taxonomy)), today, plan))
    everything = pl.concat(parts, how="diagonal").with_columns(source=pl.lit(plan.source))
    absent = [pl.lit(None, kind).alias(name) for name, kind in SECURITIES.schema.items() if name not in everything.columns]
    return everything.with_columns(absent)


def _still_listed(rows: pl.DataFrame, today: date) -> pl.Expr:
    if "delist_date" not in rows.columns:
        return pl.lit(value=True)
    return days("delist_date").is_null() | (days("delist_date") > today)


def _named(rows: pl.DataFrame, day: date, plan: Plan) -> pl.DataFrame:
    """Words known from the beginning of `day` on; rows without any are left out."""
    midnight = pl.select(_utc(pl.lit(datetime.combine(day, datetime.min.time())), plan.market)).item()
    spoken = pl.any_horizontal(pl.col(name).is_not_null() for name in rows.columns if name not in ("symbol", "taxonomy"))
    return rows.filter(spoken).with_columns(known_at=pl.lit(midnight).cast(SECURITIES.schema["known_at"]), effective=pl.lit(day))


def _plain_name(column: str, market: Market) -> pl.Expr:
    """Spaces in a Chinese name pad it to four characters, differently by vendor: they are no part of it."""
    return pl.col(column).str.replace_all(r"\s", "") if market is Market.ASHARE else pl.col(column)


def _utc(at: pl.Expr, market: Market) -> pl.Expr:
    return at.dt.replace_time_zone(_ZONES[market], ambiguous="earliest", non_existent="null").dt.convert_time_zone("UTC")


_MAKERS: dict[str, Callable[[pl.DataFrame, Plan, datetime], pl.DataFrame]] = {
    FUNDING.name: _funding,
    OPEN_INTEREST.name: _open_interest,
    EX_RIGHTS.name: _ex_rights,
    FUNDAMENTALS.name: _fundamentals,
    SECURITIES.name: _securities,
}
