"""One HTTP conversation that we own: counted, never redirected, and cut from another thread the moment nobody waits for it."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import httpx

from engine.llm.model import MAX_REPLY_BYTES

STREAM_WIRE_BYTES = 16 * MAX_REPLY_BYTES
"""Event streams wrap every few characters in some 300 bytes of JSON, so the wire may carry more than the reply; this is its end."""


class WireTooLarge(httpx.HTTPError):
    """The endpoint sent more bytes than any reply may hold."""


class Wire(httpx.BaseTransport):
    """A transport for exactly one request. `hang_up` may be called from any thread, at any time, more than once."""

    def __init__(self, *, tls: bool, proxy: str = "") -> None:
        self._inner = httpx.HTTPTransport(
            verify=_trusting() if tls or proxy else _trusting_nobody(),
            trust_env=False,
            proxy=proxy or None,
            limits=httpx.Limits(max_connections=1, max_keepalive_connections=0),
        )
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None
        self._hung_up = False
        self.too_large = False

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send it, watch the connection being made, and count what comes back."""
        for name in [name for name in request.headers if name.startswith("x-stainless-")]:
            del request.headers[name]
        request.headers["Accept-Encoding"] = "identity"
        request.extensions = {**request.extensions, "trace": self._traced}
        response = self._inner.handle_request(request)
        if response.headers.get("content-encoding", "identity") != "identity":
            response.close()
            raise httpx.DecodingError("a compressed reply was not asked for")
        streamed = response.headers.get("content-type", "").startswith("text/event-stream")
        cap = STREAM_WIRE_BYTES if streamed else MAX_REPLY_BYTES
        assert isinstance(response.stream, httpx.SyncByteStream)
        return httpx.Response(
            status_code=response.status_code,
            headers=response.headers,
            stream=_Counted(response.stream, cap, self),
            extensions=response.extensions,
        )

    def hang_up(self) -> None:
        """Wake whoever reads from the connection, with an error."""
        with self._lock:
            self._hung_up = True
            if self._socket is not None:
                with contextlib.suppress(OSError):
                    socket.socket.shutdown(self._socket, socket.SHUT_RDWR)

    def close(self) -> None:
        """Release the connection."""
        self._inner.close()

    def _traced(self, event: str, info: dict[str, Any]) -> None:
        if event.endswith((".connect_tcp.complete", ".start_tls.complete")):
            with self._lock:
                self._socket = info["return_value"].get_extra_info("socket")
            if self._hung_up:
                self.hang_up()


class _Counted(httpx.SyncByteStream):
    def __init__(self, inner: httpx.SyncByteStream, cap: int, wire: Wire) -> None:
        self._inner = inner
        self._cap = cap
        self._wire = wire

    def __iter__(self) -> Iterator[bytes]:
        total = line = 0
        for block in self._inner:
            total += len(block)
            newline = block.rfind(b"\n")
            line = line + len(block) if newline < 0 else len(block) - newline
            if total > self._cap or line > MAX_REPLY_BYTES:
                self._wire.too_large = True
                raise WireTooLarge(f"more than {self._cap} bytes")
            yield block

    def close(self) -> None:
        self._inner.close()


@lru_cache(maxsize=1)
def _trusting() -> ssl.SSLContext:
    """The usual authorities; read once, because that costs tens of milliseconds."""
    return httpx.create_ssl_context(trust_env=False)


@lru_cache(maxsize=1)
def _trusting_nobody() -> ssl.SSLContext:
    """For plain http, where no handshake happens: were there one, it would fail."""
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
