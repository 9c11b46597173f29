"""Fuzz the interpreted kernel against the compiled one: `python tests/exchange/fuzz_kernel.py --orders 200000 --seed 1`.

Exit 1 and the first differing order when they disagree anywhere.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from engine.exchange.compiled import OrderColumns, compiled_kernel, compiled_loop, interpreted_loop, match_orders
from engine.exchange.kernel import match_print, match_quote, participation_cap


def random_orders(size: int, seed: int) -> OrderColumns:
    """Orders of every kind against bars that are mostly sensible, often sealed, gapped or one-priced, and sometimes enormous."""
    import numpy as np

    rng = np.random.default_rng(seed)
    scale = rng.choice(np.array([1, 100, 10**6, 10**12]), size)
    base = rng.integers(1, 900, size) * scale
    step = np.maximum(scale // 100, 1)
    corners = np.sort(base[:, None] + rng.integers(-9, 10, (size, 4)) * step[:, None], axis=1)
    corners = np.maximum(corners, 0)
    flat = rng.random(size) < 0.1
    corners[flat] = corners[flat][:, :1]
    swap = rng.random(size) < 0.5
    open_ = np.where(swap, corners[:, 1], corners[:, 2])
    close = np.where(swap, corners[:, 2], corners[:, 1])
    low, high = corners[:, 0], corners[:, 3]
    limited = rng.random(size) < 0.8
    sealed = rng.random(size) < 0.15
    up = np.where(limited, np.where(sealed, low, high + rng.integers(0, 3, size) * step), 0)
    down = np.where(limited, np.where(rng.random(size) < 0.15, high, np.maximum(low - rng.integers(0, 3, size) * step, 0)), 0)

    def near() -> Any:
        return np.where(rng.random(size) < 0.2, 0, np.maximum(base + rng.integers(-12, 13, size) * step, 0))

    return OrderColumns(
        side=rng.choice(np.array([1, -1]), size),
        kind=rng.integers(0, 3, size),
        remaining=np.where(rng.random(size) < 0.02, 0, rng.integers(1, 5_000, size) * rng.choice(np.array([1, 10**9]), size)),
        limit=near(),
        stop=near(),
        open_=open_,
        high=high,
        low=low,
        close=close,
        available=rng.integers(-1, 5_000, size) * rng.choice(np.array([1, 10**9]), size),
        up=up,
        down=down,
        slippage=rng.integers(0, 4, size) * step,
        lot=rng.choice(np.array([1, 10, 100, 200]), size),
    )


def first_difference(size: int, seed: int) -> str:
    """Where interpreted and compiled kernels part, as text; empty when they never do."""
    orders = random_orders(size, seed)
    plain = match_orders(orders, loop=interpreted_loop)
    fast = match_orders(orders, loop=compiled_loop())
    for name in ("quantity", "price", "code"):
        left, right = getattr(plain, name), getattr(fast, name)
        if not (left == right).all():
            index = int((left != right).argmax())
            row = {field: int(getattr(orders, field)[index]) for field in orders.__dataclass_fields__}
            return f"match_bar {name} differs at {row}: interpreted {left[index]}, compiled {right[index]}"
    return _prints_and_quotes(orders, min(size, 20_000))


def _prints_and_quotes(orders: OrderColumns, size: int) -> str:
    compiled = compiled_kernel()
    columns = {field: getattr(orders, field)[:size].tolist() for field in orders.__dataclass_fields__}
    for n in range(size):
        row = {field: values[n] for field, values in columns.items()}
        one = (row["side"], row["kind"], row["remaining"], row["limit"], row["stop"])
        printed = (*one, row["open_"], row["available"], row["up"], row["down"], row["lot"])
        quoted = (
            *one,
            row["close"],
            row["high"] if n % 2 else 0,
            row["available"],
            row["up"],
            row["down"],
            row["slippage"],
            row["lot"],
        )
        if match_print(*printed) != tuple(compiled["match_print"](*printed)):
            return f"match_print differs at {printed}"
        if match_quote(*quoted) != tuple(compiled["match_quote"](*quoted)):
            return f"match_quote differs at {quoted}"
        volume, ppm = abs(row["available"]) * 1_000, n * 37 % 1_000_001
        if participation_cap(volume, ppm) != compiled["participation_cap"](volume, ppm):
            return f"participation_cap differs at {volume}, {ppm}"
    return ""


def main() -> int:
    """Run the fuzz and say what was compared."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--orders", type=int, default=200_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    difference = first_difference(options.orders, options.seed)
    print(difference or f"{options.orders} orders, seed {options.seed}: interpreted and compiled kernels agree on every fill")
    return 1 if difference else 0


if __name__ == "__main__":
    sys.exit(main())
