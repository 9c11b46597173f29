"""A desk of perpetuals: what its models are told, which weights they may name, and the plain rule that stands in for one."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pytest

from engine.core.instrument import Board, Instrument
from engine.core.units import PPM, Market
from engine.llm import (
    OUTRIGHT,
    CandidateRow,
    FundingRow,
    MarginContext,
    PerpRow,
    PromptContext,
    Range,
    figures_of,
    parse_reply,
    parse_within,
    render,
)
from engine.llm.offline import answer

COIN = "AAAUSDT.BINANCE"
OFFERED = {COIN: Instrument(COIN, Market.CRYPTO, Board.PERP, "AAAUSDT", tick=10**6, step=10**5)}
EITHER, LONG_ONLY = Range(3 * PPM, 3 * PPM, margined=True), Range(3 * PPM, 0, margined=True)


def reply(weight: object, **more: object) -> str:
    item = {"instrument": COIN, "intent": "open", "target_weight": weight, "confidence": 0.5, "reasoning": ""}
    return json.dumps({"decisions": [{**item, **more}]})


@pytest.mark.parametrize(
    ("weight", "weights", "ppm"),
    [(-0.25, EITHER, -250_000), (2.5, EITHER, 2_500_000), (-3, EITHER, -3 * PPM), (0.25, LONG_ONLY, 250_000)],
)
def test_a_weight_either_side_of_nothing_is_read_exactly(weight: float, weights: Range, ppm: int) -> None:
    assert [item.target_weight_ppm for item in parse_within(reply(weight), OFFERED, weights).decisions] == [ppm]


@pytest.mark.parametrize(
    ("weight", "weights", "code"),
    [
        (-0.25, LONG_ONLY, "SHORT_FORBIDDEN"),
        (-0.25, OUTRIGHT, "WEIGHT_RANGE"),
        (1.5, OUTRIGHT, "WEIGHT_RANGE"),
        (3.01, EITHER, "WEIGHT_OVER_CAP"),
        (-3.01, EITHER, "WEIGHT_OVER_CAP"),
        (-(10**9), EITHER, "WEIGHT_RANGE"),
        (0, EITHER, "INTENT_WEIGHT"),
        ("-0.2", EITHER, "TYPE"),
    ],
)
def test_a_weight_that_the_desk_may_not_have_is_refused_by_code(weight: object, weights: Range, code: str) -> None:
    parsed = parse_within(reply(weight), OFFERED, weights)
    assert parsed.decisions == () and [item.code for item in parsed.rejected] == [code]


def test_a_short_s_stop_lies_above_its_target() -> None:
    assert parse_within(reply(-0.2, stop_loss=110, take_profit=80), OFFERED, EITHER).decisions
    refused = parse_within(reply(-0.2, stop_loss=80, take_profit=110), OFFERED, EITHER)
    assert [item.code for item in refused.rejected] == ["PRICE_ORDER"]
    assert parse_within(reply(0.2, stop_loss=110, take_profit=80), OFFERED, EITHER).decisions == ()


def test_a_desk_that_buys_outright_reads_as_it_ever_did() -> None:
    for weight in (0.1, 1, 1.0000001, -0.1, 0):
        assert parse_reply(reply(weight), OFFERED, max_weight_ppm=PPM) == parse_within(reply(weight), OFFERED, OUTRIGHT)


def context(*, shorts: bool = True, side: str = "", trend: float = -8.0, language: str = "en") -> PromptContext:
    held = PerpRow(COIN, "AAAUSDT", side, "-0.2000" if side == "short" else "0.2000", "0.0100", "3", "101.00", "133.10", "6.66")
    margin = MarginContext(3, shorts, (held,) if side else (), (FundingRow(COIN, "0.0100", "8", "2026-03-04T16:00Z"),), "-12.5")
    row = CandidateRow(COIN, "AAAUSDT", "", "100.00", "-1.20", {"return_20": trend, "rsi_14": 41.5})
    at = datetime(2026, 3, 4, 12, tzinfo=UTC)
    facts: dict[str, Any] = {"cash": "1", "equity": "2", "max_position": "0.5", "max_gross": "1.5"}
    return PromptContext(
        at, date(2026, 3, 4), "crypto", "USDT", holdings=(), candidates=(row,), language=language, margin=margin, **facts
    )


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_prompt_tells_terms_positions_and_funding(language: str) -> None:
    prompt = render("perp-daily", context(side="short", language=language))
    for line in (
        "leverage|shorts|funding_received\n3|yes|-12.5",
        "symbol|side|weight|pnl|leverage|entry|liquidation|margin",
        f"{COIN}|short|-0.2000|0.0100|3|101.00|133.10|6.66",
        f"{COIN}|0.0100|8|2026-03-04T16:00Z",
    ):
        assert line in prompt.user
    assert "0.5" in prompt.system and "1.5" in prompt.system and "{{" not in prompt.user + prompt.system
    assert f"{COIN}|AAAUSDT|" in prompt.user


def test_figures_of_a_position_and_of_funding_can_be_quoted() -> None:
    figures = figures_of(context(side="long"))[COIN]
    assert (figures["liquidation"], figures["entry"], figures["funding_pct"], figures["weight"]) == (
        "133.10", "101.00", "0.0100", "0.2000",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("shorts", "side", "trend", "intent", "way"),
    [
        (True, "", -8.0, "open", -1),
        (False, "", -8.0, None, 0),
        (True, "", 8.0, "open", 1),
        (True, "", 1.0, None, 0),
        (True, "short", -8.0, "hold", -1),
        (True, "short", 3.0, "exit", 0),
        (True, "long", -3.0, "exit", 0),
        (True, "long", 8.0, "hold", 1),
    ],
)
def test_the_offline_rule_goes_with_the_trend_and_its_reply_stands(
    shorts: bool, side: str, trend: float, intent: str | None, way: int
) -> None:
    for language in ("en", "zh"):
        text = answer(render("perp-daily", context(shorts=shorts, side=side, trend=trend, language=language)))
        parsed = parse_within(text, OFFERED, EITHER if shorts else LONG_ONLY)
        assert parsed.rejected == () and parsed.outcome == "ok"
        assert [item.intent.value for item in parsed.decisions] == ([intent] if intent else [])
        assert [(item.target_weight_ppm > 0) - (item.target_weight_ppm < 0) for item in parsed.decisions] == (
            [way] if intent else []
        )


def test_a_prompt_without_perpetuals_says_nothing_of_margin() -> None:
    plain = replace(context(), margin=None)
    prompt = render("crypto-daily", plain)
    assert "leverage|" not in prompt.user and "symbol|weight|pnl|sellable" in prompt.user
