"""The console's tests run on a fixed clock, without animations, whatever the terminal they were started from says."""

from __future__ import annotations

import os

import pytest

for _name in [name for name in os.environ if name == "NO_COLOR" or (name.startswith("TEXTUAL") and "SNAPSHOT" not in name)]:
    del os.environ[_name]
os.environ["TEXTUAL_ANIMATIONS"] = "none"


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
