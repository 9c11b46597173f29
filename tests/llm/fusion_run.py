"""Fusion cycles on real crypto bars (3 minutes and 4 hours) with real local models and `offline`; then read, replay and count them.

    python -m tests.llm.fusion_run --home DIR [--cycles 20] [--offline-only]

Two models answer on one server of this machine (the extra kanpan[local-llm]): the same weak model, asked greedily and warmly.
Nothing leaves the machine. The home stays, for `kanpan --home DIR show last`, `why`, `replay` and the console.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path

from engine.config import environment, load_config
from engine.core.clock import SystemClock
from engine.engine import Engine
from engine.llm.local import MODEL_NAME, serve_local
from engine.store import books
from tui.cli import main as kanpan

DATASETS = Path(__file__).resolve().parents[2].parent / "shared" / "datasets"
FILES = (("crypto_perp_1d", ()), ("crypto_perp_4h", ()), ("crypto_perp_1m", ("--resample", "3m")))
NAMES = ("BTCUSDT.BINANCE", "ETHUSDT.BINANCE", "SOLUSDT.BINANCE")
DESK = """
[desk.fusion]
market = "crypto"
universe = {{ symbols = [{symbols}] }}
feed = ["store"]
strategy = "fusion"
models = [{models}]
schedule = "every 3m in session"
cash = "100000"
deadline_s = 600
replay = {{ start = 2025-05-20, end = 2025-05-24, speed = 0 }}
"""
MODEL = """
[model.{name}]
provider = "compatible"
base_url = "{base_url}"
model = "{model}"
temperature = {temperature}
max_tokens = {tokens}
extra_body = {{ cache_prompt = true, seed = 1, repeat_penalty = 1.2 }}
timeout_s = 300
"""


def main() -> int:
    """Run; 1 where a cycle failed or a replay differs."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--cycles", type=int, default=20)
    parser.add_argument("--offline-only", action="store_true")
    parser.add_argument("--names", type=int, default=3, choices=(1, 2, 3), help="how many of BTC, ETH and SOL")
    parser.add_argument("--local", type=int, default=2, choices=(1, 2), help="how many local models")
    parser.add_argument("--tokens", type=int, default=400, help="the most a local model may say in one reply")
    options = parser.parse_args()
    home = options.home.absolute()
    if not (home / "market").exists():
        for name, how in FILES:
            kanpan(["data", "import", str(DATASETS / f"{name}.parquet"), "--market", "crypto", "--home", str(home), *how])
    with nullcontext() if options.offline_only else serve_local() as server:
        names = ["offline"]
        text = ""
        if server is not None:
            asked = (("local-greedy", 0.0), ("local-warm", 0.7))[: options.local]
            names = [*(name for name, _ in asked), "offline"]
            for name, temperature in asked:
                text += MODEL.format(
                    name=name, base_url=server.base_url, model=MODEL_NAME, temperature=temperature, tokens=options.tokens
                )
        config = home / "kanpan.toml"
        desk = DESK.format(models=_quoted(names), symbols=_quoted(NAMES[: options.names]))
        config.write_text(desk + text, encoding="utf-8")
        start = time.monotonic()
        _run(home, config, options.cycles)
        spent = time.monotonic() - start
    return _told(home, spent)


def _quoted(names: Sequence[str]) -> str:
    return ", ".join(f'"{name}"' for name in names)


def _run(home: Path, config: Path, cycles: int) -> None:
    environ = environment(config, {})
    engine = Engine(
        load_config(config, environ), home, clock=SystemClock(), environ=environ, language="en", speed=0.0, cycles=cycles
    )
    engine.start()
    while not engine.wait(timeout_s=10):
        rows = engine.state.status.view().rows
        sys.stderr.write(f"{time.strftime('%X')} {[(row.cycle_number, row.cycle_state) for row in rows.values()]}\n")
    engine.stop(30)
    if engine.failed:
        raise SystemExit(engine.failed)


def _told(home: Path, spent: float) -> int:
    outcomes: Counter[str] = Counter()
    latency: dict[str, list[int]] = {}
    intents: Counter[str] = Counter()
    states: Counter[str] = Counter()
    refused: Counter[str] = Counter()
    unverified = unread = 0
    with books(home) as view:
        cycles = view.cycles("fusion", limit=1_000)
        for cycle in cycles:
            states[cycle.state.value] += 1
            for call in view.model_calls(cycle.cycle_id):
                replied = call.replied
                outcome = replied.outcome if replied else "no reply"
                outcomes[f"{call.asked.model} {call.asked.prompt_id}: {outcome}"] += 1
                latency.setdefault(call.asked.model, []).append(replied.latency_ms if replied else 0)
                unread += not view.blob(call.asked.prompt_hash) or (replied is not None and not view.blob(replied.reply_hash))
            made = view.decisions(cycle.cycle_id)
            if made is not None:
                intents.update(one.intent.value for one in made.decisions)
                refused.update(item.code for item in made.rejected)
                unverified += sum(bool(one.unverified) for one in made.decisions)
        fills = len(view.fills("fusion"))
    report = {
        "cycles": dict(states),
        "seconds": round(spent, 1),
        "calls": dict(sorted(outcomes.items())),
        "median_latency_ms": {name: sorted(values)[len(values) // 2] for name, values in latency.items() if values},
        "decisions": dict(intents),
        "decisions_with_unverified_evidence": unverified,
        "items_refused": dict(refused),
        "fills": fills,
        "prompts_or_replies_without_text": unread,
    }
    sys.stdout.write(json.dumps(report, indent=2) + "\n")
    differs = kanpan(["replay", "--all", "--desk", "fusion", "--home", str(home)])
    return 1 if differs or states.get("FAILED") or unread else 0


if __name__ == "__main__":
    sys.exit(main())
