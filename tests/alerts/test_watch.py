"""What the engine notices about itself, told once when it begins and once when it is over."""

from __future__ import annotations

from dataclasses import replace

import pytest

from engine.alerts import Readings, Watch, conditions, failures_in_a_row
from engine.core.journal import AlertRaised, Noted, Severity

WELL = Readings(
    "demo",
    {"desk": (1.0, 90.0), "ledger": (0.1, 10.0)},
    data_age_s=2.0,
    data_limit_s=60,
    failures={"m": 2},
    lost_ppm=39_999,
    max_loss_ppm=50_000,
)


def codes(readings: Readings) -> list[tuple[str, Severity]]:
    return [(condition.code, condition.severity) for condition in conditions(readings)]


def test_a_desk_that_is_well_says_nothing() -> None:
    assert codes(WELL) == []


@pytest.mark.parametrize(
    ("readings", "code", "severity"),
    [
        (replace(WELL, threads={"desk": (90.1, 90.0)}), "THREAD_SILENT", Severity.CRITICAL),
        (replace(WELL, data_age_s=60.1), "DATA_OLD", Severity.WARNING),
        (replace(WELL, failures={"m": 3}), "MODEL_FAILING", Severity.WARNING),
        (replace(WELL, lost_ppm=40_000), "LOSS_NEAR", Severity.WARNING),
        (replace(WELL, lost_ppm=50_000), "LOSS_LIMIT", Severity.CRITICAL),
        (replace(WELL, mismatch="cash"), "POSITION_MISMATCH", Severity.CRITICAL),
    ],
)
def test_each_thing_that_goes_wrong_has_its_code(readings: Readings, code: str, severity: Severity) -> None:
    assert codes(readings) == [(code, severity)]


def test_a_limit_of_nothing_is_no_limit_and_a_replay_has_no_old_data() -> None:
    assert codes(replace(WELL, max_loss_ppm=0, lost_ppm=900_000, data_age_s=None)) == []


def test_a_condition_is_raised_once_noted_when_over_and_raised_again_when_it_returns() -> None:
    watch, ill = Watch(), replace(WELL, threads={"desk": (91.0, 90.0)})
    (raised,) = watch.changes(ill)
    assert isinstance(raised, AlertRaised) and raised.alert_id == "demo:THREAD_SILENT:desk"
    assert watch.changes(replace(ill, threads={"desk": (95.0, 90.0)})) == []
    assert watch.changes(WELL) == [Noted("demo", "WATCH_OVER", (("code", "THREAD_SILENT"), ("subject", "desk")))]
    assert [type(record) for record in watch.changes(ill)] == [AlertRaised]


def test_a_loss_that_reaches_its_limit_replaces_the_warning() -> None:
    watch = Watch()
    watch.changes(replace(WELL, lost_ppm=45_000))
    records = watch.changes(replace(WELL, lost_ppm=51_000))
    assert [getattr(record, "code", "") for record in records] == ["LOSS_LIMIT", "WATCH_OVER"]


def test_desks_are_watched_apart() -> None:
    watch, ill = Watch(), replace(WELL, mismatch="cash")
    assert len(watch.changes(ill)) == 1 and len(watch.changes(replace(ill, desk="other"))) == 1


def test_failures_are_counted_from_the_last_answer_on() -> None:
    asked = [("a", "timeout"), ("a", "ok"), ("b", "invalid"), ("a", "error:500"), ("b", "abstained"), ("a", "asking")]
    assert failures_in_a_row(asked) == {"a": 1, "b": 2}
