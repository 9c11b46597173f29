"""Break the rulebook on purpose, one place at a time, and see whether a test notices.

    python scripts/mutate_exchange.py [--modules limits,fees] [--out mutants.json]

Every comparison, operator, number, ISO date, boolean and condition of engine/exchange is changed once. A child process imports the
changed module in place of the real one and runs the tests that answer for it until the first failure; survivors are listed.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import copy
import importlib.abc
import importlib.util
import io
import json
import os
import re
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).resolve().parents[1]
ROOM = ROOT / "engine" / "exchange"
SKIPPED = {"__init__", "compiled"}
TESTS = {
    "admission": ["admission"],
    "auction": ["auction"],
    "boards": ["boards_and_lots", "vectors", "oracle"],
    "booking": ["booking", "corporate", "perps", "conservation"],
    "calendar": ["calendar_bounds", "calendar", "calendar_sync", "oracle"],
    "calendar_sync": ["calendar_sync"],
    "contracts": ["perps"],
    "corporate": ["corporate", "real_dividends", "conservation"],
    "dated": ["boards_and_lots", "oracle"],
    "depth": ["slippage_and_depth"],
    "fees": ["fees", "vectors", "booking", "oracle"],
    "kernel": ["kernel", "slippage_and_depth", "conservation"],
    "limits": ["limits", "rule_dates", "vectors", "admission", "oracle"],
    "lots": ["boards_and_lots", "vectors", "rule_dates"],
    "perps": ["perps", "conservation"],
    "sessions": ["calendar", "vectors", "rule_dates"],
    "settlement": ["boards_and_lots", "rule_dates", "oracle"],
    "slippage": ["slippage_and_depth"],
}
"""The test files that answer for each module, the likeliest killer first; a mutant they spare counts as a survivor."""
TIMEOUT_S = 90
SURVIVOR = re.compile(r"survives: (\w+)\.py:(\d+) (.+)")
ISO_DATE = re.compile(r"\d{4}-\d\d-\d\d")

COMPARISONS: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
}
OPERATORS: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Add,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.FloorDiv,
    ast.Pow: ast.Mult,
}


@dataclass(frozen=True)
class Mutant:
    """One change: where it is and what it does."""

    module: str
    line: int
    change: str
    source: str


def skipped(node: ast.AST) -> Iterator[ast.AST]:
    """Parts of the tree whose change no test could or should notice: annotations, docstrings, messages of errors, decorators."""
    for one in ast.walk(node):
        if isinstance(one, ast.Expr) and isinstance(one.value, ast.Constant):
            yield one.value
        if isinstance(one, ast.AnnAssign | ast.arg) and one.annotation is not None:
            yield from ast.walk(one.annotation)
        if isinstance(one, ast.FunctionDef):
            yield from (part for tree in (one.returns, *one.decorator_list) if tree is not None for part in ast.walk(tree))
        if isinstance(one, ast.ClassDef):
            yield from (part for tree in one.decorator_list for part in ast.walk(tree))
        if isinstance(one, ast.Raise | ast.JoinedStr):
            yield from ast.walk(one)


def changes(node: ast.AST) -> Iterator[tuple[str, str, object]]:
    """(field, description, new value) for one node."""
    if isinstance(node, ast.Compare) and type(node.ops[0]) in COMPARISONS:
        for index, op in enumerate(node.ops):
            fresh = list(node.ops)
            fresh[index] = COMPARISONS[type(op)]()
            yield "ops", f"{type(op).__name__} -> {type(fresh[index]).__name__}", fresh
    elif isinstance(node, ast.BinOp) and type(node.op) in OPERATORS:
        new = OPERATORS[type(node.op)]()
        yield "op", f"{type(node.op).__name__} -> {type(new).__name__}", new
    elif isinstance(node, ast.BoolOp):
        yield "op", "and <-> or", ast.Or() if isinstance(node.op, ast.And) else ast.And()
    elif isinstance(node, ast.If | ast.IfExp | ast.While):
        yield "test", "condition negated", ast.UnaryOp(ast.Not(), node.test)
    elif isinstance(node, ast.Constant):
        if node.value is True or node.value is False:
            yield "value", f"{node.value} -> {not node.value}", not node.value
        elif isinstance(node.value, int):
            yield "value", f"{node.value} -> {node.value + 1}", node.value + 1
        elif isinstance(node.value, str) and ISO_DATE.fullmatch(node.value):
            moved = (date.fromisoformat(node.value) + timedelta(days=1)).isoformat()
            yield "value", f"{node.value} -> {moved}", moved


def mutants_of(module: str) -> Iterator[Mutant]:
    """Every mutant of one module."""
    tree = ast.parse((ROOM / f"{module}.py").read_text(encoding="utf-8"))
    untouched = {id(node) for node in skipped(tree)}
    nodes = list(ast.walk(tree))
    for index, node in enumerate(nodes):
        if id(node) in untouched:
            continue
        for name, what, value in changes(node):
            other = copy.deepcopy(tree)
            setattr(list(ast.walk(other))[index], name, value)
            yield Mutant(module, getattr(node, "lineno", 0), what, ast.unparse(ast.fix_missing_locations(other)))


class Replacement(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Imports a mutant where its module is asked for."""

    def __init__(self, mutant: Mutant) -> None:
        self.name = f"engine.exchange.{mutant.module}"
        self.code = compile(mutant.source, str(ROOM / f"{mutant.module}.py"), "exec")

    def find_spec(self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        """The mutant's spec for its own name, nothing for others."""
        if fullname != self.name:
            return None
        return importlib.util.spec_from_loader(fullname, self, origin=str(ROOM))

    def exec_module(self, module: ModuleType) -> None:
        """Run the mutant's code as the module; `__file__` leads to the room's data."""
        module.__file__ = str(ROOM / "mutant.py")
        exec(self.code, module.__dict__)


def tests_for(module: str) -> list[str]:
    """The test files to run for a module."""
    return [str(ROOT / "tests" / "exchange" / f"test_{name}.py") for name in TESTS[module]]


def survives(mutant: Mutant) -> bool:
    """Whether every test passes with the mutant in place, judged in a child process."""
    child = os.fork()
    if child == 0:
        signal.alarm(TIMEOUT_S)
        code = 1
        with contextlib.suppress(BaseException):
            sys.meta_path.insert(0, Replacement(mutant))
            code = _run_tests(tests_for(mutant.module))
        os._exit(1 if code else 0)
    _, status = os.waitpid(child, 0)
    return status == 0


def _run_tests(paths: list[str]) -> int:
    import hypothesis
    import pytest

    hypothesis.settings.register_profile("mutants", deadline=None, derandomize=True, database=None, max_examples=60)
    hypothesis.settings.load_profile("mutants")
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        # One file at a time: a mutant dies in the first seconds, before the slow files are even collected.
        return int(any(pytest.main(["-x", "-q", "-p", "no:cacheprovider", "-W", "ignore", path]) for path in paths))


def warm() -> None:
    """Load what every child needs and no mutant touches, once."""
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"  # no child needs the plugins of other rooms, and they cost a second each
    for name in ("pytest", "hypothesis", "hypothesis.stateful", "polars", "numpy", "marina_rules", "yaml"):
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    with contextlib.suppress(ImportError):
        importlib.import_module("marina_rules").records()


def main() -> int:
    """Run all mutants, print the survivors and the score."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--modules", default="")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--again", type=Path, help="a printed log: try only the survivors it names")
    options = parser.parse_args()
    os.chdir(ROOT)
    sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "exchange")]
    names = options.modules.split(",") if options.modules else sorted(p.stem for p in ROOM.glob("*.py") if p.stem not in SKIPPED)
    warm()
    named = {match.groups() for match in SURVIVOR.finditer(options.again.read_text())} if options.again else None
    survivors: list[Mutant] = []
    total, start = 0, time.monotonic()
    for name in names:
        count = before = 0
        for mutant in mutants_of(name):
            if named is not None and (mutant.module, str(mutant.line), mutant.change) not in named:
                continue
            count += 1
            if survives(mutant):
                survivors.append(mutant)
                before += 1
                print(f"  survives: {mutant.module}.py:{mutant.line} {mutant.change}", flush=True)
        total += count
        print(f"{name}: {count - before} of {count} killed ({time.monotonic() - start:.0f} s)", flush=True)
    print(f"{total - len(survivors)} of {total} mutants killed")
    if options.out:
        rows = [{key: value for key, value in asdict(one).items() if key != "source"} for one in survivors]
        options.out.write_text(json.dumps({"total": total, "survivors": rows}, indent=1), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
