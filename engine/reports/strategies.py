"""The strategies a desk's models wrote, version by version: what they say, how the gate ruled, and the ruling computed again.

journal ──► StrategyProposed + StrategyJudged ──► strategy_records (JSON) · verify (the gate run again from the frozen snapshot)
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.backtest import try_strategy
from engine.core.errors import DataError
from engine.core.strategy import Condition, Range, RuleStrategy, StrategyJudged, StrategyProposed, Threshold, strategy_of
from engine.core.units import PPM, from_units, plain
from engine.cycle import Mandate
from engine.cycle.strategist import tried, verdict
from engine.reports.record import units_of
from engine.store import Books
from engine.store.snapshot import read


@dataclass(frozen=True, slots=True)
class Version:
    """One strategy of a desk with its verdict; `in_force` where it was accepted and none was ruled on since."""

    proposed: StrategyProposed
    judged: StrategyJudged
    in_force: bool

    @property
    def strategy(self) -> RuleStrategy:
        """What it says."""
        return strategy_of(self.proposed.text)


def versions(books: Books, desk: str) -> list[Version]:
    """Every strategy of a desk that was ruled on, oldest first."""
    proposed: dict[int, StrategyProposed] = {}
    judged: list[StrategyJudged] = []
    for record in books.strategies(desk):
        if isinstance(record, StrategyProposed):
            proposed[record.version] = record
        else:
            judged.append(record)
    return [Version(proposed[one.version], one, one.accepted and one is judged[-1]) for one in judged]


def strategy_records(books: Books, desk: str) -> list[dict[str, Any]]:
    """The versions as JSON: fractions 0 to 1 and amounts as decimal strings, conditions as a person reads them."""
    money = units_of(books, desk).money
    return [_record(version, money) for version in versions(books, desk)]


def _record(version: Version, money: int) -> dict[str, Any]:
    judged, strategy = version.judged, version.strategy

    def fraction(ppm: int) -> str:
        return f"{from_units(ppm, PPM):f}"

    return {
        "version": judged.version,
        "state": ("in force" if version.in_force else "lapsed") if judged.accepted else "refused",
        "failed": list(judged.failed),
        "name": strategy.name,
        "model": version.proposed.model,
        "cycle_id": judged.cycle_id,
        "symbols": list(strategy.symbols),
        "entry": f" {'and' if strategy.needs == 'all' else 'or'} ".join(in_words(one) for one in strategy.entry),
        "exit": " or ".join(in_words(one) for one in strategy.exit),
        "weight": fraction(strategy.weight_ppm),
        "review_on": judged.review_on.isoformat(),
        "from": judged.first.isoformat(),
        "to": judged.last.isoformat(),
        "sessions": judged.sessions,
        "return": fraction(judged.return_ppm),
        "max_drawdown": fraction(judged.max_drawdown_ppm),
        "sharpe": f"{from_units(judged.sharpe_milli, 1_000):f}",
        "hit_rate": fraction(judged.hit_rate_ppm),
        "trades": judged.trades,
        "turnover": fraction(judged.turnover_ppm),
        "costs": plain(judged.costs, money),
        "reasoning": strategy.reasoning,
        "hash": judged.strategy_hash,
    }


def in_words(condition: Condition) -> str:
    """A condition as a person reads it: `rsi_14 < 30`."""
    if isinstance(condition, Range):
        return f"{condition.low:f} <= {condition.figure} <= {condition.high:f}"
    sign = ">" if condition.stands == "above" else "<"
    other = f"{condition.value:f}" if isinstance(condition, Threshold) else condition.other
    return f"{condition.figure} {sign} {other}"


@dataclass(frozen=True, slots=True)
class Verified:
    """A verdict computed again; equal when nothing differs."""

    version: int
    recorded: StrategyJudged
    again: StrategyJudged

    @property
    def same(self) -> bool:
        """Whether the gate rules as it did."""
        return self.recorded == self.again


def verify(books: Books, snapshots: Path, desk: str, mandate_of: Callable[[str, str], Mandate]) -> list[Verified]:
    """Run the gate again for every version, from the snapshot and the configuration of its cycle.

    Raises DataError where one of them is not kept any more.
    """
    found = []
    for version in versions(books, desk):
        cycle_id = version.judged.cycle_id
        history, frozen = books.cycle(cycle_id), books.snapshot_of(cycle_id)
        if history is None or frozen is None:
            raise DataError(f"cycle {cycle_id} froze no snapshot")
        text = books.blob(history.cycle.config_hash)
        if text is None:
            raise DataError(f"the configuration {history.cycle.config_hash[:12]} is not in the ledger any more")
        mandate = mandate_of(desk, text)
        tested = tried(try_strategy, mandate, version.proposed.text, read(snapshots, frozen.hash), threading.Event())
        again = verdict(mandate.gate, version.proposed, tested, history.cycle.trading_day)
        found.append(Verified(version.judged.version, version.judged, again))
    return found
