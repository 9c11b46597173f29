"""Conversations that really took place, read from the recordings beside the project: tokens and cost to the last digit."""

from __future__ import annotations

import json
import threading
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from engine.core.clock import SimulatedClock
from engine.llm import ModelSpec, build_model, make_prompt
from engine.llm.completion import Answer, read_usage
from engine.llm.price import cost
from engine.llm.providers import builtin_table
from tests.llm.fake_llm_server import serving

yaml = pytest.importorskip("yaml")
RECORDED = Path(__file__).resolve().parents[2].parent / "shared" / "recorded" / "llm"
if not RECORDED.is_dir():
    pytest.skip("the recorded conversations are not beside the project", allow_module_level=True)


def responses(name: str) -> list[dict[str, Any]]:
    with (RECORDED / name).open(encoding="utf-8") as file:
        return [interaction["response"] for interaction in yaml.safe_load(file)["interactions"]]


def test_a_recorded_stream_of_deepseek():
    (response,) = responses("deepseek/test_deepseek_model_thinking_stream.yaml")
    answer = Answer()
    for line in response["body"]["string"].splitlines():
        if line.startswith("data: ") and line != "data: [DONE]":
            answer.take(json.loads(line.removeprefix("data: ")))
    assert answer.outcome() == ("ok", "")
    assert answer.text.startswith("Hello there") and answer.thinking_chars > 500
    assert answer.usage.tokens_reasoning > 0 and answer.usage.tokens_out > answer.usage.tokens_reasoning


@pytest.mark.parametrize(("at", "rates"), [("2026-11-20T02:00:00", "peak"), ("2026-11-20T12:00:00", "rates")])
def test_the_recorded_stream_over_real_http_costs_what_it_cost(at: str, rates: str):
    (response,) = responses("deepseek/test_deepseek_model_thinking_stream.yaml")
    price = builtin_table().prices["deepseek", "deepseek-flash"]
    with serving(lambda request: request.send(200, response["body"]["string"], "text/event-stream; charset=utf-8")) as server:
        spec = ModelSpec("m", base_url=server.base_url, model="deepseek-flash", price=price)
        model = build_model(spec, SimulatedClock(datetime.fromisoformat(at).replace(tzinfo=UTC)))
        pieces: list[str] = []
        prompt = make_prompt(id="t", version="1", system="", user="Hello")
        reply = model.ask(prompt, deadline_s=10, on_text=pieces.append, cancelled=threading.Event())
    assert reply.outcome == "ok" and "".join(pieces) == reply.text and reply.text.startswith("Hello there")
    used, charged = reply.usage, getattr(price, rates)
    by_hand = (used.tokens_in - used.tokens_cached) * charged.input + used.tokens_cached * charged.cached
    assert used.tokens_out > 100
    assert Decimal(reply.cost) * 1_000_000 == by_hand + used.tokens_out * charged.output


@pytest.mark.parametrize("path", sorted(path.relative_to(RECORDED).as_posix() for path in RECORDED.rglob("*.yaml")))
def test_every_recorded_reply_is_metered_to_the_cent(path: str):
    price = builtin_table().prices["deepseek", "deepseek-flash"]
    metered = 0
    for response in responses(path):
        body = response.get("parsed_body")
        if not isinstance(body, dict) or "usage" not in body:
            continue
        told = body["usage"]
        usage = read_usage(told)
        asked = told.get("prompt_tokens", told.get("input_tokens"))
        said = told.get("completion_tokens", told.get("output_tokens"))
        assert (usage.tokens_in, usage.tokens_out) == (asked, said)
        hit = told.get("prompt_cache_hit_tokens")
        if hit is not None:
            assert usage.tokens_cached == hit and usage.tokens_in - usage.tokens_cached == told["prompt_cache_miss_tokens"]
        by_hand = (asked - usage.tokens_cached) * Decimal("0.15") + usage.tokens_cached * Decimal("0.003") + said * Decimal("0.60")
        assert Decimal(cost(usage, price.rates)) * 1_000_000 == by_hand
        metered += 1
    assert metered or path.endswith("_stream.yaml")


def test_our_prices_are_those_of_the_recorded_price_list():
    listed = json.loads((RECORDED / "litellm_1.109.1_prices_subset.json").read_text(encoding="utf-8"), parse_float=Decimal)
    flash = listed["deepseek/deepseek-flash"]
    price = builtin_table().prices["deepseek", "deepseek-flash"]
    assert price.peak is not None
    assert price.peak.input == flash["input_cost_per_token"] * 1_000_000
    assert price.peak.cached == flash["input_cost_per_token_cache_hit"] * 1_000_000
    assert price.peak.output == flash["output_cost_per_token"] * 1_000_000
    off_peak = flash["off_peak_pricing"]
    assert price.rates.input == off_peak["input_cost_per_token"] * 1_000_000
    assert price.rates.output == off_peak["output_cost_per_token"] * 1_000_000
