"""Sessions of the three markets: known days exact, unknown days refused."""

from __future__ import annotations

import csv
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from rulebook import SHARED, day, share

from engine.core.errors import CalendarUnknown, RuleUnknown
from engine.core.instrument import Board, Instrument
from engine.core.units import Market
from engine.exchange import Phase, calendar, settles_on
from engine.exchange.calendar import CalendarData, calendar_data, calendar_text, extended, sessions_listed

BEIJING = ZoneInfo("Asia/Shanghai")
NEW_YORK = ZoneInfo("America/New_York")


@pytest.mark.parametrize(("market", "code"), [(Market.ASHARE, "XSHG"), (Market.US, "XNYS")])
def test_every_session_agrees_with_exchange_calendars(market: Market, code: str) -> None:
    package = pytest.importorskip("exchange_calendars")
    ours = calendar(market)
    theirs = package.get_calendar(code, start=ours.first.isoformat(), end=ours.last.isoformat())
    assert ours.sessions(ours.first, ours.last) == [stamp.date() for stamp in theirs.sessions]
    closes = theirs.closes.dt.tz_convert(UTC)
    for stamp in theirs.sessions:
        if stamp.date() >= date(2006, 7, 1):
            assert ours.session(stamp.date()).closes == closes[stamp].to_pydatetime()


@pytest.mark.parametrize("year", [2024, 2025, 2026])
def test_every_session_agrees_with_the_szse_list(year: int) -> None:
    path = SHARED / "recorded" / "calendars" / f"szse_calendar_{year}_adata.csv"
    if not path.exists():
        pytest.skip("the recorded SZSE calendars are not beside this checkout")
    with path.open(encoding="utf-8") as rows:
        days = {day(row["trade_date"]): row["trade_status"] == "1" for row in csv.DictReader(rows)}
    assert len(days) in (365, 366)
    for one, is_open in days.items():
        assert calendar(Market.ASHARE).is_session(one) is is_open, one


def test_2026_has_242_sessions_and_2025_had_243() -> None:
    assert calendar(Market.ASHARE).count(date(2026, 1, 1), date(2026, 12, 31)) == 242
    assert calendar(Market.ASHARE).count(date(2025, 1, 1), date(2025, 12, 31)) == 243
    assert len(calendar(Market.ASHARE).sessions(date(2026, 1, 1), date(2026, 12, 31))) == 242


@pytest.mark.parametrize("market", [Market.ASHARE, Market.US])
def test_2027_is_refused_and_the_message_says_how_to_refresh(market: Market) -> None:
    ours = calendar(market)
    for ask in (
        lambda: ours.is_session(date(2027, 1, 4)),
        lambda: ours.next_session(date(2026, 12, 31)),
        lambda: ours.sessions(date(2026, 12, 1), date(2027, 1, 1)),
        lambda: ours.phase(datetime(2027, 1, 4, 3, tzinfo=UTC)),
    ):
        with pytest.raises(CalendarUnknown, match="kanpan data sync calendars"):
            ask()
    with pytest.raises(CalendarUnknown, match="begins"):
        ours.is_session(date(1980, 1, 1))


def test_neighbouring_sessions_step_over_holidays() -> None:
    ours = calendar(Market.ASHARE)
    assert ours.next_session(date(2026, 9, 30)) == date(2026, 10, 8)
    assert ours.previous_session(date(2026, 10, 8)) == date(2026, 9, 30)
    assert settles_on(share("main"), date(2026, 9, 30), ours) == date(2026, 10, 8)
    assert not ours.is_session(date(2026, 10, 10)), "a make-up working Saturday is no session"


def test_a_session_in_instants() -> None:
    session = calendar(Market.ASHARE).session(date(2026, 11, 20))
    assert session.open_print == datetime(2026, 11, 20, 1, 25, tzinfo=UTC)
    assert session.lunch == (datetime(2026, 11, 20, 11, 30, tzinfo=BEIJING), datetime(2026, 11, 20, 13, 0, tzinfo=BEIJING))
    assert session.closing_call == datetime(2026, 11, 20, 6, 57, tzinfo=UTC)
    assert session.ends == datetime(2026, 11, 20, 15, 30, tzinfo=BEIJING)
    with pytest.raises(ValueError, match="not a session"):
        calendar(Market.ASHARE).session(date(2026, 11, 22))


@pytest.mark.parametrize(
    ("kind", "on", "at_1458", "at_1510"),
    [
        ("main", "2018-08-17", Phase.CONTINUOUS, Phase.CLOSED),
        ("main", "2018-08-20", Phase.CLOSE_CALL_NO_CANCEL, Phase.CLOSED),
        ("main", "2026-07-03", Phase.CLOSE_CALL_NO_CANCEL, Phase.CLOSED),
        ("main", "2026-07-06", Phase.CLOSE_CALL_NO_CANCEL, Phase.AFTER_HOURS_FIXED),
        ("main_sz", "2018-08-17", Phase.CLOSE_CALL_NO_CANCEL, Phase.CLOSED),
        ("star", "2019-07-22", Phase.CLOSE_CALL_NO_CANCEL, Phase.AFTER_HOURS_FIXED),
        ("chinext", "2020-08-21", Phase.CLOSE_CALL_NO_CANCEL, Phase.CLOSED),
        ("chinext", "2020-08-24", Phase.CLOSE_CALL_NO_CANCEL, Phase.AFTER_HOURS_FIXED),
        ("etf", "2026-07-03", Phase.CONTINUOUS, Phase.CLOSED),
        ("etf", "2026-07-06", Phase.CLOSE_CALL_NO_CANCEL, Phase.AFTER_HOURS_FIXED),
        ("etf_sz", "2026-07-03", Phase.CLOSE_CALL_NO_CANCEL, Phase.CLOSED),
        ("bse", "2026-07-06", Phase.CLOSE_CALL_NO_CANCEL, Phase.CLOSED),
        ("convertible", "2026-07-06", Phase.CONTINUOUS, Phase.CLOSED),
        ("reit", "2026-07-03", Phase.CONTINUOUS, Phase.CLOSED),
        ("reit", "2026-07-06", Phase.CLOSE_CALL_NO_CANCEL, Phase.CLOSED),
        ("b_share_sse_usd", "2026-07-06", Phase.CLOSE_CALL_NO_CANCEL, Phase.CLOSED),
    ],
)
def test_closing_call_and_after_hours_came_by_board_and_date(kind: str, on: str, at_1458: Phase, at_1510: Phase) -> None:
    ours = calendar(Market.ASHARE)
    date_ = day(on)
    noon = datetime(date_.year, date_.month, date_.day, tzinfo=BEIJING)
    assert ours.phase(noon + timedelta(hours=14, minutes=58), share(kind)) is at_1458
    assert ours.phase(noon + timedelta(hours=15, minutes=10), share(kind)) is at_1510
    assert (ours.session(date_, share(kind)).closing_call is not None) is (at_1458 is Phase.CLOSE_CALL_NO_CANCEL)


def test_sessions_before_2006_are_not_in_the_rulebook() -> None:
    with pytest.raises(RuleUnknown):
        calendar(Market.ASHARE).phase(datetime(2005, 3, 1, 2, tzinfo=UTC))
    assert calendar(Market.ASHARE).phase(datetime(2005, 10, 1, 2, tzinfo=UTC)) is Phase.CLOSED


def test_new_york_keeps_half_days_and_daylight_saving() -> None:
    ours = calendar(Market.US)
    assert ours.session(date(2026, 11, 27)).closes == datetime(2026, 11, 27, 13, 0, tzinfo=NEW_YORK)
    assert ours.session(date(2026, 12, 24)).closes == datetime(2026, 12, 24, 18, 0, tzinfo=UTC)
    assert ours.session(date(2026, 3, 6)).opens == datetime(2026, 3, 6, 14, 30, tzinfo=UTC)
    assert ours.session(date(2026, 3, 9)).opens == datetime(2026, 3, 9, 13, 30, tzinfo=UTC)
    closed = ["01-01", "01-19", "02-16", "04-03", "05-25", "06-19", "07-03", "09-07", "11-26", "12-25"]
    weekdays = [date(2026, 1, 1) + timedelta(days=n) for n in range(365)]
    assert [f"{d:%m-%d}" for d in weekdays if d.weekday() < 5 and not ours.is_session(d)] == closed
    assert ours.phase(datetime(2026, 11, 27, 17, 59, 59, tzinfo=UTC)) is Phase.CONTINUOUS
    assert ours.phase(datetime(2026, 11, 27, 18, 0, tzinfo=UTC)) is Phase.CLOSED
    assert ours.phase(datetime(2026, 11, 27, 14, 29, 59, tzinfo=UTC)) is Phase.CLOSED


def test_crypto_never_closes_and_its_day_is_utc() -> None:
    ours = calendar(Market.CRYPTO)
    assert ours.phase(datetime(2031, 1, 1, tzinfo=UTC)) is Phase.CONTINUOUS
    assert ours.next_session(date(2026, 12, 31)) == date(2027, 1, 1)
    assert ours.previous_session(date(2027, 1, 1)) == date(2026, 12, 31)
    assert ours.local_day(datetime(2026, 1, 2, 7, tzinfo=BEIJING)) == date(2026, 1, 1)
    assert ours.sessions(date(2026, 1, 1), date(2026, 1, 3)) == [date(2026, 1, n) for n in (1, 2, 3)]
    assert ours.count(date(2026, 1, 1), date(2026, 1, 3)) == 3
    assert ours.session(date(2026, 1, 1)).closes == datetime(2026, 1, 2, tzinfo=UTC)


def published(data: CalendarData, *days: tuple[str, bool]) -> CalendarData:
    return extended(data, [(day(text), is_open) for text, is_open in days], "szse.cn monthList")


def test_a_published_year_carries_the_calendar_on() -> None:
    known = calendar(Market.ASHARE).data
    longer = published(
        known, ("2026-12-31", True), ("2027-01-01", False), ("2027-01-02", False), ("2027-01-03", False), ("2027-01-04", True)
    )
    again = calendar_data(calendar_text(longer))
    assert again == longer
    assert longer.last == date(2027, 1, 4)
    assert date(2027, 1, 1) in longer.closed


@pytest.mark.parametrize(
    "days",
    [
        [("2027-01-02", False)],
        [("2026-12-30", False)],
        [("2027-01-01", False), ("2027-01-02", True)],
    ],
)
def test_a_list_that_leaves_a_gap_contradicts_or_trades_on_a_weekend_is_refused(days: list[tuple[str, bool]]) -> None:
    with pytest.raises(CalendarUnknown):
        published(calendar(Market.ASHARE).data, *days)


def test_a_broken_calendar_file_is_refused() -> None:
    for text in ("", "[]", "{}", '{"market": "ashare"}'):
        with pytest.raises(CalendarUnknown, match="not a calendar file"):
            calendar_data(text)


def test_asking_the_calendar_needs_no_heavy_import() -> None:
    code = (
        "import sys; from datetime import date; from engine.core.units import Market; from engine.exchange import calendar;"
        "calendar(Market.ASHARE).is_session(date(2026, 11, 20));"
        "heavy = {'pandas', 'numpy', 'numba', 'exchange_calendars', 'polars', 'pydantic'} & set(sys.modules); sys.exit(len(heavy))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_sessions_listed_counts_the_listing_day_as_the_first_and_knows_nothing_before_or_beyond() -> None:
    named = Instrument("600000.SH", Market.ASHARE, Board.MAIN_SH, "浦发银行")
    friday = replace(named, list_date=date(2020, 2, 7))
    assert sessions_listed(friday, date(2020, 2, 7)) == 1
    assert sessions_listed(friday, date(2020, 2, 10)) == 2
    assert sessions_listed(friday, date(2020, 2, 6)) is None
    assert sessions_listed(named, date(2020, 2, 10)) is None
    first = calendar(Market.ASHARE).first
    assert sessions_listed(replace(named, list_date=first), first) == 1
    assert sessions_listed(replace(named, list_date=first - timedelta(days=1)), date(2020, 2, 10)) is None
