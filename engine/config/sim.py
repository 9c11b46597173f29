"""`[desk.NAME.sim]`: the simulated market that a `sim` feed plays."""

from __future__ import annotations

from datetime import date

from pydantic import Field

from engine.config.strict import Strict


class SimConfig(Strict):
    """A market of `size` invented names, the same for the same `seed`, over `sessions` trading days from `start`.

    How fast it passes is `speed` in the desk's replay table. Nothing on it is real; every name begins with 模拟.
    """

    seed: int = Field(default=1, ge=0, le=2**31 - 1)
    size: int = Field(default=300, ge=1, le=10_000)
    start: date = date(2026, 1, 5)
    sessions: int = Field(default=60, ge=1, le=1_000)
