"""A channel's reply: only what was offered, in range, on the grid, once; and never a size."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.core.decision import ChannelView, Direction
from engine.core.instrument import Board, Instrument
from engine.core.units import PPM, Market
from engine.llm import parse_views

BTC, ETH = "BTCUSDT.BINANCE", "ETHUSDT.BINANCE"
OFFERED = {name: Instrument(name, Market.CRYPTO, Board.SPOT, name) for name in (BTC, ETH)}
ITEM: dict[str, Any] = {
    "instrument": BTC,
    "direction": "up",
    "strength": 0.6,
    "confidence": 0.55,
    "support": 100.5,
    "resistance": 120,
    "reasoning": "trend 2",
    "evidence": [f"{BTC}.trend"],
}


def said(*items: dict[str, Any]) -> str:
    return json.dumps({"views": list(items)})


def test_a_sound_view_stands_in_exact_numbers():
    parsed = parse_views(said(ITEM), OFFERED)
    assert parsed.outcome == "ok" and parsed.usable and parsed.rejected == ()
    assert parsed.views == (
        ChannelView(BTC, Direction.UP, 600_000, 550_000, "trend 2", 100_5000_0000, 120_0000_0000, (f"{BTC}.trend",)),
    )


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"direction": "sideways"}, "DIRECTION"),
        ({"direction": "UP"}, "DIRECTION"),
        ({"strength": 1.01}, "STRENGTH_RANGE"),
        ({"strength": -0.1}, "STRENGTH_RANGE"),
        ({"strength": "0.6"}, "TYPE"),
        ({"confidence": True}, "TYPE"),
        ({"confidence": 2}, "CONFIDENCE_RANGE"),
        ({"support": 130}, "PRICE_ORDER"),
        ({"support": 0}, "PRICE_RANGE"),
        ({"resistance": 1.000000001}, "PRICE_GRID"),
        ({"instrument": "DOGEUSDT.BINANCE"}, "UNKNOWN_INSTRUMENT"),
        ({"target_weight": 0.9}, "UNKNOWN_KEY"),
        ({"leverage": 20}, "UNKNOWN_KEY"),
    ],
)
def test_a_bad_item_is_refused_by_code_and_does_not_lose_the_others(change: dict[str, Any], code: str):
    parsed = parse_views(said({**ITEM, **change}, {**ITEM, "instrument": ETH}), OFFERED)
    assert [view.instrument for view in parsed.views] == [ETH]
    assert [item.code for item in parsed.rejected] == [code]


def test_a_missing_key_is_named():
    item = {key: value for key, value in ITEM.items() if key != "strength"}
    (refused,) = parse_views(said(item), OFFERED).rejected
    assert refused.code == "MISSING_KEY" and "strength" in refused.observed


def test_two_views_that_contradict_each_other_are_both_gone_and_two_that_agree_are_one():
    assert parse_views(said(ITEM, {**ITEM, "direction": "down"}), OFFERED).views == ()
    assert len(parse_views(said(ITEM, ITEM), OFFERED).views) == 1


def test_a_reply_that_was_cut_keeps_its_whole_items_and_nothing_of_the_torn_one():
    whole = said(ITEM, {**ITEM, "instrument": ETH})
    parsed = parse_views(whole[: whole.rindex('"evidence"')], OFFERED)
    assert parsed.outcome == "recovered" and [view.instrument for view in parsed.views] == [BTC]


@pytest.mark.parametrize(
    "text",
    ["", "I would buy.", '{"decisions":[]}', '{"views":{}}', '{"views":[]} {"views":[]}', '[{"views":[]}]', '{"views":[],"a":1}'],
)
def test_anything_else_is_no_answer(text: str):
    parsed = parse_views(text, OFFERED)
    assert not parsed.usable and parsed.views == ()


@settings(deadline=None)
@given(
    st.text(max_size=400) | st.builds(lambda a, b: said(ITEM)[:a] + b + said(ITEM)[a:], st.integers(0, 150), st.text(max_size=6))
)
def test_no_text_raises_or_yields_a_view_that_is_out_of_range(text: str):
    for view in parse_views(text, OFFERED).views:
        assert view.instrument in OFFERED and 0 <= view.strength_ppm <= PPM and 0 <= view.confidence_ppm <= PPM
