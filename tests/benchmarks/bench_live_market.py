"""Run a live desk on a whole market on loopback: `python tests/benchmarks/bench_live_market.py`; its looks, cycles and memory.

The desk is the real headless command in a process of its own, on a clock set to 10:00 of a session; the market is another process.
`--pace polite` asks at the pace of the configuration's defaults, `quick` as fast as loopback answers. `--sessions 0` begins with an
empty state directory: each snapshot tells of how many of its candidates it has a history.
"""

from __future__ import annotations

import argparse
import functools
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "feeds"), str(ROOT / "tests" / "benchmarks")]

from engine.core.clock import SystemClock  # noqa: E402

BEGINS = "2026-11-19T09:58:30+08:00"
SESSIONS = 130
ENDS_S = 2.0
QUICK = ("push2.eastmoney.com", "82.push2.eastmoney.com", "17.push2.eastmoney.com", "qt.gtimg.cn", "hq.sinajs.cn")


class Shifted(SystemClock):
    """The machine's clock, set to another day."""

    def __init__(self) -> None:
        self._by = timedelta(seconds=float(os.environ["BENCH_SHIFT_S"]))

    def now(self) -> datetime:
        """The instant of that other day."""
        return super().now() + self._by


def main() -> int:
    """Build the books, start the market, run the desk, tell the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--names", type=int, default=5_500)
    parser.add_argument("--cycles", type=int, default=2)
    parser.add_argument("--sessions", type=int, default=SESSIONS, help="days of history in the store beforehand")
    parser.add_argument("--by", default="amount")
    parser.add_argument("--every", type=int, default=5, help="minutes between two slots")
    parser.add_argument("--pace", choices=("quick", "polite"), default="quick")
    parser.add_argument("--home", type=Path, help="keep the state directory here")
    parser.add_argument("--play", choices=("market", "desk", "store"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.play == "market":
        return _market(arguments.names)
    if arguments.play == "desk":
        return _desk(arguments.home, arguments.cycles)
    if arguments.play == "store":
        return _store(arguments.home, arguments.names, arguments.sessions)
    with tempfile.TemporaryDirectory() as place:
        return _measure(arguments, arguments.home or Path(place) / "home")


def _measure(arguments: argparse.Namespace, home: Path) -> int:
    home.mkdir(parents=True, exist_ok=True)
    shift = datetime.fromisoformat(BEGINS).timestamp() - time.time()
    environ = {**os.environ, "BENCH_SHIFT_S": str(shift)}
    again = [sys.executable, str(Path(__file__)), "--names", str(arguments.names), "--home", str(home)]
    if arguments.sessions:
        subprocess.run([*again, "--play", "store", "--sessions", str(arguments.sessions)], env=environ, check=True)
    (home / "kanpan.toml").write_text(_configuration(arguments), encoding="utf-8")
    market = subprocess.Popen([*again, "--play", "market"], env=environ, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert market.stdout is not None
        environ["KANPAN_FEED_HOSTS"] = market.stdout.readline().strip()
        command = [*again, "--play", "desk", "--cycles", str(arguments.cycles)]
        return subprocess.run(command, env=environ, check=False).returncode
    finally:
        market.communicate("quit\n", timeout=10)


def _configuration(arguments: argparse.Namespace) -> str:
    gaps = "".join(f'"{host}" = 0.001\n' for host in QUICK) if arguments.pace == "quick" else ""
    return (
        '[desk.whole]\nmarket = "ashare"\nfeed = ["eastmoney", "tencent", "sina", "cache"]\n'
        f'schedule = "every {arguments.every}m in session"\nuniverse = {{ top = 50, by = "{arguments.by}" }}\n'
        f"[feeds.gap_s]\n{gaps}"
    )


def _market(names: int) -> int:
    """The whole market behind one port, until standard input ends."""
    from feed_server import FeedServer
    from whole_market import WholeMarket

    server = FeedServer()
    WholeMarket(Shifted().now, names).install(server)
    print(server.base_url, flush=True)
    sys.stdin.read()
    server.close()
    return 0


def _store(home: Path, names: int, sessions: int) -> int:
    """Daily bars of every name up to the day before."""
    import bench_market_store
    from whole_market import listed

    from engine.core.units import Market
    from engine.exchange import calendar
    from engine.store.connect import prepare_home
    from engine.store.market import MarketStore

    bench_market_store.symbols = lambda: sorted(share.symbol for share in listed(names))
    day = datetime.fromisoformat(BEGINS).date()
    days = list(calendar(Market.ASHARE).sessions(day - timedelta(days=sessions * 2), day - timedelta(days=1)))[-sessions:]
    prepare_home(home)
    store = MarketStore.open(home, Market.ASHARE)
    for month in sorted({(item.year, item.month) for item in days}):
        part: list[date] = [item for item in days if (item.year, item.month) == month]
        store.write_bars(bench_market_store.market(part), "1d", source="bench", now=Shifted().now())
    return 0


def _desk(home: Path, cycles: int) -> int:
    """The headless command itself, its looks and cycles timed, its memory told at the end."""
    import engine.cycle.cycle
    import engine.cycle.desk
    import engine.engine
    import engine.feeds.ladder
    import engine.feeds.live
    import tui.building
    import tui.cli

    began = time.monotonic()
    tui.building.SystemClock = Shifted  # type: ignore[misc]
    _timed(engine.feeds.ladder.Ladder, "securities", began)
    _timed(engine.feeds.ladder.Ladder, "quotes", began)
    _timed(engine.feeds.ladder.Ladder, "market", began)
    _timed(engine.feeds.ladder.Ladder, "bars", began)
    _timed(engine.feeds.live.LiveTape, "look", began)
    _timed(engine.feeds.live.LiveTape, "snapshot", began)
    _timed(engine.cycle.desk.Desk, "run", began, ends_after=cycles)
    _candidates(engine.cycle.cycle._Running, began)
    code = tui.cli.main(["--home", str(home), "--no-ui", "--json"])
    _tell("end", began, 0.0)
    return code


def _timed(owner: type, name: str, began: float, *, ends_after: int = 0) -> None:
    """Tell how long each call takes; the desk is told to end soon after the `ends_after`-th, whatever still rests in the market."""
    plain: Callable[..., Any] = getattr(owner, name)
    left = iter(range(ends_after - 1, -1, -1))

    @functools.wraps(plain)
    def timed(*arguments: Any, **named: Any) -> Any:
        before = time.monotonic()
        try:
            return plain(*arguments, **named)
        finally:
            _tell(f"{owner.__name__}.{name}", began, time.monotonic() - before)
            if ends_after and next(left, -1) == 0:
                threading.Timer(ENDS_S, os.kill, (os.getpid(), signal.SIGTERM)).start()

    setattr(owner, name, timed)


def _candidates(owner: Any, began: float) -> None:
    """Tell of each cycle how many candidates it has and how many of them have features of a history."""
    plain: Callable[..., Any] = owner.analyze

    @functools.wraps(plain)
    def analyzed(*arguments: Any, **named: Any) -> Any:
        seen = plain(*arguments, **named)
        known = sum(1 for name in seen.candidates if name in seen.features and seen.features[name].sma_20 is not None)
        _tell(f"candidates {len(seen.candidates)}, with features {known}", began, 0.0)
        return seen

    owner.analyze = analyzed


def _tell(what: str, began: float, took: float) -> None:
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines() if ":" in line)
    memory = {name: int(status[name].split()[0]) // 1024 for name in ("VmRSS", "VmHWM")}
    print(json.dumps({"at_s": round(time.monotonic() - began, 2), "what": what, "took_s": round(took, 3), **memory}), flush=True)


if __name__ == "__main__":
    raise SystemExit(main())
