"""From the records of model calls to their rows: a prompt that left, a reply that grows, what it cost."""

from __future__ import annotations

from dataclasses import replace

from engine.board import Board, DeskFace
from engine.core.journal import ModelAsked, ModelReplied
from engine.core.text import safe_text
from engine.rows import model_row

REPLY_SHOWN = 20_000
PROMPTS_KEPT = 32
"""Prompts of a desk whose calls may still have to be shown: a cycle has a few, however many models it asks."""


class ModelsTopic:
    """The model calls of every desk, as shown, and what each desk spent."""

    def __init__(self, board: Board) -> None:
        self._board = board
        self._spent: dict[str, tuple[float, int]] = {}

    def asking(self, face: DeskFace, prompt_hash: str, text: str) -> None:
        """A prompt is about to leave: kept for the records of all whom it is put to."""
        while len(face.prompts) >= PROMPTS_KEPT:
            face.prompts.pop(next(iter(face.prompts)))
        face.prompts[prompt_hash] = text

    def asked(self, face: DeskFace, record: ModelAsked) -> None:
        """A prompt left."""
        prompt = safe_text(face.prompts.get(record.prompt_hash, ""))
        row = model_row(record, self._board.now(face.desk), prompt, offline=face.offline.get(record.model, False))
        self._board.state.models.put([(row.key, row)])
        self._board.state.edge("streaming")

    def streamed(self, cycle_id: str, call: int, text: str) -> None:
        """A piece of a reply: the model row grows."""
        key = f"{cycle_id}#{call}"
        row = self._board.state.models.view().rows.get(key)
        if row is not None and row.streaming and len(row.reply) < REPLY_SHOWN:
            self._board.state.models.put([(key, replace(row, reply=row.reply + safe_text(text)))])
            self._board.state.edge("streaming")

    def replied(self, face: DeskFace, record: ModelReplied) -> None:
        """A reply is whole, or will not come."""
        key = f"{record.cycle_id}#{record.call}"
        row = self._board.state.models.view().rows.get(key)
        if row is not None:
            row = replace(
                row,
                outcome=record.outcome,
                latency_ms=record.latency_ms,
                tokens_in=record.tokens_in,
                tokens_out=record.tokens_out,
                cost=record.cost,
                currency=record.currency,
                streaming=False,
                reply=row.reply or safe_text(record.detail),
            )
            self._board.state.models.put([(key, row)])
        cost, tokens = self._spent.get(face.desk, (0.0, 0))
        cost, tokens = cost + float(record.cost or 0), tokens + record.tokens_in + record.tokens_out
        self._spent[face.desk] = cost, tokens
        self._board.status(face.desk, model_cost=f"{cost:.4f}", model_cost_currency=record.currency, tokens=tokens)
        code = "MODEL_REPLIED" if record.outcome in {"ok", "recovered", "repaired"} else "MODEL_ABSTAINED"
        self._board.event(
            face.desk,
            code,
            ("model", record.model),
            ("outcome", record.outcome),
            ("reason", record.detail or record.outcome),
            ("latency_ms", str(record.latency_ms)),
            ("tokens_in", str(record.tokens_in)),
            ("tokens_out", str(record.tokens_out)),
            ("cost", f"{record.cost} {record.currency}".strip()),
        )

    def restored(self, record: ModelReplied, text: str) -> None:
        """The text of a reply that an earlier process received."""
        key = f"{record.cycle_id}#{record.call}"
        row = self._board.state.models.view().rows.get(key)
        if row is not None:
            self._board.state.models.put([(key, replace(row, reply=safe_text(text)))])
