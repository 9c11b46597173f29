"""A strategy reply becomes typed conditions or nothing: strict JSON, exact types, named figures, offered symbols."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.core.strategy import Beside, Needs, Range, Relation, Threshold
from engine.llm.model import make_prompt
from engine.llm.offline_rules import strategy_answer
from engine.llm.prompts import builtin
from engine.llm.rule_form import parse_strategy
from engine.llm.rule_schema import FIGURES, RULES_ID, rules_schema

OFFERED = ("000338.SZ", "600519.SH")
GOOD: dict[str, Any] = {
    "name": "dip",
    "symbols": ["600519.SH", "000338.SZ"],
    "needs": "all",
    "entry": [
        {"kind": "threshold", "figure": "rsi_14", "is": "below", "value": 30},
        {"kind": "relation", "figure": "sma_5", "is": "above", "other": "sma_20"},
        {"kind": "range", "figure": "volatility_20", "low": 5, "high": 60.5},
    ],
    "exit": [{"kind": "threshold", "figure": "rsi_14", "is": "above", "value": 70}],
    "weight": 0.25,
    "review_after_days": 30,
    "reasoning": "because",
}


def reply(**changes: Any) -> str:
    return json.dumps({"strategies": [{**GOOD, **changes}]})


def test_a_sound_reply_is_a_strategy() -> None:
    parsed = parse_strategy(reply(), OFFERED)
    assert (parsed.outcome, parsed.usable, parsed.kept) == ("ok", True, 1)
    written = parsed.strategy
    assert written is not None
    assert written.symbols == ("000338.SZ", "600519.SH") and written.needs is Needs.ALL
    assert written.entry == (
        Threshold("rsi_14", Beside.BELOW, Decimal(30)),
        Relation("sma_5", Beside.ABOVE, "sma_20"),
        Range("volatility_20", Decimal(5), Decimal("60.5")),
    )
    assert (written.weight_ppm, written.review_after_days) == (250_000, 30)


@pytest.mark.parametrize("dress", ["{}", "```json\n{}\n```", "Here it is: {} I hope it helps.", "<think>hm {{}}</think>{}"])
def test_one_object_is_found_in_what_models_put_around_it(dress: str) -> None:
    text = dress.replace("{}", reply(), 1) if "<think>" not in dress else f"<think>hm</think>{reply()}"
    assert parse_strategy(text, OFFERED).usable


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"symbols": ["300750.SZ"]}, "UNKNOWN_INSTRUMENT"),
        ({"symbols": ["600519.SH", "600519.SH"]}, "DUPLICATE"),
        ({"symbols": []}, "TYPE"),
        ({"needs": "most"}, "NO_SUCH_WORD"),
        ({"entry": []}, "TYPE"),
        ({"entry": [GOOD["exit"][0]] * 9}, "TOO_LONG"),
        ({"exit": [{"kind": "threshold", "figure": "alpha", "is": "above", "value": 1}]}, "FIGURE"),
        ({"exit": [{"kind": "threshold", "figure": "rsi_14", "is": "over", "value": 1}]}, "NO_SUCH_WORD"),
        ({"exit": [{"kind": "threshold", "figure": "rsi_14", "is": "above", "value": "70"}]}, "TYPE"),
        ({"exit": [{"kind": "threshold", "figure": "rsi_14", "is": "above", "value": True}]}, "TYPE"),
        ({"exit": [{"kind": "threshold", "figure": "rsi_14", "is": "above", "value": 1e13}]}, "NUMBER_RANGE"),
        ({"exit": [{"kind": "threshold", "figure": "rsi_14", "is": "above"}]}, "MISSING_KEY"),
        ({"exit": [{"kind": "crosses", "figure": "rsi_14", "is": "above", "value": 1}]}, "CONDITION"),
        ({"exit": [{"figure": "rsi_14", "is": "above", "value": 1}]}, "CONDITION"),
        ({"exit": [{"kind": "range", "figure": "rsi_14", "low": 2, "high": 1}]}, "RANGE_ORDER"),
        ({"exit": [{"kind": "relation", "figure": "sma_5", "is": "above", "other": "sma_5"}]}, "SAME_FIGURE"),
        ({"exit": [{"kind": "threshold", "figure": "rsi_14", "is": "above", "value": 1, "code": "rm"}]}, "UNKNOWN_KEY"),
        ({"weight": 0}, "WEIGHT_RANGE"),
        ({"weight": 1.01}, "WEIGHT_RANGE"),
        ({"weight": "0.2"}, "TYPE"),
        ({"review_after_days": 0}, "REVIEW_RANGE"),
        ({"review_after_days": 7.5}, "REVIEW_RANGE"),
        ({"review_after_days": 367}, "REVIEW_RANGE"),
        ({"quantity": 100}, "UNKNOWN_KEY"),
    ],
)
def test_what_is_not_exactly_so_is_refused_with_its_code(changes: dict[str, Any], code: str) -> None:
    parsed = parse_strategy(reply(**changes), OFFERED)
    assert (parsed.strategy, parsed.outcome, parsed.usable) == (None, "invalid", False)
    assert parsed.detail.startswith(f"{code}:"), parsed.detail


@pytest.mark.parametrize(
    ("text", "outcome", "detail"),
    [
        ("", "empty", "no text"),
        ("I cannot help with that.", "invalid", "NO_OBJECT"),
        ('{"strategies":[]}', "invalid", "NOT_ONE: 0"),
        (json.dumps({"strategies": [GOOD, GOOD]}), "invalid", "NOT_ONE: 2"),
        (json.dumps({"decisions": []}), "invalid", "ROOT_KEYS"),
        (reply()[:-20], "invalid", "TRUNCATED"),
        (reply() + reply(), "invalid", "MANY_OBJECTS"),
        (reply().replace("30}", "NaN}"), "invalid", "TYPE"),
        (reply().replace('"weight": 0.25', '"weight": 0.25, "weight": 0.9'), "invalid", "DUPLICATE_KEY"),
        (reply(reasoning="x" * 70_000), "too_large", "more than"),
    ],
)
def test_what_is_no_whole_single_strategy_is_none(text: str, outcome: str, detail: str) -> None:
    parsed = parse_strategy(text, OFFERED)
    assert (parsed.strategy, parsed.outcome) == (None, outcome)
    assert parsed.detail.startswith(detail), parsed.detail


def test_half_a_strategy_is_never_recovered() -> None:
    """A cut in the list would lose conditions, not items."""
    whole = reply()
    for at in range(1, len(whole)):
        assert parse_strategy(whole[:at], OFFERED).strategy is None


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.sampled_from([*FIGURES, *OFFERED, "above"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*GOOD, "kind", "figure", "is", "value"]), inner),
    max_leaves=8,
)


@settings(max_examples=120, deadline=None)
@given(st.dictionaries(st.sampled_from(list(GOOD)), JUNK, max_size=3), st.integers(0, 400), st.text(max_size=3))
def test_no_reply_breaks_the_parser_or_slips_through_it(changes: dict[str, Any], at: int, noise: str) -> None:
    text = reply(**changes)
    for tried in (text, text[:at] + noise + text[at:]):
        written = parse_strategy(tried, OFFERED).strategy
        if written is not None:
            assert set(written.symbols) <= set(OFFERED) and written.symbols
            assert 0 < written.weight_ppm <= 10**6 and 1 <= written.review_after_days <= 366
            assert {one.figure for one in (*written.entry, *written.exit)} <= set(FIGURES)


def test_the_schema_names_every_figure_and_only_what_is_offered() -> None:
    schema = json.loads(rules_schema(OFFERED))
    item = schema["properties"]["strategies"]["items"]
    assert item["properties"]["symbols"]["items"]["enum"] == list(OFFERED)
    kinds = item["properties"]["entry"]["items"]["anyOf"]
    assert {kind["properties"]["kind"]["enum"][0] for kind in kinds} == {"threshold", "range", "relation"}
    assert all(kind["properties"]["figure"]["enum"] == list(FIGURES) for kind in kinds)
    assert set(item["required"]) == set(item["properties"]) == set(GOOD)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_prompt_names_every_figure_and_its_example_is_sound(language: str) -> None:
    template = builtin("rules-daily", language)
    assert template.schema == RULES_ID
    values = dict.fromkeys(("max_position", "max_gross", "market", "currency"), "x")
    system = template.system.render(values)
    assert all(figure in system for figure in FIGURES)
    example = next(line for line in system.splitlines() if line.startswith('{"strategies"'))
    assert parse_strategy(example, ["SYMBOL"]).usable


def test_the_offline_provider_answers_with_a_sound_strategy() -> None:
    table = "symbol|return_20|rsi_14\n000338.SZ|3.5|51\n600519.SH|-|44\n600000.SH|-2.1|40"
    prompt = make_prompt(id="rules-daily.en", version="1", system="s", user=f'<data id="features">\n{table}\n</data>')
    parsed = parse_strategy(strategy_answer(prompt), ["000338.SZ", "600519.SH", "600000.SH"])
    assert parsed.strategy is not None and parsed.strategy.symbols == ("000338.SZ", "600000.SH"), "what has no return is left out"
    nothing = make_prompt(id="rules-daily.zh", version="1", system="s", user="no table")
    assert not parse_strategy(strategy_answer(nothing), []).usable
