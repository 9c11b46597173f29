"""The demo's rule: reads the prompt, answers in the schema, says what it is."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest

from engine.core.instrument import Board, Instrument
from engine.core.units import PPM, Market
from engine.llm import CandidateRow, HoldingRow, OfflineModel, Prompt, make_prompt, parse_reply, render
from tests.llm.test_prompts import CONTEXT


def row(symbol: str, momentum: float, rsi: float, change: str = "0.50") -> CandidateRow:
    return CandidateRow(symbol, symbol, "银行", "10.50", change, {"return_5d": -momentum, "return_20d": momentum, "rsi_14": rsi})


def ask(prompt: Prompt) -> tuple[str, list[str]]:
    pieces: list[str] = []
    reply = OfflineModel().ask(prompt, deadline_s=5, on_text=pieces.append, cancelled=threading.Event())
    assert reply.outcome == "ok" and reply.cost == "0" and "no language model" in reply.detail
    assert "".join(pieces) == reply.text
    return reply.text, pieces


def decided(*rows: CandidateRow, held: tuple[HoldingRow, ...] = ()):
    text, _ = ask(render("ashare-daily", replace(CONTEXT, candidates=rows, holdings=held)))
    offered = {one.symbol: Instrument(one.symbol, Market.ASHARE, Board.MAIN_SH, one.symbol) for one in rows}
    parsed = parse_reply(text, offered, max_weight_ppm=PPM)
    assert parsed.outcome == "ok" and parsed.rejected == ()
    return {one.instrument: one for one in parsed.decisions}


def test_it_answers_the_same_prompt_alike_in_pieces():
    prompt = render("ashare-daily", CONTEXT)
    assert ask(prompt) == ask(prompt)
    assert len(ask(prompt)[1]) > 1


def test_it_buys_what_rises_and_quotes_the_figures():
    decisions = decided(row("A.SH", 0.08, 60), row("B.SH", -0.03, 45))
    assert set(decisions) == {"A.SH"}
    assert "return_20d 0.08" in decisions["A.SH"].reasoning and "offline rule" in decisions["A.SH"].reasoning
    assert decisions["A.SH"].sources == ("A.SH.return_20d", "A.SH.rsi_14")


def test_its_conviction_goes_beyond_the_cap_only_when_confirmed():
    assert decided(row("A.SH", 0.08, 60, "1.50"))["A.SH"].target_weight_ppm == 450_000
    assert decided(row("A.SH", 0.08, 60, "0.50"))["A.SH"].target_weight_ppm == 300_000


@pytest.mark.parametrize(
    ("momentum", "rsi", "sellable", "intent"),
    [(-0.05, 45, "800", "exit"), (0.05, 85, "800", "reduce"), (0.05, 60, "800", "add"), (-0.05, 45, "0", "hold")],
)
def test_what_it_does_with_a_holding(momentum: float, rsi: float, sellable: str, intent: str):
    held = HoldingRow("A.SH", "A", "0.1200", "0.01", sellable)
    assert decided(row("A.SH", momentum, rsi), row("B.SH", 0.06, 76), held=(held,))["A.SH"].intent == intent


def test_it_reads_nothing_but_the_prompt():
    assert ask(make_prompt(id="x", version="1", system="", user="no tables here"))[0] == '{"decisions":[]}'


def test_it_stops_when_told():
    stop = threading.Event()
    stop.set()
    reply = OfflineModel().ask(render("ashare-daily", CONTEXT), deadline_s=5, on_text=lambda _: None, cancelled=stop)
    assert (reply.outcome, reply.text) == ("cancelled", "")
