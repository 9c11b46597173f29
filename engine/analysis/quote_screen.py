"""The screening of a whole market straight from a table of quotes, before any history is fetched: the same rules, column by column.

QUOTE_TABLE ──► priced today, not suspended ──► filters (ST, listing, price, board, industry, limits) ──► ranked ──► the `top`
Where screening.py reads instruments, this reads what a quote says of itself: ST and delisting by its name, the board by its code.
"""

from __future__ import annotations

from datetime import date

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
_MARKS = r"^(?:XD|XR|DR)?[NC]?"
_ST = _MARKS + r"(?:S\*ST|SST|\*ST|ST)"
_DELISTING = "退$|" + _MARKS + "退市"
_NEAR_A_LIMIT = 0.03
"""No limit is nearer to the reference than this, but for shares of a few ticks; those are asked about one by one."""
_FEW_TICKS = 10_000


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
    if market is Market.ASHARE:
        kept = _by_name(kept, filters)
    if filters.boards:
        kept = kept.filter(pl.col("symbol").is_in(_on_boards(kept["symbol"], market, filters)))
    if not filters.locked:
        kept = kept.filter(~pl.col("symbol").is_in(_locked(kept, market, day)))
    ranked = kept.sort(["figure", "symbol"], descending=[order == "largest", False])
    return tuple(ranked["symbol"].head(top).to_list())


def _listed(market: Market, day: date, filters: Filters) -> pl.Expr:
    newest = newest_listing(market, day, filters)
    return pl.col("list_date").is_null() | (pl.col("list_date") <= newest)


def _by_name(kept: pl.DataFrame, filters: Filters) -> pl.DataFrame:
    """Without delisting names, and without ST unless they are wanted; the marks are those of exchange.name_flags."""
    name = pl.col("name").str.replace_all(r"[\s　]", "")
    out = name.str.contains(_DELISTING)
    return kept.filter(~(out if filters.special_treatment else out | name.str.contains(_ST)))


def _on_boards(symbols: pl.Series, market: Market, filters: Filters) -> list[str]:
    """A board owns the codes that begin alike, so one code of each beginning is asked about."""
    known: dict[str, bool] = {}
    found = []
    for symbol in symbols.to_list():
        start = f"{symbol[:3]}{symbol[-3:]}"
        if start not in known:
            try:
                known[start] = board_of(symbol, market) in filters.boards
            except RuleUnknown:
                known[start] = False
        if known[start]:
            found.append(symbol)
    return found


def _locked(kept: pl.DataFrame, market: Market, day: date) -> list[str]:
    """Names whose newest print of today stands at a limit, published or else computed."""
    last, up, down = pl.col("last"), pl.col("limit_up"), pl.col("limit_down")
    printed = kept.filter(pl.col("open") > 0)
    told = (up > 0) & (down > 0)
    said = printed.filter(told & ((last == up) | (last == down)))["symbol"].to_list()
    moved = ((last - pl.col("pre_close")).abs() >= pl.col("pre_close") * _NEAR_A_LIMIT) | (pl.col("pre_close") < _FEW_TICKS)
    untold = printed.filter(~told & moved & (pl.col("pre_close") > 0)).select("symbol", "name", "list_date", "last", "pre_close")
    return said + [row[0] for row in untold.iter_rows() if _at_limit(*row, market=market, day=day)]


def _at_limit(symbol: str, name: str, listed: date | None, last: int, pre_close: int, *, market: Market, day: date) -> bool:
    try:
        board = board_of(symbol, market)
    except RuleUnknown:
        return False
    share = Instrument(symbol, market, board, name, list_date=listed, special_treatment=name_flags(name).special_treatment)
    limits = price_limits(share, day, pre_close, sessions_listed=sessions_listed(share, day))
    return limits is not None and last in (limits.up, limits.down)
