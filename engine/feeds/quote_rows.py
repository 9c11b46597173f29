"""Rows of an A-share source made into QUOTE_TABLE, or refused: each row priced or marked unpriced, no body trusted by halves.

numbers in CNY and shares ──► symbol · duplicates · times ──► printed, silent or bad ──► faults ──► integers, sorted by symbol
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime, time, timedelta
from typing import Protocol

import numpy as np
import numpy.typing as npt
import polars as pl

from engine.core.errors import RuleUnknown
from engine.exchange.boards import symbol_of
from engine.feeds.fields import (
    BEIJING,
    FEN,
    PERCENT_PPM,
    SKEW,
    Figures,
    clean,
    day_number,
    fen,
    figures,
    in_batches,
    integers,
    not_data,
    on_grid,
    price,
    rounded,
)
from engine.feeds.source import QUOTE_TABLE, Fault, FeedError, Fetch, Request, passing

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
_LARGEST = 1e16
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DAY = 86_400_000_000
_BEIJING_AHEAD = 8 * 3_600_000_000
"""Microseconds: Beijing has had no summer time since 1991, before any tape."""
_HOMES = {"SH": 1, "SZ": 2, "BJ": 3}
_SUFFIXES = np.array(["", *(f".{home}" for home in _HOMES)], dtype=object)
Truths = npt.NDArray[np.bool_]
Whole = npt.NDArray[np.int64]


def quote_table(source: str, rows: pl.DataFrame, now: datetime, *, asked: Collection[str] = ()) -> pl.DataFrame:
    """QUOTE_TABLE from rows of RAW_QUOTES; `asked` keeps only these symbols, and lets indices through that nobody can trade.

    A row whose figures contradict each other or whose amount / shares is not its price has no price (last = 0), and more than one
    in a hundred of them refuse the body. Raises FeedError: NOT_DATA, UNIT, FUTURE, UNKNOWN_SYMBOL when nothing asked for is in it.
    """
    named = named_rows(source, rows if rows.schema == RAW_QUOTES else rows.cast(RAW_QUOTES), asked)
    if named.is_empty():
        raise FeedError(source, Fault.UNKNOWN_SYMBOL, f"no row of {rows.height} is a share or fund that was asked for")
    at = _instants(source, named, now)
    whole = {name: price(figures(named, name)) for name in (*PRICES, "pre_close", *OFFERS)}
    whole |= {name: on_grid(figures(named, name), 1) for name in ("volume", *SIZES)} | {"amount": fen(figures(named, "amount"))}
    begun = now.astimezone(BEIJING).time() >= _OPENS
    printed, silent = _judged(source, named, whole, at > 0, begun)
    halted = silent if begun else silent & named["halted"].fill_null(False).to_numpy()
    return _finished(source, named, whole, printed, halted, np.where(at > 0, at, _microseconds(now)))


def named_rows(source: str, rows: pl.DataFrame, asked: Collection[str] = ()) -> pl.DataFrame:
    """Rows of a table with `code` and `home` as `symbol` and `listed` (a board owns it), each once and sorted.

    A code under another exchange's number is an index: kept only when it was asked for. Raises FeedError(NOT_DATA).
    """
    number = rows["code"].cast(pl.Int64, strict=False).fill_null(-1).to_numpy()
    coded = (number >= 0) & ((rows["code"].str.len_bytes() == 6) & ~rows["code"].str.starts_with("+")).fill_null(False).to_numpy()
    if not coded.all():
        rows, number = rows.filter(coded), number[coded]
    owner = _OWNERS[number // 1000]
    given = rows.select(
        pl.when(home="SH").then(_HOMES["SH"]).when(home="SZ").then(_HOMES["SZ"]).when(home="BJ").then(_HOMES["BJ"]).otherwise(0)
    ).to_series()
    # Eastmoney counts Beijing under Shenzhen's market number: the code decides between those two.
    unsaid = (given.to_numpy() == 0) | ((owner == _HOMES["BJ"]) & (given.to_numpy() == _HOMES["SZ"]))
    home = np.where(unsaid, owner, given.to_numpy())
    listed = (owner == home) & (owner > 0)
    kept = rows.drop("code", "home").with_columns(
        symbol=rows["code"] + pl.Series(_SUFFIXES[home], dtype=pl.String), listed=pl.Series(listed, dtype=pl.Boolean)
    )
    if asked:
        kept = kept.filter(pl.col("symbol").is_in(list(asked)))
    elif not listed.all():
        kept = kept.filter("listed")
    if kept["symbol"].n_unique() < kept.height:
        kept = kept.unique(maintain_order=True)
        if kept["symbol"].n_unique() < kept.height:
            raise not_data(source, "one symbol twice with different figures")
    return kept if kept["symbol"].is_sorted() else kept.sort("symbol")


def _owner(front: str) -> int:
    """The home of the codes that begin with three digits, as the exchange room knows it; 0 where no board owns them."""
    try:
        return _HOMES[symbol_of(f"{front}000").rpartition(".")[2]]
    except RuleUnknown:
        return 0


_OWNERS = np.array([_owner(f"{front:03d}") for front in range(1000)])


def _instants(source: str, rows: pl.DataFrame, now: datetime) -> Whole:
    """The source's time of each row in microseconds since 1970, never later than `now`; 0 where it has none."""
    at: Whole = rows["at"].to_physical().fill_null(0).to_numpy()
    latest, arrived = int(at.max()), _microseconds(now)
    if latest > arrived + SKEW // timedelta(microseconds=1):
        raise FeedError(source, Fault.FUTURE, f"a row {(latest - arrived) // 1_000_000} s ahead of this clock")
    return np.minimum(at, arrived)


def _judged(source: str, rows: pl.DataFrame, whole: Mapping[str, Figures], timed: Truths, begun: bool) -> tuple[Truths, Truths]:
    """Which rows printed (traded, with figures that agree) and which were silent. Raises FeedError when too many are neither."""
    last, opened, high, low, volume, amount = (whole[name] for name in (*PRICES, "volume", "amount"))
    traded = np.logical_and.reduce([figure > 0 for figure in (last, opened, high, low, volume, amount)])
    # In the opening call a source may show what would trade: a price and a volume, but no opening price.
    telling = (opened, volume, amount) if begun else (opened,)
    silent = np.logical_and.reduce([~(np.abs(figure) > 0) for figure in telling]) & timed
    ordered = (low <= np.minimum(opened, last)) & (high >= np.maximum(opened, last)) & (whole["pre_close"] > 0)
    average = np.divide(amount * FEN, volume, out=np.full(rows.height, np.nan), where=traded)
    near = np.abs(average - last) < TOLERANCE * last
    inside = (average >= low * 0.99) & (average <= high * 1.01)
    unit = near | inside | ~rows["listed"].to_numpy()
    sound = traded & ordered & timed
    unit_off, odd = sound & ~unit, ~sound & ~silent
    if (unit_off.sum() + odd.sum()) * MOST_BAD > rows.height:
        worse, fault, why = unit_off, Fault.UNIT, "amount / shares is not the price"
        if odd.sum() > unit_off.sum():
            worse, fault, why = odd, Fault.NOT_DATA, "figures that contradict each other"
        raise FeedError(source, fault, f"{worse.sum()} of {rows.height} rows, {rows['symbol'][int(worse.argmax())]} first: {why}")
    return sound & unit, silent


def _finished(
    source: str, rows: pl.DataFrame, whole: Mapping[str, Figures], printed: Truths, halted: Truths, at: Whole
) -> pl.DataFrame:
    always = {name: _kept(whole[name], True) for name in ("pre_close", "limit_up", "limit_down")}
    traded = {name: _kept(whole[name], printed) for name in (*PRICES, "volume", "amount", "bid", "ask", *SIZES)}
    # Fen become money units as integers: beyond 900 billion CNY a double cannot hold them.
    traded["amount"] *= FEN
    columns: dict[str, object] = {
        "symbol": rows["symbol"],
        "name": clean(rows["name"]),
        "trading_day": pl.Series(((at + _BEIJING_AHEAD) // _DAY).astype("datetime64[D]")),
        "known_at": pl.Series(at, dtype=pl.Int64).cast(QUOTE_TABLE["known_at"]),
        **always,
        **traded,
        "suspended": halted,
        "source": pl.repeat(source, rows.height, eager=True, dtype=pl.String),
        "industry": clean(rows["industry"]),
        "turnover_ppm": integers(rounded(figures(rows, "turnover"), PERCENT_PPM)),
        "float_cap": integers(rounded(figures(rows, "float_cap"), 1)),
        "list_date": day_number(figures(rows, "list_day")),
    }
    return pl.DataFrame({name: columns[name] for name in QUOTE_TABLE}, schema=QUOTE_TABLE)


def _kept(figure: Figures, where: Truths | bool) -> Whole:
    """A figure where it may be shown, 0 elsewhere."""
    return np.where(where & (figure > 0) & (figure < _LARGEST), figure, 0.0).astype(np.int64)


def _microseconds(at: datetime) -> int:
    return (at - _EPOCH) // timedelta(microseconds=1)


class Batching(Protocol):
    """A source that is asked for `batch` names at a time."""

    @property
    def name(self) -> str: ...

    @property
    def batch(self) -> int: ...

    def quotes_request(self, symbols: Sequence[str]) -> Request:
        """The request for at most `batch` names. Raises FeedError(UNKNOWN_SYMBOL) for a symbol of another market."""
        ...

    def parse_quotes(self, body: bytes, now: datetime, *, asked: Sequence[str] = ()) -> pl.DataFrame:
        """QUOTE_TABLE of one answer; `asked` keeps these symbols only. Raises FeedError."""
        ...


def batched(source: Batching, fetch: Fetch, symbols: Sequence[str], now: datetime) -> pl.DataFrame:
    """QUOTE_TABLE of `symbols`, a batch a request; who is quoted nowhere in it is missing from it.

    Raises FeedError(UNKNOWN_SYMBOL) for a symbol of another market and when no batch knows any, and whatever else a batch raises.
    """
    parts: list[pl.DataFrame] = []
    arrived = passing(fetch, now)
    for batch, request in [(batch, source.quotes_request(batch)) for batch in in_batches(symbols, source.batch)]:
        try:
            parts.append(source.parse_quotes(fetch(source.name, request), arrived(), asked=batch))
        except FeedError as error:
            if error.fault is not Fault.UNKNOWN_SYMBOL:
                raise
    if not parts:
        raise FeedError(source.name, Fault.UNKNOWN_SYMBOL, f"none of {len(symbols)} symbols, {symbols[0]} first")
    return pl.concat(parts).sort("symbol")


def whole_market(source: Batching, fetch: Fetch, listed: Sequence[str], now: datetime) -> pl.DataFrame:
    """QUOTE_TABLE of all that is `listed`, or of nine in ten of it; raises FeedError(INCOMPLETE) below that."""
    table = batched(source, fetch, listed, now)
    if table.height * 10 < len(listed) * 9:
        raise FeedError(source.name, Fault.INCOMPLETE, f"{table.height} of {len(listed)} rows")
    return table
