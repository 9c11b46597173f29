"""How bodies are fetched: timeouts, caps, tries, paces, and which proxy stands between."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit
from urllib.request import getproxies

from engine.feeds.breaker import Rest
from engine.feeds.pacing import Pace


@dataclass(frozen=True, slots=True)
class FetchSettings:
    """How to fetch. `paces` and `budgets` (requests a UTC day, 0 for no limit) by family, in place of the built-in ones.

    `cookie` is a secret and goes to Eastmoney over TLS only.
    """

    connect_s: float = 5.0
    read_s: float = 8.0
    total_s: float = 20.0
    turn_s: float = 60.0
    max_bytes: int = 20_000_000
    tries: int = 3
    retry_wait_s: float = 0.5
    trust_env: bool = False
    proxy: str = field(default="", repr=False)
    cookie: str = field(default="", repr=False)
    paces: Mapping[str, Pace] = field(default_factory=dict)
    budgets: Mapping[str, int] = field(default_factory=dict)
    rest: Rest = field(default_factory=Rest)


def proxy_in_use(settings: FetchSettings) -> str:
    """The proxy that requests to the outside go through, as scheme://host:port without credentials; empty for none."""
    proxies: Iterator[str] = iter(())
    if settings.trust_env:
        found = getproxies()
        proxies = (found[name] for name in ("https", "all", "http") if found.get(name))
    url = settings.proxy or next(proxies, "")
    if not url:
        return ""
    parts = urlsplit(url if "://" in url else f"http://{url}")
    return f"{parts.scheme}://{parts.hostname}{f':{parts.port}' if parts.port else ''}"
