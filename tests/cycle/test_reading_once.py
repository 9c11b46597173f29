"""A reply is read when it arrives and what is shown is computed once: a batch comes to the same without either hand-over."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from engine.building import mandate_of
from engine.config import DeskConfig
from engine.core.account import Account
from engine.core.units import Market
from engine.cycle.asking import Heard
from engine.cycle.deciding import conclude, questions, reader, showing
from engine.cycle.steps import analyze, offered_in
from engine.llm.offline import answer
from tests.benchmarks.bench_minds import DAY, market


@pytest.mark.parametrize("strategy", ["panel", "fusion"])
def test_what_was_read_and_shown_before_comes_to_the_same_batch(strategy: str):
    snapshot, account = market(), Account("demo", "CNY", 10**10, 10**10, 0, 0)
    desk = DeskConfig.model_validate({"strategy": strategy, "universe": {"top": 20}, "models": ("offline",)})
    terms = replace(mandate_of("demo", desk, "en"), fusion=desk.fusion.exact(Market.ASHARE))
    seen = analyze(snapshot, terms, account, DAY - timedelta(days=1))
    basis = (terms, snapshot, seen, account)
    shown, read = showing(*basis), reader(offered_in(snapshot, seen))
    asked = questions(*basis)
    recorded = [Heard(n, model, answer(prompt), True, "ok") for n, prompt in enumerate(asked) for model in ("a", "b")]
    live = [replace(one, text="", judged=read(asked[one.question].form, one.text)) for one in recorded]
    assert questions(*basis, shown=shown) == asked
    made = conclude(*basis, recorded)
    assert made.decisions and conclude(*basis, live, shown) == made
