"""The [alerts] table of kanpan.toml: which channels, from which severity on, when not, how often, and when to insist."""

from __future__ import annotations

import re
from typing import Literal

from pydantic import Field, field_validator

from engine.config.strict import Strict


class AlertsConfig(Strict):
    """What a person wants to hear of, and where: `log`, `stdout`, `stderr`, or `env:NAME`, a variable that holds apprise URLs."""

    channels: tuple[str, ...] = ()
    quiet: str = ""
    min_severity: Literal["info", "warning", "critical"] = "warning"
    rate_per_minute: int = Field(default=10, ge=1, le=60)
    escalate_after_s: int = Field(default=900, ge=0, le=86_400)

    @field_validator("channels")
    @classmethod
    def _named_not_written(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for name in value:
            if not re.fullmatch(r"log|stdout|stderr|env:[A-Za-z_][A-Za-z0-9_]*", name):
                raise ValueError('each is "log", "stdout", "stderr" or "env:NAME"; an address is never written here')
        if len(set(value)) < len(value):
            raise ValueError("a channel is named twice")
        return value

    @field_validator("quiet")
    @classmethod
    def _hours(cls, value: str) -> str:
        if value and not re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d-([01]\d|2[0-3]):[0-5]\d", value):
            raise ValueError('must read "22:00-08:00"')
        return value
