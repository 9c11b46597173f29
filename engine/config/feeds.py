"""The [feeds] table of kanpan.toml: how outside hosts are asked, through which proxy, and which variable holds a cookie."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlsplit

from pydantic import Field, field_validator

from engine.config.strict import Strict
from engine.core.errors import ConfigError

if TYPE_CHECKING:
    from engine.feeds.fetch_settings import FetchSettings

_HOST = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:\d{1,5})?")
_VARIABLE = re.compile(r"env:[A-Za-z_][A-Za-z0-9_]*")


class FeedsConfig(Strict):
    """How hosts are asked. Times in seconds; `gap_s` is the least time between requests to a host, `budget` how many it
    is sent on a UTC day (0 for no limit), both in place of the built-in ones.

    `trust_env` follows HTTPS_PROXY and its like; `proxy` is an address without credentials, or `env:NAME` for one with. `em_cookie`
    names the variable that holds a browser's cookie for Eastmoney.
    """

    trust_env: bool = False
    proxy: str = ""
    em_cookie: str = ""
    connect_s: float = Field(default=5, gt=0, le=60)
    read_s: float = Field(default=8, gt=0, le=120)
    total_s: float = Field(default=20, gt=0, le=300)
    tries: int = Field(default=3, ge=1, le=5)
    gap_s: dict[str, Annotated[float, Field(gt=0, le=600)]] = Field(default_factory=dict)
    budget: dict[str, Annotated[int, Field(ge=0, le=10_000_000)]] = Field(default_factory=dict)

    @field_validator("proxy")
    @classmethod
    def _no_credentials(cls, value: str) -> str:
        if not value or _VARIABLE.fullmatch(value):
            return value
        parts = urlsplit(value)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError('must read "http://HOST:PORT" or "env:NAME"')
        if parts.username or parts.password:
            raise ValueError('credentials are never written here; name the variable that holds the address: proxy = "env:NAME"')
        return value

    @field_validator("em_cookie")
    @classmethod
    def _named_not_written(cls, value: str) -> str:
        if value and not _VARIABLE.fullmatch(value):
            raise ValueError('a cookie is never written here; name its variable: em_cookie = "env:NAME"')
        return value

    @field_validator("gap_s", "budget")
    @classmethod
    def _hosts(cls, value: dict[str, float]) -> dict[str, float]:
        wrong = [host for host in value if not _HOST.fullmatch(host)]
        if wrong:
            raise ValueError(f"{wrong[0]} is not the name of a host")
        return value

    def settings(self, environ: Mapping[str, str]) -> FetchSettings:
        """What the fetcher needs; raises ConfigError naming a variable that is not set, never a value."""
        from engine.feeds.fetch_settings import FetchSettings
        from engine.feeds.hosts import family_of, pace_of
        from engine.feeds.pacing import Pace

        paces = {}
        for host, gap_s in self.gap_s.items():
            family = family_of(host)
            usual = pace_of(family)
            paces[family] = Pace(gap_s=gap_s, burst=usual.burst, jitter_s=usual.jitter_s)
        return FetchSettings(
            connect_s=self.connect_s,
            read_s=self.read_s,
            total_s=self.total_s,
            tries=self.tries,
            trust_env=self.trust_env,
            proxy=_value("feeds.proxy", self.proxy, environ),
            cookie=_value("feeds.em_cookie", self.em_cookie, environ),
            paces=paces,
            budgets={family_of(host): most for host, most in self.budget.items()},
        )


def _value(key: str, setting: str, environ: Mapping[str, str]) -> str:
    if not setting.startswith("env:"):
        return setting
    name = setting.removeprefix("env:")
    value = environ.get(name, "").strip()
    if not value:
        raise ConfigError(f"{key}: the variable {name} is not set; export it or put it in .env")
    return value
