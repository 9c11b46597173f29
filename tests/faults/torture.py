"""Kills the real engine thousands of times and holds every ledger against one that was never interrupted.

worker ──fork──► a life of the engine ──SIGKILL at a failpoint or a random instant──► next life on the same directory ──► … ──► end
end of a directory ──► its story equals that of an uninterrupted run · nothing lost or doubled · doctor content · replay equal

Run: python -m tests.faults.torture --kills 10000 --jobs 2 --seed 1 [--min-hit 0.95] [--perps] [--sabotage NAME] [--directory DIR]
"""

from __future__ import annotations

import argparse
import json
import mmap
import os
import random
import select
import shutil
import signal
import struct
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import engine.engine
from engine.building import mandate_of
from engine.config import Config, DeskConfig, ReplayConfig
from engine.core.clock import SystemClock
from engine.core.journal import CycleState, ModelAsked
from engine.core.order import OPEN_STATUSES
from engine.engine import Engine
from engine.replay import Replay
from engine.store import books
from engine.store.check import check
from tests.engine.desk_harness import SparingDesk, story
from tests.faults import perp_market
from tests.faults.failpoints import POINTS, SABOTAGES, SNAPSHOT_POINTS, Plan, Watch, arm

LIFE_S = 60.0
MAX_LIVES = 400
WIDE = {"max_drawdown": 1, "max_daily_loss": 1, "max_sector": 1}
DESKS: tuple[dict[str, Any], ...] = (
    {"schedule": "at 09:20, 13:00", "replay": {"start": date(2020, 4, 22), "end": date(2020, 5, 8)}},
    {"schedule": "at 09:20, 14:50", "strategy": "baseline", "replay": {"start": date(2020, 4, 23), "end": date(2020, 5, 8)}},
    {"schedule": "every 60m in session", "replay": {"start": date(2020, 2, 4), "end": date(2020, 2, 7)}},
    perp_market.DESK,
)
"""The first two have distributions, a holiday and names without a sound bar in them; the third many cycles a day; the last,
tortured alone (`--perps`), trades perpetuals both ways and is liquidated both ways."""
ORDINARY, PERPS = range(len(DESKS) - 1), range(len(DESKS) - 1, len(DESKS))
SHORT_LIFE_S = (0.45, 0.45, 0.45, 2.0)
"""Within what a life ends at an instant nobody chose, by desk: a market of the store takes longer to open."""


@dataclass(slots=True)
class Tally:
    """What a torture has done so far."""

    kills: int = 0
    at_failpoints: int = 0
    directories: int = 0
    cycles: int = 0
    fills: int = 0
    failed_cycles: int = 0
    seen: Counter[str] = field(default_factory=Counter)
    hits: Counter[str] = field(default_factory=Counter)
    violations: list[str] = field(default_factory=list)

    def add(self, other: dict[str, Any]) -> None:
        """Another worker's figures."""
        for name in ("kills", "at_failpoints", "directories", "cycles", "fills", "failed_cycles"):
            setattr(self, name, getattr(self, name) + other[name])
        self.seen.update(other["seen"])
        self.hits.update(other["hits"])
        self.violations += other["violations"]

    @property
    def failpoints(self) -> set[str]:
        """Every failpoint there is: each kind of write that was ever seen, at each point of a write."""
        return {f"{label} {point}" for label in self.seen for point in POINTS} | {f"snapshot {point}" for point in SNAPSHOT_POINTS}

    @property
    def coverage(self) -> float:
        """Share of the failpoints at which at least one life ended."""
        return len(self.failpoints & set(self.hits)) / len(self.failpoints)


def main(arguments: list[str] | None = None) -> int:
    """Torture as told; 0 when nothing was lost, doubled or out of balance and enough failpoints were hit."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--min-hit", type=float, default=0.0)
    parser.add_argument("--perps", action="store_true", help="only the desk of perpetuals")
    parser.add_argument("--sabotage", choices=sorted(SABOTAGES), default="")
    parser.add_argument("--directory", type=Path, default=Path("/dev/shm") if Path("/dev/shm").is_dir() else None)
    options = parser.parse_args(arguments)
    began = time.monotonic()

    def progress(tally: Tally) -> None:
        seconds = time.monotonic() - began
        print(
            f"{seconds:7.0f} s {tally.kills:6} kills {tally.directories:5} directories {len(tally.violations)} violations",
            flush=True,
        )

    desks = PERPS if options.perps else ORDINARY
    tally = torture(options.kills, options.jobs, options.seed, options.sabotage, options.directory, progress, desks)
    seconds = time.monotonic() - began
    print(f"kills                 {tally.kills} in {seconds:.0f} s ({tally.kills / seconds:.1f}/s)")
    print(f"  at failpoints       {tally.at_failpoints}")
    print(f"directories           {tally.directories}, each compared with an uninterrupted run")
    print(f"cycles                {tally.cycles}, of which {tally.failed_cycles} were cut off before their orders")
    print(f"fills                 {tally.fills}")
    print(f"failpoints hit        {tally.coverage:.1%} of {len(tally.failpoints)}")
    for name in sorted(tally.failpoints):
        print(f"  {name:<46} {tally.hits[name]:6}")
    print(f"violations            {len(tally.violations)}")
    for violation in tally.violations[:20]:
        print(f"  {violation}")
    enough = tally.kills >= options.kills and tally.coverage >= options.min_hit
    return 0 if enough and not tally.violations else 1


def torture(
    kills: int,
    jobs: int,
    seed: int,
    sabotage: str,
    directory: Path | None,
    progress: Callable[[Tally], None] = lambda tally: None,
    desks: range = ORDINARY,
) -> Tally:
    """Spend `kills` lives in `jobs` processes; a sabotaged engine is let go at its first violation."""
    tally, pipes = Tally(), {}
    for job in range(jobs):
        read, write = os.pipe()
        share = kills // jobs + (job < kills % jobs)
        if os.fork() == 0:
            os.close(read)
            _worker(share, random.Random(f"{seed}/{job}"), sabotage, directory, write, desks)
        os.close(write)
        pipes[read] = b""
    while pipes:
        for pipe in select.select(list(pipes), [], [])[0]:
            data = os.read(pipe, 1 << 20)
            pipes[pipe] += data
            *lines, pipes[pipe] = pipes[pipe].split(b"\n")
            for line in lines:
                tally.add(json.loads(line))
                progress(tally)
            if not data:
                os.close(pipe)
                del pipes[pipe]
                os.wait()
    return tally


def _worker(kills: int, chance: random.Random, sabotage: str, directory: Path | None, report: int, desks: range) -> None:
    code, done, hits, labels = 1, 0, Counter[str](), set[str]()
    try:
        while done < kills:
            home = Path(tempfile.mkdtemp(prefix="torture-", dir=directory))
            tally = Tally()
            _one_directory(home, chance, desks, sabotage, kills - done, labels, hits, tally)
            done += tally.kills
            os.write(report, json.dumps(_plain(tally)).encode() + b"\n")
            if not tally.violations:
                shutil.rmtree(home)
            if sabotage and tally.violations:
                shutil.rmtree(home)
                break
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)


def _plain(tally: Tally) -> dict[str, Any]:
    names = ("kills", "at_failpoints", "directories", "cycles", "fills", "failed_cycles", "seen", "hits", "violations")
    return {name: getattr(tally, name) for name in names}


def _one_directory(
    home: Path,
    chance: random.Random,
    desks: range,
    sabotage: str,
    budget: int,
    labels: set[str],
    hits: Counter[str],
    tally: Tally,
) -> None:
    """One ledger through many kills to the end of its market, and then the truth about it."""
    desk = chance.choice(desks)
    state = mmap.mmap(-1, 8)
    if desk in PERPS:
        for name in ("home", "reference"):
            forked(lambda tell, name=name: perp_market.prepare(home / name), LIFE_S)  # type: ignore[misc]
    for life in range(MAX_LIVES):
        plan, seconds = Plan(), LIFE_S
        if tally.kills < budget:
            plan, seconds = _doom(chance, labels, hits, SHORT_LIFE_S[desk])
        said, killed, code = _live(home / "home", desk, plan, seconds, sabotage, state)
        for line in said:
            verb, _, rest = line.partition(" ")
            if verb == "seen":
                tally.seen[rest] += 1
                labels.add(rest)
            elif verb == "hit":
                tally.hits[rest] += 1
                hits[rest] += 1
                tally.at_failpoints += 1
            else:
                tally.violations.append(f"{home.name} life {life}: {line}")
        tally.kills += killed
        if killed and seconds >= LIFE_S and not any(line.startswith("hit") for line in said):
            tally.violations.append(f"{home.name} life {life}: still running after {LIFE_S:.0f} s")
        (acknowledged,) = struct.unpack("q", state[:8])
        tally.violations += [f"{home.name} life {life}: {fault}" for fault in _lost(home / "home", acknowledged)]
        if tally.violations or (not killed and code == 0):
            break
    else:
        tally.violations.append(f"{home.name}: never reached its end in {MAX_LIVES} lives")
    if not tally.violations:
        _judge(home, desk, sabotage, tally)
    tally.directories = 1


def _doom(chance: random.Random, labels: set[str], hits: Counter[str], short_s: float) -> tuple[Plan, float]:
    """When and where the next life ends: half of them at an instant nobody chose, half at a failpoint, the least visited first."""
    if chance.random() < 0.5:
        return Plan(), chance.uniform(0.0, short_s)
    nth, point = 1 + int(chance.expovariate(1 / 8)), chance.choice(POINTS)
    places = [(label, at) for label in sorted(labels) for at in POINTS] + [("snapshot", at) for at in SNAPSHOT_POINTS]
    chance.shuffle(places)
    target = min(places, key=lambda place: hits[f"{place[0]} {place[1]}"])
    return Plan(target, nth, point), LIFE_S


def _lost(home: Path, acknowledged: int) -> list[str]:
    """Whether a write that had returned is gone."""
    if not acknowledged:
        return []
    with books(home) as view:
        head = view.head()
    return [f"entry {acknowledged} was acknowledged, the ledger ends at {head}"] if head < acknowledged else []


# A life ----------------------------------------------------------------------------------------------------------------------


def _live(home: Path, desk: int, plan: Plan, seconds: float, sabotage: str, state: mmap.mmap) -> tuple[list[str], bool, int]:
    """Fork the engine, kill it after `seconds` unless it died or ended before; what it said, whether killed, its exit code."""

    def life(tell: Callable[[str], None]) -> None:
        def acknowledged(seq: int) -> None:
            state[:8] = struct.pack("q", max(seq, struct.unpack("q", state[:8])[0]))

        arm(Watch(plan, tell, acknowledged))
        if sabotage:
            SABOTAGES[sabotage]()
        failed = _carried(home, desk)
        if failed:
            tell(f"the engine stopped: {failed}")

    return forked(life, seconds)


def _carried(home: Path, desk: int) -> str:
    """The real engine on `home` to the end of its tape; why it failed, or ''."""
    told = DESKS[desk]
    risk, stretch = {**told.get("risk", {}), **WIDE}, ReplayConfig(**told["replay"])
    config = DeskConfig.model_validate({**told, "risk": risk, "history_days": 30, "replay": stretch})
    running = Engine(Config(desk={"demo": config}), home, clock=SystemClock(), environ={}, speed=0.0)
    running.start()
    if not running.wait(timeout_s=LIFE_S):
        return "it did not come to its end"
    return running.failed if running.stop(5.0) else "a thread did not end"


def forked(work: Callable[[Callable[[str], None]], None], seconds: float) -> tuple[list[str], bool, int]:
    """Run `work(tell)` in a child, kill it after `seconds`; (lines it told, whether it was killed, exit code)."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(read)
        code = 1
        try:
            work(lambda line: os.write(write, line.encode() + b"\n") and None)  # type: ignore[func-returns-value]
            code = 0
        except BaseException as error:
            os.write(write, f"{type(error).__name__}: {error}".replace("\n", " ").encode() + b"\n")
        finally:
            os._exit(code)
    os.close(write)
    told, deadline = b"", time.monotonic() + seconds
    while True:
        ready = select.select([read], [], [], max(0.0, deadline - time.monotonic()))[0]
        if not ready:
            os.kill(child, signal.SIGKILL)
            deadline = time.monotonic() + LIFE_S
            continue
        data = os.read(read, 65536)
        if not data:
            break
        told += data
    os.close(read)
    _, status = os.waitpid(child, 0)
    killed = os.WIFSIGNALED(status)
    return told.decode().splitlines(), killed, -1 if killed else os.WEXITSTATUS(status)


# The judgement ---------------------------------------------------------------------------------------------------------------


def _judge(home: Path, desk: int, sabotage: str, tally: Tally) -> None:
    """Compare with an uninterrupted run whose cycles failed at the same slots; examine and replay. In a child: it uses polars."""

    def judged(tell: Callable[[str], None]) -> None:
        with books(home / "home") as view:
            spared = frozenset(cycle.slot for cycle in view.cycles("demo", limit=10_000) if cycle.state is CycleState.FAILED)
        SparingDesk.spared = spared
        engine.engine.Desk = SparingDesk  # type: ignore[misc]
        failed = _carried(home / "reference", desk)
        if failed:
            tell(f"fault the reference stopped: {failed}")
        for fault in faults(home / "home", home / "reference"):
            tell(f"fault {fault}")
        told = story(home / "home")
        tell(f"count {len(told['cycles'])} {len(told['fills'])} {len(spared)}")

    said, _, code = forked(judged, LIFE_S)
    for line in said:
        verb, _, rest = line.partition(" ")
        if verb == "count":
            tally.cycles, tally.fills, tally.failed_cycles = map(int, rest.split())
        else:
            tally.violations.append(f"{home.name} desk {desk}: {rest if verb == 'fault' else line}")
    if code:
        tally.violations.append(f"{home.name}: the judgement ended with {code}")


def faults(home: Path, reference: Path) -> list[str]:
    """Everything that is not as it should be in a ledger that was interrupted, beside one that was not."""
    found = [f"{finding.code}: {finding.detail}" for finding in check(home) if not finding.ok]
    told, expected = story(home), story(reference)
    for part, value in expected.items():
        if told[part] != value:
            found.append(f"{part} differ: {_first_difference(value, told[part])}")
    with books(home) as view:
        found += [
            f"order {book.order.order_id} is still {book.status}" for book in view.orders("demo", limit=10_000) if _open(book)
        ]
        found += [f"cycle {cycle.cycle_id} never ended" for cycle in view.unfinished_cycles("demo")]
        found += _asked_twice(view)
        replay = Replay(view, home / "snapshots", "demo", lambda desk, text: mandate_of(desk, _parsed(text), "en"))
        for result in replay.run():
            found += [
                f"replay of {result.cycle_id}: {one.part}: {one.recorded[:80]} / {one.computed[:80]}" for one in result.differences
            ]
    return found


def _open(book: Any) -> bool:
    return book.status in OPEN_STATUSES


def _parsed(text: str) -> DeskConfig:
    return DeskConfig.model_validate_json(text)


def _asked_twice(view: Any) -> list[str]:
    """No slot may have put its question to the panel of one twice."""
    asked: Counter[datetime] = Counter()
    for cycle in view.cycles("demo", limit=10_000):
        asked[cycle.slot] += sum(isinstance(entry.record, ModelAsked) for entry in view.entries_of(cycle.cycle_id))
    return [f"slot {slot} asked {times} times" for slot, times in asked.items() if times > 1]


def _first_difference(expected: Any, told: Any) -> str:
    if isinstance(expected, (list, tuple)) and isinstance(told, (list, tuple)):
        for one, other in zip(expected, told, strict=False):
            if one != other:
                return f"{str(one)[:160]} became {str(other)[:160]}"
        return f"{len(expected)} became {len(told)}"
    return f"{str(expected)[:160]} became {str(told)[:160]}"


if __name__ == "__main__":
    sys.exit(main())
