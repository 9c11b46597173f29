"""One past cycle computed again from its snapshot: candidates, decisions, verdicts, orders, each held against the record."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from engine.brokers import PaperBroker, Venue
from engine.core.errors import KanpanError
from engine.core.journal import VerdictsGiven
from engine.core.order import OrderStatus
from engine.cycle import Mandate
from engine.cycle.confirming import AMENDED, Settled, said_in, settled
from engine.cycle.steps import OWN_TRIGGERS, Standing, analyze, instruments_in, orders_of, rule, terms_on
from engine.exchange import calendar
from engine.replay.decided import decided
from engine.replay.past import Past
from engine.replay.sources import Sources
from engine.store.snapshot import read


def check(past: Past, sources: Sources, filled_at: Sequence[datetime]) -> None:
    """Compute a completed cycle again and note what differs; `filled_at` are the desk's fills so far."""
    past.let_go = sources.let_go(past)
    if past.let_go:
        return
    try:
        mandate = sources.mandate(past.claimed.config_hash)
        _compare(past, sources, filled_at, mandate)
    except KanpanError as error:
        past.differ("inputs", "readable", str(error))


def _compare(past: Past, sources: Sources, filled_at: Sequence[datetime], mandate: Mandate) -> None:
    name, desk, before = past.claimed.cycle_id, past.claimed.desk, past.before
    if past.frozen is None or past.decided is None or past.ruled is None or before is None:
        past.differ("journal", "snapshot, decisions and verdicts", "missing")
        return
    snapshot = read(sources.snapshots, past.frozen.hash)
    days = calendar(mandate.market)
    seen = analyze(snapshot, mandate, before.book.account, days.previous_session(past.claimed.trading_day))
    past.same("candidates", past.frozen.candidates, seen.candidates)
    past.same("stale", past.frozen.stale, seen.stale)
    made = decided(past, sources, filled_at, mandate, snapshot, seen)
    past.same_record("decisions", past.decided, made)
    book = before.book
    standing = Standing(book.account, book.working, before.trading_state, before.equity_day_start, before.equity_peak, before.past)
    ruling = rule(mandate, snapshot, seen, standing, made.decisions, protecting=past.claimed.trigger in OWN_TRIGGERS)
    past.same_record("verdicts", past.ruled, VerdictsGiven(name, desk, ruling.verdicts))
    created = orders_of(ruling, mandate, name, past.claimed.trading_day, snapshot.as_of)
    word = settled(said_in(past.said), created, mandate, instruments_in(snapshot), book)
    amended = [item for item in word.created if any(moved.code == AMENDED for moved in past.sent)]
    past.same_records("orders", past.created, [*created, *amended])
    instruments = instruments_in(snapshot)
    terms = terms_on(mandate, instruments)
    broker = PaperBroker(desk, mandate.market, mandate.fees, instruments, terms)
    broker.load(book)
    broker.see(snapshot.quotes)
    if any(moved.status is not OrderStatus.DENIED for moved in past.sent):
        _same_sending(past, word, broker, snapshot.as_of)
    past.venue = Venue(desk, instruments, days, mandate.fees, terms)


def _same_sending(past: Past, word: Settled, broker: PaperBroker, at: datetime) -> None:
    """What became of the cleared orders at the broker's door; what the world's move voided is taken as it is."""
    cleared = {item.order.order_id: item.order for item in word.cleared}
    denied = [moved for moved in past.sent if moved.status is OrderStatus.DENIED]
    voided = [moved for moved in denied if cleared.pop(moved.order_id, None) is not None]
    sent = broker.submit(list(cleared.values()), at).records
    past.same_records("order events", past.sent, [*word.denied, *voided, *sent])
