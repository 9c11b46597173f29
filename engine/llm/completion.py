"""Reads what a chat-completions endpoint sends, by the chunk or whole, into one answer; takes nothing about its shape on trust."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from engine.llm.model import EMPTY, MAX_REPLY_BYTES, OK, REFUSED, TOO_LARGE, TRUNCATED, Usage, error


@dataclass(slots=True)
class Answer:
    """An answer as it grows. Thinking is counted and dropped: it is never shown, kept or parsed."""

    pieces: list[str] = field(default_factory=list)
    refusal: str = ""
    finish: str = ""
    usage: Usage = field(default_factory=Usage)
    size: int = 0
    thinking_chars: int = 0
    choices_seen: bool = False

    @property
    def text(self) -> str:
        """What was said so far."""
        return "".join(self.pieces)

    @property
    def too_large(self) -> bool:
        """Whether more has come than any reply may hold, thinking included."""
        return self.size > MAX_REPLY_BYTES

    def take(self, chunk: object) -> str:
        """Add one chunk of a stream or one whole completion; returns the new text to show."""
        if not isinstance(chunk, Mapping):
            return ""
        if isinstance(chunk.get("usage"), Mapping):
            self.usage = read_usage(chunk["usage"])
        choices = chunk.get("choices")
        if not isinstance(choices, list) or not choices or not isinstance(choices[0], Mapping):
            return ""
        self.choices_seen = True
        choice = choices[0]
        if isinstance(choice.get("finish_reason"), str):
            self.finish = choice["finish_reason"]
        said = choice.get("delta") or choice.get("message")
        if not isinstance(said, Mapping):
            return ""
        for key in ("reasoning_content", "reasoning"):
            if isinstance(said.get(key), str):
                self.thinking_chars += len(said[key])
                self.size += len(said[key].encode("utf-8", "surrogatepass"))
        if isinstance(said.get("refusal"), str):
            self.refusal += said["refusal"][:1_000]
        content = _words(said)
        if not content:
            return ""
        encoded = content.encode("utf-8", "replace")  # half a surrogate pair is no text, and nobody downstream could write it
        content = encoded.decode()
        self.size += len(encoded)
        self.pieces.append(content)
        return content

    def outcome(self) -> tuple[str, str]:
        """The outcome and a line of detail, once nothing more comes."""
        if self.too_large:
            return TOO_LARGE, f"more than {MAX_REPLY_BYTES} bytes"
        if self.refusal or self.finish == "content_filter":
            return REFUSED, self.refusal or "content filter"
        if not self.choices_seen:
            return error("NO_CHOICES"), "the endpoint answered without any choice"
        if self.finish == "length":
            return TRUNCATED, "the reply reached its token limit"
        if not self.finish:
            return TRUNCATED, "the stream ended without a finish reason"
        if self.finish not in {"stop", "tool_calls"}:
            return error("INTERRUPTED"), f"finish reason {self.finish[:40]}"
        if not self.text.strip():
            return EMPTY, "no content" + (f", {self.thinking_chars} characters of thinking" if self.thinking_chars else "")
        return OK, ""


def _words(said: Mapping[str, object]) -> str:
    """What was said: the content, or what was put into the one tool that we offer for endpoints without a reply format."""
    content = said.get("content")
    words = content if isinstance(content, str) else ""
    calls = said.get("tool_calls")
    if isinstance(calls, list) and calls and isinstance(calls[0], Mapping):
        arguments = _part(calls[0], "function").get("arguments")
        words += arguments if isinstance(arguments, str) else ""
    return words


def read_usage(usage: Mapping[str, object]) -> Usage:
    """Tokens from the shapes of DeepSeek, OpenAI, DashScope, llama.cpp, Ollama and the Responses API."""
    asked = _count(usage, "prompt_tokens", "input_tokens")
    cached = max(
        _count(usage, "prompt_cache_hit_tokens"),
        _count(_part(usage, "prompt_tokens_details"), "cached_tokens"),
        _count(_part(usage, "input_tokens_details"), "cached_tokens"),
    )
    said = _count(usage, "completion_tokens", "output_tokens")
    thought = max(
        _count(_part(usage, "completion_tokens_details"), "reasoning_tokens"),
        _count(_part(usage, "output_tokens_details"), "reasoning_tokens"),
    )
    return Usage(asked, said, min(cached, asked), min(thought, said))


def _part(usage: Mapping[str, object], key: str) -> Mapping[str, object]:
    part = usage.get(key)
    return part if isinstance(part, Mapping) else {}


def _count(usage: Mapping[str, object], *keys: str) -> int:
    for key in keys:
        value = usage.get(key)
        if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 10**9:
            return value
    return 0
