"""The provider table: who is who, what they take and what they charge."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from engine.core.clock import SimulatedClock
from engine.core.errors import ConfigError
from engine.llm import ModelSpec, Usage, build_model
from engine.llm.price import cost
from engine.llm.providers import builtin_table

CLOCK = SimulatedClock(datetime(2026, 11, 20, tzinfo=UTC))


def test_the_built_in_table_is_sound():
    table = builtin_table()
    assert {"deepseek", "qwen", "openai", "anthropic", "ollama", "llamacpp", "vllm", "compatible"} == set(table.providers)
    for (provider, _), price in table.prices.items():
        assert provider in table.providers and price.as_of >= "2026-01-01"
        assert 0 < price.rates.cached <= price.rates.input <= price.rates.output
    for provider in table.providers.values():
        assert provider.structured in {"json_schema", "json_object", "tool", "plain"}


@pytest.mark.parametrize(
    ("base_url", "provider"),
    [
        ("", "openai"),
        ("https://api.deepseek.com", "deepseek"),
        ("https://api.deepseek.com/v1", "deepseek"),
        ("https://dashscope-intl.aliyuncs.com/compatible-mode/v1", "qwen"),
        ("https://ws1.cn-hangzhou.maas.aliyuncs.com/compatible-mode/v1", "qwen"),
        ("http://localhost:11434/v1", "ollama"),
        ("https://api.deepseek.com.evil.example/v1", "compatible"),
        ("http://127.0.0.1:5000/v1", "compatible"),
    ],
)
def test_the_host_tells_who_it_is(base_url: str, provider: str):
    assert build_model(ModelSpec("m", base_url=base_url, model="x"), CLOCK).provider == provider


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        (ModelSpec("m", provider="openrouter", model="x"), r"unknown model provider"),
        (ModelSpec("m", provider="compatible", model="x"), r"model\.m\.base_url: needed"),
        (ModelSpec("m", base_url="ftp://x/v1", model="x"), r"model\.m\.base_url: must be"),
        (ModelSpec("m"), r"model\.m\.model: needed"),
        (ModelSpec("m", provider="deepseek", model="deepseek-chat"), r"retired, use deepseek-flash"),
        (ModelSpec("m", base_url="https://api.deepseek.com", model="deepseek-reasoner"), r"retired, use deepseek-v4-pro"),
    ],
)
def test_what_cannot_work_is_said_before_anything_is_sent(spec: ModelSpec, says: str):
    with pytest.raises(ConfigError, match=says):
        build_model(spec, CLOCK)


def test_offline_needs_nothing():
    model = build_model(ModelSpec("offline", provider="offline"), CLOCK)
    assert model.offline and (model.name, model.provider) == ("offline", "offline")


@pytest.mark.parametrize(
    ("utc", "peak"),
    [
        ("2026-11-20T01:00:00", True),  # Friday 09:00 in Beijing
        ("2026-11-20T00:59:59", False),
        ("2026-11-20T03:59:59", True),
        ("2026-11-20T04:00:00", False),  # noon
        ("2026-11-20T06:00:00", True),
        ("2026-11-20T10:00:00", False),  # six in the evening
        ("2026-11-21T02:00:00", False),  # Saturday
        ("2026-11-22T17:00:00", False),  # Monday 01:00 in Beijing
        ("2026-11-23T01:30:00", True),
    ],
)
def test_deepseek_charges_double_in_beijing_office_hours(utc: str, peak: bool):
    price = builtin_table().prices["deepseek", "deepseek-flash"]
    assert (price.at(datetime.fromisoformat(utc).replace(tzinfo=UTC)) is price.peak) == peak


def test_cost_is_exact():
    peak = builtin_table().prices["deepseek", "deepseek-flash"].peak
    assert peak is not None
    text = cost(Usage(8_000, 900, 6_144), peak)
    assert Decimal(text) == Decimal("0.001673664")  # 6144·0.006 + 1856·0.30 + 900·1.2, per million
    assert cost(Usage(), peak) == "0" and cost(Usage(0, 10_000_000), peak) == "12"
