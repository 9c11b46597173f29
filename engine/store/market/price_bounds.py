"""The price limits of many A-share bars at once: the exchange room's percentages, its formula in columns.

engine.exchange.limits.band says how far a board's price may move on a day; here its rounding is done for a table instead of a row.
"""

from __future__ import annotations

from datetime import date, timedelta

import polars as pl

from engine.core.errors import CalendarUnknown, RuleUnknown
from engine.core.instrument import Board, Instrument
from engine.core.units import PPM, Market
from engine.exchange import board_of, sessions_listed, tick_of
from engine.exchange.limits import band

FIRST_DAYS = timedelta(days=30)
"""Calendar days after a listing in which the first-days rules (1 to 5 sessions) may still hold."""
_NAMED_FUNDS = (Board.ETF_SZ, Board.LOF_SZ)
_GROWTH = "创业板"
"""Only its name tells a growth fund of Shenzhen, and that may not be known: all of them get its wider limit."""
_FACTS = ("board", "delisting", "list_date")


def price_bounds(bars: pl.DataFrame, securities: pl.DataFrame) -> pl.DataFrame:
    """symbol, start, limit_up, limit_down (price units) of the `bars` that have a limit which the rulebook knows.

    `securities` is the folded history: symbol, known_at and the facts in force from then. A share whose listing day is not known
    is held to the limits of an old share, an ST share to those of an ordinary one: the mark may have been lifted since it was told,
    and its half-width limits would then refuse good bars.
    """
    rows = bars.filter(pl.col("pre_close") > 0).select("symbol", "start", "trading_day", "pre_close")
    known = securities.select("symbol", "known_at", *_FACTS).sort("known_at")
    dated = rows.sort("start").join_asof(
        known, left_on="start", right_on="known_at", by="symbol", strategy="backward", check_sortedness=False
    )
    recent = (pl.col("trading_day") - pl.col("list_date")).is_between(timedelta(0), FIRST_DAYS)
    dated = dated.with_columns(pl.when(recent).then("list_date").alias("recently"))
    groups = dated.with_columns(prefix=pl.col("symbol").str.replace(r"^(\d{3})\d{3}", "${1}000"))
    keys = ["prefix", "board", "delisting", "recently", "trading_day"]
    bands = [(*key, *_band(*key)) for key in groups.select(keys).unique().iter_rows()]
    ppm = {"up_ppm": pl.Int64(), "down_ppm": pl.Int64(), "tick": pl.Int64()}
    table = pl.DataFrame(bands, schema={**{name: groups.schema[name] for name in keys}, **ppm}, orient="row")
    limited = groups.join(table, on=keys, how="left", nulls_equal=True).filter(pl.col("up_ppm") > 0)
    return limited.select(
        "symbol",
        "start",
        limit_up=pl.max_horizontal(_limit(PPM + pl.col("up_ppm")), pl.col("pre_close") + pl.col("tick")),
        limit_down=pl.min_horizontal(_limit(PPM - pl.col("down_ppm")), pl.col("pre_close") - pl.col("tick")),
    )


def _limit(parts: pl.Expr) -> pl.Expr:
    """round_half_up(reference × parts, tick), as engine.exchange.limits.limits_around."""
    whole = pl.col("tick") * PPM
    return (2 * pl.col("pre_close") * parts + whole) // (2 * whole) * pl.col("tick")


def _band(symbol: str, board: str | None, delisting: bool | None, listed: date | None, day: date) -> tuple[int, int, int]:
    try:
        found = Board(board) if board else board_of(symbol, Market.ASHARE)
        item = Instrument(
            symbol,
            Market.ASHARE,
            found,
            _GROWTH if found in _NAMED_FUNDS else "",
            list_date=listed,
            delisting=bool(delisting),
        )
        return (*band(item, day, sessions_listed=sessions_listed(item, day)), tick_of(item, day))
    except (RuleUnknown, CalendarUnknown):
        return 0, 0, 0
