"""What a desk remembers is noted at each close, and a note is believed only where the journal confirms it."""

from __future__ import annotations

import inspect
import json
import re
from datetime import date
from pathlib import Path

import pytest

from engine.config import Config, DeskConfig, ReplayConfig
from engine.core.clock import SystemClock
from engine.core.past import HEARD, Past
from engine.cycle.keeping import PAGE, recall
from engine.engine import Engine
from engine.store import Books, books


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("kept")
    desk = DeskConfig(replay=ReplayConfig(start=date(2020, 2, 4), end=date(2020, 3, 6), speed=0))
    engine = Engine(Config(desk={"demo": desk}), folder, clock=SystemClock(), environ={}, speed=0.0, cycles=8)
    engine.start()
    assert engine.wait(timeout_s=120)
    assert engine.stop(5.0)
    return folder


def whole(view: Books) -> Past:
    past = Past("demo")
    for entry in view.entries(0, limit=PAGE):
        past = past.after(entry.record)
    return past


def test_the_note_and_the_rest_of_the_journal_make_the_whole_past(home: Path) -> None:
    with books(home) as view:
        told = whole(view)
        assert recall(home / "past" / "demo.json", view, "demo") == told
        assert told.exited_on and told.ordered_at
        assert json.loads((home / "past" / "demo.json").read_text())["seq"] > view.head() // 2


def test_kinds_that_are_not_read_would_have_changed_nothing(home: Path) -> None:
    past = Past("demo")
    with books(home) as view:
        kinds = {type(entry.record).__name__ for entry in view.entries(0, limit=PAGE)}
        for entry in view.entries(0, limit=PAGE):
            after = past.after(entry.record)
            assert after is past or type(entry.record).__name__ in HEARD
            past = after
    assert kinds - set(HEARD)
    handled = set(re.findall(r"case (\w+)\(", inspect.getsource(Past.after)))
    assert handled == set(HEARD)


@pytest.mark.parametrize("damage", ["gone", "torn", "another journal", "another desk", "another format"])
def test_a_note_that_is_not_confirmed_is_not_believed(home: Path, tmp_path: Path, damage: str) -> None:
    text = (home / "past" / "demo.json").read_text()
    note = json.loads(text)
    note["past"]["losing_streak"] = 77
    forged = {
        "gone": "",
        "torn": text[: len(text) // 2],
        "another journal": json.dumps({**note, "hash": "0" * 64}),
        "another desk": json.dumps({**note, "past": {**note["past"], "desk": "other"}}),
        "another format": json.dumps({**note, "format": 0}),
    }[damage]
    file = tmp_path / "demo.json"
    if forged:
        file.write_text(forged)
    with books(home) as view:
        assert recall(file, view, "demo") == whole(view)
