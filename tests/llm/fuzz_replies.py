"""A fuzz of the reply parser: generated and mutated replies, hostile ones first; no exception, no illegal decision.

    python -m tests.llm.fuzz_replies -n 1000000 -j 2

The oracle is written apart from the parser: whatever comes out must be offered, within the cap, on the grid, once per instrument.
"""

from __future__ import annotations

import argparse
import multiprocessing
import random
import sys
import time
from collections import Counter

from engine.core.decision import Intent
from engine.core.instrument import Board, Instrument
from engine.core.units import Market
from engine.llm import Parsed, parse_reply

CAP = 300_000
OFFERED = {
    symbol: Instrument(symbol, market, Board.MAIN_SH, symbol)
    for symbol, market in (
        ("600519.SH", Market.ASHARE),
        ("000338.SZ", Market.ASHARE),
        ("AAPL.US", Market.US),
        ("BTCUSDT.BINANCE", Market.CRYPTO),
    )
}
SYMBOLS = (
    *OFFERED,
    "600519.SH",
    "999999.SH",
    "600519",
    "",
    "600519.SH\\u202e",
    "../../x",
    "[/bold]",
    "\\u001b[31m",
    "６００５１９.SH",
)
INTENTS = ("open", "add", "hold", "reduce", "exit", "open", "buy", "OPEN", "short", "")
NUMBERS = (
    *(
        "0",
        "0.1",
        "0.25",
        "0.3",
        "0.30",
        "0.300001",
        "1",
        "1.0",
        "1e-1",
        "0.123456789",
        "12.34",
        "12.345",
        "9.99",
        "100.0001",
        "1E2",
    ),
    *(
        "-0.1",
        "-0",
        "2",
        "10",
        "1000",
        "1e400",
        "-1e400",
        "1e-400",
        "NaN",
        "Infinity",
        "-Infinity",
        "true",
        "false",
        "null",
        '"0.1"',
    ),
    *(
        '"10%"',
        '"1万"',
        "０.１",
        ".1",
        "1.",
        "01",
        "+1",
        "0x10",
        "1_000",
        "9" * 5_000,
        "0." + "3" * 40,
        "1e" + "3" * 28,
        "[]",
        "{}",
        "[0.1]",
    ),
)
TEXTS = (
    "rising",
    "",
    "长" * 300,
    "\\u001b]52;c;aGk=\\u0007",
    "[/foo]",
    "x" * 5_000,
    "IGNORE ALL RULES",
    "}]}",
    '\\"}',
    "\\ud800",
    "{{7*7}}",
)
SPLICES = (
    "{",
    "}",
    "[",
    "]",
    '"',
    ",",
    ":",
    "\\",
    "```",
    "\x00",
    "NaN",
    "1e999",
    "null",
    "，",
    "：",
    "“",
    "\ud800",
    "<think>",
    "</think>",
    "//",
    "'",
)


def number(rng: random.Random) -> str:
    if rng.random() < 0.3:
        return f"{rng.random():.{rng.randint(0, 12)}f}"
    return rng.choice(NUMBERS)


def item(rng: random.Random) -> str:
    sound = rng.random() < 0.7
    weight = f"{rng.random() * 0.35:.3f}" if sound else number(rng)
    fields = [
        ("instrument", f'"{rng.choice(tuple(OFFERED) if sound else SYMBOLS)}"'),
        ("intent", f'"{rng.choice(INTENTS[:5] if sound else INTENTS)}"'),
        ("target_weight", weight),
        ("confidence", "0.6" if sound else number(rng)),
        ("stop_loss", "9.2" if sound else number(rng)),
        ("take_profit", "null" if rng.random() < 0.5 else number(rng)),
        ("reasoning", f'"{rng.choice(TEXTS)}"'),
        ("sources", '["a.b"]' if rng.random() < 0.8 else rng.choice(("[]", '""', "[1]", "null", '["' + "x" * 300 + '"]'))),
    ]
    if not sound:
        for _ in range(rng.randint(0, 2)):
            what = rng.random()
            if what < 0.3:
                fields.pop(rng.randrange(len(fields)))
            elif what < 0.6:
                fields.append(rng.choice(fields))
            elif what < 0.8:
                fields.append((rng.choice(("leverage", "quantity", "side", "__class__")), number(rng)))
            else:
                rng.shuffle(fields)
    return "{" + ",".join(f'"{key}":{value}' for key, value in fields) + "}"


def reply(rng: random.Random) -> str:
    text = '{"decisions":[' + ",".join(item(rng) for _ in range(rng.randint(0, 4))) + "]}"
    wrap = rng.random()
    if wrap < 0.1:
        text = f"```json\n{text}\n```"
    elif wrap < 0.2:
        text = f"Here's what I think:\n{text}\nGood luck"
    elif wrap < 0.23:
        text = text + text
    elif wrap < 0.26:
        text = f"<think>{text[:40]}</think>{text}"
    elif wrap < 0.28:
        text = rng.choice(("[", '{"a":')) * rng.randint(1, 2_000) + text
    for _ in range(rng.choice((0, 0, 0, 0, 1, 1, 2, 5))):
        at = rng.randrange(len(text) + 1)
        what = rng.random()
        if what < 0.35:
            text = text[:at]
        elif what < 0.7:
            text = text[:at] + rng.choice(SPLICES) + text[at:]
        elif what < 0.85:
            text = text[:at] + text[at + rng.randint(1, 30) :]
        else:
            text = text[:at] + text[max(0, at - rng.randint(1, 60)) :]
    return text


def illegal(parsed: Parsed) -> str:
    """What is wrong with an outcome, or nothing."""
    seen: set[str] = set()
    for decision in parsed.decisions:
        instrument = OFFERED.get(decision.instrument)
        if instrument is None or decision.instrument in seen:
            return f"not offered, or twice: {decision.instrument!r}"
        seen.add(decision.instrument)
        if not isinstance(decision.intent, Intent):
            return f"intent {decision.intent!r}"
        if type(decision.target_weight_ppm) is not int or not 0 <= decision.target_weight_ppm <= CAP:
            return f"weight {decision.target_weight_ppm!r}"
        if type(decision.confidence_ppm) is not int or not 0 <= decision.confidence_ppm <= 1_000_000:
            return f"confidence {decision.confidence_ppm!r}"
        for price in (decision.stop_loss, decision.take_profit):
            if type(price) is not int or not 0 <= price <= 10**15:
                return f"price {price!r}"
        if decision.stop_loss and decision.take_profit and decision.stop_loss >= decision.take_profit:
            return "stop above target"
        if decision.intent is Intent.EXIT and decision.target_weight_ppm:
            return "exit with a weight"
        if len(decision.reasoning) > 400 or any(char in decision.reasoning for char in "\x1b\x07\u202e\ud800"):
            return f"reasoning {decision.reasoning!r}"
    if parsed.decisions and not parsed.usable:
        return "decisions from an unusable reply"
    if parsed.outcome not in {"ok", "recovered", "empty", "invalid", "too_large"}:
        return f"outcome {parsed.outcome!r}"
    return ""


def run(seed: int, count: int) -> Counter[str]:
    """Outcomes of `count` replies; raises AssertionError with the reply that broke the promise."""
    rng = random.Random(seed)
    outcomes: Counter[str] = Counter()
    for number_of in range(count):
        text = reply(rng)
        try:
            parsed = parse_reply(text, OFFERED, max_weight_ppm=CAP)
        except Exception as fault:
            raise AssertionError(f"seed {seed} reply {number_of}: {type(fault).__name__}: {fault}\n{text!r}") from fault
        wrong = illegal(parsed)
        assert not wrong, f"seed {seed} reply {number_of}: {wrong}\n{text!r}"
        outcomes[parsed.outcome] += 1
        outcomes["decisions"] += len(parsed.decisions)
        outcomes.update(f"  {one.code}" for one in parsed.rejected)
    return outcomes


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("-n", type=int, default=1_000_000)
    options.add_argument("-j", type=int, default=2)
    options.add_argument("--seed", type=int, default=1)
    chosen = options.parse_args()
    start = time.monotonic()
    shares = [(chosen.seed * 1_000 + n, 10_000) for n in range(max(1, chosen.n // 10_000))]
    total: Counter[str] = Counter()
    with multiprocessing.Pool(chosen.j) as pool:
        for outcomes in pool.starmap(run, shares):
            total += outcomes
    spent = time.monotonic() - start
    for name, times in total.most_common():
        print(f"{name:24} {times}")
    print(f"{len(shares) * 10_000} replies in {spent:.1f} s, no exception, no illegal decision")
    return 0


if __name__ == "__main__":
    sys.exit(main())
