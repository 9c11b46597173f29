"""The fetcher against a real server at its worst: each failure has a name, no body is read without end, no host asked too often."""

from __future__ import annotations

import threading
import time
import tracemalloc
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from feed_server import (
    Behaviour,
    FeedServer,
    bomb,
    drips,
    drips_headers,
    gzipped,
    hangs,
    html_page,
    plays,
    reset_at_once,
    reset_mid_body,
    short_of_its_length,
    status,
    streams,
)

from engine.feeds.breaker import Gate, Rest
from engine.feeds.fetch import Fetcher, HostState
from engine.feeds.fetch_settings import FetchSettings
from engine.feeds.pacing import Pace
from engine.feeds.source import Fault, FeedError, Request

HOST = "push2.eastmoney.com"
BODY = b'{"rc":0,"data":{"total":1}}' * 40
REQUEST = Request(HOST, "/api/qt/ulist.np/get", (("secids", "1.600000"),))
QUICK = {
    "retry_wait_s": 0.001,
    "paces": {host: Pace(0.0) for host in (HOST, "qt.gtimg.cn", "www.bse.cn", "fapi.binance.com", "push2delay.eastmoney.com")},
}


class Seconds:
    """A monotonic clock that moves when told, and a sleep that moves it."""

    def __init__(self) -> None:
        self.at = 0.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.at

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.at += seconds


@pytest.fixture
def server() -> Iterator[FeedServer]:
    server = FeedServer()
    yield server
    server.close()


@pytest.fixture
def clock() -> Seconds:
    return Seconds()


def fetcher(server: FeedServer, clock: Seconds, **settings: Any) -> Fetcher:
    return Fetcher(FetchSettings(**{**QUICK, **settings}), resolve=server.resolve, monotonic=clock, sleep=clock.sleep)


def fault_of(fetch: Fetcher, request: Request = REQUEST) -> FeedError:
    with pytest.raises(FeedError) as caught:
        fetch("eastmoney", request)
    assert caught.value.source == "eastmoney"
    return caught.value


def state_of(fetch: Fetcher, host: str) -> HostState:
    return next(state for state in fetch.states() if state.host == host)


def test_a_sound_body_comes_whole_with_what_was_asked(server: FeedServer, clock: Seconds) -> None:
    server.set(HOST, plays(BODY))
    request = Request(
        HOST, "/api/qt/clist/get", (("fs", "m:0 t:6,m:1 t:2"), ("pn", "1")), {"Referer": "https://quote.eastmoney.com/"}
    )
    assert fetcher(server, clock)("eastmoney", request) == BODY
    (seen,) = server.asked(HOST)
    assert (seen.method, seen.path) == ("GET", "/api/qt/clist/get")
    assert seen.params == {"fs": "m:0 t:6,m:1 t:2", "pn": "1"}
    assert seen.headers["referer"] == "https://quote.eastmoney.com/"


def test_a_form_is_posted(server: FeedServer, clock: Seconds) -> None:
    server.set("www.bse.cn", plays("null([])"))
    fetcher(server, clock)("bse", Request("www.bse.cn", "/list.do", form=(("page", "0"), ("xxfcbj[]", "2"))))
    (seen,) = server.asked("www.bse.cn")
    assert (seen.method, seen.form) == ("POST", {"page": "0", "xxfcbj[]": "2"})


def test_the_connection_is_kept_and_replaced_when_the_server_let_go(server: FeedServer, clock: Seconds) -> None:
    server.set(HOST, plays(BODY))
    fetch = fetcher(server, clock)
    for _ in range(4):
        fetch("eastmoney", REQUEST)
    assert len({seen.connection for seen in server.asked(HOST)}) == 1
    server.once(HOST, reset_at_once())
    assert fetch("eastmoney", REQUEST) == BODY
    assert len({seen.connection for seen in server.asked(HOST)}) == 2


def test_a_gzip_body_is_unpacked(server: FeedServer, clock: Seconds) -> None:
    server.set(HOST, gzipped(BODY))
    assert fetcher(server, clock)("eastmoney", REQUEST) == BODY


@pytest.mark.parametrize(
    ("behaviour", "fault"),
    [
        (reset_at_once(), Fault.NETWORK),
        (reset_mid_body(BODY), Fault.NETWORK),
        (short_of_its_length(BODY), Fault.NETWORK),
        (gzipped(BODY, keep=30), Fault.NETWORK),
        (hangs(), Fault.TIMEOUT),
        (drips(BODY), Fault.TIMEOUT),
        (drips_headers(), Fault.TIMEOUT),
        (status(403), Fault.BANNED),
        (status(418), Fault.BANNED),
        (status(451), Fault.BANNED),
        (status(456), Fault.BANNED),
        (status(429), Fault.THROTTLED),
        (status(500), Fault.SERVER),
        (status(501), Fault.SERVER),
        (status(502, b"<html>"), Fault.SERVER),
        (status(404, b"<html>gone</html>"), Fault.SERVER),
        (html_page(400), Fault.SERVER),
        (status(400, b'{"code":-1121,"msg":"Invalid symbol."}'), Fault.UNKNOWN_SYMBOL),
        (status(404, b'{"chart":{"error":{"code":"Not Found"}}}'), Fault.UNKNOWN_SYMBOL),
        (status(302, Location="https://example.invalid/captcha"), Fault.NOT_DATA),
        (status(204), Fault.NOT_DATA),
        (plays(b""), Fault.EMPTY),
        (plays(BODY, Content_Encoding="br"), Fault.NOT_DATA),
        (plays(BODY, Content_Encoding="gzip"), Fault.NOT_DATA),
    ],
)
def test_every_failure_has_its_name(server: FeedServer, clock: Seconds, behaviour: Behaviour, fault: Fault) -> None:
    server.set(HOST, behaviour)
    patience = {"read_s": 0.5, "total_s": 0.8} if fault is Fault.TIMEOUT else {}
    error = fault_of(fetcher(server, clock, **patience))
    assert error.fault is fault, error
    assert HOST in error.detail


@pytest.mark.parametrize("behaviour", [streams(200_000_000), bomb(50_000_000), plays(b"x" * 3_000_000)])
def test_a_body_without_end_is_cut_at_the_cap(server: FeedServer, clock: Seconds, behaviour: Behaviour) -> None:
    server.set(HOST, behaviour)
    started = time.monotonic()
    error = fault_of(fetcher(server, clock, max_bytes=2_000_000, total_s=60.0))
    assert (error.fault, error.detail) == (Fault.NOT_DATA, f"{HOST}: more than 2000000 bytes")
    assert time.monotonic() - started < 10.0


def test_a_bomb_is_never_unpacked_into_memory(server: FeedServer, clock: Seconds) -> None:
    server.set(HOST, bomb(50_000_000))
    fetch = fetcher(server, clock, max_bytes=1_000_000, total_s=60.0)
    tracemalloc.start()
    try:
        assert fault_of(fetch).fault is Fault.NOT_DATA
        assert tracemalloc.get_traced_memory()[1] < 15_000_000
    finally:
        tracemalloc.stop()


def test_a_host_that_is_not_there_is_a_network_fault(clock: Seconds) -> None:
    fetch = Fetcher(FetchSettings(**QUICK), resolve=lambda host: "http://127.0.0.1:9", monotonic=clock, sleep=clock.sleep)
    assert fault_of(fetch).fault is Fault.NETWORK


def test_a_server_that_speaks_no_tls_is_a_network_fault(server: FeedServer, clock: Seconds) -> None:
    base = server.base_url.replace("http:", "https:")
    fetch = Fetcher(FetchSettings(**QUICK), resolve=lambda host: base, monotonic=clock, sleep=clock.sleep)
    assert fault_of(fetch).fault is Fault.NETWORK


def test_a_broken_connection_is_tried_again_and_counted(server: FeedServer, clock: Seconds) -> None:
    server.set(HOST, plays(BODY))
    server.once(HOST, reset_at_once(), reset_mid_body(BODY))
    fetch = fetcher(server, clock)
    assert fetch("eastmoney", REQUEST) == BODY
    assert len(server.asked(HOST)) == 3
    assert state_of(fetch, HOST).requests == 3


@pytest.mark.parametrize("behaviour", [status(403), status(429), status(502), hangs(), plays(b"")])
def test_anything_but_a_broken_connection_is_asked_once(server: FeedServer, clock: Seconds, behaviour: Behaviour) -> None:
    server.set(HOST, behaviour)
    fault_of(fetcher(server, clock, read_s=0.3))
    assert len(server.asked(HOST)) == 1


@pytest.mark.parametrize(
    ("header", "asked_s"),
    [
        ({"Retry_After": "30"}, 30.0),
        ({"Retry_After": "0"}, 0.0),
        ({"Retry_After": "soon"}, 0.0),
        ({"Retry_After": "-5"}, 0.0),
        ({}, 0.0),
    ],
)
def test_seconds_asked_for_are_passed_on(server: FeedServer, clock: Seconds, header: dict[str, str], asked_s: float) -> None:
    server.set(HOST, status(429, **header))
    assert fault_of(fetcher(server, clock)).retry_after_s == asked_s


def test_a_date_asked_for_is_measured_against_the_servers_own_clock(server: FeedServer, clock: Seconds) -> None:
    then = datetime.now(UTC) + timedelta(seconds=90)
    server.set(HOST, status(429, Retry_After=format_datetime(then, usegmt=True)))
    assert 60.0 < fault_of(fetcher(server, clock)).retry_after_s <= 91.0


def test_who_asks_for_time_is_given_it(server: FeedServer, clock: Seconds) -> None:
    server.set(HOST, status(429, Retry_After="30"))
    fetch = fetcher(server, clock)
    fault_of(fetch)
    server.set(HOST, plays(BODY))
    clock.at = 29.0
    error = fault_of(fetch)
    assert (error.fault, error.retry_after_s) == (Fault.THROTTLED, 1.0)
    assert len(server.asked(HOST)) == 1
    clock.at = 30.0
    assert fetch("eastmoney", REQUEST) == BODY


def test_a_host_that_broke_three_times_rests_and_is_probed(server: FeedServer, clock: Seconds) -> None:
    server.set(HOST, reset_at_once())
    fetch = fetcher(server, clock)
    fault_of(fetch)
    assert len(server.asked(HOST)) == 3
    state = state_of(fetch, HOST)
    assert (state.gate, state.resting_s, state.last_ok_s) == (Gate.OPEN, 60.0, None)
    assert state.last_fault.startswith("NETWORK")
    fault_of(fetch)
    assert len(server.asked(HOST)) == 3
    clock.at = 60.0
    fault_of(fetch)
    assert len(server.asked(HOST)) == 4
    assert state_of(fetch, HOST).resting_s == 120.0
    server.set(HOST, plays(BODY))
    clock.at = 180.0
    assert fetch("eastmoney", REQUEST) == BODY
    assert (state_of(fetch, HOST).gate, state_of(fetch, HOST).last_ok_s) == (Gate.CLOSED, 0.0)


def test_a_host_that_rests_is_refused_at_once_and_not_waited_for(server: FeedServer, clock: Seconds) -> None:
    server.set(HOST, reset_at_once())
    fetch = fetcher(server, clock, retry_wait_s=30.0, rest=Rest(failures=1))
    started = time.monotonic()
    for _ in range(3):
        assert fault_of(fetch).fault is Fault.NETWORK
    assert time.monotonic() - started < 20.0
    assert len(server.asked(HOST)) == 1


def test_a_ban_at_one_front_end_is_a_ban_at_all_of_them_and_not_elsewhere(server: FeedServer, clock: Seconds) -> None:
    for host in (HOST, "82.push2.eastmoney.com", "push2delay.eastmoney.com"):
        server.set(host, plays(BODY))
    server.set(HOST, status(403))
    fetch = fetcher(server, clock)
    fault_of(fetch)
    assert fault_of(fetch, Request("82.push2.eastmoney.com", "/")).fault is Fault.BANNED
    assert server.asked("82.push2.eastmoney.com") == []
    assert fetch("eastmoney", Request("push2delay.eastmoney.com", "/")) == BODY
    clock.at = 3_600.0
    for _ in range(3):
        assert fetch("eastmoney", Request("82.push2.eastmoney.com", "/")) == BODY


def test_three_front_ends_down_are_a_wall(server: FeedServer, clock: Seconds) -> None:
    fetch = fetcher(server, clock)
    for number in (82, 17, 29):
        host = f"{number}.push2.eastmoney.com"
        server.set(host, reset_at_once())
        assert fault_of(fetch, Request(host, "/")).fault is Fault.NETWORK
    server.set("79.push2.eastmoney.com", plays(BODY))
    fault_of(fetch, Request("79.push2.eastmoney.com", "/"))
    assert server.asked("79.push2.eastmoney.com") == []
    clock.at = 1_800.0
    assert fetch("eastmoney", Request("79.push2.eastmoney.com", "/")) == BODY


def test_an_unknown_symbol_is_no_fault_of_the_host(server: FeedServer, clock: Seconds) -> None:
    server.set("fapi.binance.com", status(400, b'{"code":-1121,"msg":"Invalid symbol."}'))
    fetch = fetcher(server, clock)
    for _ in range(10):
        assert fault_of(fetch, Request("fapi.binance.com", "/")).fault is Fault.UNKNOWN_SYMBOL
    assert state_of(fetch, "fapi.binance.com").gate is Gate.CLOSED


def test_front_ends_of_one_wall_share_one_pace(server: FeedServer, clock: Seconds) -> None:
    server.set(HOST, plays(BODY))
    server.set("82.push2.eastmoney.com", plays(BODY))
    fetch = fetcher(server, clock, paces={HOST: Pace(gap_s=1.5)})
    for host in (HOST, "82.push2.eastmoney.com", HOST):
        fetch("eastmoney", Request(host, "/"))
    assert clock.slept == [1.5, 1.5]


def test_one_request_is_in_flight_for_each_wall(server: FeedServer, clock: Seconds) -> None:
    inside, most = [0], [0]

    def slow(exchange: Any) -> None:
        inside[0] += 1
        most[0] = max(most[0], inside[0])
        time.sleep(0.02)
        inside[0] -= 1
        exchange.send(BODY)

    server.set(HOST, slow)
    server.set("82.push2.eastmoney.com", slow)
    fetch = fetcher(server, clock)
    hosts = [HOST, "82.push2.eastmoney.com"] * 4
    threads = [threading.Thread(target=fetch, args=("eastmoney", Request(host, "/"))) for host in hosts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most[0] == 1
    assert sum(state.requests for state in fetch.states()) == 8


def test_closing_cuts_a_request_under_way(server: FeedServer, clock: Seconds) -> None:
    server.set(HOST, hangs())
    fetch = fetcher(server, clock, read_s=30.0, total_s=30.0)
    caught: list[FeedError] = []

    def ask() -> None:
        try:
            fetch("eastmoney", REQUEST)
        except FeedError as error:
            caught.append(error)

    thread = threading.Thread(target=ask)
    thread.start()
    while not server.asked(HOST):
        time.sleep(0.005)
    fetch.close()
    thread.join(10.0)
    assert not thread.is_alive()
    assert caught[0].fault is Fault.NETWORK
    assert "closed" in fault_of(fetch).detail


def test_who_waits_for_a_turn_when_it_closes_is_refused(server: FeedServer, clock: Seconds) -> None:
    server.set(HOST, plays(BODY))
    fetch = Fetcher(
        FetchSettings(paces={HOST: Pace(gap_s=5.0)}), resolve=server.resolve, monotonic=clock, sleep=lambda seconds: fetch.close()
    )
    fetch("eastmoney", REQUEST)
    assert "closed" in fault_of(fetch).detail
    assert len(server.asked(HOST)) == 1


def test_a_proxy_is_named_without_its_credentials(clock: Seconds) -> None:
    secret = "http://someone:hunter2@127.0.0.1:9"
    fetch = Fetcher(FetchSettings(**{**QUICK, "proxy": secret}), monotonic=clock, sleep=clock.sleep)
    error = fault_of(fetch)
    assert error.fault is Fault.NETWORK
    assert "through the proxy http://127.0.0.1:9" in error.detail
    assert "hunter2" not in str(error) and "hunter2" not in repr(FetchSettings(proxy=secret))


def test_requests_go_through_the_proxy_that_was_set(server: FeedServer, clock: Seconds) -> None:
    server.set(HOST, plays(BODY))
    fetch = Fetcher(FetchSettings(**{**QUICK, "proxy": server.base_url}), monotonic=clock, sleep=clock.sleep)
    assert fetch("eastmoney", Request(HOST, "/api", scheme="http")) == BODY
    assert len(server.asked(HOST)) == 1


def test_the_environments_proxy_is_followed_only_when_told(clock: Seconds, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    assert Fetcher(FetchSettings()).proxy_for(HOST) == ""
    told = Fetcher(FetchSettings(**{**QUICK, "trust_env": True}), monotonic=clock, sleep=clock.sleep)
    assert told.proxy_for(HOST) == "http://127.0.0.1:9"
    assert "through the proxy" in fault_of(told).detail


def test_a_cookie_is_never_sent_in_the_clear(server: FeedServer, clock: Seconds) -> None:
    server.set(HOST, plays(BODY))
    settings = FetchSettings(**{**QUICK, "cookie": "nid18=secret"})
    Fetcher(settings, resolve=server.resolve, monotonic=clock, sleep=clock.sleep)("eastmoney", REQUEST)
    assert "cookie" not in server.asked(HOST)[0].headers
    assert "secret" not in repr(settings)
