"""Measures the minds' own time: parse, prompt, panel overhead, cacheable prefix.

python -m tests.benchmarks.bench_llm
"""

from __future__ import annotations

import statistics
import threading
import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

from engine.core.instrument import Board, Instrument
from engine.core.units import PPM, Market
from engine.llm import (
    CandidateRow,
    HoldingRow,
    OfflineModel,
    Prompt,
    PromptContext,
    Reply,
    ask_panel,
    make_prompt,
    parse_reply,
    render,
)

SYMBOLS = [f"{600_000 + n}.SH" for n in range(200)]
FEATURES = (
    "return_1d",
    "return_5d",
    "return_20d",
    "rsi_14",
    "macd",
    "atr_14",
    "volatility_20",
    "volume_ratio",
    "bollinger_pct",
    "high_20",
)


def best(work: Callable[[], object], *, number: int, repeat: int = 5) -> float:
    """Seconds for one run, the best of `repeat` series."""
    series = []
    for _ in range(repeat):
        start = time.perf_counter()
        for _ in range(number):
            work()
        series.append((time.perf_counter() - start) / number)
    return min(series)


def context(day: int, count: int) -> PromptContext:
    candidates = tuple(
        CandidateRow(
            symbol,
            "贵州茅台",
            "食品饮料",
            f"{10 + (n * 7 + day) % 90}.{day % 10}0",
            f"{(n + day) % 10 - 5}.00",
            {name: ((n * 13 + k) % 200 - 100) / 97 for k, name in enumerate(FEATURES)},
        )
        for n, symbol in enumerate(SYMBOLS[:count])
    )
    holdings = tuple(HoldingRow(symbol, "贵州茅台", f"0.{day % 9}1", "0.01", "100") for symbol in SYMBOLS[:5])
    at = datetime(2020, 6, 1, 7, tzinfo=UTC) + timedelta(days=day)
    return PromptContext(
        at, date(2020, 6, 1), "ashare", "CNY", "1.00", f"{1_000_000 + day}.00", "0.30", "0.80", holdings, candidates
    )


def common_prefix(first: Prompt, second: Prompt) -> float:
    one, other = first.system + first.user, second.system + second.user
    same = next((n for n, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
    return same / len(other)


class Sleeper:
    """A model that takes exactly as long as it is told."""

    name, provider, offline = "sleeper", "bench", True

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    def ask(self, prompt: Prompt, *, deadline_s: float, on_text: Callable[[str], None], cancelled: threading.Event) -> Reply:
        time.sleep(self._seconds)
        return Reply("{}", "ok")


def main() -> None:
    offered = {symbol: Instrument(symbol, Market.ASHARE, Board.MAIN_SH, symbol) for symbol in SYMBOLS}
    item = (
        '{{"instrument":"{0}","intent":"open","target_weight":0.12,"confidence":0.7,"stop_loss":11.5,"take_profit":14.2,'
        '"reasoning":"20-day return 0.08, RSI 61: rising, not yet stretched","sources":["{0}.return_20d"]}}'
    )
    for count in (1, 3, 5):
        text = '{"decisions":[' + ",".join(item.format(symbol) for symbol in SYMBOLS[:count]) + "]}"
        spent = best(lambda text=text: parse_reply(text, offered, max_weight_ppm=PPM), number=500)
        print(f"parse, {count} decisions, {len(text)} bytes: {1 / spent:,.0f} replies/s")
    for count in (8, 50, 200):
        wide = context(1, count)
        spent = best(lambda wide=wide: render("ashare-daily", wide), number=20)
        print(f"prompt, {count} candidates x {len(FEATURES)} features: {spent * 1e3:.2f} ms")
    for count in (8, 50):
        prefix = common_prefix(render("ashare-daily", context(1, count)), render("ashare-daily", context(2, count)))
        print(f"prefix shared by cycles of one session, {count} candidates: {prefix:.0%} of characters")
    prompt = render("ashare-daily", context(1, 8))
    model = OfflineModel()
    spent = best(lambda: model.ask(prompt, deadline_s=5, on_text=lambda _: None, cancelled=threading.Event()), number=50)
    print(f"offline model, 8 candidates: {spent * 1e3:.2f} ms")
    panel = [Sleeper(0.05 + n / 100) for n in range(6)]
    asked = make_prompt(id="b", version="1", system="s", user="u")
    over = []
    for _ in range(20):
        start = time.perf_counter()
        ask_panel(panel, asked, deadline_s=5, on_text=lambda index, text: None, cancelled=threading.Event())
        over.append((time.perf_counter() - start - 0.10) * 1e3)
    print(f"panel of 6 beyond its slowest model: median {statistics.median(over):.2f} ms, worst {max(over):.2f} ms")


if __name__ == "__main__":
    main()
