"""A panel answers side by side; who cannot answer soundly is asked once more and then abstains."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from engine.core.instrument import Board, Instrument
from engine.core.units import PPM, Market
from engine.llm import (
    Answer,
    Deaf,
    Judged,
    Listener,
    Model,
    OfflineModel,
    Parsed,
    Prompt,
    Reply,
    ask_panel,
    ask_side_by_side,
    make_prompt,
    parse_reply,
)

OFFERED = {"600519.SH": Instrument("600519.SH", Market.ASHARE, Board.MAIN_SH, "x")}
PROMPT = make_prompt(id="t.en", version="1", system="s", user="u")
ITEM = '{"instrument":"600519.SH","intent":"open","target_weight":0.1,"confidence":0.6,"reasoning":"r"}'
SOUND = f'{{"decisions":[{ITEM}]}}'


@dataclass
class Scripted:
    """A model that says what it is told to, in order, after a while; the last for ever."""

    script: list[str | Reply]
    name: str = "scripted"
    provider: str = "test"
    offline: bool = True
    wait_s: float = 0.0
    asked: list[Prompt] = field(default_factory=list)

    def ask(self, prompt: Prompt, *, deadline_s: float, on_text: Callable[[str], None], cancelled: threading.Event) -> Reply:
        self.asked.append(prompt)
        said = self.script[min(len(self.asked), len(self.script)) - 1]
        cancelled.wait(min(self.wait_s, deadline_s))
        if isinstance(said, Reply):
            return said
        on_text(said)
        return Reply(said, "ok")


class Notes(Deaf):
    """A listener that remembers what it was told, or breaks."""

    def __init__(self, broken: bool = False) -> None:
        self.events: list[tuple[object, ...]] = []
        self._broken = broken

    def asking(self, model: int, question: int, turn: int, prompt: Prompt) -> None:
        if self._broken:
            raise RuntimeError("the ledger is gone")
        self.events.append(("ask", model, question, turn, prompt.hash))

    def replied(self, model: int, question: int, turn: int, prompt: Prompt, reply: Reply, judged: Judged) -> None:
        self.events.append(("reply", model, question, turn, judged.outcome))


def answers(
    *models: Model, deadline_s: float = 5, listener: Listener | None = None, questions: tuple[Prompt, ...] = (PROMPT,)
) -> list[Answer[Parsed]]:
    found = ask_side_by_side(
        models,
        questions,
        lambda form, text: parse_reply(text, OFFERED, max_weight_ppm=PPM),
        deadline_s=deadline_s,
        listener=listener or Deaf(),
        cancelled=threading.Event(),
    )
    return [answer for question in found for answer in question]


def test_the_panel_is_as_slow_as_its_slowest_model():
    models = [Scripted([SOUND], name=f"m{n}", wait_s=0.2) for n in range(5)]
    texts: list[tuple[int, str]] = []
    start = time.monotonic()
    replies = ask_panel(
        models, PROMPT, deadline_s=5, on_text=lambda index, text: texts.append((index, text)), cancelled=threading.Event()
    )
    assert time.monotonic() - start < 0.4  # one after the other would take a second
    assert [reply.text for reply in replies] == [SOUND] * 5
    assert sorted(texts) == [(n, SOUND) for n in range(5)]


def test_a_sound_answer_takes_one_call():
    (answer,) = answers(Scripted([SOUND]))
    assert (answer.outcome, len(answer.calls), len(answer.parsed.decisions)) == ("ok", 1, 1)


def test_an_unsound_answer_is_quoted_back_once_and_mended():
    model = Scripted(["I would buy.", SOUND])
    (answer,) = answers(model)
    assert (answer.outcome, answer.abstained, len(answer.parsed.decisions)) == ("repaired", False, 1)
    first, second = model.asked
    assert [turn.role for turn in second.turns] == ["assistant", "user"]
    assert second.turns[0].content == "I would buy." and "NO_OBJECT" in second.turns[1].content
    assert first.hash != second.hash == answer.calls[1].prompt.hash


def test_a_model_that_stays_unsound_abstains():
    model = Scripted(["no", "still no", SOUND])
    (answer,) = answers(model)
    assert answer.abstained and answer.outcome == "invalid" and len(model.asked) == 2
    assert answer.parsed.decisions == ()


def test_if_every_item_is_refused_the_codes_are_quoted():
    model = Scripted([SOUND.replace("600519.SH", "AAPL.US"), SOUND])
    (answer,) = answers(model)
    assert answer.outcome == "repaired" and "AAPL.US: UNKNOWN_INSTRUMENT" in model.asked[1].turns[1].content


def test_items_refused_twice_are_an_answer_without_decisions():
    (answer,) = answers(Scripted([SOUND.replace("600519.SH", "AAPL.US")]))
    assert (answer.outcome, answer.abstained, len(answer.calls)) == ("ok", False, 2)
    assert answer.parsed.decisions == () and [one.code for one in answer.parsed.rejected] == ["UNKNOWN_INSTRUMENT"]


def test_if_some_items_stand_nobody_is_asked_again():
    model = Scripted([SOUND.replace("]}", ',{"instrument":"AAPL.US"}]}')])
    (answer,) = answers(model)
    assert len(model.asked) == 1 and len(answer.parsed.decisions) == len(answer.parsed.rejected) == 1


def test_proposing_nothing_is_not_abstaining():
    (answer,) = answers(Scripted(['{"decisions":[]}']))
    assert not answer.abstained and answer.outcome == "ok"


def test_failures_outside_are_abstentions_and_are_not_asked_again():
    for outcome in ("timeout", "refused", "error:429", "too_large", "cancelled"):
        model = Scripted([Reply("", outcome, "why")])
        (answer,) = answers(model)
        assert answer.abstained and (answer.outcome, answer.parsed.detail, len(model.asked)) == (outcome, "why", 1)


def test_a_reply_cut_at_the_token_limit_keeps_its_complete_items():
    (answer,) = answers(Scripted([Reply(SOUND[:-2] + ',{"instr', "truncated")]))
    assert (answer.outcome, len(answer.parsed.decisions)) == ("recovered", 1)


def test_no_second_chance_without_time_for_it():
    model = Scripted(["no"])
    answers(model, deadline_s=0.5)
    assert len(model.asked) == 1


def test_one_bad_model_does_not_cost_the_others():
    good, bad = Scripted([SOUND], name="good"), Scripted([Reply("", "error:500")], name="bad")
    assert [answer.abstained for answer in answers(bad, good, OfflineModel())] == [True, False, False]


def test_every_call_is_announced_before_it_leaves_and_reported_when_it_is_back():
    notes = Notes()
    answers(Scripted(["no", SOUND]), listener=notes)
    assert [event[:4] for event in notes.events] == [("ask", 0, 0, 0), ("reply", 0, 0, 0), ("ask", 0, 0, 1), ("reply", 0, 0, 1)]
    assert [event[4] for event in notes.events if event[0] == "reply"] == ["invalid", "ok"]


def test_several_questions_go_to_every_model_at_the_same_time_and_come_back_by_question():
    models = [Scripted([SOUND], name=f"m{n}", wait_s=0.2) for n in range(3)]
    second = make_prompt(id="t.en", version="1", system="s", user="another")
    start = time.monotonic()
    found = answers(*models, questions=(PROMPT, second))
    assert time.monotonic() - start < 0.8  # one after the other would take 1.2 s
    assert [(answer.calls[0].prompt.user, answer.model.name) for answer in found] == [
        (user, f"m{n}") for user in ("u", "another") for n in range(3)
    ]


def test_a_fault_of_ours_is_not_swallowed():
    with pytest.raises(RuntimeError, match="ledger"):
        answers(Scripted([SOUND]), listener=Notes(broken=True))
