"""Putting a cycle's prompt to its panel: each question durable before it leaves, each reply durable before it is acted on."""

from __future__ import annotations

from collections.abc import Mapping

from engine.core.ids import content_hash
from engine.core.instrument import Instrument
from engine.core.journal import ItemRejected, ModelAsked, ModelReplied, Record
from engine.core.text import safe_text
from engine.core.units import PPM
from engine.cycle.mandate import Equipment, Mandate
from engine.llm import Prompt, Reply, ask_and_parse, parse_reply
from engine.strategies import Opinion

_SPOKE = frozenset({"ok", "truncated"})


def ask(
    mandate: Mandate, equipment: Equipment, cycle_id: str, prompt: Prompt, offered: Mapping[str, Instrument]
) -> tuple[list[Opinion], tuple[ItemRejected, ...], list[str]]:
    """Ask every model of the panel at the same time.

    Returns the opinions of those that answered, the items refused by the parser, and why the others have no opinion. A repair
    turn is a call of its own, numbered after the panel.
    """
    models, desk = equipment.models, mandate.desk

    def write(record: Record, key: str, text: str) -> None:
        equipment.ledger.write([record], key=f"{cycle_id}/{key}", blobs=[text] if text else [])
        equipment.observer.recorded(desk, [record])

    def before(index: int, turn: int, question: Prompt) -> None:
        call = index + turn * len(models)
        digest = content_hash(question.text.encode())
        equipment.observer.asking(desk, digest, question.text)
        model = models[index]
        asked = ModelAsked(cycle_id, desk, call, model.provider, model.name, question.id, question.version, digest)
        write(asked, f"asked/{call}", question.text)

    def after(index: int, turn: int, question: Prompt, reply: Reply) -> None:
        call = index + turn * len(models)
        text = kept(reply.text)
        outcome, detail = reply.outcome, reply.detail
        if outcome in _SPOKE:
            parsed = parse_reply(reply.text, offered, max_weight_ppm=PPM)
            outcome = "repaired" if turn and parsed.outcome == "ok" else parsed.outcome
            detail = parsed.detail
        replied = ModelReplied(
            cycle_id=cycle_id,
            desk=desk,
            call=call,
            provider=models[index].provider,
            model=models[index].name,
            outcome=outcome,
            reply_hash=content_hash(text.encode()) if text else "",
            detail=safe_text(detail, limit=300, one_line=True),
            latency_ms=reply.latency_ms,
            tokens_in=reply.usage.tokens_in,
            tokens_out=reply.usage.tokens_out,
            tokens_cached=reply.usage.tokens_cached,
            cost=reply.cost,
            currency=reply.currency,
        )
        write(replied, f"replied/{call}", text)

    answers = ask_and_parse(
        models,
        prompt,
        offered,
        max_weight_ppm=PPM,
        deadline_s=mandate.deadline_s,
        on_text=lambda index, text: equipment.observer.streamed(desk, cycle_id, index, text),
        cancelled=equipment.cancelled,
        on_call=before,
        on_reply=after,
    )
    opinions = [Opinion(answer.model.name, answer.parsed.decisions) for answer in answers if not answer.abstained]
    rejected = tuple(item for answer in answers for item in answer.parsed.rejected)
    failures = [f"{answer.model.name}: {answer.outcome}" for answer in answers if answer.abstained]
    return opinions, rejected, failures


def kept(text: str) -> str:
    """A reply as the ledger keeps it: as it came, but for what is not valid Unicode."""
    return text.encode("utf-8", "replace").decode()
