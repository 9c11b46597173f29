"""Measures a decision's own time for 200 candidates, what a panel costs beside its slowest model, and how much of a prompt repeats.

    python -m tests.benchmarks.bench_minds [--home DIR ...]

Homes are those of tests/llm/fusion_run.py (or any others): the prompts of consecutive cycles in their ledgers are compared.
"""

from __future__ import annotations

import argparse
import math
import statistics
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import NamedTuple

import polars as pl

from engine.building import mandate_of
from engine.config import DeskConfig
from engine.core.account import Account
from engine.core.instrument import Board, Instrument
from engine.core.market import Quote
from engine.core.units import Market
from engine.cycle.asking import Heard
from engine.cycle.deciding import conclude, questions, reader, showing
from engine.cycle.steps import analyze, offered_in
from engine.llm import Deaf, Judged, Prompt, Reply, ask_side_by_side, make_prompt
from engine.llm.offline import answer
from engine.store import books
from engine.store.snapshot import BAR_SCHEMA, Snapshot, freeze

NAMES = [f"{600_000 + n}.SH" for n in range(200)]
AT = datetime(2025, 8, 22, 3, 0, tzinfo=UTC)
DAY = date(2025, 8, 22)
BARS = 120


class Timed(NamedTuple):
    """The best of several runs, in milliseconds: by the clock on the wall, and of this process's own processor time."""

    wall: float
    own: float


def best(work: Callable[[], object], *, repeat: int = 25) -> Timed:
    """Run it a few times; a busy machine shows in `wall` only."""
    wall, own = [], []
    for _ in range(repeat):
        start, used = time.perf_counter(), time.thread_time()
        work()
        wall.append((time.perf_counter() - start) * 1e3)
        own.append((time.thread_time() - used) * 1e3)
    return Timed(min(wall), min(own))


def market() -> Snapshot:
    """Two hundred names with 120 daily and 120 five-minute bars each, every one on a walk of its own."""
    rows = []
    for n, symbol in enumerate(NAMES):
        for interval, length in (("1d", timedelta(days=1)), ("5m", timedelta(minutes=5))):
            last = AT if interval == "5m" else AT - timedelta(days=1)
            for bar in range(BARS):
                close = round((20 + n / 10 + math.sin(bar / (3 + n % 7)) + bar * ((n % 9) - 4) / 100) * 100) * 100
                known = last - (BARS - 1 - bar) * length
                figures = (close, close + 500, close - 500, close, 10**6 + n * 1_000, 10**11, close, 10**6)
                rows.append((symbol, interval, known.date(), known - length, known, *figures))
    listed = [Instrument(symbol, Market.ASHARE, Board.MAIN_SH, f"name {symbol[:6]}", "industry") for symbol in NAMES]
    quotes = [
        Quote(symbol, symbol, DAY, AT, 200_000, 199_000, 199_500, 201_000, 198_000, 10**6, 10**10, "bench") for symbol in NAMES
    ]
    return freeze(
        as_of=AT,
        market=Market.ASHARE,
        trading_day=DAY,
        source="bench",
        instruments=listed,
        quotes=quotes,
        bars=pl.DataFrame(rows, schema=BAR_SCHEMA, orient="row"),
    )


def read_all(read: Callable[[str, str], Judged], texts: Sequence[tuple[str, str]]) -> list[Judged]:
    """Every reply of a cycle, as each is read when it arrives."""
    return [read(form, text) for form, text in texts]


def own_time() -> None:
    """Features, prompts, parsing and concluding, with two models that answer about all 200 names: each once, as in a live cycle.

    All replies but the last to come are read while the engine waits for that one.
    """
    snapshot = market()
    account = Account("bench", "CNY", 10**10, 10**10, 0, 0)
    for strategy in ("panel", "fusion"):
        desk = DeskConfig.model_validate({"strategy": strategy, "universe": {"top": 200}, "models": ("offline",)})
        mandate = replace(mandate_of("bench", desk, "en"), fusion=desk.fusion.exact(Market.ASHARE))
        seen = analyze(snapshot, mandate, account, DAY - timedelta(days=1))
        basis = (mandate, snapshot, seen, account)
        shown = showing(*basis)
        asked = questions(*basis, shown=shown)
        read = reader(offered_in(snapshot, seen))
        said = [(n, model, prompt.form, answer(prompt)) for n, prompt in enumerate(asked) for model in ("a", "b")]
        replies = [Heard(n, model, text, True, "ok", read(form, text)) for n, model, form, text in said]
        made = conclude(*basis, replies, shown)
        steps: dict[str, Callable[[], object]] = {
            "features and candidates": partial(analyze, snapshot, mandate, account, DAY - timedelta(days=1)),
            "channels": partial(showing, *basis),
            f"{len(asked)} prompt(s)": partial(questions, *basis, shown=shown),
            f"read {len(said)} replies": partial(read_all, read, [(form, text) for _, _, form, text in said]),
            "check and fuse": partial(conclude, *basis, replies, shown),
        }
        told = {name: best(work) for name, work in steps.items()}
        parts = ", ".join(f"{name} {timed.own:.1f}" for name, timed in told.items())
        wall, own = sum(timed.wall for timed in told.values()), sum(timed.own for timed in told.values())
        characters = sum(len(prompt.text) for prompt in asked)
        print(f"{strategy}, {len(seen.candidates)} candidates, {len(made.decisions)} decisions, {characters:,} characters asked:")
        print(f"  own time {wall:.1f} ms, {own:.1f} ms of processor ({parts})")
        one = best(partial(read, asked[0].form, replies[0].text))
        print(f"  one reply of {len(replies[0].text):,} bytes read in {one.wall:.2f} ms")


class Sleeper:
    """A model that takes exactly as long as it is told."""

    provider, offline = "bench", True

    def __init__(self, name: str, seconds: float) -> None:
        self.name = name
        self._seconds = seconds

    def ask(self, prompt: Prompt, *, deadline_s: float, on_text: Callable[[str], None], cancelled: threading.Event) -> Reply:
        time.sleep(self._seconds)
        return Reply('{"decisions":[]}', "ok")


def panel_latency() -> None:
    """Two questions to three models: how much later than the slowest answer the last one is there."""
    models = [Sleeper(f"m{n}", 0.1 + n / 20) for n in range(3)]
    asked = [make_prompt(id=f"q{n}.en", version="1", system="s", user="u", form="decisions-1") for n in range(2)]
    over = []
    for _ in range(20):
        start = time.perf_counter()
        ask_side_by_side(models, asked, reader({}), deadline_s=5, listener=Deaf(), cancelled=threading.Event())
        over.append((time.perf_counter() - start - 0.2) * 1e3)
    print(f"panel of 3 models, 2 questions: slowest + {statistics.median(over):.1f} ms median, + {max(over):.1f} ms worst of 20")


def repeated(home: Path) -> None:
    """By template, how much of a prompt is the same, from its start, as the one of the cycle before; and what providers cached."""
    with books(home) as view:
        for desk in view.desks():
            last: dict[str, str] = {}
            shared: dict[str, list[tuple[int, int]]] = {}
            cached = seen = 0
            for cycle in reversed(view.cycles(desk.desk, limit=1_000)):
                fresh: dict[str, str] = {}
                for call in view.model_calls(cycle.cycle_id):
                    fresh.setdefault(call.asked.prompt_id, view.blob(call.asked.prompt_hash) or "")
                    if call.replied is not None:
                        cached, seen = cached + call.replied.tokens_cached, seen + call.replied.tokens_in
                for name, text in fresh.items():
                    before = last.get(name)
                    if before is not None:
                        same = next(
                            (n for n, (a, b) in enumerate(zip(before, text, strict=False)) if a != b), min(len(before), len(text))
                        )
                        shared.setdefault(name, []).append((same, len(text)))
                last.update(fresh)
            for name, pairs in sorted(shared.items()):
                print(f"{home.name} {name}: {_share(pairs):.0%} of {pairs[-1][1]:,} characters repeat, {len(pairs)} cycles")
            every = [pair for pairs in shared.values() for pair in pairs]
            tokens = f"; providers served {cached / seen:.0%} of {seen:,} prompt tokens from their cache" if seen else ""
            print(f"{home.name}: {_share(every):.0%} of all prompts repeat{tokens}")


def _share(pairs: list[tuple[int, int]]) -> float:
    return sum(same for same, _ in pairs) / max(1, sum(length for _, length in pairs))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--home", type=Path, nargs="*", default=[])
    options = parser.parse_args()
    own_time()
    panel_latency()
    for home in options.home:
        repeated(home)


if __name__ == "__main__":
    main()
