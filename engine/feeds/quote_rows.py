"""Rows of an A-share source made into QUOTE_TABLE, or refused: each row priced or marked unpriced, no body trusted by halves.

numbers in CNY and shares ──► symbol · duplicates · times ──► printed, silent or bad ──► faults ──► integers, sorted by symbol
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, time

import polars as pl

from engine.core.errors import RuleUnknown
from engine.exchange.boards import symbol_of
from engine.feeds.fields import BEIJING, PERCENT_PPM, SKEW, clean, day_number, fen, not_data, on_grid, price, rounded
from engine.feeds.source import QUOTE_TABLE, Fault, FeedError

PRICES = ("last", "open", "high", "low")
OFFERS = ("bid", "ask", "limit_up", "limit_down")
SIZES = ("bid_size", "ask_size")
RAW_QUOTES = pl.Schema(
    {"code": pl.String(), "home": pl.String(), "name": pl.String(), "at": pl.Datetime("us", "UTC")}
    | {name: pl.Float64() for name in (*PRICES, "pre_close", "volume", "amount", *OFFERS, *SIZES)}
    | {"turnover": pl.Float64(), "float_cap": pl.Float64(), "list_day": pl.Float64()}
    | {"industry": pl.String(), "halted": pl.Boolean()}
)
"""What an adapter hands over: prices and amount in CNY, volume and sizes in shares, turnover in percent, float_cap in CNY, list_day
as yyyymmdd, all null where the source had none; `home` is SH, SZ or BJ where the source says (null: by the code); `halted` where
the source says so itself."""

TOLERANCE = 0.15
"""How far amount / shares may lie from the price before a unit must be wrong (lots for shares is 99 times too far)."""
MOST_BAD = 100
"""One bad row in so many, and the body is refused as a whole."""
_OPENS = time(9, 30)
_LARGEST = 10**15


def quote_table(source: str, rows: pl.DataFrame, now: datetime, *, asked: Collection[str] = ()) -> pl.DataFrame:
    """QUOTE_TABLE from rows of RAW_QUOTES; `asked` keeps only these symbols, and lets indices through that nobody can trade.

    A row whose figures contradict each other or whose amount / shares is not its price has no price (last = 0), and more than one
    in a hundred of them refuse the body. Raises FeedError: NOT_DATA, UNIT, FUTURE, UNKNOWN_SYMBOL when nothing asked for is in it.
    """
    named = named_rows(source, rows.cast(RAW_QUOTES), asked)
    if named.is_empty():
        raise FeedError(source, Fault.UNKNOWN_SYMBOL, f"no row of {rows.height} is a share or fund that was asked for")
    _check_times(source, named, now)
    judged = _judged(_whole(named.with_columns(at=pl.when(pl.col("at") > now).then(_instant(now)).otherwise("at"))))
    _refuse(source, judged)
    return _finished(source, judged, now)


def named_rows(source: str, rows: pl.DataFrame, asked: Collection[str] = ()) -> pl.DataFrame:
    """Rows of a table with `code` and `home`, with their `symbol`, each once and sorted. Raises FeedError(NOT_DATA)."""
    if not rows["code"].str.contains(r"^\d{6}$").fill_null(False).all():
        rows = rows.filter(pl.col("code").str.contains(r"^\d{6}$").fill_null(False))
    homes = {front: home for front in rows["code"].str.slice(0, 3).unique().to_list() if (home := home_of(front)) is not None}
    owner = pl.col("code").str.slice(0, 3).replace_strict(homes, default=None, return_dtype=pl.String)
    given = pl.coalesce("home", owner)
    # Eastmoney counts Beijing under Shenzhen's market number: the code decides between those two.
    settled = pl.when((owner == "BJ") & (given == "SZ")).then(pl.lit("BJ")).otherwise(given)
    rows = rows.with_columns(owner=owner, home=settled).with_columns(symbol=pl.concat_str("code", pl.lit("."), "home"))
    listed = pl.col("owner") == pl.col("home")
    kept = rows.filter(pl.col("symbol").is_in(list(asked)) if asked else listed)
    kept = kept.with_columns(listed=(pl.col("owner") == pl.col("home")).fill_null(False)).drop("owner", "home", "code")
    if kept["symbol"].n_unique() < kept.height:
        kept = kept.unique(maintain_order=True)
        if kept["symbol"].n_unique() < kept.height:
            raise not_data(source, "one symbol twice with different figures")
    return kept.sort("symbol")


def home_of(front: str) -> str | None:
    """SH, SZ or BJ for the first three digits of a code, as the exchange room knows them; None where no board owns them."""
    try:
        return symbol_of(f"{front}000").rpartition(".")[2]
    except RuleUnknown:
        return None


def _check_times(source: str, rows: pl.DataFrame, now: datetime) -> None:
    latest = rows["at"].max()
    if isinstance(latest, datetime) and latest > now + SKEW:
        raise FeedError(source, Fault.FUTURE, f"a row of {latest:%Y-%m-%d %H:%M:%S} UTC, {latest - now} ahead of this clock")


def _whole(rows: pl.DataFrame) -> pl.DataFrame:
    """Integers in core units; null where a figure is missing, off its grid or absurd."""
    return rows.with_columns(
        *(price(pl.col(name)).alias(name) for name in (*PRICES, "pre_close", *OFFERS)),
        *(on_grid(pl.col(name), 1).alias(name) for name in ("volume", *SIZES)),
        fen(pl.col("amount")).alias("amount"),
        rounded(pl.col("turnover"), PERCENT_PPM).alias("turnover_ppm"),
        rounded(pl.col("float_cap"), 1).alias("float_cap"),
        day_number(pl.col("list_day")).alias("list_date"),
    )


def _judged(rows: pl.DataFrame) -> pl.DataFrame:
    """With `printed` (it traded and its figures agree), `odd` (they do not) and `unit_off` (amount / shares is not the price)."""
    figures = (*PRICES, "volume", "amount")
    traded = pl.all_horizontal(pl.col(name).fill_null(0) > 0 for name in figures)
    silent = (pl.col("volume").fill_null(0) == 0) & (pl.col("amount").fill_null(0) == 0) & (pl.col("open").fill_null(0) == 0)
    top, bottom = pl.max_horizontal("open", "last"), pl.min_horizontal("open", "last")
    ordered = (pl.col("low") <= bottom) & (pl.col("high") >= top) & (pl.col("pre_close").fill_null(0) > 0)
    average = pl.col("amount") / pl.col("volume")
    near = (average / pl.col("last") - 1).abs() < TOLERANCE
    inside = (average >= pl.col("low") * 0.99) & (average <= pl.col("high") * 1.01)
    timed = pl.col("at").is_not_null()
    sound_unit = near | inside | ~pl.col("listed")
    return rows.with_columns(
        printed=traded & ordered & sound_unit & timed,
        odd=(~traded & ~silent) | (traded & ~ordered) | ~timed,
        unit_off=traded & ordered & timed & ~sound_unit,
    )


def _refuse(source: str, rows: pl.DataFrame) -> None:
    off, odd = int(rows["unit_off"].sum()), int(rows["odd"].sum())
    if (off + odd) * MOST_BAD <= rows.height:
        return
    if off >= odd:
        first = rows.filter("unit_off").row(0, named=True)
        detail = f"{off} of {rows.height} rows: {first['symbol']} amount / shares is not its price"
        raise FeedError(source, Fault.UNIT, detail)
    first = rows.filter("odd").row(0, named=True)
    raise not_data(source, f"{odd} of {rows.height} rows contradict themselves, {first['symbol']} first")


def _finished(source: str, rows: pl.DataFrame, now: datetime) -> pl.DataFrame:
    printed = pl.col("printed")
    at = pl.col("at").fill_null(_instant(now))
    silent = ~printed & ~pl.col("odd") & ~pl.col("unit_off")
    session_begun = now.astimezone(BEIJING).time() >= _OPENS
    traded = {name: pl.when(printed).then(pl.col(name)).otherwise(0) for name in (*PRICES, "volume", "amount")}
    kept = {name: pl.col(name).fill_null(0).clip(0, _LARGEST) for name in ("pre_close", *OFFERS, *SIZES)}
    offered = {name: pl.when(printed).then(kept[name]).otherwise(0) for name in ("bid", "ask", *SIZES)}
    columns = {
        **{name: pl.col(name) for name in ("symbol", "turnover_ppm", "float_cap", "list_date")},
        "name": clean(pl.col("name")),
        "trading_day": at.dt.convert_time_zone(str(BEIJING)).dt.date(),
        "known_at": at,
        **kept,
        **traded,
        **offered,
        "suspended": silent & (pl.col("halted").fill_null(False) | pl.lit(session_begun)),
        "source": pl.lit(source),
        "industry": clean(pl.col("industry")),
    }
    return rows.select(columns[name].alias(name) for name in QUOTE_TABLE).cast(QUOTE_TABLE)


def _instant(at: datetime) -> pl.Expr:
    return pl.lit(at).cast(pl.Datetime("us", "UTC"))


def answered(source: str, table: pl.DataFrame, asked: Sequence[str], unknown: Collection[str] = ()) -> pl.DataFrame:
    """`table` when at least nine in ten of what was asked for is in it or said to be `unknown`; raises FeedError(INCOMPLETE)."""
    missing = set(asked) - set(table["symbol"].to_list()) - set(unknown)
    if len(missing) * 10 > len(set(asked)):
        raise FeedError(source, Fault.INCOMPLETE, f"{len(missing)} of {len(asked)} symbols missing, {sorted(missing)[0]} first")
    return table
