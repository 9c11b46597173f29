"""The engine: the one door. It opens the state directory, sets desks to work, takes a person's commands and publishes what happens.

config + home ──► Engine.start ──► lock, ledger, desks (a thread each), commands (a thread), heartbeat (APScheduler)
faces read `state`; they act through `command` only, as does another process through the inbox.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from engine.backtest import try_strategy
from engine.board import DeskFace
from engine.building import Closer, build_panel, build_purse, build_tape, mandate_of
from engine.commands import Commands
from engine.config import Config, DeskConfig
from engine.core.clock import Clock, WallClock
from engine.core.errors import ConfigError, KanpanError, LedgerError
from engine.core.journal import Noted, Severity
from engine.cycle import Desk, Equipment, Runner, resume_point
from engine.cycle.alarm import Alarm
from engine.cycle.continuing import held_by, left_behind, opened_as, told
from engine.cycle.deciding import templates_of
from engine.cycle.runner import Job
from engine.cycle.wall import WallRunner
from engine.feeds.tape import Tape
from engine.halting import halted_by_file
from engine.llm import PromptLibrary
from engine.publish import Publisher
from engine.retention import cut_offs, let_go
from engine.shadows import Shadows, Supplies
from engine.standings import Standings
from engine.state import State
from engine.store import Ledger
from engine.watching import Monitor, Voice

if TYPE_CHECKING:
    from engine.feeds.fetch import Fetcher
    from engine.feeds.live import LiveTape

RESTORED_ENTRIES = 600
BEAT_S = 1.0
STREAM_PACE_S = 0.02
CLOCK_JUMP_S = 5.0


class Engine:
    """Everything that runs. One instance per state directory; `start` raises KanpanError with one plain line when it cannot."""

    def __init__(
        self,
        config: Config,
        home: Path,
        *,
        clock: Clock,
        environ: Mapping[str, str],
        language: str = "en",
        speed: float | None = None,
        cycles: int | None = None,
        only: str = "",
        voice: Voice | None = None,
        state: State | None = None,
    ) -> None:
        if only and only not in config.desk:
            raise ConfigError(f"no desk {only} in the configuration; there are: {', '.join(sorted(config.desk))}")
        self.config = config
        self.home = home
        self.state = state if state is not None else State()
        self.failed = ""
        self.restored = 0
        self.drained = threading.Event()
        self.stopped = threading.Event()
        self._clock = clock
        self._environ = environ
        self._language = language
        self._speed = speed
        self._cycles = cycles
        self._only = only
        self._voice = voice or Voice()
        self._monitor: Monitor | None = None
        self._publisher = Publisher(self.state, clock)
        self._runners: dict[str, Runner] = {}
        self._cancelled: dict[str, threading.Event] = {}
        self._draining: set[str] = set()
        self._closers: list[Closer] = []
        self._fetcher: Fetcher | None = None
        self._live: dict[str, LiveTape] = {}
        self._pace_s = 0.0 if speed == 0 else STREAM_PACE_S
        self._ledger: Ledger | None = None
        self._commands: Commands | None = None
        self._alarm: Alarm | None = None
        self._shadows: Shadows | None = None
        self._standings: Standings | None = None
        self._tidied = date.min
        self._tidying: threading.Thread | None = None
        self._lock = threading.Lock()

    # -- the door ---------------------------------------------------------------------------------------------------------

    def start(self, first: Job | None = None) -> None:
        """Take the state directory, open the books, set the desks to work, beginning with `first` where it is given.

        Raises KanpanError; then nothing was started.
        """
        self._ledger = Ledger.open(self.home, clock=self._clock)
        try:
            for name, desk in self.config.desk.items():
                if not self._only or name == self._only:
                    self._runners[name] = self._build(name, desk, self._ledger)
            self._commands = Commands(self.home, self._ledger, self._publisher, self._runners, self._cancelled, self._fatal)
            self._monitor = Monitor(self.config.alerts, self._voice, self.home, self._ledger, self._clock, self._environ)
            self._monitor.watch(self.state, self._publisher, self._runners, self._commands)
            self._standings = Standings(
                self.state, self.home / "snapshots", list(self._runners), self._ledger.reader, self._league_failed
            )
            self._alarm = Alarm(self._beat, self._fatal, clock=self._clock, every_s=BEAT_S)
        except BaseException:
            self._ledger.close()
            raise
        self.restored = max((row.number for row in self.state.events.view().rows.values()), default=0)
        with self._ledger.reader() as books:
            for left, held in left_behind(books, self.config.desk).items():
                self._publisher.event(next(iter(self._runners)), "DESK_LEFT", *told(left, held))
        self._monitor.start()
        self._commands.start()
        self._alarm.start()
        for tape in self._live.values():
            tape.start()
        for name, runner in self._runners.items():
            runner.post(partial(self._publisher_opened, name))
            if first is not None:
                runner.post(first)
            runner.start()
        if self._shadows is not None:
            self._shadows.start()
        self._tidy_daily()

    def command(self, verb: str, desk: str, argument: str = "") -> str:
        """Ask for something on a person's behalf; returns the command's id at once, its outcome arrives in `state.events`."""
        if self._commands is None:
            raise LedgerError("the engine is not running")
        return self._commands.ask(verb, desk or next(iter(self._runners)), argument)

    def stop(self, timeout_s: float = 3.0) -> bool:
        """End after the steps under way: cancel model calls, join the threads, close the books. True when all ended in time."""
        with self._lock:
            if self.stopped.is_set():
                return True
            self.stopped.set()
        deadline = time.monotonic() + timeout_s
        if self._alarm is not None:
            self._alarm.stop()
        for runner in self._runners.values():
            runner.stop()
        for cancelled in self._cancelled.values():
            cancelled.set()
        if self._shadows is not None:
            self._shadows.stop()
        joined = [runner.join(max(0.05, deadline - time.monotonic())) for runner in self._runners.values()]
        ended = all(joined) and (self._shadows is None or self._shadows.join(deadline))
        if self._commands is not None:
            self._commands.stop()
        if self._monitor is not None:
            ended = self._monitor.stop(max(0.5, deadline - time.monotonic())) and ended
        if self._tidying is not None:
            self._tidying.join(max(0.05, deadline - time.monotonic()))
        if self._standings is not None:
            ended = self._standings.join(max(0.05, deadline - time.monotonic())) and ended
        for tape in self._live.values():
            tape.stop(0.0)
        for closer in self._closers:
            closer.close()
        for tape in self._live.values():
            ended = tape.stop(max(0.5, deadline - time.monotonic())) and ended
        if self._ledger is not None and ended:
            self._ledger.close()
        return ended

    def wait(self, *, timeout_s: float) -> bool:
        """Sleep until every desk has drained or the engine failed or was stopped; False when `timeout_s` passed first."""
        return self.drained.wait(timeout_s)

    # -- building ---------------------------------------------------------------------------------------------------------

    def _build(self, name: str, desk: DeskConfig, ledger: Ledger) -> Runner:
        mandate = mandate_of(name, desk, self._language)
        library = PromptLibrary(self.home / "prompts")
        for prompt in templates_of(mandate):
            try:
                library.template(prompt, self._language)
            except ConfigError as error:
                raise ConfigError(f"desk.{name}.prompt: {error}") from None
        models = build_panel(desk, self.config, self._environ, self._clock, self._closers, pace_s=self._pace_s)
        with ledger.reader() as books:
            resume = resume_point(books, name)
            known = opened_as(books, name, desk.market)
            cycles = books.cycle_count(name)
            curve = books.equity(name, limit=5_000)
            entries = books.entries(max(0, books.head() - RESTORED_ENTRIES), limit=RESTORED_ENTRIES)
            standing, resting, alerts = books.trading_state(name), books.paused(name), books.alerts(name)
            held = held_by(books, name)
        tape = self._tape(name, desk, resume, held)
        live = self._live.get(name)
        cancelled = self._cancelled[name] = threading.Event()
        halted = halted_by_file(self.home, name)
        led, observer = self._beside(ledger).beside(name, desk, tape, self._publisher, cancelled=cancelled, halted_outside=halted)
        equipment = Equipment(
            ledger=ledger,
            tape=led,
            models=models,
            snapshots=self.home / "snapshots",
            wall=self._clock,
            observer=observer,
            halted_outside=halted,
            cancelled=cancelled,
            newest=live.newest if live is not None else None,
            want=live.want if live is not None else None,
            gate=try_strategy,
            template=library.template,
            purse=build_purse(mandate, desk, self.config, self._environ, self._clock, self._closers),
        )
        worker = Desk(mandate, equipment)
        face = DeskFace(
            desk=name,
            market=desk.market,
            instruments=worker.instruments,
            broker=worker.broker,
            source=tape.source,
            replay=live is None,
            offline={model.name: model.offline for model in models},
            terms=worker.terms,
        )
        closes = [point.equity for point in curve if not point.cycle_id]
        cash = known.cash if known is not None else mandate.cash
        equity = curve[-1].equity if curve else cash
        self._publisher.attach(face, cycles=cycles, equity=equity, day_start=closes[-1] if closes else cash)
        if known is not None:
            self._publisher.restore(name, entries, curve, ledger)
            self._publisher.stood(name, standing, paused=resting, alerts=alerts)
        stands = resume if live is None else self._clock.now()
        if stands is not None:
            self._publisher.stands(name, stands)
        if live is not None and isinstance(self._clock, WallClock):
            return WallRunner(
                worker,
                live,
                self._clock,
                cycles=self._cycles,
                ended=lambda reason: self._desk_ended(name, reason),
                drained=lambda: self._desk_drained(name),
                grace_s=desk.live.grace_s,
            )
        speed = desk.replay.speed if self._speed is None else self._speed
        return Runner(
            worker,
            speed=speed,
            cycles=self._cycles,
            ended=lambda reason: self._desk_ended(name, reason),
            drained=lambda: self._desk_drained(name),
        )

    def _tape(self, name: str, desk: DeskConfig, resume: datetime | None, held: Sequence[str]) -> Tape:
        """What the desk reads; a live one is looked after until the end."""
        if not desk.is_live:
            return build_tape(desk, self.home, resume.date() if resume is not None else None)
        # Only a live desk needs HTTP: the demo starts without it.
        from engine.feeding import Started, World, live_fetcher, live_tape

        world = World(self.config, self.home, self._environ, self._clock)
        if self._fetcher is None:
            self._fetcher = live_fetcher(world, lambda code, params: self._noted(name, code, params))
            self._closers.append(self._fetcher)
        started = Started(resume, held, lambda code, params: self._noted(name, code, params))
        tape = live_tape(name, desk, world, self._fetcher, started)
        self._live[name] = tape
        return tape

    def _beside(self, ledger: Ledger) -> Shadows:
        if self._shadows is None:
            alike = Supplies(self.config, self.home, ledger, self._clock, self._environ, self._language, self._closers)
            self._shadows = Shadows(alike, failed=self._shadow_failed, idle=self._all_drained)
        return self._shadows

    # -- what happens -----------------------------------------------------------------------------------------------------

    def _noted(self, name: str, code: str, params: tuple[tuple[str, str], ...]) -> None:
        """What a feed has to say, from its own thread: durable, then shown."""
        if self._ledger is None or self.stopped.is_set():
            return
        record = Noted(name, code, params)
        self._ledger.write([record])
        if name in self._runners:
            self._publisher.recorded(name, [record])

    def _desk_drained(self, name: str) -> None:
        runner = self._runners[name]
        if runner.desk.next_due() is None:
            self._publisher.status(name, replay_finished=True, next_slot=None)
            self._publisher.event(name, "REPLAY_FINISHED")
        self._draining.add(name)
        if self._shadows is not None:
            self._shadows.rest(name)
        self._all_drained()

    def _all_drained(self) -> None:
        """The desks have run out, and their shadows have caught up with them."""
        if self._draining >= set(self._runners) and (self._shadows is None or self._shadows.idle):
            self.drained.set()

    def _shadow_failed(self, desk: str, shadow: str, reason: str) -> None:
        if not self.stopped.is_set():
            self._publisher.event(desk, "SHADOW_FAILED", ("shadow", shadow), ("reason", reason))

    def _publisher_opened(self, name: str, desk: Desk) -> None:
        self._publisher.opened(name)

    def _league_failed(self, reason: str) -> None:
        if not self.stopped.is_set():
            self._publisher.event(next(iter(self._runners)), "LEAGUE_FAILED", ("reason", reason))

    def _desk_ended(self, name: str, reason: str) -> None:
        if reason:
            self.failed = reason
            self._publisher.status(name, trading_state="HALTED", halting_reason=reason)
            self._publisher.event(name, "LEDGER_FAILED" if "ledger" in reason.lower() else "DESK_FAILED", ("reason", reason))
            self._publisher.alert(name, Severity.CRITICAL, "DESK_FAILED", ("reason", reason))
            self.state.edge("stopped")
        self._draining.add(name)
        if self._shadows is not None:
            self._shadows.rest(name)
        if reason:
            self.drained.set()
        self._all_drained()

    def _beat(self, drift_s: float) -> None:
        """Once a second: what the status rows say of time, and whether the machine slept or its clock was set."""
        for name, runner in self._runners.items():
            self._publisher.status(name, next_slot=runner.desk.next_slot_shown)
        for name, tape in self._live.items():
            self._publisher.looked(name, self._clock.now(), tape.source, degraded=tape.degraded, confirmed=tape.confirmed())
        if self._monitor is not None:
            self._monitor.look()
        if self._standings is not None:
            self._standings.beat(time.monotonic())
        if abs(drift_s) > CLOCK_JUMP_S and self._ledger is not None:
            jumped = (("seconds", f"{drift_s:+.1f}"),)
            for name in self._runners:
                record = Noted(name, "CLOCK_JUMP", jumped)
                self._ledger.write([record])
                self._publisher.recorded(name, [record])
        self._tidy_daily()

    def _tidy_daily(self) -> None:
        """Retention, at the start and once a UTC day (before Shanghai opens, after New York closes), in a thread of its own."""
        today = self._clock.now().date()
        if today == self._tidied or self._ledger is None:
            return
        self._tidied = today
        self._tidying = threading.Thread(target=self._tidy, args=(self._ledger,), name="retention", daemon=True)
        self._tidying.start()

    def _tidy(self, ledger: Ledger) -> None:
        desk, policy = next(iter(self._runners)), self.config.retention
        try:
            limits = cut_offs(policy.prompts_days, policy.snapshots_days, self._clock.now())
            noted = let_go(ledger, self.home / "snapshots", limits, desk)
            if noted is not None:
                self._publisher.recorded(desk, [noted])
        except KanpanError as error:
            if not self.stopped.is_set():
                self._publisher.alert(desk, Severity.WARNING, "RETENTION_FAILED", ("reason", str(error)))
        except BaseException as error:  # noqa: BLE001 - a dead thread must never go unnoticed
            self._fatal(f"retention: {type(error).__name__}: {error}")

    def _fatal(self, reason: str) -> None:
        """A background job died: halt everything rather than go on without it."""
        for name in self._runners:
            self._desk_ended(name, reason)
        for runner in self._runners.values():
            runner.stop()
