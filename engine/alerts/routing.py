"""Which alert leaves through which channel now: merging, acknowledgement, quiet hours, rate and escalation as one pure function.

alerts raised + what was delivered + the hour ──► plan ──► one message a channel at most, and when to look again
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta

from engine.core.journal import Severity

RANK = {Severity.INFO: 0, Severity.WARNING: 1, Severity.CRITICAL: 2}
REPEAT_AFTER = timedelta(minutes=10)
"""The same alert raised again is counted at once and told again no sooner than this."""
GIVEN_UP_AFTER = timedelta(hours=24)
"""What nobody took for a day is history: it stays in the ledger and leaves the outbox."""
MAX_ESCALATIONS = 3
MAX_LINES = 20
RATE_WINDOW = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Quiet:
    """Hours of the day, in the person's own time, in which only what is critical is told; may run past midnight."""

    begins: time
    ends: time

    def covers(self, moment: time) -> bool:
        """Whether `moment` lies in the quiet hours; equal ends mean none."""
        if self.begins <= self.ends:
            return self.begins <= moment < self.ends
        return moment >= self.begins or moment < self.ends


@dataclass(frozen=True, slots=True)
class RoutingPolicy:
    """What a person wants to hear: from which severity on, when not, how often, and after how long once more (0 = never)."""

    min_severity: Severity = Severity.WARNING
    quiet: Quiet | None = None
    rate_per_minute: int = 10
    escalate_after_s: int = 900


@dataclass(frozen=True, slots=True)
class Raised:
    """An alert as it stands in the ledger: last raised in journal row `seq`, `count` times in all."""

    alert_id: str
    seq: int
    desk: str
    severity: Severity
    code: str
    params: tuple[tuple[str, str], ...]
    at: datetime
    count: int
    acknowledged: bool


@dataclass(frozen=True, slots=True)
class Told:
    """The last time a channel took an alert: which raising of it, when, and how often it had been escalated by then."""

    seq: int
    at: datetime
    level: int


@dataclass(frozen=True, slots=True)
class Item:
    """One alert of a message and the level of escalation at which it is told."""

    alert: Raised
    level: int


@dataclass(frozen=True, slots=True)
class Message:
    """What one channel is to be sent now: its alerts, the most severe first; several are one message."""

    channel: str
    items: tuple[Item, ...]

    @property
    def severity(self) -> Severity:
        """The loudest of its alerts."""
        return max((item.alert.severity for item in self.items), key=lambda severity: RANK[severity])


def plan(
    policy: RoutingPolicy,
    channel: str,
    alerts: Sequence[Raised],
    told: Mapping[str, Told],
    sent: Sequence[datetime],
    now: datetime,
) -> Message | None:
    """The message that `channel` should be sent at `now`, or None.

    `now` carries the person's own time zone (quiet hours are read from it); `told` holds, by alert, what this channel took last;
    `sent` are the instants of its last messages. Everything due goes into one message, so that a storm is one message a minute at
    the worst and nothing is dropped: what the rate holds back is in the next one.
    """
    if sum(1 for at in sent if at > now - RATE_WINDOW) >= policy.rate_per_minute:
        return None
    hushed = policy.quiet is not None and policy.quiet.covers(now.time())
    items: list[Item] = []
    for alert in alerts:
        level = _due(policy, alert, told.get(alert.alert_id), now)
        if level is None or (hushed and alert.severity is not Severity.CRITICAL and not level):
            continue
        items.append(Item(alert, level))
    items.sort(key=lambda item: (-RANK[item.alert.severity], item.alert.seq))
    return Message(channel, tuple(items)) if items else None


def _due(policy: RoutingPolicy, alert: Raised, before: Told | None, now: datetime) -> int | None:
    """The level at which an alert is due, None when it is not."""
    if alert.acknowledged or RANK[alert.severity] < RANK[policy.min_severity] or now - alert.at > GIVEN_UP_AFTER:
        return None
    if before is None:
        return 0
    patience = timedelta(seconds=policy.escalate_after_s)
    if patience and alert.severity is not Severity.INFO and before.level < MAX_ESCALATIONS and now - before.at >= patience:
        return before.level + 1
    if alert.seq > before.seq and now - before.at >= REPEAT_AFTER:
        return before.level
    return None
