"""How much of a market a cycle freezes: all of a small one; of a large one every quote, and history of what it may come to hold.

quotes and a few sessions of all ──► screened as the cycle will ──► history of the chosen and the held ──► one snapshot
What is ranked needs the last sessions only, so that the screening inside the snapshot comes to the same names.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

import polars as pl

from engine.analysis import screen_market, sessions_needed
from engine.cycle.mandate import Mandate
from engine.feeds.tape import Tape
from engine.store.snapshot import Snapshot, freeze

WHOLE = 500
"""Up to so many names a snapshot holds the history of all."""
SLACK = 10
"""Sessions of every name of a larger market beyond what the ranked figure looks at: one that was suspended for no longer and trades
again is ranked as ever; one that was away longer is not ranked until it has traded for as long as the figure needs."""


def market_seen(tape: Tape, at: datetime, symbols: Sequence[str], mandate: Mandate, held: Collection[str]) -> Snapshot:
    """The market of `symbols` at `at` as a cycle of `mandate` decides on it. Raises DataError."""
    needed = sessions_needed(mandate.by)
    shallow = needed + SLACK
    if len(symbols) <= WHOLE or not needed or shallow >= mandate.history_days:
        return tape.snapshot(at, symbols, history_days=mandate.history_days)
    wide = tape.snapshot(at, symbols, history_days=shallow)
    chosen = screen_market(wide, top=mandate.top, by=mandate.by, order=mandate.order, filters=mandate.filters)
    listed = {item.symbol for item in wide.instruments}
    deep = tape.snapshot(at, sorted({*chosen, *held} & listed), history_days=mandate.history_days)
    names = [item.symbol for item in deep.instruments]
    others = wide.bars.filter(pl.col("interval") == "1d", ~pl.col("symbol").is_in(names))
    return freeze(
        as_of=wide.as_of,
        market=wide.market,
        trading_day=wide.trading_day,
        source=wide.source,
        instruments=wide.instruments,
        quotes=wide.quotes,
        bars=pl.concat([others, deep.bars]).sort("symbol", "interval", "known_at"),
        fundings=wide.fundings,
    )
