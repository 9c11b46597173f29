"""Gates: may this desk, and this instrument, trade at all now? Exits pass them too, except those marked for entries only."""

from __future__ import annotations

from engine.core.decision import VerdictResult
from engine.core.journal import TradingState
from engine.risk.policy import Policy
from engine.risk.view import Finding, View, Wish, deny


def halt_file(view: View, policy: Policy, wish: Wish) -> Finding | None:
    """The sentinel file: the kill switch that any process can pull."""
    if view.halt_file:
        return Finding("HALT_FILE", "present", "absent", wish.current_ppm, VerdictResult.HALT)
    return None


def trading_state(view: View, policy: Policy, wish: Wish) -> Finding | None:
    """HALTED stops everything, REDUCING every entry."""
    if view.trading_state is TradingState.HALTED:
        return Finding("STATE_HALTED", "HALTED", "ACTIVE", wish.current_ppm, VerdictResult.HALT)
    if view.trading_state is TradingState.REDUCING and wish.entry:
        return Finding("STATE_REDUCING", "REDUCING", "ACTIVE", wish.current_ppm, VerdictResult.REDUCE_ONLY)
    return None


def policy_valid(view: View, policy: Policy, wish: Wish) -> Finding | None:
    """A policy that is none permits nothing."""
    return deny(wish, "POLICY_INVALID", view.policy_problem, "a valid policy") if view.policy_problem else None


def books_reconciled(view: View, policy: Policy, wish: Wish) -> Finding | None:
    """Broker and ledger agree on what there is."""
    return None if view.books_reconciled else deny(wish, "BOOKS_UNRECONCILED", "unreconciled", "reconciled")


def instrument_known(view: View, policy: Policy, wish: Wish) -> Finding | None:
    """Only what the snapshot holds."""
    symbol = wish.symbol
    if symbol not in view.instruments or symbol not in view.quotes:
        return deny(wish, "INSTRUMENT_UNKNOWN", symbol, "in the snapshot")
    return None


def session_open(view: View, policy: Policy, wish: Wish) -> Finding | None:
    """The exchange takes an order for this name at this instant."""
    return deny(wish, "SESSION_CLOSED", "closed", "open") if wish.symbol in view.closed else None


def instrument_priced(view: View, policy: Policy, wish: Wish) -> Finding | None:
    """Not suspended, and with a price of today."""
    quote = view.quotes[wish.symbol]
    if quote.suspended:
        return deny(wish, "INSTRUMENT_SUSPENDED", "suspended", "trading")
    if quote.last <= 0:
        return deny(wish, "PRICE_MISSING", "none", "a price")
    if quote.trading_day != view.trading_day:
        return deny(wish, "PRICE_NOT_TODAY", quote.trading_day.isoformat(), view.trading_day.isoformat())
    return None


def one_open_order(view: View, policy: Policy, wish: Wish) -> Finding | None:
    """A second order on a name whose first is still open could undo or double it."""
    return deny(wish, "ORDER_OPEN", "1", "0") if wish.symbol in view.open_orders else None


def data_fresh(view: View, policy: Policy, wish: Wish) -> Finding | None:
    """No entry on data older than the desk allows; an exit may."""
    return deny(wish, "DATA_STALE", "stale", "fresh") if wish.symbol in view.stale else None


def blacklist(view: View, policy: Policy, wish: Wish) -> Finding | None:
    """A person has excluded it."""
    return deny(wish, "INSTRUMENT_BLACKLISTED", wish.symbol, "not listed") if wish.symbol in policy.blacklist else None


def special_treatment(view: View, policy: Policy, wish: Wish) -> Finding | None:
    """No name on its way off the exchange; ST only where the policy allows it."""
    instrument = view.instruments[wish.symbol]
    if instrument.delisting:
        return deny(wish, "INSTRUMENT_DELISTING", "delisting", "listed")
    if instrument.special_treatment and not policy.allow_st:
        return deny(wish, "INSTRUMENT_ST", "ST", "not ST")
    return None
