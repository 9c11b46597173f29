"""The one protocol behind which every model stands, and the facts that pass through it: prompt, usage, reply.

prompt ──ask()──► text as it arrives (on_text) ──► Reply: what came, or a coded reason why nothing did
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

from engine.core.ids import content_hash

MAX_REPLY_BYTES = 1_000_000
"""More than this is not a reply (the SDK would swallow 200 MB without a word: reliability.md L3)."""

OK = "ok"
EMPTY = "empty"
TRUNCATED = "truncated"
REFUSED = "refused"
TIMEOUT = "timeout"
CANCELLED = "cancelled"
TOO_LARGE = "too_large"


def error(code: str) -> str:
    """The outcome for a failure with a code: `error:429`, `error:CONNECT`."""
    return f"error:{code}"


@dataclass(frozen=True, slots=True)
class Turn:
    """One later message of a conversation; `role` is `assistant` or `user`."""

    role: str
    content: str


@dataclass(frozen=True, slots=True)
class Prompt:
    """What a model is asked: the stable part (`system`), the volatile part (`user`), and what was said since (`turns`).

    `id` and `version` name the template; `hash` is the SHA-256 of everything that is sent; `schema` is the JSON schema of the
    reply as text, empty where any text will do, and `form` its name (schema.py). Make one with `make_prompt`, so that the hash is
    true.
    """

    id: str
    version: str
    system: str
    user: str
    hash: str
    schema: str = ""
    turns: tuple[Turn, ...] = ()
    form: str = ""

    @property
    def text(self) -> str:
        """Everything sent, as a person reads it and as the ledger keeps it."""
        parts = [("system", self.system), ("user", self.user), *((turn.role, turn.content) for turn in self.turns)]
        return "\n\n".join(f"[{role}]\n{content}" for role, content in parts)


def make_prompt(
    *, id: str, version: str, system: str, user: str, schema: str = "", turns: tuple[Turn, ...] = (), form: str = ""
) -> Prompt:
    """A prompt whose hash covers its text and its schema."""
    unhashed = Prompt(id, version, system, user, "", schema, turns, form)
    return replace(unhashed, hash=content_hash(f"{unhashed.text}\n\n[schema]\n{schema}".encode("utf-8", "surrogatepass")))


def continued(prompt: Prompt, *turns: Turn) -> Prompt:
    """The same conversation, carried on."""
    return make_prompt(
        id=prompt.id,
        version=prompt.version,
        system=prompt.system,
        user=prompt.user,
        schema=prompt.schema,
        turns=prompt.turns + turns,
        form=prompt.form,
    )


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one call. `tokens_cached` is the part of `tokens_in` served from the provider's prompt cache;
    `tokens_reasoning` the part of `tokens_out` that was thinking and never shown."""

    tokens_in: int = 0
    tokens_out: int = 0
    tokens_cached: int = 0
    tokens_reasoning: int = 0


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back. `outcome`: ok, empty, truncated, refused, timeout, cancelled, too_large or error:CODE.

    `text` is whatever arrived, also when the outcome is not ok (for the record; only the parser may act on it). `detail` is one
    line for people, free of secrets. `cost` is a decimal string in `currency`; where no price is known, "0" with no currency.
    """

    text: str
    outcome: str
    detail: str = ""
    latency_ms: int = 0
    usage: Usage = Usage()
    cost: str = "0"
    currency: str = ""


class Model(Protocol):
    """Something that answers a prompt. `offline` is true for what is not a language model and says so wherever it shows."""

    @property
    def name(self) -> str: ...

    @property
    def provider(self) -> str: ...

    @property
    def offline(self) -> bool: ...

    def ask(self, prompt: Prompt, *, deadline_s: float, on_text: Callable[[str], None], cancelled: threading.Event) -> Reply:
        """Answer within `deadline_s` seconds in all. Calls `on_text` with each piece as it arrives. Never raises for what the
        world outside does: that is an outcome."""
        ...
