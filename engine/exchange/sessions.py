"""The phases of a trading day, by exchange, product and date, and what each accepts.

Beijing times are half-open: 09:25:00 already belongs to the gap. Sources: SSE 上证发〔2026〕41号 2.4.2 and
SZSE 深证上〔2026〕551号 2.3.2, in force since 2026-07-06, and their 2006, 2018 and 2023 forerunners, as listed in market_rules §2.
"""

from __future__ import annotations

from datetime import date, time
from enum import StrEnum

from engine.core.instrument import Instrument
from engine.exchange.boards import Exchange, Product, exchange_of, product_of
from engine.exchange.dated import Dated, since


class Phase(StrEnum):
    """Where a session stands."""

    CLOSED = "closed"
    OPEN_CALL = "open_call"
    OPEN_CALL_NO_CANCEL = "open_call_no_cancel"
    PRE_OPEN_GAP = "pre_open_gap"
    CONTINUOUS = "continuous"
    LUNCH = "lunch"
    CLOSE_CALL_NO_CANCEL = "close_call_no_cancel"
    AFTER_HOURS_FIXED = "after_hours_fixed"


Table = tuple[tuple[time, Phase], ...]
"""(start, phase) pairs in order; a phase lasts until the next start."""

_MORNING: Table = (
    (time(0, 0), Phase.CLOSED),
    (time(9, 15), Phase.OPEN_CALL),
    (time(9, 20), Phase.OPEN_CALL_NO_CANCEL),
    (time(9, 25), Phase.PRE_OPEN_GAP),
    (time(9, 30), Phase.CONTINUOUS),
    (time(11, 30), Phase.LUNCH),
    (time(13, 0), Phase.CONTINUOUS),
)
CONTINUOUS_TO_CLOSE: Table = (*_MORNING, (time(15, 0), Phase.CLOSED))
CLOSING_CALL: Table = (*_MORNING, (time(14, 57), Phase.CLOSE_CALL_NO_CANCEL), (time(15, 0), Phase.CLOSED))
CLOSING_CALL_AFTER_HOURS: Table = (*CLOSING_CALL, (time(15, 5), Phase.AFTER_HOURS_FIXED), (time(15, 30), Phase.CLOSED))

_TABLES: dict[str, Dated[Table]] = {
    "SSE stock": since(
        "sessions of SSE stocks",
        ("2006-07-01", CONTINUOUS_TO_CLOSE),
        ("2018-08-20", CLOSING_CALL),
        ("2026-07-06", CLOSING_CALL_AFTER_HOURS),
    ),
    "STAR": since("sessions of STAR stocks", ("2019-07-22", CLOSING_CALL_AFTER_HOURS)),
    "SSE fund": since("sessions of SSE funds", ("2006-07-01", CONTINUOUS_TO_CLOSE), ("2026-07-06", CLOSING_CALL_AFTER_HOURS)),
    "SSE other": since("sessions of SSE bonds and B shares", ("2006-07-01", CONTINUOUS_TO_CLOSE)),
    "SSE B share": since("sessions of SSE B shares", ("2006-07-01", CONTINUOUS_TO_CLOSE), ("2018-08-20", CLOSING_CALL)),
    "SSE REIT": since("sessions of SSE REITs", ("2021-01-29", CONTINUOUS_TO_CLOSE), ("2026-07-06", CLOSING_CALL)),
    "SZSE stock": since("sessions of SZSE stocks", ("2006-07-01", CLOSING_CALL), ("2026-07-06", CLOSING_CALL_AFTER_HOURS)),
    "ChiNext": since("sessions of ChiNext stocks", ("2009-10-30", CLOSING_CALL), ("2020-08-24", CLOSING_CALL_AFTER_HOURS)),
    "SZSE other": since("sessions of SZSE bonds, REITs and B shares", ("2006-07-01", CLOSING_CALL)),
    # The after-hours session of the BSE comes "partly by later notice" [?]: not assumed.
    "BSE": since("sessions of the BSE", ("2021-11-15", CLOSING_CALL)),
}


def _table_name(instrument: Instrument) -> str:
    exchange, product, board = exchange_of(instrument), product_of(instrument), instrument.board.value
    if exchange is Exchange.BSE:
        return "BSE"
    if board == "star":
        return "STAR"
    if board == "chinext":
        return "ChiNext"
    if exchange is Exchange.SSE:
        names = {Product.STOCK: "SSE stock", Product.B_SHARE: "SSE B share", Product.REIT: "SSE REIT"}
        return names.get(product, "SSE fund" if product in (Product.FUND, Product.FUND_T0) else "SSE other")
    return "SZSE stock" if product in (Product.STOCK, Product.FUND, Product.FUND_T0) else "SZSE other"


def ashare_table(instrument: Instrument, day: date) -> Table:
    """The phases of an A-share session for this instrument on `day`. Raises RuleUnknown before 2006-07-01."""
    return _TABLES[_table_name(instrument)].on(day)


def phase_in(table: Table, at: time) -> Phase:
    """The phase of a wall-clock time in a table."""
    current = Phase.CLOSED
    for start, phase in table:
        if at < start:
            break
        current = phase
    return current


_OPEN = frozenset(
    {Phase.OPEN_CALL, Phase.OPEN_CALL_NO_CANCEL, Phase.CONTINUOUS, Phase.CLOSE_CALL_NO_CANCEL, Phase.AFTER_HOURS_FIXED}
)
_CANCELLABLE = frozenset({Phase.OPEN_CALL, Phase.CONTINUOUS, Phase.AFTER_HOURS_FIXED})


def accepts_orders(phase: Phase, exchange: Exchange) -> bool:
    """Whether an order sent now is taken. In the gap from 09:25 to 09:30 SZSE takes and holds it, SSE and BSE refuse it.

    The BSE's gap is read like SSE's [?]: refusing is the safe error.
    """
    return phase in _OPEN or (phase is Phase.PRE_OPEN_GAP and exchange is Exchange.SZSE)


def accepts_cancels(phase: Phase) -> bool:
    """Whether a cancel is taken. Not in 09:20-09:30 nor in the closing call; between 15:05 and 15:30 it is [?]."""
    return phase in _CANCELLABLE


def matches(phase: Phase) -> bool:
    """Whether trades happen in this phase other than at its end."""
    return phase in (Phase.CONTINUOUS, Phase.AFTER_HOURS_FIXED)
