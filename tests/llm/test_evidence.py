"""Reasons are held against what was shown: an invented number does not pass for evidence."""

from __future__ import annotations

import pytest

from engine.core.decision import Decision, Intent
from engine.llm import check_evidence, figures_of
from tests.llm.test_prompts import CONTEXT

FIGURES = figures_of(CONTEXT)


def evidence(reasoning: str, *sources: str):
    decision = Decision("600519.SH", Intent.OPEN, 120_000, 650_000, reasoning, 13_000_000, 15_000_000, sources)
    return check_evidence(decision, FIGURES, price_scale=10_000)


def test_figures_are_those_of_the_prompt():
    assert FIGURES["600519.SH"] == {"last": "1368.00", "change_pct": "1.20", "return_20d": "0.0812", "rsi_14": "61.34", "new": "-"}
    assert FIGURES["600036.SH"] == {"weight": "0.1200", "pnl": "-0.0150", "sellable": "800"}


@pytest.mark.parametrize(
    "reasoning",
    [
        "rising steadily",
        "RSI 61.34 is not stretched",
        "RSI 61 is not stretched",
        "20-day return 8.12%, rsi_14 61.3",
        "up 8.1 in 20 days, at 1,368",
        "return_20d 0.0812",
        "buy 12% with stop 1300 and target 1500.00, confidence 0.65",
        "600519.SH has momentum",
        "20 日涨幅 8.12%，RSI 61",
    ],
)
def test_what_was_shown_is_borne_out(reasoning: str):
    assert evidence(reasoning).sound, evidence(reasoning)


@pytest.mark.parametrize(
    ("reasoning", "invented"),
    [
        ("RSI 28 is oversold", "28"),
        ("20-day return 12.5%", "12.5"),
        ("P/E of 17.3 is cheap, RSI 61", "17.3"),
        ("target 1800", "1800"),
        ("earnings grew 99%", "99"),
    ],
)
def test_what_was_not_shown_is_named(reasoning: str, invented: str):
    assert evidence(reasoning).unverified == (invented,)


def test_a_figure_of_another_instrument_proves_nothing():
    assert evidence("pnl -0.0150").unverified == ("-0.0150",)


def test_sources_must_name_a_figure_that_was_shown():
    assert evidence("x", "600519.SH.rsi_14", "000338.SZ.last", "600036.SH.pnl").sound
    assert evidence("x", "600519.SH.pe", "rsi_14", "news", "999999.SH.last").unknown_sources == (
        "600519.SH.pe",
        "rsi_14",
        "news",
        "999999.SH.last",
    )
