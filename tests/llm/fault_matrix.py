"""Every fault an endpoint can have, over real HTTP, again and again: each call ends in time, as an abstention with a reason.

python -m tests.llm.fault_matrix --times 10
"""

from __future__ import annotations

import argparse
import json
import sys
import threading
import time
from collections import Counter
from datetime import UTC, datetime

from engine.core.clock import SimulatedClock
from engine.llm import Deaf, ModelSpec, ask_side_by_side, build_model, parse_reply, render
from tests.llm.fake_llm_server import Behaviour, Request, drips, fails, hangs, never_ends, one_endless_line, resets, says, serving
from tests.llm.test_openai_model import KEY, STRANGE
from tests.llm.test_parse_reply import OFFERED, item, reply
from tests.llm.test_prompts import CONTEXT

DEADLINE_S = 2.0
GRACE_S = 1.0


def _dies_in_the_headers(request: Request) -> None:
    request.handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Ty")
    request.handler.wfile.flush()
    request.handler.connection.close()


def _lies_about_its_length(request: Request) -> None:
    request.handler.send_response(200)
    request.handler.send_header("Content-Type", "application/json")
    request.handler.send_header("Content-Length", "100000")
    request.handler.end_headers()
    request.write('{"choices":[')


FAULTS: dict[str, Behaviour] = {
    **{name: behaviour for name, (behaviour, _) in STRANGE.items()},
    "hangs": hangs,
    "drips": drips,
    "resets": resets,
    "never ends": never_ends,
    "endless line": one_endless_line,
    "dies in the headers": _dies_in_the_headers,
    "lies about its length": _lies_about_its_length,
    "401 with the key": fails(401, f"bad key {KEY}"),
    "402": fails(402, "Insufficient Balance"),
    "429 for a day": fails(429, retry_after="86400"),
    "429 again and again": fails(429, retry_after="0.01"),
    "500": fails(500),
    "503 without advice": fails(503),
    "prose": says("I would buy the first one, about ten percent."),
    "two objects": says(reply(item()) + reply(item())),
    "NaN": says(reply(item()).replace("0.1", "NaN")),
    "unknown instrument": says(reply(item(instrument="EVIL.US"))),
    "a key in the text": says(f"the key is {KEY}"),
    "deep nesting": says('{"decisions":' * 3_000),
}


class Shown(Deaf):
    """Keeps the pieces of a reply as they arrive."""

    def __init__(self, pieces: list[str]) -> None:
        self._pieces = pieces

    def streamed(self, model: int, question: int, turn: int, text: str) -> None:
        self._pieces.append(text)


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--times", type=int, default=10)
    times = options.parse_args().times
    prompt = render("ashare-daily", CONTEXT)
    outcomes: Counter[str] = Counter()
    worst = 0.0
    for name, behaviour in FAULTS.items():
        for _ in range(times):
            shown: list[str] = []
            with serving(behaviour) as server:
                spec = ModelSpec("m", base_url=server.base_url, model="x", api_key=KEY, timeout_s=30)
                model = build_model(spec, SimulatedClock(datetime(2026, 11, 20, tzinfo=UTC)))
                start = time.monotonic()
                ((answer,),) = ask_side_by_side(
                    [model],
                    [prompt],
                    lambda form, text: parse_reply(text, OFFERED, max_weight_ppm=300_000),
                    deadline_s=DEADLINE_S,
                    listener=Shown(shown),
                    cancelled=threading.Event(),
                )
                spent = time.monotonic() - start
            worst = max(worst, spent)
            outcomes[f"{name}: {answer.outcome}"] += 1
            assert spent < DEADLINE_S + GRACE_S, f"{name} took {spent:.2f} s"
            assert answer.parsed.decisions == (), f"{name} decided {answer.parsed}"
            assert answer.abstained or answer.parsed.rejected, f"{name} was believed"
            seen = "".join(shown) + repr([call.reply for call in answer.calls]) + json.dumps(answer.parsed.detail)
            assert KEY not in seen, f"{name} showed the key"
    for name, count in outcomes.items():
        print(f"{count:4} {name}")
    total = sum(outcomes.values())
    print(f"{total} faults of {len(FAULTS)} kinds: all ended within {worst:.2f} s of {DEADLINE_S:g}, none decided, no key shown")
    return 0


if __name__ == "__main__":
    sys.exit(main())
