"""One kept-alive connection to one host, which can be cut from another thread when its time is over."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Iterator
from types import TracebackType
from typing import Any
from urllib.parse import urlencode

import httpx

from engine.feeds.source import Request


class Line:
    """An httpx client with a single connection. Used by one thread at a time; `cut` and `hang_up` may come from any."""

    def __init__(self, *, verify: ssl.SSLContext, timeout: httpx.Timeout, trust_env: bool, proxy: str) -> None:
        self._client = httpx.Client(
            verify=verify,
            timeout=timeout,
            trust_env=trust_env,
            proxy=proxy or None,
            follow_redirects=False,
            limits=httpx.Limits(max_connections=1, max_keepalive_connections=1, keepalive_expiry=60.0),
        )
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None
        self._deadline: Deadline | None = None
        self._hung_up = False

    @contextlib.contextmanager
    def stream(self, method: str, url: str, request: Request, headers: dict[str, str]) -> Iterator[httpx.Response]:
        """The response, its body not yet read. Raises httpx.HTTPError."""
        with self._client.stream(
            method,
            url,
            params=list(request.params) or None,
            content=urlencode(request.form).encode() if request.form else None,
            headers=headers,
            extensions={"trace": self._traced},
        ) as response:
            yield response

    def within(self, seconds: float) -> Deadline:
        """Cuts the connection unless the block is left within `seconds`: read timeouts alone never end a drip."""
        return Deadline(self, seconds)

    def begin(self, deadline: Deadline) -> None:
        """From now on `deadline`, and no earlier one, may cut."""
        with self._lock:
            self._deadline = deadline

    def cut(self, deadline: Deadline) -> None:
        """Wake whoever reads from the connection, with an error; a deadline that is over cuts nobody else's request."""
        with self._lock:
            if deadline is self._deadline:
                deadline.cut = True
                self._shut()

    def hang_up(self) -> None:
        """Wake whoever reads, and let nobody connect again."""
        with self._lock:
            self._hung_up = True
            self._shut()

    def close(self) -> None:
        """Let go of the connection; not while another thread uses it."""
        self._client.close()

    def _traced(self, event: str, info: dict[str, Any]) -> None:
        if event.endswith((".connect_tcp.complete", ".start_tls.complete")):
            with self._lock:
                self._socket = info["return_value"].get_extra_info("socket")
                if self._hung_up or (self._deadline is not None and self._deadline.cut):
                    self._shut()

    def _shut(self) -> None:
        if self._socket is not None:
            with contextlib.suppress(OSError):
                socket.socket.shutdown(self._socket, socket.SHUT_RDWR)


class Deadline:
    """`cut` says whether the time ran out before the block was left."""

    def __init__(self, line: Line, seconds: float) -> None:
        self._line = line
        self._timer = threading.Timer(seconds, self._line.cut, (self,))
        self._timer.daemon = True
        self._timer.name = "feed-deadline"
        self.cut = False

    def __enter__(self) -> Deadline:
        self._line.begin(self)
        self._timer.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._timer.cancel()
