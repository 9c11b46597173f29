"""The thread that delivers alerts, away from everything that trades: it reads the ledger, sends, and writes down what was taken.

head moved or a second passed ──► Outbox.read ──► plan for each channel ──► send ──► AlertDelivered | try again, later each time
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from datetime import datetime

from engine.alerts.channels import Channel, ChannelFailed
from engine.alerts.outbox import Outbox, Word
from engine.alerts.routing import RATE_WINDOW, Message, RoutingPolicy, plan
from engine.core.clock import Clock
from engine.core.errors import LedgerError
from engine.core.journal import Record
from engine.core.person import AlertDelivered, AlertUndelivered
from engine.store import Ledger

POLL_S = 0.25
FIRST_PAUSE_S = 1.0
LONGEST_PAUSE_S = 300.0

Recorded = Callable[[str, Sequence[Record]], None]
"""Told of each record once it is durable: (desk, records)."""


class Postman:
    """Delivers from `start` to `stop`; `beat` is the monotonic instant of its last look. Sends at least once, never from a lock."""

    def __init__(
        self, ledger: Ledger, channels: Sequence[Channel], policy: RoutingPolicy, *, clock: Clock, word: Word, recorded: Recorded
    ) -> None:
        self.beat = time.monotonic()
        self.failed = ""
        self._ledger = ledger
        self._channels = tuple(channels)
        self._policy = policy
        self._clock = clock
        self._recorded = recorded
        self._outbox = Outbox(word)
        self._sent: dict[str, list[datetime]] = {channel.name: [] for channel in channels}
        self._pause_s: dict[str, float] = {}
        self._not_before: dict[str, float] = {}
        self._read_at = -1
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="alerts", daemon=True)

    def start(self) -> None:
        """Begin, with whatever an earlier process left undelivered."""
        self._thread.start()

    def stop(self, timeout_s: float) -> bool:
        """One last round and the end; True when the thread ended in time. What is left undelivered is found by the next start."""
        self._stopping.set()
        if self._thread.ident is not None:
            self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def round(self) -> int:
        """Look once and send what is due; returns how many messages were taken. Raises LedgerError."""
        head = self._ledger.head.seq
        if head != self._read_at:
            with self._ledger.reader() as books:
                self._outbox.read(books)
            self._read_at = head
        return sum(self._send_to(channel) for channel in self._channels)

    def _run(self) -> None:
        last = False
        while not last:
            last = self._stopping.wait(POLL_S)
            self.beat = time.monotonic()
            try:
                self.round()
                self.failed = ""
            except LedgerError as error:  # a full disk may have room again: what was sent and not recorded is sent once more
                self.failed = str(error)
                self._stopping.wait(FIRST_PAUSE_S)

    def _send_to(self, channel: Channel) -> bool:
        name, now = channel.name, self._clock.now()
        if time.monotonic() < self._not_before.get(name, 0.0):
            return False
        self._sent[name] = [at for at in self._sent[name] if at > now - RATE_WINDOW]
        due = plan(self._policy, name, self._outbox.alerts, self._outbox.told(name), self._sent[name], now.astimezone())
        if due is None:
            return False
        title, body = self._outbox.words(due)
        self._sent[name].append(now)
        try:
            channel.send(title, body, due.severity)
        except ChannelFailed as error:
            self._put_off(channel, due, str(error))
            return False
        self._pause_s.pop(name, None)
        self._took(due, now)
        return True

    def _took(self, message: Message, now: datetime) -> None:
        for item in message.items:
            alert = item.alert
            record = AlertDelivered(alert.desk, alert.alert_id, alert.seq, message.channel, item.level)
            key = f"alert/{alert.alert_id}/{alert.seq}/{item.level}/{message.channel}"
            self._ledger.write([record], key=key)
            self._outbox.delivered(record, now)
            self._recorded(alert.desk, [record])

    def _put_off(self, channel: Channel, message: Message, reason: str) -> None:
        """Later each time; written down when a channel begins to fail, not at every try."""
        name, before = channel.name, self._pause_s.get(channel.name, 0.0)
        self._pause_s[name] = min(LONGEST_PAUSE_S, before * 2 or FIRST_PAUSE_S)
        self._not_before[name] = time.monotonic() + self._pause_s[name]
        if not before:
            desk = message.items[0].alert.desk
            record = AlertUndelivered(desk, name, reason, len(message.items))
            self._ledger.write([record])
            self._recorded(desk, [record])
