"""What leaves, when, and how often: each rule of the routing on one alert, then the promises on many."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta

from hypothesis import given
from hypothesis import strategies as st

from engine.alerts import Message, Quiet, Raised, RoutingPolicy, Told, plan
from engine.alerts.routing import GIVEN_UP_AFTER, MAX_ESCALATIONS, REPEAT_AFTER
from engine.core.journal import Severity

NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
NIGHT = NOON.replace(hour=23, minute=30)
POLICY = RoutingPolicy(Severity.WARNING, Quiet(time(22), time(8)), rate_per_minute=3, escalate_after_s=900)
LOSS = Raised("demo:LOSS", 7, "demo", Severity.WARNING, "LOSS_NEAR", (), NOON, 1, False)
HALT = replace(LOSS, alert_id="demo:HALT", code="TRADING_HALTED", severity=Severity.CRITICAL)


def sent(
    *alerts: Raised, now: datetime = NOON, told: dict[str, Told] | None = None, before: tuple[datetime, ...] = ()
) -> Message | None:
    return plan(POLICY, "log", alerts, told or {}, before, now)


def names(message: Message | None) -> list[tuple[str, int]]:
    return [] if message is None else [(item.alert.alert_id, item.level) for item in message.items]


def test_an_alert_is_told_once_for_each_raising() -> None:
    assert names(sent(LOSS)) == [("demo:LOSS", 0)]
    assert sent(LOSS, told={"demo:LOSS": Told(7, NOON, 0)}, now=NOON + timedelta(minutes=1)) is None


def test_below_the_severity_asked_for_nothing_is_told() -> None:
    assert sent(replace(LOSS, severity=Severity.INFO)) is None


def test_an_acknowledged_alert_is_told_no_more_and_never_escalates() -> None:
    seen = replace(LOSS, acknowledged=True)
    assert sent(seen) is None
    assert sent(seen, told={"demo:LOSS": Told(7, NOON, 0)}, now=NOON + timedelta(hours=2)) is None


def test_the_same_alert_raised_again_is_told_again_only_after_a_while() -> None:
    again, told = replace(LOSS, seq=9, count=5), {"demo:LOSS": Told(7, NOON, 0)}
    assert sent(again, told=told, now=NOON + REPEAT_AFTER - timedelta(seconds=1)) is None
    assert names(sent(again, told=told, now=NOON + REPEAT_AFTER)) == [("demo:LOSS", 0)]


def test_at_night_only_what_is_critical_is_told_and_the_rest_in_the_morning() -> None:
    late = [replace(item, at=NIGHT) for item in (LOSS, HALT)]
    assert names(sent(*late, now=NIGHT)) == [("demo:HALT", 0)]
    assert sent(late[0], now=NIGHT + timedelta(hours=8, minutes=29)) is None
    assert names(sent(*late, now=NIGHT + timedelta(hours=8, minutes=30))) == [("demo:HALT", 0), ("demo:LOSS", 0)]


def test_quiet_hours_within_one_day_do_not_run_over_midnight() -> None:
    siesta = Quiet(time(13), time(15))
    assert siesta.covers(time(13)) and siesta.covers(time(14, 59))
    assert not siesta.covers(time(15)) and not siesta.covers(time(0))
    assert not Quiet(time(8), time(8)).covers(time(8))


def test_a_storm_is_one_message_and_the_rate_holds_the_next_one_back() -> None:
    storm = [replace(LOSS, alert_id=f"a{n}", seq=n) for n in range(50)]
    assert len(names(sent(*storm))) == 50
    three = tuple(NOON - timedelta(seconds=s) for s in (1, 20, 59))
    assert sent(LOSS, before=three) is None
    assert sent(LOSS, before=three, now=NOON + timedelta(seconds=1)) is not None


def test_what_nobody_acknowledges_is_told_again_a_few_times_even_at_night_and_then_no_more() -> None:
    told, now, levels = {"demo:LOSS": Told(7, NOON, 0)}, NOON, []
    for _ in range(200):
        now += timedelta(minutes=5)
        message = sent(LOSS, told=told, now=now)
        for item in message.items if message else ():
            levels.append((item.level, now - told["demo:LOSS"].at))
            told["demo:LOSS"] = Told(7, now, item.level)
    assert levels == [(level, timedelta(minutes=15)) for level in range(1, MAX_ESCALATIONS + 1)]
    at_night = {"demo:LOSS": Told(7, NIGHT - timedelta(minutes=15), 0)}
    assert names(sent(replace(LOSS, at=NIGHT), told=at_night, now=NIGHT)) == [("demo:LOSS", 1)]


def test_what_is_told_for_information_never_escalates() -> None:
    policy = replace(POLICY, min_severity=Severity.INFO)
    quiet = replace(LOSS, severity=Severity.INFO)
    assert plan(policy, "log", [quiet], {"demo:LOSS": Told(7, NOON, 0)}, (), NOON + timedelta(hours=3)) is None


def test_after_a_day_an_alert_leaves_the_outbox() -> None:
    assert sent(LOSS, now=NOON + GIVEN_UP_AFTER) is not None
    assert sent(LOSS, now=NOON + GIVEN_UP_AFTER + timedelta(seconds=1)) is None


ALERTS = st.lists(
    st.builds(
        Raised,
        alert_id=st.sampled_from("abcde"),
        seq=st.integers(1, 99),
        desk=st.just("demo"),
        severity=st.sampled_from(Severity),
        code=st.just("X"),
        params=st.just(()),
        at=st.datetimes(NOON.replace(tzinfo=None) - timedelta(days=2), NOON.replace(tzinfo=None)).map(
            lambda at: at.replace(tzinfo=UTC)
        ),
        count=st.integers(1, 9),
        acknowledged=st.booleans(),
    ),
    unique_by=lambda alert: alert.alert_id,
)


@given(ALERTS, st.dictionaries(st.sampled_from("abcde"), st.builds(Told, st.integers(1, 99), st.just(NOON), st.integers(0, 3))))
def test_whatever_is_told_was_asked_for_and_was_not_told_before(alerts: list[Raised], told: dict[str, Told]) -> None:
    message = plan(POLICY, "log", alerts, told, (), NOON)
    due = {alert.alert_id for alert, _ in [(item.alert, item.level) for item in message.items]} if message else set()
    for alert in alerts:
        fresh = alert.alert_id not in told and NOON - alert.at <= GIVEN_UP_AFTER
        wanted = fresh and alert.severity is not Severity.INFO and not alert.acknowledged
        assert (alert.alert_id in due) == wanted
