"""A panel of models, asked side by side; each gets one chance to mend its reply, then it abstains.

prompt ──► every model in its own thread ──► replies ──parse──► sound? ──no──► once more, quoting the error ──► Answer
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from engine.core.instrument import Instrument
from engine.llm.model import EMPTY, OK, TRUNCATED, Model, Prompt, Reply, Turn, continued
from engine.llm.parse import Parsed, parse_reply

T = TypeVar("T")

_MIN_REPAIR_S = 1.0
_QUOTED_CHARS = 4_000


@dataclass(frozen=True, slots=True)
class Call:
    """One question put to one model and what came back."""

    prompt: Prompt
    reply: Reply


@dataclass(frozen=True, slots=True)
class Answer:
    """What one model of the panel came to: every call made, and the decisions of the last that was sound.

    `outcome` is for the record: ok, repaired, recovered, or why the model abstains (invalid, or the outcome of its last call).
    """

    model: Model
    calls: tuple[Call, ...]
    parsed: Parsed
    outcome: str

    @property
    def abstained(self) -> bool:
        """The model could not or would not answer: not the same as proposing nothing, or only what was refused item by item."""
        return not self.parsed.usable


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


def ask_and_parse(
    models: Sequence[Model],
    prompt: Prompt,
    offered: Mapping[str, Instrument],
    *,
    max_weight_ppm: int,
    deadline_s: float,
    on_text: Callable[[int, str], None],
    cancelled: threading.Event,
    on_call: Callable[[int, int, Prompt], None] = lambda model, call, prompt: None,
    on_reply: Callable[[int, int, Prompt, Reply], None] = lambda model, call, prompt, reply: None,
) -> list[Answer]:
    """The panel's answers, parsed; each model may be asked a second time within the same deadline.

    `on_call(model, call, prompt)` runs before each call leaves and `on_reply(model, call, prompt, reply)` after it came back, both
    in the model's thread: the place to write them down.
    """
    end = time.monotonic() + deadline_s

    def answer(index: int) -> Answer:
        model = models[index]
        calls: list[Call] = []

        def put(question: Prompt) -> Call:
            number = len(calls)
            on_call(index, number, question)
            reply = model.ask(
                question,
                deadline_s=max(0.0, end - time.monotonic()),
                on_text=lambda text: on_text(index, text),
                cancelled=cancelled,
            )
            on_reply(index, number, question, reply)
            calls.append(Call(question, reply))
            return calls[-1]

        def judged(call: Call) -> Parsed:
            if call.reply.outcome not in {OK, TRUNCATED}:
                return Parsed((), (), call.reply.outcome, call.reply.detail)
            return parse_reply(call.reply.text, offered, max_weight_ppm=max_weight_ppm)

        first = put(prompt)
        parsed = judged(first)
        complaint = _complaint(parsed)
        if not complaint or first.reply.outcome not in {OK, EMPTY} or cancelled.is_set() or end - time.monotonic() < _MIN_REPAIR_S:
            return Answer(model, tuple(calls), parsed, parsed.outcome)
        second = put(
            continued(prompt, Turn("assistant", first.reply.text[:_QUOTED_CHARS]), Turn("user", _repair(prompt, complaint)))
        )
        mended = judged(second)
        if mended.usable:
            return Answer(
                model, tuple(calls), mended, "repaired" if mended.outcome == OK and not _complaint(mended) else mended.outcome
            )
        return Answer(model, tuple(calls), parsed if parsed.usable else mended, parsed.outcome if parsed.usable else mended.outcome)

    return _side_by_side([model.name for model in models], answer)


def _complaint(parsed: Parsed) -> str:
    """What to quote back: the document's fault, or its items' where not one of them stood."""
    if parsed.outcome in {"invalid", "empty", "too_large"}:
        return parsed.detail
    if parsed.decisions or not parsed.rejected:
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
