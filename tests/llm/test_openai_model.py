"""The endpoint on its good and worst days: every one ends in time, as an outcome with a code, and no key is ever shown."""

from __future__ import annotations

import json
import threading
import time
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from engine.core.clock import SimulatedClock
from engine.llm import ModelSpec, Prompt, Reply, build_model, continued, make_prompt
from engine.llm.model import Turn
from engine.llm.openai_model import OpenAIModel
from engine.llm.price import Price, Rates
from tests.llm.fake_llm_server import (
    FakeServer,
    Request,
    drips,
    fails,
    hangs,
    never_ends,
    one_endless_line,
    resets,
    says,
    serving,
)

KEY = "sk-canary-0123456789abcdef"
REPLY = '{"decisions":[]}'
SCHEMA = '{"type":"object","properties":{},"required":[],"additionalProperties":false}'
PROMPT = make_prompt(id="t.en", version="1", system="Answer in json.", user="Well?", schema=SCHEMA)
PEAK = datetime(2026, 11, 20, 2, tzinfo=UTC)


def model(server: FakeServer, **changes: object) -> OpenAIModel:
    spec = {"name": "m", "base_url": server.base_url, "model": "some-model", "api_key": KEY, "timeout_s": 10.0} | changes
    built = build_model(ModelSpec(**spec), SimulatedClock(PEAK))  # type: ignore[arg-type]
    assert isinstance(built, OpenAIModel)
    return built


def ask(one: OpenAIModel, prompt: Prompt = PROMPT, *, deadline_s: float = 10, pieces: list[str] | None = None) -> Reply:
    reply = one.ask(
        prompt,
        deadline_s=deadline_s,
        on_text=pieces.append if pieces is not None else lambda _: None,
        cancelled=threading.Event(),
    )
    assert KEY not in repr(reply) and KEY not in repr(one)
    return reply


def test_a_reply_streams_in_and_is_counted():
    pieces: list[str] = []
    with serving(says(REPLY, size=4)) as server:
        reply = ask(model(server), pieces=pieces)
    assert (reply.outcome, reply.text) == ("ok", REPLY)
    assert "".join(pieces) == REPLY and len(pieces) > 1
    assert (reply.usage.tokens_in, reply.usage.tokens_out, reply.usage.tokens_cached, reply.usage.tokens_reasoning) == (
        563,
        116,
        512,
        60,
    )
    assert (reply.cost, reply.currency) == ("0", "")


def test_what_is_sent():
    with serving(says(REPLY)) as server:
        ask(
            model(server, temperature=0.2, extra_body={"top_k": 5}),
            continued(PROMPT, Turn("assistant", "no"), Turn("user", "again")),
        )
        (request,) = server.requests
    assert request.path == "/v1/chat/completions"
    assert {name.lower(): value for name, value in request.headers.items()}["authorization"] == f"Bearer {KEY}"
    assert not [name for name in request.headers if name.lower().startswith("x-stainless")]
    assert [message["role"] for message in request.body["messages"]] == ["system", "user", "assistant", "user"]
    assert request.body["response_format"]["json_schema"]["schema"] == json.loads(SCHEMA)
    assert (request.body["temperature"], request.body["top_k"], request.body["max_tokens"], request.body["stream"]) == (
        0.2,
        5,
        2048,
        True,
    )


def test_cost_is_exact_and_by_the_hour():
    price = Price(
        "USD",
        Rates(Decimal("0.15"), Decimal("0.003"), Decimal("0.60")),
        "2026-11-12",
        Rates(Decimal("0.30"), Decimal("0.006"), Decimal("1.20")),
    )
    usage = {"prompt_tokens": 8_000, "completion_tokens": 900, "prompt_cache_hit_tokens": 6_144}
    with serving(says(REPLY, usage=usage)) as server:
        reply = ask(model(server, price=price))
    assert Decimal(reply.cost) == (6144 * Decimal("0.006") + 1856 * Decimal("0.30") + 900 * Decimal("1.2")) / 1_000_000
    assert (reply.cost, reply.currency) == ("0.001673664", "USD")


def test_thinking_is_counted_and_never_part_of_the_reply():
    def thinks(request: Request) -> None:
        request.open_stream()
        request.delta(reasoning_content='{"decisions":[{"instrument":"X"}]} maybe')
        request.delta(reasoning="or not")
        request.delta(content=REPLY)
        request.delta(finish="stop")

    pieces: list[str] = []
    with serving(thinks) as server:
        assert ask(model(server), pieces=pieces).text == REPLY
    assert "".join(pieces) == REPLY


def test_an_endpoint_that_does_not_stream_is_understood():
    whole = json.dumps({"choices": [{"message": {"content": REPLY}, "finish_reason": "stop"}], "usage": {"prompt_tokens": 3}})
    pieces: list[str] = []
    with serving(lambda request: request.send(200, whole)) as server:
        reply = ask(model(server), pieces=pieces)
    assert (reply.outcome, reply.text, pieces, reply.usage.tokens_in) == ("ok", REPLY, [REPLY], 3)


# --- the ladder of structured output ---------------------------------------------------------------------------------------------


def test_a_refused_format_is_demoted_and_remembered():
    refusal = "This response_format type is unavailable now"
    no_tools = "tool_choice is not supported"
    with serving(fails(400, refusal), fails(400, refusal), fails(400, no_tools), says(REPLY)) as server:
        one = model(server)
        assert ask(one).outcome == "ok" and one.structured == "plain"
        assert ask(one).outcome == "ok"
        kinds = [request.body.get("response_format", {}).get("type", "tools" in request.body) for request in server.requests]
    assert kinds == ["json_schema", "json_object", True, False, False]


def test_what_is_put_into_the_tool_is_the_reply():
    def calls_the_tool(request: Request) -> None:
        request.open_stream()
        for piece in (REPLY[:7], REPLY[7:]):
            request.delta(
                tool_calls=[{"index": 0, "id": "1", "type": "function", "function": {"name": "decide", "arguments": piece}}]
            )
        request.delta(finish="tool_calls")

    with serving(fails(400, "response_format"), fails(400, "response_format"), calls_the_tool) as server:
        one = model(server)
        reply = ask(one)
        tool = server.requests[-1].body["tools"][0]["function"]
    assert (reply.outcome, reply.text, one.structured) == ("ok", REPLY, "tool")
    assert tool["parameters"] == json.loads(SCHEMA)


def test_a_400_about_something_else_is_not_tried_again():
    with serving(fails(400, "maximum context length is 4096 tokens; see the docs for more information")) as server:
        reply = ask(model(server))
        assert (reply.outcome, len(server.requests)) == ("error:400", 1)
    assert "context length" in reply.detail


def test_an_endpoint_without_stream_options_is_asked_without_them():
    with serving(fails(400, "unknown field: stream_options"), says(REPLY)) as server:
        one = model(server)
        assert ask(one).outcome == "ok" and one.structured == "json_schema"
        assert ["stream_options" in request.body for request in server.requests] == [True, False]


# --- retries ---------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [400, 401, 402, 403, 404])
def test_what_will_not_mend_itself_is_asked_once(status: int):
    with serving(fails(status)) as server:
        assert ask(model(server)).outcome == f"error:{status}"
        assert len(server.requests) == 1


@pytest.mark.parametrize("status", [429, 500, 503])
def test_what_may_mend_itself_is_asked_again(status: int):
    with serving(fails(status, retry_after="0"), says(REPLY)) as server:
        assert ask(model(server)).outcome == "ok"
        assert len(server.requests) == 2


def test_three_tries_are_enough():
    with serving(fails(503, retry_after="0.01")) as server:
        assert ask(model(server)).outcome == "error:503"
        assert len(server.requests) == 3


def test_retry_after_is_waited_out_within_reason_only():
    with serving(fails(429, retry_after="0.3"), says(REPLY)) as server:
        reply = ask(model(server))
        assert reply.outcome == "ok" and 300 <= reply.latency_ms < 2_000
    with serving(fails(429, retry_after="86400")) as server:
        reply = ask(model(server))
        assert reply.outcome == "error:429" and reply.latency_ms < 2_000 and len(server.requests) == 1


def test_a_reset_connection_is_tried_again():
    with serving(resets, says(REPLY)) as server:
        assert ask(model(server)).outcome == "ok"


def test_nobody_listening_is_an_outcome():
    server = FakeServer(hangs)
    server.close()
    reply = ask(model(server, timeout_s=1.0))
    assert reply.outcome == "error:CONNECTION" and "refused" in reply.detail.lower()


def test_once_text_has_come_nothing_is_asked_twice():
    def breaks_off(request: Request) -> None:
        request.open_stream()
        request.delta(content='{"decisions":[')
        resets(request)

    with serving(breaks_off) as server:
        reply = ask(model(server))
        assert len(server.requests) == 1
    assert reply.text in {'{"decisions":[', ""} and reply.outcome in {"error:CONNECTION", "truncated"}


# --- time ------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("behaviour", [hangs, drips])
def test_the_deadline_is_for_the_whole_call(behaviour):
    with serving(behaviour) as server:
        start = time.monotonic()
        reply = ask(model(server), deadline_s=0.7)
        assert reply.outcome == "timeout" and time.monotonic() - start < 1.2


def test_without_time_nothing_is_sent():
    with serving(says(REPLY)) as server:
        assert ask(model(server), deadline_s=0).outcome == "timeout"
        time.sleep(0.1)
        assert server.requests == []


def test_the_models_own_timeout_counts_too():
    with serving(hangs) as server:
        assert ask(model(server, timeout_s=0.4), deadline_s=60).outcome == "timeout"


@pytest.mark.parametrize("behaviour", [hangs, drips, fails(503, retry_after="5")])
def test_a_cancel_is_heard_at_once(behaviour):
    stop = threading.Event()
    with serving(behaviour) as server:
        ask(model(server, timeout_s=0.1))  # the first call pays for importing the SDK
        threading.Timer(0.3, stop.set).start()
        start = time.monotonic()
        reply = model(server).ask(PROMPT, deadline_s=20, on_text=lambda _: None, cancelled=stop)
        assert reply.outcome == "cancelled" and time.monotonic() - start < 0.3 + 0.25


def test_a_cancelled_call_leaves_no_thread_behind():
    stop = threading.Event()
    with serving(hangs) as server:
        threading.Timer(0.2, stop.set).start()
        model(server, name="gone").ask(PROMPT, deadline_s=20, on_text=lambda _: None, cancelled=stop)
        until = time.monotonic() + 2
        while time.monotonic() < until and any(thread.name == "llm-gone" for thread in threading.enumerate()):
            time.sleep(0.01)
        assert not any(thread.name == "llm-gone" for thread in threading.enumerate())


def test_what_had_come_before_the_deadline_is_kept_for_the_record():
    with serving(drips) as server:
        assert ask(model(server), deadline_s=0.7).text == '{"dec'


# --- strange answers -------------------------------------------------------------------------------------------------------------


def raw(text: str, kind: str = "text/event-stream"):
    return lambda request: request.send(200, text, kind)


def event(data: object) -> str:
    return f"data: {json.dumps(data)}\n\n"


STRANGE = {
    "html": (raw("<html>Bad gateway</html>", "text/html"), "error:NOT_COMPLETION"),
    "empty body": (raw("", "application/json"), "error:NOT_COMPLETION"),
    "json that is no object": (raw("[1,2]", "application/json"), "error:NO_CHOICES"),
    "no choices": (raw('{"choices":[]}', "application/json"), "error:NO_CHOICES"),
    "null choices": (raw(event({"choices": None}) + "data: [DONE]\n\n"), "error:NO_CHOICES"),
    "empty stream": (raw(""), "error:NO_CHOICES"),
    "broken event": (raw("data: {oops\n\n"), "error:NOT_COMPLETION"),
    "an event that is a list": (raw("data: [1]\n\n"), "error:NOT_COMPLETION"),
    "an error inside the stream": (raw(event({"error": {"message": "overloaded", "code": 1}})), "error:STREAM"),
    "null content": (raw(event({"choices": [{"delta": {"content": None}, "finish_reason": "stop"}]})), "empty"),
    "content that is no text": (raw(event({"choices": [{"delta": {"content": 7}, "finish_reason": "stop"}]})), "empty"),
    "a refusal": (raw(event({"choices": [{"delta": {"refusal": "I cannot"}, "finish_reason": "stop"}]})), "refused"),
    "a filtered reply": (raw(event({"choices": [{"delta": {"content": "x"}, "finish_reason": "content_filter"}]})), "refused"),
    "the token limit": (raw(event({"choices": [{"delta": {"content": "x"}, "finish_reason": "length"}]})), "truncated"),
    "a stream that just stops": (raw(event({"choices": [{"delta": {"content": "x"}}]})), "truncated"),
    "interrupted by the provider": (
        raw(event({"choices": [{"delta": {"content": "x"}, "finish_reason": "insufficient_system_resource"}]})),
        "error:INTERRUPTED",
    ),
    "a redirect": (lambda request: request.send(302, "", Location="http://127.0.0.1:9/steal"), "error:302"),
    "10 MB at once": (raw('{"choices":"' + "x" * 10_000_000 + '"}', "application/json"), "too_large"),
    "10 MB of error": (lambda request: request.send(401, "x" * 10_000_000), "too_large"),
    "a stream without end": (never_ends, "too_large"),
    "a line without end": (one_endless_line, "too_large"),
    "compressed": (lambda request: request.send(200, b"\x1f\x8b", Content_Encoding="gzip"), "error:CONNECTION"),
}


@pytest.mark.parametrize("name", STRANGE)
def test_strange_answers_have_their_outcome(name: str):
    behaviour, outcome = STRANGE[name]
    with serving(behaviour) as server:
        start = time.monotonic()
        reply = ask(model(server, timeout_s=6.0), deadline_s=6)
        assert reply.outcome == outcome, reply.detail[:200]
        assert time.monotonic() - start < 6.5
    assert len(reply.text) <= 1_100_000


def test_absurd_token_counts_are_not_believed():
    usage = {"prompt_tokens": -5, "completion_tokens": 1.5, "prompt_cache_hit_tokens": 10**30, "prompt_tokens_details": [1]}
    with serving(says(REPLY, usage=usage)) as server:
        used = ask(model(server)).usage
    assert (used.tokens_in, used.tokens_out, used.tokens_cached) == (0, 0, 0)
