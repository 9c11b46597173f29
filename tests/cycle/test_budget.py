"""Money spent on models: what fits is asked, what does not steps down, and the journal alone says where a desk stands."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.core.journal import AlertRaised, Noted, Severity
from engine.cycle.budget import (
    PERIODS,
    SCALE,
    Budget,
    Rung,
    Spending,
    amount,
    cost_in,
    near_records,
    panel_for,
    periods_at,
    rungs_of,
    step_records,
)

SHANGHAI = ZoneInfo("Asia/Shanghai")
SLOT = datetime(2020, 4, 22, 1, 20, tzinfo=UTC)
AT = periods_at("c1", SLOT, SHANGHAI)
RUNGS = rungs_of(("pro",), ("flash", "offline"))
CENT = SCALE // 100


def day(dollars: int, *ladder: str, **more: int) -> Budget:
    return Budget("USD", {"day": dollars * SCALE, **more}, ladder or ("flash", "offline"))


def spent(units: int, *, rung: int = 0, until: str = "") -> Spending:
    return Spending({AT["day"]: units, AT["hour"]: units, AT["month"]: units}, rung=rung, until=until)


def test_periods_are_those_of_the_markets_own_clock() -> None:
    night = datetime(2020, 4, 30, 16, 5, tzinfo=UTC)
    assert periods_at("c", night, SHANGHAI) == {
        "cycle": "cycle:c",
        "hour": "hour:2020-05-01T00",
        "day": "day:2020-05-01",
        "month": "month:2020-05",
    }
    assert periods_at("c", night, ZoneInfo("America/New_York"))["month"] == "month:2020-04"


@pytest.mark.parametrize(
    ("provider", "cost", "currency", "units"),
    [
        ("deepseek", "0.0123", "USD", 12_300_000_000),
        ("deepseek", "0.0000000000001", "USD", 1),
        ("deepseek", "0", "USD", 0),
        ("deepseek", "0.02", "CNY", None),
        ("openai", "0", "", None),
        ("offline", "0", "", 0),
        ("local", "0", "", 0),
        ("openai", "NaN", "USD", None),
        ("openai", "-1", "USD", None),
        ("openai", "much", "USD", None),
    ],
)
def test_a_cost_is_exact_or_unknown_and_what_runs_here_is_free(provider: str, cost: str, currency: str, units: int | None) -> None:
    assert cost_in("USD", provider, cost, currency) == units


def test_the_ladder_begins_with_the_panel_and_ends_with_nobody() -> None:
    assert rungs_of(("a", "b"), ("c", "none")) == (("a", "b"), ("c",), ())
    assert rungs_of(("pro",), ("pro", "flash")) == (("pro",), ("flash",), ())
    assert rungs_of(("pro",), ()) == (("pro",), ())


def test_a_call_that_could_overdraw_the_day_steps_down_and_one_that_just_fits_does_not() -> None:
    ceilings = {"pro": 10 * CENT, "flash": CENT, "offline": 0}
    just = panel_for(day(1), spent(SCALE - 10 * CENT), AT, RUNGS, ceilings)
    assert just == Rung(0, ("pro",)) and just.entries
    over = panel_for(day(1), spent(SCALE - 10 * CENT + 1), AT, RUNGS, ceilings)
    assert over == Rung(1, ("flash",), AT["day"], SCALE - 10 * CENT + 1, SCALE)
    assert panel_for(day(1), spent(SCALE), AT, RUNGS, ceilings).models == ("offline",)


def test_at_the_end_of_a_ladder_nobody_is_asked_and_nothing_is_entered() -> None:
    rung = panel_for(day(1, "flash", "none"), spent(SCALE), AT, rungs_of(("pro",), ("flash", "none")), {"pro": 9, "flash": 1})
    assert rung.models == () and not rung.entries


def test_a_step_holds_until_its_period_is_over_even_if_a_smaller_prompt_would_fit_again() -> None:
    ceilings = {"pro": 1, "flash": 1, "offline": 0}
    held = panel_for(day(1), spent(CENT, rung=1, until=AT["day"]), AT, RUNGS, ceilings)
    assert (held.index, held.until, held.spent, held.limit) == (1, AT["day"], CENT, SCALE)
    morrow = periods_at("c2", datetime(2020, 4, 23, 1, 20, tzinfo=UTC), SHANGHAI)
    assert panel_for(day(1), spent(CENT, rung=1, until=AT["day"]), morrow, RUNGS, ceilings) == Rung(0, ("pro",))


def test_the_longest_period_that_forbids_is_the_one_that_holds() -> None:
    budget = Budget("USD", {"hour": CENT, "month": CENT}, ("flash",))
    assert panel_for(budget, spent(CENT), AT, RUNGS, {"pro": 1, "flash": 1, "offline": 0}).until == AT["month"]


def test_a_limit_on_one_cycle_binds_each_cycle_alone() -> None:
    budget = Budget("USD", {"cycle": 5}, ("flash",))
    rung = panel_for(budget, spent(10**9), AT, RUNGS, {"pro": 6, "flash": 5, "offline": 0})
    assert rung.models == ("flash",) and rung.until == "cycle:c1"


@pytest.mark.parametrize(("deny", "asked"), [(False, ("pro",)), (True, ("offline",))])
def test_a_model_whose_cost_nobody_knows_is_asked_or_not_as_configured(deny: bool, asked: tuple[str, ...]) -> None:
    budget = Budget("USD", {"day": SCALE}, ("flash", "offline"), deny_unknown=deny)
    assert panel_for(budget, spent(0), AT, RUNGS, {"pro": None, "flash": None, "offline": 0}).models == asked


def test_a_step_is_noted_and_downwards_told_and_no_step_is_silent() -> None:
    rung = Rung(1, ("flash",), AT["day"], SCALE, SCALE)
    assert step_records("demo", "c1", day(1), 1, RUNGS, rung) == []
    noted, alert = step_records("demo", "c1", day(1), 0, RUNGS, rung)
    assert isinstance(noted, Noted) and isinstance(alert, AlertRaised) and alert.severity is Severity.WARNING
    assert dict(noted.params) == {
        "from": "pro",
        "to": "flash",
        "rung": "1",
        "until": AT["day"],
        "observed": "1 USD",
        "limit": "1 USD",
    }
    (up,) = step_records("demo", "c1", day(1), 2, RUNGS, Rung(0, ("pro",)))
    assert isinstance(up, Noted) and dict(up.params)["to"] == "pro"
    *_, last = step_records("demo", "c1", day(1), 0, RUNGS, Rung(3, (), AT["day"], SCALE, SCALE))
    assert isinstance(last, AlertRaised) and last.severity is Severity.CRITICAL


def test_four_fifths_of_a_limit_are_told_once_in_a_period() -> None:
    spending = spent(79 * CENT)
    assert near_records("demo", "c1", day(1), spending, AT) == []
    spending = spending.paid(AT.values(), CENT)
    noted, alert = near_records("demo", "c1", day(1), spending, AT)
    assert isinstance(noted, Noted) and isinstance(alert, AlertRaised) and alert.alert_id == f"demo:BUDGET_NEAR:{AT['day']}"
    assert near_records("demo", "c1", day(1), spending.noted(noted.code, noted.params), AT) == []


def test_unknown_costs_are_counted_and_cost_nothing() -> None:
    spending = spent(5).paid([AT["day"]], None)
    assert spending.unknown == {AT["day"]: 1} and spending.spent[AT["day"]] == 5


def test_amounts_read_as_people_write_them() -> None:
    assert [amount(units) for units in (0, SCALE, 12_300_000_000, 1)] == ["0", "1", "0.0123", "0.000000000001"]


@given(
    limits=st.dictionaries(st.sampled_from(PERIODS), st.integers(0, 50)),
    calls=st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30), st.integers(0, 30)), max_size=40),
    hours=st.lists(st.integers(0, 30), max_size=40),
)
def test_no_limit_is_ever_overdrawn_and_within_a_period_the_desk_never_climbs(
    limits: dict[str, int], calls: list[tuple[int, int, int]], hours: list[int]
) -> None:
    """Each call costs at most its ceiling: `cost` of (pro, flash) with `cost` never above the ceiling."""
    budget = Budget("USD", limits, ("flash",))
    rungs, spending, hour = rungs_of(("pro",), ("flash",)), Spending(), 0
    for (pro, flash, actual), passed in zip(calls, [*hours, *[0] * len(calls)], strict=False):
        hour += passed
        slot = datetime.fromtimestamp(1_587_500_000 + 3_600 * hour, UTC)
        periods = periods_at(f"c{len(spending.spent)}-{hour}-{pro}-{flash}-{actual}", slot, SHANGHAI)
        spending = spending.within(periods.values())
        rung = panel_for(budget, spending, periods, rungs, {"pro": pro, "flash": flash})
        if spending.until in periods.values():
            assert rung.index >= spending.rung
        for record in step_records("d", "c", budget, spending.rung, rungs, rung):
            if isinstance(record, Noted):
                spending = spending.noted(record.code, record.params)
        if rung.models:
            spending = spending.paid(periods.values(), min(actual, pro if rung.models == ("pro",) else flash))
        for period, limit in limits.items():
            assert period == "cycle" or spending.spent.get(periods[period], 0) <= limit
