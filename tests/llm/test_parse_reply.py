"""What a reply may say, and what becomes of everything else."""

from __future__ import annotations

import json
import time
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.core.decision import Intent
from engine.core.instrument import Board, Instrument
from engine.core.units import PPM, Market
from engine.llm import parse_reply

OFFERED = {
    symbol: Instrument(symbol, Market.ASHARE, Board.MAIN_SH, symbol)
    for symbol in ("600519.SH", "600036.SH", "000338.SZ", "300750.SZ")
}


def item(**changes: object) -> str:
    """One sound item as JSON text, with `changes`; a change to `...` leaves the key out; raw JSON goes in as `Raw`."""
    fields: dict[str, object] = {
        "instrument": "600519.SH",
        "intent": "open",
        "target_weight": 0.1,
        "confidence": 0.6,
        "stop_loss": 9.2,
        "take_profit": None,
        "reasoning": "rising",
        "sources": ["600519.SH.rsi_14"],
    } | changes
    return (
        "{"
        + ",".join(
            f'"{key}":{value.text if isinstance(value, Raw) else json.dumps(value)}'
            for key, value in fields.items()
            if value is not ...
        )
        + "}"
    )


class Raw:
    """A literal that json.dumps would not write."""

    def __init__(self, text: str) -> None:
        self.text = text


def reply(*items: str) -> str:
    return '{"decisions":[' + ",".join(items) + "]}"


def parsed(text: str, cap: int = PPM):
    return parse_reply(text, OFFERED, max_weight_ppm=cap)


def codes(text: str, cap: int = PPM) -> list[str]:
    """The rejection codes of a reply from which nothing was accepted."""
    result = parsed(text, cap)
    assert result.decisions == ()
    return [one.code for one in result.rejected]


def test_a_sound_reply_becomes_a_decision_in_exact_units():
    result = parsed(reply(item()))
    assert result.outcome == "ok" and result.rejected == ()
    (decision,) = result.decisions
    assert (decision.instrument, decision.intent) == ("600519.SH", Intent.OPEN)
    assert (decision.target_weight_ppm, decision.confidence_ppm) == (100_000, 600_000)
    assert (decision.stop_loss, decision.take_profit) == (92_000, 0)
    assert decision.sources == ("600519.SH.rsi_14",)


def test_no_decisions_is_an_answer():
    assert parsed('{"decisions":[]}').usable
    assert parsed('{"decisions":[]}').decisions == ()


def test_a_weight_finer_than_a_millionth_is_floored():
    assert parsed(reply(item(target_weight=0.12345678))).decisions[0].target_weight_ppm == 123_456


def test_optional_prices_and_sources_may_be_left_out():
    assert len(parsed(reply(item(stop_loss=..., take_profit=..., sources=...))).decisions) == 1


@pytest.mark.parametrize(
    "wrapped",
    [
        "```json\n{}\n```",
        "```\n{}\n```",
        "Sure, here's my answer:\n{}\nGood luck!",
        "<think>It said {{maybe}} so</think>\n{}",
        "\ufeff {}",
    ],
)
def test_one_object_may_stand_in_prose_or_a_fence(wrapped: str):
    text = wrapped.replace("{{", "\0").replace("}}", "\1").replace("{}", reply(item())).replace("\0", "{").replace("\1", "}")
    assert len(parsed(text).decisions) == 1


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "no text"),
        ("   \n", "no text"),
        ("I would buy 600519.SH, weight 0.1", "NO_OBJECT"),
        (reply(item()) + reply(item()), "MANY_OBJECTS"),
        ("Either {} or " + reply(item()), "MANY_OBJECTS"),
        ("[" + reply(item()) + "]", "ROOT_TYPE"),
        ('{"decisions":{}}', "TYPE"),
        ('{"decisions":null}', "TYPE"),
        ('{"decision":[]}', "ROOT_KEYS"),
        ('{"decisions":[],"note":"x"}', "ROOT_KEYS"),
        ('{"decisions":[],"decisions":[]}', "DUPLICATE_KEY"),
        ("{'decisions':[]}", "NOT_JSON"),
        ('{"decisions":[],}', "NOT_JSON"),
        ('{"decisions":[] // none\n}', "NOT_JSON"),
        ("{“decisions”:[]}", "NOT_JSON"),
        ('{"decisions"\uff1a[]}', "NOT_JSON"),
        ('{"decisions":' + "[" * 50_000, "TRUNCATED"),
        ('{"decisions":' + "[" * 20 + "]" * 20 + "}", "nested deeper"),
        ('{"a":' * 5_000 + "1" + "}" * 5_000, "nested deeper"),
        ('{"decisions":[' + ",".join(["1"] * 501) + "]}", "TOO_MANY"),
        ('{"decisions":[{"instrument":"600519.SH","target_weight":0.', "TRUNCATED"),
    ],
    ids=range(21),
)
def test_what_is_not_one_sound_object_is_nothing_at_all(text: str, why: str):
    result = parsed(text)
    assert result.decisions == () and not result.usable
    assert why in result.detail


def test_more_than_64_kilobytes_is_not_read():
    assert parsed(reply(item(reasoning="x" * 70_000))).outcome == "too_large"
    assert parsed(reply(item(reasoning=Raw('"' + "涨" * 30_000 + '"')))).outcome == "too_large"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"instrument": "999999.SH"}, "UNKNOWN_INSTRUMENT"),
        ({"instrument": "600519"}, "UNKNOWN_INSTRUMENT"),
        ({"instrument": "600519.sh"}, "UNKNOWN_INSTRUMENT"),
        ({"instrument": "600519.SH\u202e"}, "UNKNOWN_INSTRUMENT"),
        ({"instrument": "\x1b[31m600519.SH"}, "UNKNOWN_INSTRUMENT"),
        ({"instrument": 600519}, "TYPE"),
        ({"instrument": None}, "TYPE"),
        ({"instrument": ...}, "MISSING_KEY"),
        ({"intent": "buy"}, "INTENT"),
        ({"intent": "OPEN"}, "INTENT"),
        ({"intent": "short"}, "INTENT"),
        ({"intent": ["open"]}, "INTENT"),
        ({"target_weight": "0.1"}, "TYPE"),
        ({"target_weight": "10%"}, "TYPE"),
        ({"target_weight": "1万"}, "TYPE"),
        ({"target_weight": True}, "TYPE"),
        ({"target_weight": None}, "TYPE"),
        ({"target_weight": [0.1]}, "TYPE"),
        ({"target_weight": 1.000001}, "WEIGHT_RANGE"),
        ({"target_weight": 10}, "WEIGHT_RANGE"),
        ({"target_weight": -0.1}, "WEIGHT_RANGE"),
        ({"target_weight": Raw("NaN")}, "NOT_A_NUMBER"),
        ({"target_weight": Raw("Infinity")}, "NOT_A_NUMBER"),
        ({"target_weight": Raw("-Infinity")}, "NOT_A_NUMBER"),
        ({"target_weight": Raw("1e400")}, "NUMBER_RANGE"),
        ({"target_weight": Raw("1e-400")}, "NUMBER_RANGE"),
        ({"target_weight": Raw("1e" + "3" * 30)}, "NUMBER_RANGE"),
        ({"target_weight": Raw("1e-" + "3" * 30)}, "NUMBER_RANGE"),
        ({"target_weight": Raw("9" * 5_000)}, "NUMBER_RANGE"),
        ({"target_weight": Raw("0." + "1" * 19)}, "NUMBER_RANGE"),
        ({"confidence": 1.5}, "CONFIDENCE_RANGE"),
        ({"confidence": "high"}, "TYPE"),
        ({"stop_loss": -1}, "PRICE_RANGE"),
        ({"stop_loss": 0}, "PRICE_RANGE"),
        ({"take_profit": Raw("1e20")}, "PRICE_RANGE"),
        ({"stop_loss": 9.20001}, "PRICE_GRID"),
        ({"stop_loss": 9.2, "take_profit": 9.1}, "PRICE_ORDER"),
        ({"intent": "exit", "target_weight": 0.1}, "INTENT_WEIGHT"),
        ({"intent": "open", "target_weight": 0}, "INTENT_WEIGHT"),
        ({"leverage": 10}, "UNKNOWN_KEY"),
        ({"quantity": 100}, "UNKNOWN_KEY"),
        ({"reasoning": Raw('"a","reasoning":"b"')}, "DUPLICATE_KEY"),
        ({"reasoning": "x" * 5_000}, "TOO_LONG"),
        ({"sources": ["x"] * 17}, "TOO_LONG"),
        ({"sources": "rsi"}, "TYPE"),
        ({"sources": [1]}, "TYPE"),
    ],
)
def test_a_bad_item_is_refused_with_its_code_and_does_not_lose_the_others(changes: dict[str, object], code: str):
    good = item(instrument="600036.SH")
    result = parsed(reply(item(**changes), good))
    assert [one.code for one in result.rejected] == [code]
    assert [one.instrument for one in result.decisions] == ["600036.SH"]


def test_full_width_digits_are_not_numbers():
    assert parsed(reply(item(target_weight=Raw("\uff10.\uff11")))).outcome == "invalid"
    assert codes(reply(item(target_weight="\uff10.\uff11"))) == ["TYPE"]


def test_an_item_that_is_no_object_is_refused():
    assert codes('{"decisions":[1,null,"600519.SH",[]]}') == ["TYPE"] * 4


def test_a_weight_above_the_given_cap_is_refused_and_one_at_the_cap_is_not():
    assert codes(reply(item(target_weight=0.300001)), cap=300_000) == ["WEIGHT_OVER_CAP"]
    assert len(parsed(reply(item(target_weight=0.3)), cap=300_000).decisions) == 1


def test_two_contradictory_items_for_one_instrument_lose_both():
    assert codes(reply(item(), item(intent="exit", target_weight=0))) == ["CONTRADICTION", "CONTRADICTION"]


def test_an_unsound_item_casts_doubt_on_its_sound_twin():
    assert sorted(codes(reply(item(), item(target_weight=7)))) == ["CONTRADICTION", "WEIGHT_RANGE"]
    assert sorted(codes(reply(item(), item(reasoning=Raw('"a","reasoning":"b"'))))) == ["CONTRADICTION", "DUPLICATE_KEY"]


def test_an_instrument_said_twice_alike_counts_once():
    result = parsed(reply(item(), item(reasoning="again")))
    assert len(result.decisions) == 1 and [one.code for one in result.rejected] == ["DUPLICATE"]


def test_a_cut_off_reply_keeps_its_complete_leading_items_and_says_so():
    whole = reply(item(), item(instrument="600036.SH"), item(instrument="000338.SZ"))
    result = parsed(whole[: whole.index("000338") + 20])
    assert result.outcome == "recovered"
    assert [one.instrument for one in result.decisions] == ["600519.SH", "600036.SH"]


def test_an_item_named_again_where_the_reply_was_cut_is_dropped():
    whole = reply(item(), item(instrument="600036.SH"), item(intent="exit", target_weight=0))
    result = parsed(whole[:-20])
    assert [one.instrument for one in result.decisions] == ["600036.SH"]
    assert [(one.instrument, one.code) for one in result.rejected] == [("600519.SH", "CONTRADICTION")]


def test_a_number_cut_in_half_is_never_a_decision():
    whole = reply(item(target_weight=0.25, confidence=0.75))
    for length in range(len(whole)):
        for one in parsed(whole[:length]).decisions:
            assert (one.target_weight_ppm, one.confidence_ppm) == (250_000, 750_000)


def test_reasons_are_made_safe_and_cut_to_size():
    (decision,) = parsed(reply(item(reasoning="\x1b]52;c;aGk=\x07" + "长" * 500, sources=["a\nb\x1b[0m"]))).decisions
    assert len(decision.reasoning) == 400 and "\x1b" not in decision.reasoning
    assert decision.sources == ("a b[0m",)


def test_crypto_prices_keep_eight_decimals():
    btc = {"BTCUSDT.BINANCE": Instrument("BTCUSDT.BINANCE", Market.CRYPTO, Board.SPOT, "BTC")}
    text = reply(item(instrument="BTCUSDT.BINANCE", stop_loss=Raw("64000.12345678")))
    assert parse_reply(text, btc, max_weight_ppm=PPM).decisions[0].stop_loss == 6_400_012_345_678


@settings(deadline=None, max_examples=300)
@given(st.decimals(min_value=0, max_value=1, places=10, allow_nan=False), st.integers(1, 10**9))
def test_weights_floor_and_prices_are_exact(weight: Decimal, price: int):
    stop = Decimal(price).scaleb(-4)
    text = reply(item(intent="hold", target_weight=Raw(f"{weight:f}"), stop_loss=Raw(f"{stop:f}")))
    (decision,) = parsed(text).decisions
    assert Decimal(decision.target_weight_ppm) <= weight * PPM < decision.target_weight_ppm + 1
    assert decision.stop_loss == price


@pytest.mark.parametrize(
    "hostile",
    [
        '{"' + '\\"' * 30_000,
        "x" * 100 + '{"' + '\\"' * 30_000 + "}",
        "<think>" * 9_000,
        "{" * 65_000,
        "{}" * 32_000,
        '{"' * 32_000,
        '{"' + "\\" * 64_000,
        '{"decisions":[' + "{}," * 20_000,
        '{"decisions":[' + " ," * 30_000,
        '{"decisions":[' + "9" * 60_000 + "]}",
        " " * 65_000 + "{",
        "`" * 65_000,
        '"' * 65_000,
    ],
    ids=range(13),
)
def test_no_text_takes_long_to_refuse(hostile: str):
    start = time.process_time()
    assert parsed(hostile).decisions == ()
    assert time.process_time() - start < 2  # milliseconds in fact; a quadratic search took 40 seconds
