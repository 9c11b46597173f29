"""Fetching one body from outside: paced, timed, capped, never redirected, and every failure a FeedError with its Fault.

turn of the family ──► circuit (family, host) ──► day's budget ──► token bucket ──► GET ──► status ──► bounded body ──► bytes
                                                        └── cut at `total_s`, whatever the server drips

Retries are for broken connections only, with jitter, through stamina; a status is never asked again (data_apis.md, 1.8).
"""

from __future__ import annotations

import logging
import ssl
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache

import httpx
import stamina

from engine.core.units import PPM
from engine.feeds.answers import fault_of_status, read_bounded
from engine.feeds.breaker import Circuit, Gate, admit, fail, succeed, trip
from engine.feeds.budget import NEAR_PPM, Spent
from engine.feeds.fetch_settings import FetchSettings, proxy_in_use
from engine.feeds.hosts import COOKIE_DOMAIN, budget_of, family_of, pace_of
from engine.feeds.line import Line
from engine.feeds.pacing import Bucket, Pace, fresh, reserve
from engine.feeds.source import Fault, FeedError, Request
from engine.feeds.tape import Told

logging.getLogger("stamina").addHandler(logging.NullHandler())
"""Without a handler of its own the library's notice of each retry would be printed across the console."""

CLOSING_S = 1.0
HOSTS_THAT_MAKE_A_WALL = 3
"""When so many hosts of one family are open at once, it is not the hosts: the whole family rests (data_apis.md, 1.8)."""
_ANSWERED = frozenset({Fault.UNKNOWN_SYMBOL})


@dataclass(frozen=True, slots=True)
class HostState:
    """One host as the console shows it: `resting_s` until it may be asked again, `last_ok_s` ago (None: never), the last fault."""

    host: str
    family: str
    gate: Gate
    resting_s: float
    requests: int
    last_ok_s: float | None
    last_fault: str


class Fetcher:
    """A `Fetch` for the whole process, safe from any thread; one request at a time for each family of hosts.

    `resolve` gives the base URL that stands in for a host (tests), or None for the host itself. `monotonic` drives paces and
    circuits, `sleep` waits for a turn; deadlines always run on the machine's own clock. `spent` counts against the day's
    budgets, and `told` hears, once a day for each wall, that one is near its end (FEED_BUDGET_NEAR) and at it (FEED_BUDGET_SPENT).
    """

    def __init__(
        self,
        settings: FetchSettings | None = None,
        *,
        resolve: Callable[[str], str | None] = lambda host: None,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], object] = time.sleep,
        spent: Spent | None = None,
        told: Told = lambda code, params: None,
    ) -> None:
        self._settings = settings or FetchSettings()
        self._spent = spent
        self._told = told
        self._resolve = resolve
        self._monotonic = monotonic
        self._sleep = sleep
        self._lock = threading.Lock()
        self._families: dict[str, _Wall] = {}
        self._hosts: dict[str, _Host] = {}
        self._closed = False

    def __call__(self, source: str, request: Request) -> bytes:
        """The body, whole and decompressed. Raises FeedError."""
        host = self._host(request.host)
        for attempt in stamina.retry_context(
            on=lambda error: isinstance(error, FeedError) and self._worth_another(host, error),
            attempts=self._settings.tries,
            timeout=None,
            wait_initial=self._settings.retry_wait_s,
            wait_max=self._settings.retry_wait_s * 8,
            wait_jitter=self._settings.retry_wait_s,
        ):
            with attempt:
                return self._once(source, request, host)
        raise AssertionError("a retry context ends by returning or by raising")

    def seconds(self) -> float:
        """Seconds on the clock of its paces (source.Timed)."""
        return self._monotonic()

    def states(self) -> tuple[HostState, ...]:
        """Every host asked so far, by name."""
        now = self._monotonic()
        with self._lock:
            hosts = sorted(self._hosts.values(), key=lambda host: host.name)
            return tuple(_state(host, now) for host in hosts)

    def proxy_for(self, host: str) -> str:
        """The proxy that requests to `host` go through, without credentials; empty when they go straight."""
        if self._resolve(host) is not None:
            return ""
        return proxy_in_use(self._settings)

    def close(self) -> None:
        """Cut what is under way and let go of every connection; later calls raise FeedError."""
        with self._lock:
            self._closed = True
            hosts = list(self._hosts.values())
        for host in hosts:
            host.line.hang_up()
        for wall in {id(host.wall): host.wall for host in hosts}.values():
            # Who still waits for its turn finds the fetcher closed and lets go; the process does not wait for it longer than this.
            if wall.turn.acquire(timeout=CLOSING_S):
                for host in hosts:
                    if host.wall is wall:
                        host.line.close()
                wall.turn.release()
        if self._spent is not None:
            self._spent.close()

    def _host(self, name: str) -> _Host:
        with self._lock:
            found = self._hosts.get(name)
            if found is None:
                family = family_of(name)
                if family not in self._families:
                    pace = self._settings.paces.get(family, pace_of(family))
                    self._families[family] = _Wall(pace, fresh(pace, self._monotonic()))
                found = self._hosts[name] = _Host(name, family, self._families[family], self._line(name))
            return found

    def _line(self, name: str) -> Line:
        settings = self._settings
        base = self._resolve(name)
        return Line(
            verify=_trusting(settings.trust_env) if base is None or base.startswith("https:") else _trusting_nobody(),
            timeout=httpx.Timeout(connect=settings.connect_s, read=settings.read_s, write=settings.read_s, pool=settings.turn_s),
            trust_env=settings.trust_env and base is None,
            proxy=settings.proxy if base is None else "",
        )

    def _once(self, source: str, request: Request, host: _Host) -> bytes:
        wall = host.wall
        if not wall.turn.acquire(timeout=self._settings.turn_s):
            raise FeedError(source, Fault.TIMEOUT, f"{host.name}: no turn within {self._settings.turn_s:g} s")
        try:
            self._refuse(source, host)
            self._spend(source, host)
            wall.bucket, wait = reserve(wall.bucket, wall.pace, self._monotonic(), request.weight)
            if wait:
                self._sleep(wait)
                self._refuse(source, host)
            self._probe(host)
            host.requests += 1
            try:
                body = self._get(source, request, host)
            except FeedError as error:
                self._failed(host, error)
                raise
            self._answered(host)
            return body
        finally:
            wall.turn.release()

    def _worth_another(self, host: _Host, error: FeedError) -> bool:
        return error.fault is Fault.NETWORK and not self._closed and self._open(host) is None

    def _open(self, host: _Host) -> Circuit | None:
        """The circuit, of the host or of its family, that keeps it from being asked now."""
        now = self._monotonic()
        for circuit in (host.wall.circuit, host.circuit):
            if admit(circuit, now, self._settings.rest) is None:
                return circuit
        return None

    def _refuse(self, source: str, host: _Host) -> None:
        """Raises FeedError while the host or its family rests, and once the fetcher is closed."""
        if self._closed:
            raise FeedError(source, Fault.NETWORK, f"{host.name}: the fetcher is closed")
        now = self._monotonic()
        resting = self._open(host)
        if resting is not None:
            left = resting.until - now
            raise FeedError(source, resting.fault or Fault.NETWORK, f"{host.name} rests for {left:.0f} s", retry_after_s=left)

    def _spend(self, source: str, host: _Host) -> None:
        """Count the request; raises FeedError(THROTTLED) where the day's budget of the wall is used up."""
        spent = self._spent
        most = self._settings.budgets.get(host.family, budget_of(host.family))
        if spent is None:
            return
        if most and spent.of(host.family) >= most:
            detail = f"{host.family}: the budget of {most} requests a day is used up"
            raise FeedError(source, Fault.THROTTLED, detail, retry_after_s=spent.until_tomorrow_s())
        count = spent.take(host.family)
        if not most or count * PPM < most * NEAR_PPM:
            return
        code = "FEED_BUDGET_SPENT" if count >= most else "FEED_BUDGET_NEAR"
        if not spent.heard(host.family, code):
            self._told(code, (("host", host.family), ("count", str(count)), ("limit", str(most))))

    def _probe(self, host: _Host) -> None:
        """Mark the request as the probe, where a rest is over."""
        now, rest = self._monotonic(), self._settings.rest
        with self._lock:
            host.wall.circuit = admit(host.wall.circuit, now, rest) or host.wall.circuit
            host.circuit = admit(host.circuit, now, rest) or host.circuit

    def _failed(self, host: _Host, error: FeedError) -> None:
        now, rest = self._monotonic(), self._settings.rest
        with self._lock:
            host.last_fault = f"{error.fault}: {error.detail}"
            if error.fault in _ANSWERED:
                host.last_ok = now
            host.circuit = fail(host.circuit, error.fault, now, rest, error.retry_after_s)
            bad = sum(1 for other in self._hosts.values() if other.wall is host.wall and other.circuit.gate is Gate.OPEN)
            wall = host.wall
            if error.fault in (Fault.BANNED, Fault.THROTTLED) or wall.circuit.gate is Gate.HALF_OPEN:
                wall.circuit = fail(wall.circuit, error.fault, now, rest, error.retry_after_s)
            elif bad >= HOSTS_THAT_MAKE_A_WALL:
                wall.circuit = trip(wall.circuit, error.fault, now, rest.most_s)

    def _answered(self, host: _Host) -> None:
        with self._lock:
            host.last_ok = self._monotonic()
            host.circuit = succeed(host.circuit)
            host.wall.circuit = succeed(host.wall.circuit)

    def _get(self, source: str, request: Request, host: _Host) -> bytes:
        base = self._resolve(request.host)
        url = f"{base or f'{request.scheme}://{request.host}'}{request.path}"
        headers = {"Accept": "*/*", **request.headers, "Accept-Encoding": "gzip", "Host": request.host}
        if self._settings.cookie and request.host.endswith(f".{COOKIE_DOMAIN}") and url.startswith("https:"):
            headers["Cookie"] = self._settings.cookie
        if request.form:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        method = "POST" if request.form else "GET"
        deadline = host.line.within(self._settings.total_s)
        try:
            with deadline, host.line.stream(method, url, request, headers) as response:
                wrong = fault_of_status(source, request.host, response)
                if wrong is not None:
                    raise wrong
                return read_bounded(source, request.host, response, self._settings.max_bytes)
        except (httpx.HTTPError, httpx.InvalidURL, ssl.SSLError) as error:
            raise self._broken(source, request.host, error, cut=deadline.cut) from None

    def _broken(self, source: str, host: str, error: Exception, *, cut: bool) -> FeedError:
        proxy = self.proxy_for(host)
        through = f" through the proxy {proxy}" if proxy else ""
        if cut:
            return FeedError(source, Fault.TIMEOUT, f"{host}: not whole after {self._settings.total_s:g} s{through}")
        if isinstance(error, httpx.TimeoutException):
            return FeedError(source, Fault.TIMEOUT, f"{host}: {type(error).__name__}{through}")
        return FeedError(source, Fault.NETWORK, f"{host}: {type(error).__name__}{through}")


@dataclass(slots=True, eq=False)
class _Wall:
    """A family under way: whose turn it is, its bucket and its circuit."""

    pace: Pace
    bucket: Bucket
    circuit: Circuit = field(default_factory=Circuit)
    turn: threading.Lock = field(default_factory=threading.Lock)


@dataclass(slots=True, eq=False)
class _Host:
    name: str
    family: str
    wall: _Wall
    line: Line
    circuit: Circuit = field(default_factory=Circuit)
    requests: int = 0
    last_ok: float | None = None
    last_fault: str = ""


def _state(host: _Host, now: float) -> HostState:
    wall, own = host.wall.circuit, host.circuit
    circuit = wall if wall.gate is not Gate.CLOSED and wall.until >= own.until else own
    return HostState(
        host=host.name,
        family=host.family,
        gate=circuit.gate,
        resting_s=max(0.0, circuit.until - now) if circuit.gate is Gate.OPEN else 0.0,
        requests=host.requests,
        last_ok_s=None if host.last_ok is None else max(0.0, now - host.last_ok),
        last_fault=host.last_fault,
    )


@lru_cache(maxsize=2)
def _trusting(trust_env: bool) -> ssl.SSLContext:
    """The usual authorities, or SSL_CERT_FILE's where the environment is followed; reading them costs tens of milliseconds."""
    return httpx.create_ssl_context(trust_env=trust_env)


@lru_cache(maxsize=1)
def _trusting_nobody() -> ssl.SSLContext:
    """For plain http on loopback, where no handshake happens: were there one, it would fail."""
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
