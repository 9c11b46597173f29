"""Any OpenAI-compatible endpoint as a `Model`: streamed, with our own deadline, cap, retries and cancel around the SDK.

ask ──► attempt (own thread) ──pieces──► on_text
          │ 429/5xx/connection before any text: wait, again      │ 400 on the reply format: one rung down, again
          └──► outcome, usage, cost
"""

from __future__ import annotations

import json
import queue
import ssl
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, cast

import httpx

from engine.core.clock import Clock
from engine.llm.completion import Answer
from engine.llm.model import CANCELLED, TIMEOUT, TOO_LARGE, Prompt, Reply, error
from engine.llm.price import Price, cost, estimate
from engine.llm.redact import StreamRedactor, detail
from engine.llm.wire import Wire

ATTEMPTS = 3
MAX_RETRY_AFTER_S = 20.0
_BACKOFF_S = (0.5, 2.0)
_POLL_S = 0.05
_RETRIED_STATUS = frozenset({408, 409, 429, 500, 502, 503, 504, 520, 522, 524, 529})
_FORMAT_STATUS = frozenset({400, 422})
_LADDER = ("json_schema", "json_object", "tool", "plain")
_FORMAT_WORDS = ("response_format", "json_schema", "json_object", "structured", "schema", "grammar", "tool_choice", "tools")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where and how to ask. `structured` is the best rung the endpoint is known to have; `body` goes into every request."""

    name: str
    provider: str
    base_url: str
    model: str
    api_key: str = field(repr=False, default="")
    timeout_s: float = 30.0
    temperature: float | None = None
    max_tokens: int = 2_048
    max_tokens_key: str = "max_tokens"
    structured: str = "json_schema"
    body: Mapping[str, Any] = field(default_factory=dict)
    price: Price | None = None
    proxy: str = ""


@dataclass(slots=True)
class _Attempt:
    """What one request came to; written by its thread, read when `done` has come through the queue."""

    answer: Answer
    outcome: str = ""
    detail: str = ""
    status: int = 0
    retry_after_s: float | None = None
    retryable: bool = False


class OpenAIModel:
    """A `Model` over the `openai` client. Safe to ask from several threads at once."""

    def __init__(self, endpoint: Endpoint, clock: Clock) -> None:
        self._endpoint = endpoint
        self._clock = clock
        self._rung = _LADDER.index(endpoint.structured)
        self._asks_usage = True

    @property
    def name(self) -> str:
        return self._endpoint.name

    @property
    def provider(self) -> str:
        return self._endpoint.provider

    @property
    def offline(self) -> bool:
        return False

    @property
    def structured(self) -> str:
        """The rung in use: json_schema, json_object, tool or plain. It only ever goes down, on the endpoint's own refusal."""
        return _LADDER[self._rung]

    def ceiling(self, prompt: Prompt) -> tuple[str, str]:
        """The most that one call with this prompt costs at this hour's price, and its currency; ("0", "") without a price."""
        price = self._endpoint.price
        if price is None:
            return "0", ""
        return estimate(prompt, self._endpoint.max_tokens, price.at(self._clock.now())), price.currency

    def __repr__(self) -> str:
        return f"OpenAIModel({self._endpoint.name!r}, {self._endpoint.base_url!r}, {self._endpoint.model!r})"

    def ask(self, prompt: Prompt, *, deadline_s: float, on_text: Callable[[str], None], cancelled: threading.Event) -> Reply:
        """Ask, within the smaller of `deadline_s` and the endpoint's own timeout, retries and waits included."""
        start = time.monotonic()
        end = start + min(deadline_s, self._endpoint.timeout_s)
        tries = 0
        while True:
            rung = self._rung
            attempt = self._attempt(prompt, _LADDER[rung], end, on_text, cancelled)
            tries += 1
            if attempt.status in _FORMAT_STATUS and rung + 1 < len(_LADDER) and _about_format(attempt.detail):
                self._rung = max(self._rung, rung + 1)
                tries -= 1
                continue
            if attempt.status in _FORMAT_STATUS and self._asks_usage and "stream_options" in attempt.detail:
                self._asks_usage = False
                tries -= 1
                continue
            if not attempt.retryable or attempt.answer.pieces or tries >= ATTEMPTS:
                break
            pause = _BACKOFF_S[tries - 1] if attempt.retry_after_s is None else attempt.retry_after_s
            if pause > MAX_RETRY_AFTER_S or time.monotonic() + pause >= end:
                break
            if cancelled.wait(pause):
                attempt.outcome, attempt.detail = CANCELLED, "cancelled while waiting to try again"
                break
        usage = attempt.answer.usage
        price = self._endpoint.price
        return Reply(
            text=_hidden(attempt.answer.text, self._endpoint.api_key),
            outcome=attempt.outcome,
            detail=detail(attempt.detail, self._endpoint.api_key),
            latency_ms=int((time.monotonic() - start) * 1000),
            usage=usage,
            cost=cost(usage, price.at(self._clock.now())) if price else "0",
            currency=price.currency if price else "",
        )

    def _attempt(
        self, prompt: Prompt, structured: str, end: float, on_text: Callable[[str], None], cancelled: threading.Event
    ) -> _Attempt:
        """One request in its own thread, watched from here; whatever it hangs on, this returns by `end` or soon after a cancel."""
        if cancelled.is_set():
            return _Attempt(Answer(), CANCELLED, "cancelled before it was sent")
        if time.monotonic() >= end:
            return _Attempt(Answer(), TIMEOUT, "no time left to ask")
        wire = Wire(tls=self._endpoint.base_url.startswith("https:"), proxy=self._endpoint.proxy)
        attempt = _Attempt(Answer())
        arrivals: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        threading.Thread(
            target=self._converse,
            args=(prompt, structured, end - time.monotonic(), wire, attempt, arrivals),
            name=f"llm-{self._endpoint.name}",
            daemon=True,
        ).start()
        shown = StreamRedactor(self._endpoint.api_key)
        heard: list[str] = []
        while True:
            left = end - time.monotonic()
            stopped = CANCELLED if cancelled.is_set() else TIMEOUT if left <= 0 else ""
            if stopped:
                wire.hang_up()
                told = Answer(pieces=heard)
                return _Attempt(told, stopped, "cancelled" if stopped == CANCELLED else "no complete reply before the deadline")
            try:
                piece = arrivals.get(timeout=min(_POLL_S, left))
            except queue.Empty:
                continue
            if piece is None:
                if rest := shown.flush():
                    on_text(rest)
                return attempt
            heard.append(piece)
            if visible := shown.feed(piece):
                on_text(visible)

    def _converse(
        self,
        prompt: Prompt,
        structured: str,
        left_s: float,
        wire: Wire,
        attempt: _Attempt,
        arrivals: queue.SimpleQueue[str | None],
    ) -> None:
        import openai  # 0.7 s and 40 MB that a desk without language models never pays

        try:
            with httpx.Client(transport=wire, trust_env=False, follow_redirects=False) as http:
                client = openai.OpenAI(
                    api_key=self._endpoint.api_key or "none",
                    base_url=self._endpoint.base_url,
                    max_retries=0,
                    timeout=max(left_s, 0.1),
                    http_client=cast(Any, http),  # the SDK takes httpx as well as its own httpx2, its types do not say so
                )
                stream = cast(Any, client.chat.completions.create)(**self._request(prompt, structured))
                with stream:
                    if not stream.response.headers.get("content-type", "").startswith("text/event-stream"):
                        arrivals.put(attempt.answer.take(_whole(stream.response)))
                    else:
                        for chunk in stream:
                            piece = attempt.answer.take(chunk.to_dict(mode="json", warnings=False))
                            if piece:
                                arrivals.put(piece)
                            if attempt.answer.too_large:
                                break
                attempt.outcome, attempt.detail = attempt.answer.outcome()
        except openai.APIStatusError as fault:
            attempt.status = fault.status_code
            attempt.retryable = fault.status_code in _RETRIED_STATUS
            attempt.retry_after_s = _retry_after(fault.response.headers.get("retry-after"))
            attempt.outcome, attempt.detail = error(str(fault.status_code)), fault.message
        except (openai.APIConnectionError, httpx.TransportError) as fault:
            attempt.retryable = True
            attempt.outcome, attempt.detail = error("CONNECTION"), _chain(fault)
        except openai.APIError as fault:
            attempt.outcome, attempt.detail = error("STREAM"), fault.message
        except (openai.OpenAIError, httpx.HTTPError, ssl.SSLError, OSError) as fault:
            attempt.outcome, attempt.detail = error("CONNECTION"), _chain(fault)
        except (ValueError, TypeError, AttributeError, LookupError, RecursionError) as fault:
            attempt.outcome, attempt.detail = error("NOT_COMPLETION"), f"not a chat completion: {type(fault).__name__}: {fault}"
        finally:
            if wire.too_large:
                attempt.outcome, attempt.detail, attempt.retryable = (
                    TOO_LARGE,
                    "the endpoint sent more than any reply may hold",
                    False,
                )
            arrivals.put(None)

    def _request(self, prompt: Prompt, structured: str) -> dict[str, Any]:
        messages = [{"role": "system", "content": prompt.system}, {"role": "user", "content": prompt.user}]
        messages += [{"role": turn.role, "content": turn.content} for turn in prompt.turns]
        request: dict[str, Any] = {
            "model": self._endpoint.model,
            "messages": [message for message in messages if message["content"]],
            "stream": True,
            self._endpoint.max_tokens_key: self._endpoint.max_tokens,
        }
        if self._asks_usage:
            request["stream_options"] = {"include_usage": True}
        if self._endpoint.temperature is not None:
            request["temperature"] = self._endpoint.temperature
        if prompt.schema and structured == "json_schema":
            schema = {"name": "decisions", "schema": json.loads(prompt.schema), "strict": True}
            request["response_format"] = {"type": "json_schema", "json_schema": schema}
        elif prompt.schema and structured == "json_object":
            request["response_format"] = {"type": "json_object"}
        elif prompt.schema and structured == "tool":
            function = {"name": "decide", "description": "Give your decisions.", "parameters": json.loads(prompt.schema)}
            request["tools"] = [{"type": "function", "function": function}]
            request["tool_choice"] = {"type": "function", "function": {"name": "decide"}}
        if self._endpoint.body:
            request["extra_body"] = dict(self._endpoint.body)
        return request


def _whole(response: httpx.Response) -> object:
    """The body of an endpoint that did not stream; ValueError where it is not JSON."""
    body = response.read()
    kind = response.headers.get("content-type", "nothing")
    try:
        return json.loads(body)
    except ValueError:
        raise ValueError(f"{kind.partition(';')[0]} instead of JSON") from None


def _hidden(text: str, key: str) -> str:
    """The whole text as the console saw it in pieces: without the key."""
    redactor = StreamRedactor(key)
    return redactor.feed(text) + redactor.flush()


def _about_format(said: str) -> bool:
    lower = said.lower()
    return any(word in lower for word in _FORMAT_WORDS)


def _retry_after(header: str | None) -> float | None:
    """Seconds to wait as the endpoint says; None where it says nothing usable (dates are not worth a parser here)."""
    if header is None or not header.strip().replace(".", "", 1).isdecimal():
        return None
    return float(Decimal(header.strip()[:12]))


def _chain(fault: BaseException) -> str:
    """The innermost reason: the SDK only says "Connection error."."""
    inner = fault
    while inner.__cause__ is not None:
        inner = inner.__cause__
    return f"{type(inner).__name__}: {inner}" if str(inner) else type(inner).__name__
