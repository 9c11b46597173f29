"""Disable or loosen each rule of risk in turn and see that a named test notices; writes the list for engine/risk/README.md.

Every mutant is one exact replacement in one file of a copy of engine/ (the checkout itself is never touched). A survivor is a hole:
the command ends with 1.

usage: python scripts/mutate_risk.py [--only TEXT] [--table]
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
ROOMS = ("rules", "rule_table", "locks_and_sizing", "protect", "evidence_cap", "two_way", "short_protection")
TESTS = [f"tests/risk/test_{name}.py" for name in ROOMS]


@dataclass(frozen=True, slots=True)
class Mutant:
    """One weakening: of which rule, how, in which file of engine/risk."""

    rule: str
    how: str
    path: str
    old: str
    new: str


def _row(rule: str, scope: str, entries: str, check: str) -> Mutant:
    """The rule leaves the table."""
    row = f'    Rule("{rule}", "{scope}", {entries}, {check}),\n'
    return Mutant(rule, "disabled", "rules", row, "")


def _margin(rule: str, scope: str, entries: str, check: str) -> Mutant:
    """A rule of perpetuals leaves the table."""
    return _row(rule, scope, entries, f"{check}, perps=True")


MUTANTS: tuple[Mutant, ...] = (
    _row("halt_file", "desk", "False", "gates.halt_file, once=True"),
    _row("trading_state", "desk", "False", "gates.trading_state, once=True"),
    Mutant(
        "trading_state",
        "REDUCING lets entries pass",
        "gates",
        "TradingState.REDUCING and wish.entry",
        "TradingState.REDUCING and not wish.entry",
    ),
    _row("policy_valid", "desk", "False", "gates.policy_valid, once=True"),
    _row("books_reconciled", "desk", "False", "gates.books_reconciled, once=True"),
    _row("instrument_known", "instrument", "False", "gates.instrument_known"),
    _row("session_open", "instrument", "False", "gates.session_open"),
    _row("instrument_priced", "instrument", "False", "gates.instrument_priced"),
    Mutant("instrument_priced", "yesterday's price will do", "gates", "quote.trading_day != view.trading_day", "False"),
    _row("one_open_order", "instrument", "False", "gates.one_open_order"),
    _row("min_holding", "instrument", "False", "throttles.min_holding"),
    Mutant("min_holding", "one session less", "throttles", "sessions >= policy.min_holding", "sessions + 1 >= policy.min_holding"),
    Mutant("min_holding", "holds protection back", "throttles", "view.protecting or wish.entry", "wish.entry"),
    _row("data_fresh", "instrument", "True", "gates.data_fresh"),
    _row("blacklist", "instrument", "True", "gates.blacklist"),
    _row("special_treatment", "instrument", "True", "gates.special_treatment"),
    Mutant("special_treatment", "delisting names pass", "gates", "if instrument.delisting:", "if False:"),
    _row("max_daily_loss", "account", "True", "locks.max_daily_loss, once=True"),
    _row("max_weekly_loss", "account", "True", "locks.max_weekly_loss, once=True"),
    _row("max_drawdown", "account", "True", "locks.max_drawdown, once=True"),
    Mutant("losses", "at the limit is inside", "locks", "if lost >= limit else None", "if lost > limit else None"),
    _row("losing_streak", "account", "True", "locks.losing_streak"),
    Mutant("losing_streak", "one more loss", "locks", "view.past.losing_streak < policy", "view.past.losing_streak <= policy"),
    Mutant("losing_streak", "a session less to cool off", "locks", "waited > policy.cooling_off", "waited >= policy.cooling_off"),
    _row("max_entries_cycle", "desk", "True", "throttles.max_entries_cycle"),
    Mutant(
        "max_entries_cycle",
        "one more",
        "throttles",
        "view.entered >= policy.max_entries_cycle",
        "view.entered > policy.max_entries_cycle",
    ),
    _row("max_entries_day", "desk", "True", "throttles.max_entries_day"),
    Mutant("max_entries_day", "one more", "throttles", "if made >= policy.max_entries_day", "if made > policy.max_entries_day"),
    _row("reentry_cooldown", "instrument", "True", "throttles.reentry_cooldown"),
    Mutant(
        "reentry_cooldown", "a session less", "throttles", "waited > policy.reentry_cooldown", "waited >= policy.reentry_cooldown"
    ),
    _row("max_orders_minute", "desk", "True", "throttles.max_orders_minute"),
    Mutant("max_orders_minute", "one more", "throttles", "recent < policy.max_orders_minute", "recent <= policy.max_orders_minute"),
    _row("sizing", "instrument", "True", "sizing.sizing"),
    Mutant("sizing", "Kelly without its cap", "sizing", "max(0, min(cap_ppm, share))", "max(0, share)"),
    Mutant("sizing", "one average range", "sizing", "ATR_MULTIPLE = 2", "ATR_MULTIPLE = 1"),
    _row("evidence_cap", "instrument", "True", "clamps.evidence_cap"),
    Mutant(
        "evidence_cap", "words are believed unchecked", "clamps", "or not wish.decision.unverified:", "or wish.decision.unverified:"
    ),
    Mutant("evidence_cap", "twice as much", "clamps", "limit = policy.evidence_cap_ppm", "limit = policy.evidence_cap_ppm * 2"),
    _row("max_position", "instrument", "True", "clamps.max_position"),
    Mutant(
        "max_position",
        "a hundredth more",
        "clamps",
        "limit = policy.max_position_ppm",
        "limit = policy.max_position_ppm * 101 // 100",
    ),
    _row("max_sector", "sector", "True", "clamps.max_sector"),
    Mutant(
        "max_sector",
        "what is held is not counted",
        "clamps",
        "inside = view.sectors.get(sector, 0)",
        "inside = view.values.get(wish.symbol, 0)",
    ),
    _row("max_cluster", "cluster", "True", "portfolio.max_cluster"),
    Mutant(
        "max_cluster",
        "at the correlation is apart",
        "portfolio",
        ">= policy.cluster_correlation_ppm",
        "> policy.cluster_correlation_ppm",
    ),
    _row("max_gross", "account", "True", "clamps.max_gross"),
    Mutant(
        "max_gross",
        "what is held is not counted",
        "clamps",
        "div_up((view.total - view.value(wish.symbol)) * PPM, view.equity)",
        "0",
    ),
    _row("max_leverage", "account", "True", "clamps.max_leverage"),
    _row("cash_reserve", "account", "True", "clamps.cash_reserve"),
    Mutant(
        "cash_reserve",
        "the reserve is spent",
        "shape",
        "spendable = view.cash_free - policy.cash_reserve",
        "spendable = view.cash_free",
    ),
    _row("max_volume_share", "instrument", "True", "clamps.max_volume_share"),
    _row("max_volatility", "account", "True", "portfolio.max_volatility"),
    Mutant("max_volatility", "a year of 200 sessions", "portfolio", "SESSIONS_A_YEAR = 252", "SESSIONS_A_YEAR = 200"),
    _row("max_var_historical", "account", "True", "portfolio.max_var_historical"),
    _row("max_var_parametric", "account", "True", "portfolio.max_var_parametric"),
    Mutant("max_var_parametric", "90 % instead of 95 %", "portfolio", "NORMAL_95_PPM = 1_644_854", "NORMAL_95_PPM = 1_281_552"),
    Mutant("statistics", "ten sessions are a history", "portfolio", "MINIMUM = 20", "MINIMUM = 10"),
    _row("expected_edge", "instrument", "True", "edge.expected_edge"),
    Mutant("expected_edge", "one way only", "edge", "for side in (Side.BUY, Side.SELL)", "for side in (Side.BUY,)"),
    Mutant("shape: minimum", "any amount will do", "shape", "if notional < policy.min_order:", "if False:"),
    Mutant("shape: limits", "beyond the limit-up", "shape", "limit = min(limit, band[0])", "pass"),
    Mutant("shape: cage", "beyond the cage", "shape", "limit = min(limit, edge)", "pass"),
    Mutant("shape: cage", "a sale beyond the cage", "shape", "limit = max(limit, edge)", "pass"),
    Mutant(
        "shape: T+1",
        "bought today, sold today",
        "shape",
        "sellable = view.account.sellable(wish.symbol, view.trading_day)",
        "sellable = position.quantity",
    ),
    Mutant("re-check", "the batch is one view", "guard", "        view = view.committed(", "        view.committed("),
    Mutant("order", "buys before sells", "guard", "return ways[False] + ways[True]", "return ways[True] + ways[False]"),
    Mutant(
        "fail closed",
        "what cannot be evaluated passes",
        "guard",
        "            finding = _unevaluable(wish, error)\n",
        "            finding = None\n",
    ),
    Mutant("stop_loss", "disabled", "protect", "if policy.stop_loss_ppm and moved", "if False and moved"),
    Mutant("stop_loss", "a tick later", "protect", "way * (price - held.stop) <= 0", "way * (price - held.stop) < 0"),
    Mutant("take_profit", "disabled", "protect", "if policy.take_profit_ppm and", "if False and"),
    Mutant("trailing", "disabled", "protect", "if policy.trailing_ppm and", "if False and"),
    Mutant("give_back", "disabled", "protect", "if gone >= policy.give_back_ppm else None", "if False else None"),
    Mutant(
        "time_stop", "a session later", "protect", "if sessions >= policy.time_stop else", "if sessions > policy.time_stop else"
    ),
    Mutant("stop_loss", "a short's lies below it", "protect", "way * (price - held.stop) <= 0", "(price - held.stop) <= 0"),
    Mutant("trailing", "a short's best price is the highest", "protect", "min(held.low or price, price)", "max(held.high, price)"),
    _margin("one_way", "instrument", "False", "two_way.one_way"),
    Mutant(
        "one_way",
        "turns in one order",
        "two_way",
        "return Wish(decision, current, 0, way, crossing_ppm=-along)",
        "return Wish(decision, 0, -along, -way)",
    ),
    _margin("shorts_allowed", "instrument", "True", "two_way.shorts_allowed"),
    Mutant("shorts_allowed", "whatever the terms say", "two_way", "view.perps is not None and view.perps.shorts", "True"),
    _margin("max_funding", "instrument", "True", "margined.max_funding"),
    Mutant("max_funding", "who pays is not asked", "margined", "yearly_ppm(wish.way * last.rate_e8", "yearly_ppm(last.rate_e8"),
    Mutant("max_funding", "every interval is eight hours", "margined", "(hours * _PPM_E8)", "(8 * _PPM_E8)"),
    Mutant(
        "max_funding",
        "unknown is cheap",
        "margined",
        'return deny(wish, "FUNDING_UNKNOWN", "no settlement", "a settlement")',
        "return None",
    ),
    _margin("max_net", "account", "True", "two_way.max_net"),
    Mutant("max_net", "shorts count as longs", "two_way", "-value if symbol in view.shorts else value", "value"),
    _margin("leverage_bracket", "instrument", "True", "margined.leverage_bracket"),
    Mutant("leverage_bracket", "what was entered is not counted", "margined", "if entered + more <= cap:", "if more <= cap:"),
    _margin("min_liquidation_distance", "instrument", "True", "margined.min_liquidation_distance"),
    Mutant(
        "min_liquidation_distance",
        "a hundredth nearer",
        "margined",
        "distance >= policy.min_liquidation_distance_ppm",
        "distance >= policy.min_liquidation_distance_ppm * 99 // 100",
    ),
    Mutant("cash_reserve", "notional for margin", "clamps", "(1 if view.perps is None else view.perps.leverage)", "1"),
    Mutant(
        "cash_reserve",
        "the reserve is margin",
        "margined",
        "spendable = max(0, view.cash_free - policy.cash_reserve)",
        "spendable = max(0, view.cash_free)",
    ),
    Mutant("max_cluster", "a hedge counts", "portfolio", "(alike if short == (symbol in shorts) else -alike)", "alike"),
    Mutant("statistics", "shorts gain with their names", "view", "[-1 if symbol in self.shorts else 1", "[1"),
    Mutant("statistics", "a short wish is a long one", "portfolio", "more = wish.way * (weight", "more = (weight"),
    Mutant("escalation", "no lock moves the state", "locks", "if move in _STATES and", "if False and"),
    Mutant(
        "escalation", "a rule moves back", "locks", "order.index(item.state) > order.index(current)", "item.state is not current"
    ),
)


def broken(mutant: Mutant, tests: list[str]) -> str:
    """The name of the first test that notices the mutant; '' when it survives. Raises SystemExit where it no longer applies."""
    with tempfile.TemporaryDirectory() as scratch:
        copy = Path(scratch)
        shutil.copytree(ROOT / "engine", copy / "engine", ignore=shutil.ignore_patterns("__pycache__"))
        for name in ("tests", "data", "pyproject.toml"):
            (copy / name).symlink_to(ROOT / name)
        path = copy / "engine" / "risk" / f"{mutant.path}.py"
        text = path.read_text(encoding="utf-8")
        if text.count(mutant.old) != 1:
            raise SystemExit(f"{mutant.rule}, {mutant.how}: found {text.count(mutant.old)} times in {mutant.path}: {mutant.old!r}")
        path.write_text(text.replace(mutant.old, mutant.new), encoding="utf-8")
        command = [sys.executable, "-m", "pytest", "-x", "-q", "--no-header", "--tb=no", "-p", "no:randomly", *tests]
        environment = {**os.environ, "PYTHONPATH": str(copy), "PYTHONDONTWRITEBYTECODE": "1", "HYPOTHESIS_PROFILE": "mutation"}
        done = subprocess.run(command, cwd=copy, env=environment, capture_output=True, text=True, check=False, timeout=600)
        if done.returncode == 0:
            return ""
        failed = [line for line in done.stdout.splitlines() if line.startswith(("FAILED ", "ERROR "))]
        return failed[0].split(" - ")[0].split(" ", 1)[1].rpartition("::")[2] if failed else f"exit {done.returncode}"


def main() -> int:
    """Run the mutants; 1 when one survives."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--only", default="", help="mutants whose rule contains this")
    parser.add_argument("--table", action="store_true", help="print the Markdown table for engine/risk/README.md")
    arguments = parser.parse_args()
    survivors = 0
    tests = [test for test in TESTS if (ROOT / test).exists()]
    for mutant in MUTANTS:
        if arguments.only not in mutant.rule:
            continue
        noticed = broken(mutant, tests)
        survivors += not noticed
        line = f"| `{mutant.rule}` | {mutant.how} | {f'`{noticed}`' if noticed else '**nobody**'} |" if arguments.table else ""
        sys.stdout.write((line or f"{mutant.rule}: {mutant.how}: {noticed or 'SURVIVED'}") + "\n")
        sys.stdout.flush()
    sys.stdout.write(f"\n{survivors} survived\n" if not arguments.table else "")
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main())
