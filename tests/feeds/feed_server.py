"""A real HTTP server on loopback that plays every host of the outside world, on their good and their worst days.

One port, many hosts: the fetcher sends each request here with the Host it meant, and the server answers as that host was told to.
"""

from __future__ import annotations

import contextlib
import gzip
import socket
import struct
import threading
from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit

ANY = "*"
"""The host that answers for those that were told nothing."""


@dataclass(frozen=True)
class Seen:
    """One request as it arrived."""

    method: str
    host: str
    path: str
    params: dict[str, str]
    headers: dict[str, str]
    form: dict[str, str]
    connection: int


class Exchange:
    """One request, and the ways to answer it."""

    def __init__(self, seen: Seen, handler: BaseHTTPRequestHandler, gone: threading.Event) -> None:
        self.seen = seen
        self.gone = gone
        self._handler = handler

    def send(self, body: bytes, status: int = 200, headers: dict[str, str] | None = None, length: int | None = None) -> None:
        """A whole answer; `length` is what its Content-Length says, when that is a lie."""
        handler = self._handler
        handler.send_response(status)
        for name, value in {"Content-Type": "application/json", **(headers or {})}.items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(body) if length is None else length))
        handler.end_headers()
        handler.wfile.write(body)
        handler.wfile.flush()

    def raw(self, data: bytes) -> None:
        """Bytes on the wire, as they are."""
        self._handler.wfile.write(data)
        self._handler.wfile.flush()

    def reset(self) -> None:
        """Break the connection the way a wall does: RST, no goodbye."""
        self._handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._handler.connection.close()
        self._handler.close_connection = True

    def hang_up(self) -> None:
        """Close after what was sent."""
        self._handler.close_connection = True


Behaviour = Callable[[Exchange], None]


def plays(body: bytes | str, **headers: str) -> Behaviour:
    """The same sound body for every request."""
    data = body.encode() if isinstance(body, str) else body
    return lambda exchange: exchange.send(data, headers={name.replace("_", "-"): value for name, value in headers.items()})


def status(code: int, body: bytes = b"", **headers: str) -> Behaviour:
    """A bare status, such as 403, 429 with Retry_After="30", 456 or 502."""
    told = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda exchange: exchange.send(body, code, told)


def html_page(code: int = 200) -> Behaviour:
    """An error page for people where data was asked for."""
    page = b"<!DOCTYPE html><html><head><title>Sorry</title></head><body>Your request was blocked.</body></html>"
    return lambda exchange: exchange.send(page, code, {"Content-Type": "text/html"})


def reset_at_once() -> Behaviour:
    """Connection reset by peer before a byte was said."""
    return lambda exchange: exchange.reset()


def reset_mid_body(body: bytes) -> Behaviour:
    """Half of the body, then a reset."""

    def answer(exchange: Exchange) -> None:
        exchange.send(body[: len(body) // 2], length=len(body))
        exchange.reset()

    return answer


def half(body: bytes) -> Behaviour:
    """Half of the body under an honest length: HTTP is content, only a parser can tell."""
    return lambda exchange: exchange.send(body[: len(body) // 2])


def short_of_its_length(body: bytes) -> Behaviour:
    """Half of the body, a Content-Length for all of it, and a polite end."""

    def answer(exchange: Exchange) -> None:
        exchange.send(body[: len(body) // 2], length=len(body))
        exchange.hang_up()

    return answer


def hangs(seconds: float = 30.0) -> Behaviour:
    """Not a byte for `seconds`, then the end."""

    def answer(exchange: Exchange) -> None:
        exchange.gone.wait(seconds)
        exchange.hang_up()

    return answer


def drips(body: bytes, pause_s: float = 0.05) -> Behaviour:
    """One byte at a time, each before a read timeout strikes."""

    def answer(exchange: Exchange) -> None:
        exchange.send(b"", length=len(body))
        for at in range(len(body)):
            if exchange.gone.wait(pause_s):
                return
            exchange.raw(body[at : at + 1])

    return answer


def drips_headers(pause_s: float = 0.05) -> Behaviour:
    """A header that never ends, a byte at a time."""

    def answer(exchange: Exchange) -> None:
        exchange.raw(b"HTTP/1.1 200 OK\r\nX-Long: ")
        while not exchange.gone.wait(pause_s):
            exchange.raw(b"a")

    return answer


def streams(total_bytes: int) -> Behaviour:
    """A body without a length that goes on for `total_bytes`."""

    def answer(exchange: Exchange) -> None:
        exchange.raw(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n")
        block = b"0" * 65_536
        for _ in range(total_bytes // len(block)):
            exchange.raw(block)
        exchange.hang_up()

    return answer


def gzipped(body: bytes, keep: int | None = None) -> Behaviour:
    """The body compressed; only the first `keep` bytes of that when given."""
    packed = gzip.compress(body)[:keep]
    return lambda exchange: exchange.send(packed, headers={"Content-Encoding": "gzip"})


def bomb(unpacked_bytes: int) -> Behaviour:
    """A small gzip body that unpacks to very much."""
    return gzipped(b"\0" * unpacked_bytes)


class FeedServer:
    """`set(host, behaviour)` says how a host answers from now on, `once` how it answers the next requests first."""

    def __init__(self, port: int = 0) -> None:
        self.seen: list[Seen] = []
        self._told: dict[str, Behaviour] = {ANY: status(502)}
        self._next: dict[str, deque[Behaviour]] = defaultdict(deque)
        self._lock = threading.Lock()
        self._gone = threading.Event()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_GET(self) -> None:
                parts = urlsplit(self.path)
                form = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                seen = Seen(
                    self.command,
                    self.headers.get("Host", ""),
                    parts.path,
                    dict(parse_qsl(parts.query, keep_blank_values=True)),
                    {name.lower(): value for name, value in self.headers.items()},
                    dict(parse_qsl(form.decode("ascii", "replace"), keep_blank_values=True)),
                    self.client_address[1],
                )
                try:
                    outer._behaviour(seen)(Exchange(seen, self, outer._gone))
                except OSError:
                    self.close_connection = True

            do_POST = do_GET

            def log_message(self, *args: object) -> None:
                pass

            def finish(self) -> None:
                with contextlib.suppress(OSError, ValueError):
                    super().finish()

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 64

            def handle_error(self, request: object, client_address: object) -> None:
                """A broken connection is what this server is for; nothing is said about it."""

        self._server = Server(("127.0.0.1", port), Handler)
        self.base_url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), name="feed-server", daemon=True)
        self._thread.start()

    def resolve(self, host: str) -> str:
        """The base URL that stands in for `host`: pass it to Fetcher."""
        return self.base_url

    def set(self, host: str, behaviour: Behaviour) -> None:
        """How `host` (or ANY) answers from now on."""
        with self._lock:
            self._told[host] = behaviour
            self._next.pop(host, None)

    def once(self, host: str, *behaviours: Behaviour) -> None:
        """How `host` answers its next requests, before it answers as it was told."""
        with self._lock:
            self._next[host].extend(behaviours)

    def asked(self, host: str) -> list[Seen]:
        """What `host` was asked, in order."""
        with self._lock:
            return [seen for seen in self.seen if seen.host == host]

    def close(self) -> None:
        """End every answer under way."""
        self._gone.set()
        self._server.shutdown()
        self._server.server_close()

    def _behaviour(self, seen: Seen) -> Behaviour:
        with self._lock:
            self.seen.append(seen)
            waiting = self._next.get(seen.host)
            if waiting:
                return waiting.popleft()
            return self._told.get(seen.host, self._told[ANY])
