"""A desk at work: its tape, its paper broker and its books, moved forward one instant of market time at a time.

tape instant ──► distributions ──► prints meet working orders ──► session turns ──► one ledger write
slot due     ──► run_cycle (cycle.py), while the replayed market stands still
Everything of one instant is one transaction, so that a crash between two instants loses and repeats nothing.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta

from engine.brokers import PaperBroker, Working
from engine.brokers.execution import claimed, with_action
from engine.brokers.fold import action_of
from engine.core.bookkeeping import DeskOpened
from engine.core.errors import CalendarUnknown
from engine.core.ids import cycle_id
from engine.core.instrument import Instrument
from engine.core.journal import ConfigRecorded, CycleClaimed, CycleMoved, CycleState, Noted, Record, TradingState
from engine.core.past import Past
from engine.cycle.comparing import book_of
from engine.cycle.continuing import cash_stands, instruments_of, opened_as
from engine.cycle.cycle import Scene, run_cycle
from engine.cycle.keeping import keep, recall
from engine.cycle.mandate import Equipment, Mandate
from engine.cycle.marking import mark
from engine.cycle.missed import missed
from engine.cycle.perpetuals import margined
from engine.cycle.recovery import recover, resume_point
from engine.cycle.schedule import next_slot
from engine.cycle.shadowing import paused, spoken, trading_state
from engine.cycle.steps import OWN_TRIGGERS, newest_bars, terms_on, traded_today
from engine.cycle.watching import look
from engine.exchange import Phase, accepts_cancels, calendar, open_account
from engine.exchange.corporate import CorporateAction
from engine.feeds.tape import DividendEvent, QuoteEvent, SessionEvent, SessionKind, TapeEvent
from engine.store import Books

_A_SECOND, _A_DAY = timedelta(seconds=1), timedelta(days=2)
_VOLUME_DAYS = 5
_CANNOT_TRADE = frozenset({Phase.CLOSED, Phase.LUNCH})
_CANNOT_SEND = _CANNOT_TRADE | {Phase.PRE_OPEN_GAP}


class Desk:
    """One mandate being carried out. All methods belong to the desk's own thread."""

    def __init__(self, mandate: Mandate, equipment: Equipment) -> None:
        self.mandate = mandate
        self.equipment = equipment
        self.calendar = calendar(mandate.market)
        self.instruments: dict[str, Instrument] = instruments_of(mandate, equipment)
        self.terms = terms_on(mandate, self.instruments)
        self.broker = PaperBroker(mandate.desk, mandate.market, mandate.fees, self.instruments, self.terms)
        self.now = datetime.min.replace(tzinfo=UTC) + _A_DAY  # a zone west of Greenwich has no earlier day to be in
        self.trading_day = date.min
        self.equity = mandate.cash
        self.equity_day_start = mandate.cash
        self.equity_peak = mandate.cash
        self.cycles_run = 0
        self.next_slot_shown: datetime | None = None
        self.ran_until: datetime | None = None  # the newest slot run or written off; None for a desk that never ran
        self._last_slot: datetime | None = None
        self._distributed: frozenset[str] = frozenset()
        self.past = Past(mandate.desk)
        self._note = equipment.snapshots.parent / "past" / f"{mandate.desk}.json"
        self._told: frozenset[str] = frozenset()

    # -- opening ----------------------------------------------------------------------------------------------------------

    def open(self) -> None:
        """Open the account on the first start; afterwards load the books, catch up with the tape and finish what a crash left."""
        mandate, ledger = self.mandate, self.equipment.ledger
        with ledger.reader() as books:
            known = opened_as(books, mandate.desk, mandate.market)
            recorded = books.config(mandate.desk)
        if known is None:
            postings = open_account(mandate.desk, mandate.market, mandate.cash)
            currency = next(iter(self.instruments.values())).units.currency
            opened = DeskOpened(mandate.desk, mandate.market.value, currency, mandate.cash, postings)
            self._write([opened], key=f"{mandate.desk}/opened")
        if recorded is None or recorded.config_hash != mandate.config_hash:
            config = ConfigRecorded(mandate.desk, mandate.config_hash, mandate.config_hash)
            stands = cash_stands(mandate, known.cash) if known is not None else ()
            self._write([config, *stands], blobs=[mandate.config_text])
        with ledger.reader() as books:
            self._load(books)
            self.past = recall(self._note, books, mandate.desk)
            resume = resume_point(books, mandate.desk)
            unfinished = books.unfinished_cycles(mandate.desk)
            latest = books.cycles(mandate.desk, limit=100)
        # A slot at the very instant where the ledger stands or the tape begins may still be due; one before it is gone.
        begins = [moment - _A_SECOND for moment in (resume, self.equipment.tape.next_at()) if moment is not None]
        own = [cycle.slot for cycle in latest if cycle.trigger not in OWN_TRIGGERS]
        self._last_slot = max(own[:1] + begins, default=None)
        self.ran_until = max([*own[:1], resume - _A_SECOND]) if resume is not None else None
        if resume is not None:
            self._catch_up(resume)
        scene = self._scene()
        recover(scene, unfinished)
        self.past = scene.past
        with ledger.reader() as books:
            self._load_equity(books)

    def _load(self, books: Books) -> None:
        """The broker's book from the projections: the account, the open orders, the distributions its lots received."""
        desk = self.mandate.desk
        book = book_of(books, self.mandate)
        adjustments = books.adjustments(desk)
        self._distributed = frozenset(adjusted.adjustment_id for adjusted in adjustments)
        for adjusted in adjustments:
            if adjusted.terms.ex_date and adjusted.instrument in book.account.positions:
                book = with_action(book, action_of(adjusted))
        self.broker.load(claimed(book))

    def _load_equity(self, books: Books) -> None:
        """Where the equity stands, after a recovered cycle has marked it too."""
        curve = books.equity(self.mandate.desk, limit=10_000)
        if curve:
            self.equity = curve[-1].equity
            self.equity_peak = max(self.broker.account().initial_cash, books.equity_peak(self.mandate.desk))
            closes = [point.equity for point in curve if not point.cycle_id]
            self.equity_day_start = closes[-1] if closes else self.broker.account().initial_cash

    def _catch_up(self, to: datetime) -> None:
        """Let the tape run to where the ledger stands; what happened then is already booked."""
        for event in self.equipment.tape.advance(to):
            if isinstance(event, QuoteEvent):
                self.broker.see([event.quote])
            elif isinstance(event, SessionEvent):
                self._turn(event)
        self.now = to

    def _turn(self, event: SessionEvent) -> None:
        """A session turned; as a day begins, the last one's volumes and closes are known, the same after a restart as before it."""
        self.trading_day = event.day
        if event.kind is SessionKind.PRE_OPEN:
            snapshot = self.equipment.tape.snapshot(event.at, sorted(self.instruments), history_days=_VOLUME_DAYS)
            self.broker.remember_volumes({symbol: bar.volume for symbol, bar in newest_bars(snapshot).items()})
            self.broker.see(snapshot.quotes)  # also of names that give no quote today: they are worth their last close

    # -- time -------------------------------------------------------------------------------------------------------------

    def next_due(self) -> datetime | None:
        """When something happens next: the tape moves or a slot is due; None when the tape has ended."""
        moves = self.equipment.tape.next_at()
        slot = self.next_slot()
        if moves is None:
            return None
        return moves if slot is None else min(moves, slot)

    def next_slot(self) -> datetime | None:
        """The next scheduled cycle within a fortnight of the tape."""
        moves = self.equipment.tape.next_at()
        if moves is None:
            return None
        after = self._last_slot or moves - _A_SECOND
        return next_slot(self.mandate.schedule, self.calendar, after, self.calendar.local_day(moves))

    def step(self, due: datetime) -> None:
        """Move to `due`: first what the tape says up to then, then the cycle that is due then."""
        slot = self.next_slot()
        self.follow(due)
        if slot is not None and slot <= due:
            self._last_slot = slot
            self.run(slot, "schedule")
        self.next_slot_shown = self._following_slot()

    def _following_slot(self) -> datetime | None:
        """The next scheduled cycle of this session or the one after it, for people to see."""
        if self.equipment.tape.next_at() is None or self._last_slot is None:
            return None
        try:
            until = self.calendar.next_session(self.calendar.local_day(self.now))
        except CalendarUnknown:
            return None
        return next_slot(self.mandate.schedule, self.calendar, self._last_slot, until)

    def follow(self, due: datetime) -> None:
        """Move to `due` with the tape alone: orders fill and expire, no cycle begins."""
        events = self.equipment.tape.advance(due)
        for at, group in itertools.groupby(events, key=lambda event: event.at):
            self._instant(at, list(group))
            self._protect()
        self.now = max(self.now, due)

    def _instant(self, at: datetime, events: Sequence[TapeEvent]) -> None:
        self.now = at
        records: list[Record] = []
        prints = [(e.quote, e.bar) for e in events if isinstance(e, QuoteEvent) and e.quote.symbol in self.instruments]
        quotes = [quote for quote, _ in prints]
        for event in events:
            if isinstance(event, DividendEvent) and event.symbol in self.broker.account().positions:
                records += self._distribution(event)
            if isinstance(event, SessionEvent):
                self._turn(event)
        if self.broker.working():
            matched = self.broker.match(prints)
            self.broker.adopt(matched)
            records += matched.records
        self.broker.see(quotes)
        if self.terms is not None:
            records += margined(self.mandate, self.terms, self.broker, events, prints, at, self.trading_day)
        closes = any(isinstance(event, SessionEvent) and event.kind is SessionKind.CLOSE for event in events)
        if closes:
            self._price_missing(at)
            expired = self.broker.expire()
            self.broker.adopt(expired)
            marked = mark(self.mandate.desk, "", self.trading_day, at, self.broker, self.instruments)
            records += [*expired.records, marked]
            self._marked(marked.equity)
            self.equity_day_start = marked.equity
        # The broker is ahead of the ledger until this write; if it fails the desk stops and starts again from the ledger.
        if records:
            self._write(records, key=f"{self.mandate.desk}/tape/{at.astimezone(UTC):%Y%m%dT%H%M%S.%fZ}")
        if closes:
            keep(self._note, self.past, self.equipment.ledger.head)
        observer = self.equipment.observer
        for event in events:
            if isinstance(event, SessionEvent):
                observer.turned(self.mandate.desk, event)
        if quotes:
            observer.quoted(self.mandate.desk, quotes)

    def _price_missing(self, at: datetime) -> None:
        """A holding that gave no quote since a live desk started again is worth its last close, as far as a bar tells it."""
        held = [symbol for symbol in self.broker.account().held if not self.broker.last_price(symbol)]
        if held and self.equipment.newest is not None:
            self.broker.see(self.equipment.tape.snapshot(at, sorted(held), history_days=_VOLUME_DAYS).quotes)

    def _distribution(self, event: DividendEvent) -> Sequence[Record]:
        """The tape gives per ten shares, the rulebook wants 1e-8 per share; what a restart finds booked is not booked again."""
        name = f"{self.mandate.desk}:{event.symbol}:{event.ex_date:%Y%m%d}"
        if name in self._distributed:
            return ()
        action = CorporateAction(
            event.symbol,
            event.ex_date,
            cash_e8=event.cash_per_10 * 1_000,
            bonus_e8=event.bonus_per_10 * 10,
            transfer_e8=event.transfer_per_10 * 10,
        )
        effects = self.broker.distribute(name, action)
        self.broker.adopt(effects)
        return effects.records

    # -- cycles -----------------------------------------------------------------------------------------------------------

    def run(self, slot: datetime, trigger: str) -> CycleState:
        """One cycle for `slot`, or the visible reason why there is none."""
        name = self._cycle_name(slot, trigger)
        reason = self._blocked(slot, trigger)
        self.cycles_run += trigger not in OWN_TRIGGERS
        if reason:
            claimed = CycleClaimed(name, self.mandate.desk, trigger, slot, self.trading_day, self.mandate.config_hash)
            skipped = CycleMoved(name, self.mandate.desk, CycleState.SKIPPED, reason)
            self._write([claimed, skipped], key=f"{name}/claim")
            return CycleState.SKIPPED
        return self.again(name, slot, trigger)

    def miss(self, slots: Sequence[datetime], reason: str) -> None:
        """Slots that will never run, written down."""
        self._write(missed(self.mandate, self.calendar, slots, reason))
        self.ran_until = slots[-1]

    def again(self, name: str, slot: datetime, trigger: str) -> CycleState:
        """The cycle of that name, whatever would block it; a report runs past ones once more in a ledger of its own."""
        scene = self._scene()
        ending = run_cycle(scene, name, trigger, slot)
        self.past = scene.past
        if ending is CycleState.COMPLETED:
            self._marked(mark("", "", self.trading_day, self.now, self.broker, self.instruments).equity)
        return ending

    def run_next(self) -> CycleState | None:
        """One cycle by hand at the first instant of the tape, from now on, at which a cycle may trade; None when there is none."""
        return self.run(self.now, "manual") if self._to_trading(_CANNOT_TRADE) else None

    def _to_trading(self, closed: frozenset[Phase]) -> bool:
        """Carry the tape to an instant in no `closed` phase; False when it ends first, and where the market is live and closed."""
        if self.equipment.newest is not None:
            return self.calendar.phase(self.now) not in closed
        while self.calendar.phase(self.now) in closed:
            due = self.equipment.tape.next_at()
            if due is None:
                return False
            self.follow(due)
        return True

    def cancel_orders(self) -> None:
        """Withdraw every open order, as far as the phase of the session lets orders be withdrawn."""
        kept = self._cancel(list(self.broker.working().values()), "PERSON")
        if kept:
            told = (("count", str(len(kept))), ("phase", self.calendar.phase(self.now).value))
            self._write([Noted(self.mandate.desk, "CANCEL_REFUSED", told)])

    def _cancel(self, orders: Sequence[Working], code: str) -> list[str]:
        """Withdraw orders where the phase of the session takes a cancel; the names of those it did not take."""
        kept: list[str] = []
        for working in orders:
            if not accepts_cancels(self.calendar.phase(self.now, self.instruments[working.order.instrument])):
                kept.append(working.order.instrument)
                continue
            cancelled = self.broker.cancel(working.order.order_id, code)
            self._write(cancelled.records)
            self.broker.adopt(cancelled)
        return kept

    def flatten(self) -> CycleState:
        """Leave everything that may be left today, by a person's word; what may not be sold stands in the cycle's verdicts."""
        return self.run(self.now, "flatten")

    def flatten_next(self) -> CycleState | None:
        """`flatten` at the first instant of the tape, from now on, at which a cycle may trade; None when there is none."""
        return self.flatten() if self._to_trading(_CANNOT_SEND) else None

    def _protect(self) -> None:
        """After every instant of the tape: note new highs, move the trading state, leave what a protective rule wants out of."""
        if not self.past.holdings or not self.mandate.protected:
            return
        watched = look(self._scene(), self._watched_prices(), self._told)
        self._told |= watched.told
        if watched.records:
            self._write(watched.records)
        names = {trigger.instrument for trigger in watched.exits}
        # A buy still open would hold the exit back; where it cannot be withdrawn now, the exit is for a later instant.
        names -= set(self._cancel([item for item in self.broker.working().values() if item.order.instrument in names], "PROTECT"))
        if not names:
            return
        self.run(self.now, "protect")
        queued = {working.order.instrument for working in self.broker.working().values()}
        # What a gate denied is not asked for at every quote of the session again; the verdict says why.
        self._told |= {f"denied:{name}:{self.trading_day}" for name in names - queued}

    def _watched_prices(self) -> dict[str, int]:
        return {
            symbol: quote.last
            for symbol in self.past.holdings
            if (quote := self.broker.newest(symbol)) is not None and traded_today(quote, self.trading_day)
        }

    def _cycle_name(self, slot: datetime, trigger: str) -> str:
        """One name per slot; cycles by hand are numbered, because a replayed clock can stand still between two of them."""
        name = cycle_id(self.mandate.desk, self.mandate.market.value, self.trading_day, slot)
        if trigger in OWN_TRIGGERS:
            name = f"{name}:{trigger}"
        if trigger == "schedule":
            return name
        with self.equipment.ledger.reader() as books:
            return f"{name}:m{books.cycle_count(self.mandate.desk)}"

    def _blocked(self, slot: datetime, trigger: str) -> str:
        if self.calendar.phase(slot) in _CANNOT_TRADE:
            return "SESSION_CLOSED"
        with self.equipment.ledger.reader() as books:
            state = trading_state(books, self.mandate)
            resting = paused(books, self.mandate)
        if state is TradingState.HALTED or self.equipment.halted_outside():
            return "STATE_HALTED"
        return "PAUSED" if resting and trigger == "schedule" else ""

    def _scene(self) -> Scene:
        day = self.trading_day if self.trading_day > date.min else self.calendar.local_day(self.now)
        previous = self.calendar.previous_session(day) if day > self.calendar.first else day
        return Scene(
            mandate=self.mandate,
            equipment=self.equipment,
            broker=self.broker,
            instruments=self.instruments,
            now=self.now,
            trading_day=day,
            previous_session=previous,
            equity_day_start=self.equity_day_start,
            equity_peak=self.equity_peak,
            past=self.past,
        )

    def _marked(self, equity: int) -> None:
        self.equity = equity
        self.equity_peak = max(self.equity_peak, equity)

    def _write(self, records: Sequence[Record], *, key: str = "", blobs: Sequence[str] = ()) -> None:
        records = spoken(self.mandate, records)
        if not records:
            return
        self.equipment.ledger.write(records, key=key, blobs=blobs)
        for record in records:
            self.past = self.past.after(record)
        self.equipment.observer.recorded(self.mandate.desk, records)
