"""What of a large market matters, when all of it is looked at, and which bars are asked for: rules, without a market."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.core.units import Market
from engine.exchange import calendar
from engine.feeds.attention import MOST_BARS_NAMES, MOST_INTRADAY_NAMES, MOST_NAMED, Attention
from engine.feeds.closed_bars import AGAIN, FAILURES_IN_A_ROW, NOTHING_THERE, ClosedBars, Kept
from engine.feeds.looking import Pace, next_look, whole_due
from engine.feeds.served import Served
from engine.feeds.source import Fault, FeedError
from engine.store.snapshot import BAR_SCHEMA

DAYS = calendar(Market.ASHARE)
DAY = date(2026, 11, 19)
NOTHING = pl.DataFrame({"symbol": []})


def at(clock: str, day: str = "2026-11-19") -> datetime:
    return datetime.fromisoformat(f"{day}T{clock}+08:00").astimezone(UTC)


def names(count: int) -> list[str]:
    return [f"{600_000 + number}.SH" for number in range(count)]


def attention(count: int, screened: Sequence[str] = (), held: Sequence[str] = ()) -> tuple[Attention, list[str]]:
    heard: list[str] = []
    made = Attention(names(count), lambda table: screened, lambda code, params: heard.append(code), held)
    made.looked(NOTHING)
    return made, heard


def test_of_few_names_all_matter_and_of_many_those_that_were_told_or_screened() -> None:
    assert attention(60)[0].names() == tuple(names(60))
    few, _ = attention(MOST_NAMED, screened=names(MOST_NAMED)[5:9])
    assert not few.large and few.names() == tuple(names(MOST_NAMED)[5:9])
    many, _ = attention(5_500, screened=["a", "b"], held=["c"])
    assert many.large and many.names() == ("c", "a", "b")
    many.want(["d", "a"], DAY)
    assert many.names() == ("d", "a", "b"), "what the desk holds and chose comes first"
    assert attention(5_500)[0].names() == ()


@settings(deadline=None)
@given(st.integers(0, 700), st.integers(0, 700))
def test_what_matters_is_bounded_whatever_a_desk_asks_for(screened: int, wanted: int) -> None:
    made, _ = attention(5_500, screened=names(screened))
    made.want(names(5_500)[-wanted:] if wanted else [], DAY)
    assert len(made.names()) <= MOST_NAMED
    assert len(made.names()) <= wanted + min(screened, MOST_BARS_NAMES)


def test_a_desk_hears_of_missing_bars_once_a_session_and_once_that_they_are_there() -> None:
    made, heard = attention(5_500)
    made.have(["a"])
    for _ in range(3):
        made.want(["a", "b"], DAY)
    assert heard == ["BARS_LACKING"]
    made.have(["b"])
    made.want(["a", "b"], DAY)
    made.want(["a", "c"], DAY)
    assert heard == ["BARS_LACKING", "BARS_COMPLETE"], "a name chosen later the same day is no new alarm"
    made.want(["a", "c"], DAY + timedelta(days=1))
    assert heard[2:] == ["BARS_LACKING"]


def test_a_desk_that_lacks_nothing_hears_nothing() -> None:
    made, heard = attention(5_500)
    made.have(["a"])
    made.want(["a"], DAY)
    assert heard == []


@pytest.mark.parametrize(
    ("now", "last", "due"),
    [
        ("10:00", None, True),
        ("10:00", "09:58", False),
        ("10:00", "09:57", True),
        ("12:00", "11:30", False),
        ("13:00", "11:30", True),
        ("15:10", "15:00", True),
        ("15:10", "15:02", False),
        ("23:00", "15:02", False),
        ("23:00", "14:50", True),
    ],
)
def test_all_of_a_market_is_looked_at_at_its_pace_and_once_after_the_close(now: str, last: str | None, due: bool) -> None:
    assert whole_due(DAYS, Pace(30.0, whole_s=180.0), at(now), None if last is None else at(last)) is due


def test_over_a_weekend_the_close_is_looked_at_once() -> None:
    pace = Pace(30.0, whole_s=180.0)
    saturday = at("10:00", "2026-11-21")
    assert whole_due(DAYS, pace, saturday, at("14:59", "2026-11-20"))
    assert not whole_due(DAYS, pace, saturday, at("15:05", "2026-11-20"))
    assert next_look(DAYS, Pace(30.0, idle_s=300.0), at("09:08")) == at("09:10"), "in time for the first order"


@dataclass
class Told:
    """A ladder of bars that remembers what it was asked for, and fails for some names."""

    failing: dict[str, Fault] = field(default_factory=dict)
    asked: list[tuple[str, str, date]] = field(default_factory=list)

    def bars(self, symbol: str, interval: str, first: date, last: date, now: datetime) -> Served:
        self.asked.append((symbol, interval, first))
        if symbol in self.failing:
            raise FeedError("bars", self.failing[symbol], "no")
        return Served(pl.DataFrame(schema=BAR_SCHEMA), "told", now, 0.0, stale=False)


def fetch(closed: ClosedBars, now: datetime, symbols: Sequence[str], heard: list[str] | None = None, most: int = 10_000) -> int:
    left = iter(range(most - 1))
    heard = heard if heard is not None else []
    return len(closed.fetch(now, symbols, goes_on=lambda: next(left, None) is not None, lost=heard.append))


def closed_bars(ladder: Told, kept: Mapping[str, Kept] | None = None, *bars: tuple[str, int]) -> ClosedBars:
    known = kept or {}
    return ClosedBars(ladder, DAYS, bars or (("1d", 100),), lambda when, symbols: {s: known[s] for s in symbols if s in known})


def test_what_the_store_has_is_not_asked_for_and_what_it_lacks_is_from_there_on() -> None:
    ladder = Told()
    kept = {"whole": Kept(100, date(2026, 11, 18)), "behind": Kept(95, date(2026, 11, 16)), "short": Kept(20, date(2026, 11, 18))}
    closed = closed_bars(ladder, kept)
    assert fetch(closed, at("10:00"), ["whole", "behind", "short", "none"]) == 3
    assert [(symbol, first) for symbol, _, first in ladder.asked[:1]] == [("behind", date(2026, 11, 17))]
    assert {symbol for symbol, _, first in ladder.asked if first < date(2026, 8, 1)} == {"short", "none"}
    assert not closed.due(at("14:00"), ["whole", "behind", "short", "none"])
    assert closed.due(at("00:01", "2026-11-20"), ["whole"]), "a new day, a new bar"


def test_a_slice_asks_for_one_name_at_least_and_goes_on_where_it_stopped() -> None:
    ladder = Told()
    closed = closed_bars(ladder)
    assert [fetch(closed, at("10:00"), ["a", "b", "c"], most=1) for _ in range(4)] == [1, 1, 1, 0]
    assert [symbol for symbol, _, _ in ladder.asked] == ["a", "b", "c"]


def test_short_bars_are_fetched_of_the_first_names_alone() -> None:
    ladder = Told()
    fetch(closed_bars(ladder, None, ("1d", 100), ("5m", 50)), at("10:00"), names(100))
    assert sum(interval == "1d" for _, interval, _ in ladder.asked) == 100
    assert sum(interval == "5m" for _, interval, _ in ladder.asked) == MOST_INTRADAY_NAMES


def test_a_name_that_fails_waits_and_keeps_nobody_else_waiting() -> None:
    ladder, heard = Told({"b": Fault.NETWORK}), list[str]()
    closed = closed_bars(ladder)
    assert fetch(closed, at("10:00"), ["a", "b", "c"], heard) == 2
    assert len(heard) == 1
    assert fetch(closed, at("10:00") + AGAIN / 2, ["a", "b", "c"], heard) == 0 and len(ladder.asked) == 3
    ladder.failing.clear()
    assert fetch(closed, at("10:00") + AGAIN, ["a", "b", "c"], heard) == 1


def test_when_all_fail_a_few_are_asked_and_a_person_hears_once() -> None:
    ladder, heard = Told(dict.fromkeys(names(50), Fault.BANNED)), list[str]()
    closed = closed_bars(ladder)
    for minute in range(3):
        assert fetch(closed, at(f"10:0{minute}"), names(50), heard) == 0
    assert len(ladder.asked) == 3 * FAILURES_IN_A_ROW and len(heard) == 1


def test_a_name_without_any_bar_is_no_failure_and_is_asked_for_again_in_half_an_hour() -> None:
    ladder, heard = Told({"new": Fault.EMPTY}), list[str]()
    closed = closed_bars(ladder)
    fetch(closed, at("10:00"), ["new"], heard)
    assert heard == [] and not closed.due(at("10:29"), ["new"]) and closed.due(at("10:00") + NOTHING_THERE, ["new"])
