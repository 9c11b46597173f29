"""A real HTTP server on loopback that behaves as model endpoints do on their good and their worst days."""

from __future__ import annotations

import contextlib
import json
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

USAGE = {
    "prompt_tokens": 563,
    "completion_tokens": 116,
    "total_tokens": 679,
    "prompt_tokens_details": {"cached_tokens": 512},
    "completion_tokens_details": {"reasoning_tokens": 60},
    "prompt_cache_hit_tokens": 512,
    "prompt_cache_miss_tokens": 51,
}


class Request:
    """One request as the server sees it, with the ways to answer it."""

    def __init__(self, handler: BaseHTTPRequestHandler, body: dict[str, Any], gone: threading.Event) -> None:
        self.handler = handler
        self.body = body
        self.headers = dict(handler.headers.items())
        self.path = handler.path
        self.gone = gone

    def send(self, status: int, body: bytes | str, kind: str = "application/json", **headers: str) -> None:
        payload = body.encode() if isinstance(body, str) else body
        self.handler.send_response(status)
        self.handler.send_header("Content-Type", kind)
        self.handler.send_header("Content-Length", str(len(payload)))
        for name, value in headers.items():
            self.handler.send_header(name.replace("_", "-"), value)
        self.handler.end_headers()
        self.handler.wfile.write(payload)

    def fail(self, status: int, message: str, **headers: str) -> None:
        self.send(status, json.dumps({"error": {"message": message, "type": "x", "code": "x"}}), **headers)

    def open_stream(self, kind: str = "text/event-stream") -> None:
        self.handler.send_response(200)
        self.handler.send_header("Content-Type", kind)
        self.handler.send_header("Connection", "close")
        self.handler.end_headers()

    def write(self, raw: str | bytes) -> None:
        self.handler.wfile.write(raw.encode() if isinstance(raw, str) else raw)
        self.handler.wfile.flush()

    def event(self, data: object) -> None:
        self.write(f"data: {json.dumps(data, ensure_ascii=False)}\n\n")

    def delta(self, finish: str | None = None, **delta: object) -> None:
        self.event(
            {"id": "1", "object": "chat.completion.chunk", "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}
        )

    def stream(self, text: str, *, finish: str = "stop", usage: object = USAGE, size: int = 20) -> None:
        """A whole well-behaved streamed answer."""
        self.open_stream()
        self.write(": keep-alive\n\n")
        for at in range(0, len(text), size):
            self.delta(content=text[at : at + size])
        self.delta(finish=finish)
        self.event({"id": "1", "object": "chat.completion.chunk", "choices": [], "usage": usage})
        self.write("data: [DONE]\n\n")

    def hang(self, seconds: float = 30) -> None:
        self.gone.wait(seconds)


Behaviour = Callable[[Request], None]


class FakeServer:
    """`script` answers requests in order, its last entry for ever; `requests` keeps what was asked."""

    def __init__(self, *script: Behaviour, certificate: Path | None = None) -> None:
        self.requests: list[Request] = []
        self.gone = threading.Event()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                raw = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                request = Request(self, json.loads(raw or b"{}"), outer.gone)
                outer.requests.append(request)
                self.close_connection = True
                with contextlib.suppress(OSError):
                    script[min(len(outer.requests), len(script)) - 1](request)

            def log_message(self, *args: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        scheme = "http" if certificate is None else "https"
        self.base_url = f"{scheme}://127.0.0.1:{self._server.server_port}/v1"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()

    def close(self) -> None:
        self.gone.set()
        self._server.shutdown()
        self._server.server_close()


@contextlib.contextmanager
def serving(*script: Behaviour, certificate: Path | None = None) -> Iterator[FakeServer]:
    server = FakeServer(*script, certificate=certificate)
    try:
        yield server
    finally:
        server.close()


def says(text: str, **how: Any) -> Behaviour:
    return lambda request: request.stream(text, **how)


def fails(status: int, message: str = "no", **headers: str) -> Behaviour:
    return lambda request: request.fail(status, message, **headers)


def hangs(request: Request) -> None:
    request.hang()


def drips(request: Request) -> None:
    """A byte now and then, so that no single read ever times out."""
    request.open_stream()
    request.delta(content='{"dec')
    while not request.gone.wait(0.05):
        request.write(":\n")


def never_ends(request: Request) -> None:
    request.open_stream()
    until = time.monotonic() + 20
    while time.monotonic() < until and not request.gone.is_set():
        request.delta(content="x" * 20_000)


def one_endless_line(request: Request) -> None:
    request.open_stream()
    for _ in range(400):
        request.write("x" * 10_000)


def resets(request: Request) -> None:
    import socket
    import struct

    request.handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    request.handler.connection.close()
