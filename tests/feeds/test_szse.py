"""The calendar of the coming year, asked of a real HTTP server that answers as SZSE does, or worse."""

from __future__ import annotations

import json
import threading
from argparse import Namespace
from collections.abc import Iterator
from datetime import date, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from engine.core.errors import OutsideError
from engine.core.units import Market
from engine.exchange.calendar import calendar, reset_calendar_path
from engine.feeds.szse import month_pages
from tui.cli import Settings
from tui.data import sync_calendars

PUBLISHED_TO = date(2027, 1, 31)


class Exchange(BaseHTTPRequestHandler):
    """Answers one month a page; a month not published yet has no open day."""

    fault = ""

    def do_GET(self) -> None:
        year, month = parse_qs(urlsplit(self.path).query)["month"][0].split("-")
        first = date(int(year), int(month), 1)
        days = [first + timedelta(days=n) for n in range(31) if (first + timedelta(days=n)).month == first.month]
        rows = [{"jyrq": str(day), "jybz": "1" if day <= PUBLISHED_TO and day.weekday() < 5 else "0"} for day in days]
        body = {"": json.dumps({"data": rows}), "html": "<html>busy</html>", "list": "[]"}.get(self.fault, "").encode()
        self.send_response(502 if self.fault == "down" else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def address() -> Iterator[str]:
    Exchange.fault = ""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Exchange)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/monthList"
    server.shutdown()
    server.server_close()


def test_the_command_keeps_what_was_published_and_the_next_start_knows_it(
    address: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    try:
        settings = Settings(Namespace(home=str(tmp_path)), {})
        settings.use_calendars()
        assert sync_calendars(settings, address=address) == 0
        assert "2027-01-31" in capsys.readouterr().out
        settings.use_calendars()
        assert calendar(Market.ASHARE).last == PUBLISHED_TO
        assert sync_calendars(settings, address=address) == 0
        assert "nothing new" in capsys.readouterr().out
    finally:
        reset_calendar_path(None)


@pytest.mark.parametrize(("fault", "told"), [("html", "not a list"), ("list", "not a list"), ("down", "HTTP 502")])
def test_an_exchange_that_answers_something_else_is_one_line(address: str, fault: str, told: str) -> None:
    Exchange.fault = fault
    with pytest.raises(OutsideError, match=told):
        month_pages([(2027, 1)], address=address)


def test_an_exchange_that_cannot_be_reached_is_one_line() -> None:
    with pytest.raises(OutsideError, match="szse: ConnectError"):
        month_pages([(2027, 1)], address="http://127.0.0.1:9/monthList")
