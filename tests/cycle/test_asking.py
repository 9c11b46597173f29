"""Questions × models × turns: every call has a number of its own, and a replay finds from it which is which."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from engine.core.journal import CycleState, ModelAsked, ModelReplied
from engine.cycle.asking import call_number, heard, heard_in
from engine.cycle.deciding import reader
from engine.llm import Deaf, Model, OfflineModel, Prompt, Reply, ask_side_by_side, make_prompt
from engine.llm.offline import answer
from engine.llm.panel import Answer, Judged
from engine.replay import Replay
from engine.store import books
from tests.engine.desk_harness import Silent, carry, desk_at, mandate
from tests.engine.test_past_cycles import recorded_mandate

FUSED = {"strategy": "fusion", "fusion": {"slow": "1d", "fast": "1d"}}
DAY = date(2020, 2, 5)


class Mender:
    """Says prose first, and mends it when its fault is quoted back."""

    name, provider, offline = "mender", "test", True

    def ask(self, prompt: Prompt, *, deadline_s: float, on_text: Callable[[str], None], cancelled: threading.Event) -> Reply:
        text = answer(prompt) if prompt.turns else "I would rather talk about it."
        on_text(text)
        return Reply(text, "ok")


class Mute:
    """Never answers in time."""

    name, provider, offline = "mute", "test", True

    def ask(self, prompt: Prompt, *, deadline_s: float, on_text: Callable[[str], None], cancelled: threading.Event) -> Reply:
        return Reply("", "timeout", "nothing came")


class Watcher(Silent):
    """Remembers what streamed into which call."""

    def __init__(self) -> None:
        self.streams: dict[int, str] = {}

    def streamed(self, desk: str, cycle_id: str, call: int, text: str) -> None:
        self.streams[call] = self.streams.get(call, "") + text


def ran(home: Path, *models: Model, watcher: Watcher | None = None) -> None:
    terms = mandate(models=tuple(model.name for model in models), **FUSED)
    with desk_at(home, terms, start=DAY, end=DAY, models=models, observer=watcher or Watcher()) as desk:
        carry(desk)


def test_no_two_calls_of_a_cycle_share_a_number():
    for models, questions in itertools.product(range(1, 4), range(1, 4)):
        places = itertools.product(range(models), range(questions), range(2))
        numbers = [call_number(model=m, question=q, turn=t, models=models, questions=questions) for m, q, t in places]
        assert sorted(numbers) == list(range(models * questions * 2))


def test_a_repaired_reply_counts_streams_into_its_own_call_and_replays(tmp_path: Path):
    watcher = Watcher()
    ran(tmp_path, OfflineModel(), Mender(), watcher=watcher)
    with books(tmp_path) as view:
        (cycle,) = view.cycles("demo", limit=5)
        calls = {call.asked.call: call for call in view.model_calls(cycle.cycle_id)}
        texts = {number: view.blob(call.replied.reply_hash) for number, call in calls.items() if call.replied}
        made = view.decisions(cycle.cycle_id)
        (result,) = Replay(view, tmp_path / "snapshots", "demo", recorded_mandate).run()
    outcomes = {number: call.replied.outcome for number, call in calls.items() if call.replied}
    assert outcomes == {0: "ok", 1: "invalid", 2: "ok", 3: "invalid", 5: "repaired", 7: "repaired"}
    assert watcher.streams == texts
    assert made is not None and any("mender" in one.sources for one in made.decisions)
    assert result.differences == () and result.notes == ()


def test_a_model_that_abstains_leaves_the_others_to_decide_by_more_than_half(tmp_path: Path):
    ran(tmp_path, OfflineModel(), Mute())
    with books(tmp_path) as view:
        (cycle,) = view.cycles("demo", limit=5)
        made = view.decisions(cycle.cycle_id)
        (result,) = Replay(view, tmp_path / "snapshots", "demo", recorded_mandate).run()
    assert cycle.state is CycleState.COMPLETED and made is not None and made.decisions
    assert not any(one.target_weight_ppm for one in made.decisions), "one of two is not more than half"
    assert result.differences == ()


def test_where_every_model_abstains_the_cycle_does(tmp_path: Path):
    ran(tmp_path, Mute())
    with books(tmp_path) as view:
        (cycle,) = view.cycles("demo", limit=5)
    assert cycle.state is CycleState.ABSTAINED and cycle.reason == "mute: timeout"


def test_what_was_heard_is_the_last_spoken_call_of_each_question_and_model():
    asked = [ModelAsked("c", "d", number, "p", name, "q.en", "1", "") for number, name in enumerate(("a", "b"))]

    def replied(call: int, outcome: str) -> ModelReplied:
        return ModelReplied("c", "d", call, "p", "ab"[call % 2], outcome, f"h{call}", "", 0, 0, 0, 0, "0", "")

    found = heard_in(asked, [replied(0, "ok"), replied(1, "invalid"), replied(2, "invalid"), replied(3, "repaired")], 1, str.upper)
    assert [(one.model, one.text, one.spoke) for one in found] == [("a", "H0", True), ("b", "H3", True)]


class Quoting:
    """Says one fixed text, whatever it is asked."""

    name, provider, offline = "quoting", "test", True

    def __init__(self, text: str) -> None:
        self._text = text

    def ask(self, prompt: Prompt, *, deadline_s: float, on_text: Callable[[str], None], cancelled: threading.Event) -> Reply:
        return Reply(self._text, "ok")


def answered(text: str) -> Answer[Judged]:
    asked = make_prompt(id="fusion-slow.en", version="1", system="s", user="u", form="channel-1")
    ((answer,),) = ask_side_by_side(
        [Quoting(text)], [asked], reader({}), deadline_s=5, listener=Deaf(), cancelled=threading.Event()
    )
    return answer


def test_a_reply_is_concluded_from_as_it_was_read_when_it_arrived():
    answer = answered('{"views": []}')
    assert heard(0, answer).judged is answer.parsed


@pytest.mark.parametrize("text", ['<think>\udcff</think>{"views": []}', "I would rather talk about it."])
def test_a_reply_that_the_ledger_keeps_otherwise_or_that_says_nothing_is_read_from_its_text(text: str):
    assert heard(0, answered(text)).judged is None
