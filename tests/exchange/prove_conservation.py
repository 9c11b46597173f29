"""Prove conservation over many random operations: `python tests/exchange/prove_conservation.py --operations 200000 --seed 1`.

Orders, partial fills, cancels, corporate actions with tax, funding, liquidations and day changes in three markets; every invariant
is checked after every single operation.
"""

from __future__ import annotations

import argparse
import random
import sys
from collections import Counter
from pathlib import Path

if __name__ == "__main__":
    sys.path[:0] = [str(Path(__file__).resolve().parents[2]), str(Path(__file__).resolve().parent)]

from world import INSTRUMENTS, World

from engine.core.order import OrderType, Side

WEIGHTS = {"place": 30, "bar": 40, "cancel": 4, "next_day": 8, "corporate_action": 3, "perp_trade": 6, "move_mark": 6, "funding": 3}


def step(world: World, name: str, rng: random.Random) -> None:
    """One operation with random numbers."""
    which = rng.randrange(len(INSTRUMENTS))
    side = rng.choice(list(Side))
    if name == "place":
        world.place(which, side, rng.choice(list(OrderType)), rng.randint(1, 10**6), rng.randint(-40, 40))
    elif name == "bar":
        if world.orders and rng.random() < 0.8:
            which = INSTRUMENTS.index(rng.choice(world.orders).instrument)
        moves = (rng.randint(-60, 60), rng.randint(-60, 60), rng.randint(-250, 250))
        world.bar(which, moves, rng.choice([0, 7, 300, 10**5, 10**9]), rng.randint(0, 3))
    elif name == "cancel":
        world.cancel(rng.randrange(1000))
    elif name == "next_day":
        world.next_day()
    elif name == "corporate_action":
        world.corporate_action(which, rng.randint(0, 20_000), rng.choice([0, 0, 10**7, 3 * 10**7]), rng.choice([0, 0, 5 * 10**7]))
    elif name == "perp_trade":
        world.perp_trade(side, rng.randint(1, 3000), rng.randint(1, 60))
    elif name == "move_mark":
        world.move_mark(rng.randint(-60_000, 60_000))
    else:
        world.funding(rng.randint(-300_000, 300_000))


def prove(operations: int, seed: int) -> Counter[str]:
    """Run them; raises AssertionError at the first operation after which something does not balance."""
    rng = random.Random(seed)
    counts: Counter[str] = Counter()
    world = World()
    names, weights = list(WEIGHTS), list(WEIGHTS.values())
    for name in rng.choices(names, weights, k=operations):
        open_perp = world.perp
        step(world, name, rng)
        world.check()
        counts[name] += 1
        counts["liquidations"] += name == "move_mark" and open_perp is not None and world.perp is None
        if world.over:
            _tally(counts, world)
            world = World()
    _tally(counts, world)
    return counts


def _tally(counts: Counter[str], world: World) -> None:
    counts.update({"worlds": 1, "fills": world.fills, "partial fills": world.partial, "taxed sales": world.taxed})


def main() -> int:
    """Run the proof and say what happened in it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--operations", type=int, default=200_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    counts = prove(options.operations, options.seed)
    print(f"{options.operations} operations, seed {options.seed}: not a unit lost")
    print(", ".join(f"{count} {name}" for name, count in counts.most_common()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
