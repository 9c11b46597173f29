"""The screening of a whole market straight from a table of quotes, before any history is fetched: the same rules, column by column.

QUOTE_TABLE ──► priced today, not suspended ──► filters (ST, listing, price, board, industry, limits) ──► ranked ──► the `top`
Where screening.py reads instruments, this reads what a quote says of itself: ST and delisting by its name, the board by its code.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from datetime import date
from typing import Any

import polars as pl

from engine.analysis.screening import ORDINARY, Extreme, Filters, newest_listing
from engine.core.errors import ConfigError, RuleUnknown
from engine.core.instrument import Instrument
from engine.core.units import PPM, Market
from engine.exchange import board_of, name_flags, price_limits
from engine.exchange.calendar import sessions_listed

_RANKED = {
    "amount": pl.col("amount"),
    "volume": pl.col("volume"),
    "change": ((pl.col("last") - pl.col("pre_close")) * PPM / pl.col("pre_close")).cast(pl.Int64, strict=False),
    "turnover_rate": pl.col("turnover_ppm"),
}
"""Of the session so far; before the open the first two are 0 for all."""
_READ = ("symbol", "name", "list_date", "open", "last", "pre_close", "limit_up", "limit_down")


def screen_quotes(
    table: pl.DataFrame,
    *,
    market: Market,
    day: date,
    top: int,
    by: str,
    order: Extreme = "largest",
    filters: Filters = ORDINARY,
) -> tuple[str, ...]:
    """The `top` symbols of a QUOTE_TABLE on `day`, best first, equal figures by symbol.

    `by` is amount, volume, change, turnover_rate, or any other numeric column the table was given. Raises ConfigError otherwise.
    """
    figure = _RANKED.get(by, pl.col(by))
    if by not in _RANKED and not table.schema.get(by, pl.String()).is_numeric():
        raise ConfigError(f"cannot rank by {by!r}; the quotes know {', '.join(_RANKED)}")
    wanted = pl.col("last").gt(0) & pl.col("trading_day").eq(day) & ~pl.col("suspended") & _listed(market, day, filters)
    if filters.lowest_price:
        wanted &= pl.col("last") >= filters.lowest_price
    if filters.highest_price:
        wanted &= pl.col("last") <= filters.highest_price
    if filters.industries:
        wanted &= pl.col("industry").is_in(list(filters.industries))
    kept = table.lazy().filter(wanted).with_columns(figure=figure.cast(pl.Float64)).filter(pl.col("figure").is_not_null()).collect()
    ranked = kept.sort(["figure", "symbol"], descending=[order == "largest", False]).select(_READ)
    # What is dear to ask is asked of the best alone, until enough of them have passed.
    passed = (row[0] for row in ranked.iter_rows() if _offered(row, market, day, filters))
    return tuple(itertools.islice(passed, top))


def _listed(market: Market, day: date, filters: Filters) -> pl.Expr:
    newest = newest_listing(market, day, filters)
    return pl.col("list_date").is_null() | (pl.col("list_date") <= newest)


def _offered(row: Sequence[Any], market: Market, day: date, filters: Filters) -> bool:
    """Whether a row's name, board and limits let it through."""
    symbol, name, listed, opened, last, pre_close, up, down = row
    flags = name_flags(name) if market is Market.ASHARE else None
    if flags is not None and (flags.delisting or (flags.special_treatment and not filters.special_treatment)):
        return False
    asks_limits = not filters.locked and opened
    if not filters.boards and not asks_limits:
        return True
    try:
        board = board_of(symbol, market)
    except RuleUnknown:
        return not filters.boards
    if filters.boards and board not in filters.boards:
        return False
    if not asks_limits:
        return True
    if up and down:
        return last not in (up, down)
    share = Instrument(
        symbol, market, board, name, list_date=listed, special_treatment=flags is not None and flags.special_treatment
    )
    limits = price_limits(share, day, pre_close, sessions_listed=sessions_listed(share, day)) if pre_close > 0 else None
    return limits is None or last not in (limits.up, limits.down)
