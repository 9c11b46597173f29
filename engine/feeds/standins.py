"""Servers on this machine that stand in for outside hosts, for tests and demonstrations: `KANPAN_FEED_HOSTS`.

`http://127.0.0.1:8123` stands in for every host, `qt.gtimg.cn=http://127.0.0.1:8123` for one; several are separated by commas. Only
addresses of this machine are taken, so that a variable can send no request to a stranger.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from urllib.parse import urlsplit

from engine.core.errors import ConfigError

VARIABLE = "KANPAN_FEED_HOSTS"
_EVERY = ""


def stand_ins(text: str) -> Callable[[str], str | None]:
    """What `Fetcher` takes as `resolve`: the base URL for a host, or None for the host itself. Raises ConfigError."""
    table: dict[str, str] = {}
    for entry in filter(None, (part.strip() for part in text.split(","))):
        host, _, base = entry.rpartition("=")
        if not _on_this_machine(base):
            raise ConfigError(f"environment {VARIABLE}: each is [HOST=]http://127.0.0.1:PORT, an address of this machine")
        table[host.strip().lower() or _EVERY] = base.rstrip("/")
    return lambda host: table.get(host, table.get(_EVERY))


def _on_this_machine(base: str) -> bool:
    try:
        parts = urlsplit(base)
        return parts.scheme == "http" and parts.port is not None and ipaddress.ip_address(parts.hostname or "").is_loopback
    except ValueError:
        return False
