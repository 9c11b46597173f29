"""A panel of models, asked side by side; each gets one chance to mend each reply, then it abstains.

questions × models ──► a thread each ──► reply ──read──► sound? ──no──► once more, quoting the error ──► Answer
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from engine.core.decision import ChannelView, Decision
from engine.core.journal import ItemRejected
from engine.llm.model import EMPTY, OK, TRUNCATED, Model, Prompt, Reply, Turn, continued

T = TypeVar("T")

_MIN_REPAIR_S = 1.0
_QUOTED_CHARS = 4_000


class Judged(Protocol):
    """What a reply came to, whatever its form (parse.Parsed, views.ParsedViews)."""

    @property
    def outcome(self) -> str: ...

    @property
    def detail(self) -> str: ...

    @property
    def rejected(self) -> tuple[ItemRejected, ...]: ...

    @property
    def usable(self) -> bool: ...

    @property
    def kept(self) -> int: ...


J = TypeVar("J", bound=Judged)


@dataclass(frozen=True, slots=True)
class Silence:
    """What a reply that is none comes to: the outcome of the call, and nothing said."""

    outcome: str
    detail: str = ""
    rejected: tuple[ItemRejected, ...] = ()
    decisions: tuple[Decision, ...] = ()
    views: tuple[ChannelView, ...] = ()
    usable: bool = False
    kept: int = 0


@dataclass(frozen=True, slots=True)
class Call:
    """One question put to one model and what came back."""

    prompt: Prompt
    reply: Reply


@dataclass(frozen=True, slots=True)
class Answer(Generic[J]):
    """What one model came to on one question: every call made, and what the last that was sound says.

    `outcome` is for the record: ok, repaired, recovered, or why the model abstains (invalid, or the outcome of its last call);
    `stands` is the place of the call that counts.
    """

    model: Model
    calls: tuple[Call, ...]
    parsed: J | Silence
    outcome: str
    stands: int = 0

    @property
    def abstained(self) -> bool:
        """The model could not or would not answer: not the same as proposing nothing, or only what was refused item by item."""
        return not self.parsed.usable


class Listener(Protocol):
    """Whoever writes calls down: called in the thread of the call, with the model's and the question's place and the turn."""

    def asking(self, model: int, question: int, turn: int, prompt: Prompt) -> None:
        """A call is about to leave."""
        ...

    def streamed(self, model: int, question: int, turn: int, text: str) -> None:
        """A piece of its reply arrived."""
        ...

    def replied(self, model: int, question: int, turn: int, prompt: Prompt, reply: Reply, judged: Judged) -> None:
        """It came back, and this is what it comes to."""
        ...


def ask_panel(
    models: Sequence[Model],
    prompt: Prompt,
    *,
    deadline_s: float,
    on_text: Callable[[int, str], None],
    cancelled: threading.Event,
) -> list[Reply]:
    """The replies of all `models` to one prompt, in their order, as late as the slowest. `on_text(index, text)` is called from
    the models' threads."""

    def ask(index: int) -> Reply:
        return models[index].ask(prompt, deadline_s=deadline_s, on_text=lambda text: on_text(index, text), cancelled=cancelled)

    return _side_by_side([model.name for model in models], ask)


def ask_side_by_side(
    models: Sequence[Model],
    questions: Sequence[Prompt],
    read: Callable[[str, str], J],
    *,
    deadline_s: float,
    listener: Listener,
    cancelled: threading.Event,
) -> list[list[Answer[J]]]:
    """Every question put to every model at the same time: the answers by question, then by model, as late as the slowest.

    `read(form, text)` says what a reply of a form comes to. Each model may be asked a second time within the same deadline.
    """
    end = time.monotonic() + deadline_s
    places = [(question, model) for question in range(len(questions)) for model in range(len(models))]

    def answer(index: int) -> Answer[J]:
        question, place = places[index]
        model, calls = models[place], list[Call]()

        def put(prompt: Prompt) -> J | Silence:
            turn = len(calls)
            listener.asking(place, question, turn, prompt)
            reply = model.ask(
                prompt,
                deadline_s=max(0.0, end - time.monotonic()),
                on_text=lambda text: listener.streamed(place, question, turn, text),
                cancelled=cancelled,
            )
            spoken = reply.outcome in {OK, TRUNCATED}
            judged: J | Silence = read(prompt.form, reply.text) if spoken else Silence(reply.outcome, reply.detail)
            listener.replied(place, question, turn, prompt, reply, judged)
            calls.append(Call(prompt, reply))
            return judged

        first = questions[question]
        judged = put(first)
        said, complaint = calls[0].reply, _complaint(judged)
        if not complaint or said.outcome not in {OK, EMPTY} or cancelled.is_set() or end - time.monotonic() < _MIN_REPAIR_S:
            return Answer(model, tuple(calls), judged, judged.outcome)
        turns = Turn("assistant", said.text[:_QUOTED_CHARS]), Turn("user", _repair(first, complaint))
        mended = put(continued(first, *turns))
        if mended.usable:
            whole = mended.outcome == OK and not _complaint(mended)
            return Answer(model, tuple(calls), mended, "repaired" if whole else mended.outcome, 1)
        stands = 0 if judged.usable else 1
        kept = mended if stands else judged
        return Answer(model, tuple(calls), kept, kept.outcome, stands)

    names = [f"{models[model].name}" for _, model in places]
    answers = _side_by_side(names, answer)
    return [answers[at : at + len(models)] for at in range(0, len(answers), len(models) or 1)]


class Deaf:
    """A listener that writes nothing down."""

    def asking(self, model: int, question: int, turn: int, prompt: Prompt) -> None: ...

    def streamed(self, model: int, question: int, turn: int, text: str) -> None: ...

    def replied(self, model: int, question: int, turn: int, prompt: Prompt, reply: Reply, judged: Judged) -> None: ...


def _complaint(parsed: Judged) -> str:
    """What to quote back: the document's fault, or its items' where not one of them stood."""
    if parsed.outcome in {"invalid", "empty", "too_large"}:
        return parsed.detail
    if parsed.kept or not parsed.rejected:
        return ""
    return "; ".join(f"{one.instrument}: {one.code} ({one.observed})" for one in parsed.rejected[:5])


def _repair(prompt: Prompt, complaint: str) -> str:
    if prompt.id.endswith(".zh"):
        return f"回复未被接受：{complaint}。请只按要求的格式回复一个完整的 JSON 对象，不要其他文字。"
    return (
        f"That reply was not accepted: {complaint}. Reply again with one complete JSON object in the required form, nothing else."
    )


def _side_by_side(names: Sequence[str], work: Callable[[int], T]) -> list[T]:
    """`work(0..n)` at the same time; the first fault of ours is raised here once all have ended."""
    results: dict[int, T] = {}
    faults: list[BaseException] = []

    def run(index: int) -> None:
        try:
            results[index] = work(index)
        except BaseException as fault:  # noqa: BLE001 -- a thread must not swallow it; raised again below
            faults.append(fault)

    threads = [threading.Thread(target=run, args=(index,), name=f"panel-{name}", daemon=True) for index, name in enumerate(names)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if faults:
        raise faults[0]
    return [results[index] for index in range(len(names))]
