"""The durable outbox: what was raised and what was delivered, both read from the journal, so that a restart forgets neither.

alerts (projection) ─┐
AlertDelivered ──────┴──► Outbox.read ──► routing.plan ──► channel ──► AlertDelivered (at least once: a crash in between repeats)
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from engine.alerts.routing import MAX_LINES, Item, Message, Raised, Told
from engine.core.ids import content_hash
from engine.core.journal import Severity
from engine.core.person import AlertDelivered
from engine.core.text import safe_text
from engine.store import AlertBook, Books

MAX_WAITING = 500
MAX_DELIVERIES = 10_000
Word = Callable[[str, tuple[tuple[str, str], ...]], str]


class Outbox:
    """What is known of alerts and deliveries; belongs to the postman's thread. `word` turns a code and its parameters to words."""

    def __init__(self, word: Word) -> None:
        self._word = word
        self._told: dict[str, dict[str, Told]] = {}
        self._read_to = 0
        self.alerts: tuple[Raised, ...] = ()

    def read(self, books: Books) -> None:
        """Take in everything that the journal holds since the last look."""
        self.alerts = tuple(_raised(book) for book in reversed(books.alerts(limit=MAX_WAITING)))
        if not self._read_to and self.alerts:
            self._read_to = min(alert.seq for alert in self.alerts)
        for entry in books.events_since(self._read_to, limit=MAX_DELIVERIES):
            self._read_to = entry.seq
            if isinstance(entry.record, AlertDelivered):
                self.delivered(entry.record, entry.at)

    def told(self, channel: str) -> dict[str, Told]:
        """By alert, what `channel` took last."""
        return self._told.setdefault(channel, {})

    def delivered(self, record: AlertDelivered, at: datetime) -> None:
        """A channel took an alert."""
        self.told(record.channel)[record.alert_id] = Told(record.raised_seq, at, record.level)

    def words(self, message: Message) -> tuple[str, str]:
        """Title and body of a message: a line for each alert, with the marks by which a receiver knows one it already has."""
        first = message.items[0]
        extra = f" +{len(message.items) - 1}" if len(message.items) > 1 else ""
        title = f"[kanpan] {message.severity.upper()} {first.alert.desk}: {first.alert.code}{extra}"
        lines = [self._line(item) for item in message.items[:MAX_LINES]]
        if len(message.items) > MAX_LINES:
            lines.append(f"... {len(message.items) - MAX_LINES} more: kanpan alerts")
        return safe_text(title, limit=200, one_line=True), "\n".join(lines)

    def _line(self, item: Item) -> str:
        alert = item.alert
        again = f" x{alert.count}" if alert.count > 1 else ""
        loud = f" (reminder {item.level}, not acknowledged)" if item.level else ""
        said = safe_text(self._word(alert.code, alert.params), limit=400, one_line=True)
        return f"{alert.at:%Y-%m-%d %H:%M:%SZ} {alert.severity} {alert.desk}: {said}{again}{loud} #{mark(alert, item.level)}"


def mark(alert: Raised, level: int) -> str:
    """Twelve digits that name one telling of one alert: a message delivered twice carries the same ones."""
    return content_hash(f"{alert.alert_id}|{alert.seq}|{level}".encode())[:12]


def plain_words(code: str, params: tuple[tuple[str, str], ...]) -> str:
    """A code and its parameters as they are, for a caller without a language."""
    return " ".join([code, *(f"{name}={value}" for name, value in params if value)])


def trial_message(channel: str, now: datetime) -> Message:
    """What `kanpan alerts --test` sends."""
    alert = Raised("test", 0, "kanpan", Severity.INFO, "TEST", (), now, 1, False)
    return Message(channel, (Item(alert, 0),))


def _raised(book: AlertBook) -> Raised:
    alert = book.alert
    return Raised(
        alert_id=alert.alert_id,
        seq=book.seq,
        desk=alert.desk,
        severity=alert.severity,
        code=alert.code,
        params=alert.params,
        at=book.raised_at,
        count=book.count,
        acknowledged=book.acknowledged,
    )
