"""Putting a cycle's questions to its panel: each call durable before it leaves, each reply durable before it is acted on.

questions × models ──side by side──► ModelAsked, ModelReplied, texts ──► Heard: what counts of each, for `conclude`
Calls are numbered model + models × (question + questions × turn), so that a replay finds which is which.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from engine.core.ids import content_hash
from engine.core.journal import ModelAsked, ModelReplied, Record
from engine.core.text import safe_text
from engine.cycle.mandate import Equipment
from engine.llm import Answer, Judged, Model, Prompt, Reply, ask_side_by_side

SPOKEN = frozenset({"ok", "recovered", "repaired"})
"""Outcomes of a call in which the model has spoken."""


@dataclass(frozen=True, slots=True)
class Heard:
    """What one model said to one question in the end: the text that counts; `spoke` is false where it abstains, and `outcome`
    says why. `judged` is what that very text came to when it arrived, None where it is only recorded and has yet to be read."""

    question: int
    model: str
    text: str
    spoke: bool
    outcome: str
    judged: Judged | None = field(default=None, compare=False, repr=False)


def call_number(*, model: int, question: int, turn: int, models: int, questions: int) -> int:
    """The number of a call within its cycle."""
    return model + models * (question + questions * turn)


def heard_in(
    asked: Sequence[ModelAsked], replied: Sequence[ModelReplied], questions: int, text_of: Callable[[str], str]
) -> list[Heard]:
    """What the journal's calls of one cycle came to: of each model and question the last call that was spoken, else the last."""
    panel = list(dict.fromkeys(call.model for call in sorted(asked, key=lambda call: call.call)))
    found: list[Heard] = []
    for question in range(questions):
        for place, model in enumerate(panel):
            calls = [one for one in replied if one.call % (len(panel) * questions) == place + len(panel) * question]
            spoken = [one for one in calls if one.outcome in SPOKEN]
            last = max(spoken or calls, key=lambda one: one.call, default=None)
            if last is not None:
                text = text_of(last.reply_hash) if last.reply_hash else ""
                found.append(Heard(question, model, text, bool(spoken) and bool(text), last.outcome))
    return found


def ask(
    equipment: Equipment,
    desk: str,
    cycle_id: str,
    models: Sequence[Model],
    questions: Sequence[Prompt],
    read: Callable[[str, str], Judged],
    *,
    deadline_s: float,
) -> list[Heard]:
    """Ask every question of every model at the same time; `read(form, text)` says what a reply comes to."""
    answers = ask_side_by_side(
        models,
        questions,
        read,
        deadline_s=deadline_s,
        listener=_Scribe(equipment, desk, cycle_id, models, len(questions)),
        cancelled=equipment.cancelled,
    )
    return [heard(question, answer) for question, row in enumerate(answers) for answer in row]


def heard(question: int, answer: Answer[Judged]) -> Heard:
    """What counts of one answer."""
    said = answer.calls[answer.stands].reply.text
    text = kept(said)
    judged = None if answer.abstained or text != said else answer.parsed  # a replay reads the text as it is kept
    return Heard(question, answer.model.name, text, not answer.abstained, answer.outcome, judged)


def kept(text: str) -> str:
    """A reply as the ledger keeps it: as it came, but for what is not valid Unicode."""
    return text.encode("utf-8", "replace").decode()


class _Scribe:
    """Writes each call down in the thread of the call."""

    def __init__(self, equipment: Equipment, desk: str, cycle_id: str, models: Sequence[Model], questions: int) -> None:
        self._equipment = equipment
        self._desk = desk
        self._cycle_id = cycle_id
        self._models = models
        self._questions = questions

    def asking(self, model: int, question: int, turn: int, prompt: Prompt) -> None:
        call, one = self._call(model, question, turn), self._models[model]
        digest = content_hash(prompt.text.encode())
        self._equipment.observer.asking(self._desk, digest, prompt.text)
        asked = ModelAsked(self._cycle_id, self._desk, call, one.provider, one.name, prompt.id, prompt.version, digest)
        self._write(asked, f"asked/{call}", prompt.text)

    def streamed(self, model: int, question: int, turn: int, text: str) -> None:
        self._equipment.observer.streamed(self._desk, self._cycle_id, self._call(model, question, turn), text)

    def replied(self, model: int, question: int, turn: int, prompt: Prompt, reply: Reply, judged: Judged) -> None:
        call, one = self._call(model, question, turn), self._models[model]
        text = kept(reply.text)
        replied = ModelReplied(
            cycle_id=self._cycle_id,
            desk=self._desk,
            call=call,
            provider=one.provider,
            model=one.name,
            outcome="repaired" if turn and judged.outcome == "ok" else judged.outcome,
            reply_hash=content_hash(text.encode()) if text else "",
            detail=safe_text(judged.detail, limit=300, one_line=True),
            latency_ms=reply.latency_ms,
            tokens_in=reply.usage.tokens_in,
            tokens_out=reply.usage.tokens_out,
            tokens_cached=reply.usage.tokens_cached,
            cost=reply.cost,
            currency=reply.currency,
        )
        self._write(replied, f"replied/{call}", text)

    def _call(self, model: int, question: int, turn: int) -> int:
        return call_number(model=model, question=question, turn=turn, models=len(self._models), questions=self._questions)

    def _write(self, record: Record, key: str, text: str) -> None:
        self._equipment.ledger.write([record], key=f"{self._cycle_id}/{key}", blobs=[text] if text else [])
        self._equipment.observer.recorded(self._desk, [record])
