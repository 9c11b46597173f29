"""Not asking twice: a batch decided a little while ago stands where nothing has moved since, and a calm market needs no dear model.

A batch is reused where all of this holds, and asked for anew at the first line that does not:

| line | code |
|---|---|
| the desk reuses at all, and the cycle is one of its schedule (a person who runs one wants an answer) | OFF |
| the newest cycle before this one that its models were asked in came to a batch | NONE |
| its snapshot is younger than `ttl_s` | OLD |
| the configuration is the same | CONFIG |
| the same templates in the same versions would be asked | PROMPT |
| the same models would be asked | MODELS |
| nothing was filled since | FILLED |
| the same names are candidates, in whatever order, and the same of them stale | CANDIDATES |
| no candidate's price has moved by more than `band_ppm` | PRICE |

Whom a cycle asks:

| what | urgency | asked |
|---|---|---|
| a holding has moved today by `move_ppm` or more, either way | urgent | `route.urgent` |
| half the candidates or more have | urgent | `route.urgent` |
| anything else | calm | `route.calm` |
| no model is named for the urgency | either | the whole panel |
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path

from engine.core.account import Account
from engine.core.journal import DecisionsMade
from engine.core.units import PPM
from engine.cycle.mandate import Reuse, Route
from engine.cycle.steps import OWN_TRIGGERS, Seen, newest_bars, prices_of
from engine.llm import Model, Prompt
from engine.store import Books
from engine.store.snapshot import Snapshot, kept, read

LOOK_BACK = 50
"""How many cycles back the last answer may lie; a TTL of hours at a cycle every five minutes."""


class Urgency(StrEnum):
    """How pressing a cycle is."""

    CALM = "calm"
    URGENT = "urgent"


@dataclass(frozen=True, slots=True)
class Basis:
    """What a batch was decided on: prices in price units, templates as (id, version)."""

    as_of: datetime
    config_hash: str
    asked: frozenset[tuple[str, str]]
    models: frozenset[str]
    candidates: frozenset[str]
    stale: frozenset[str]
    prices: Mapping[str, int]


def basis_now(config_hash: str, snapshot: Snapshot, seen: Seen, asked: Sequence[Prompt], models: Sequence[str]) -> Basis:
    """What a cycle under way would decide on."""
    templates = frozenset((prompt.id, prompt.version) for prompt in asked)
    stale = frozenset(seen.stale) & frozenset(seen.candidates)
    return Basis(snapshot.as_of, config_hash, templates, frozenset(models), frozenset(seen.candidates), stale, seen.prices)


def basis_then(books: Books, snapshots: Path, cycle_id: str) -> Basis | None:
    """What a past cycle decided on, from the journal and its snapshot; None where its snapshot is no longer kept."""
    history, frozen = books.cycle(cycle_id), books.snapshot_of(cycle_id)
    if history is None or frozen is None or not kept(snapshots, frozen.hash):
        return None
    snapshot, calls = read(snapshots, frozen.hash), books.model_calls(cycle_id)
    names = frozenset(frozen.candidates)
    return Basis(
        as_of=frozen.as_of,
        config_hash=history.cycle.config_hash,
        asked=frozenset((call.asked.prompt_id, call.asked.prompt_version) for call in calls),
        models=frozenset(call.asked.model for call in calls),
        candidates=names,
        stale=frozenset(frozen.stale) & names,
        prices=prices_of(snapshot, newest_bars(snapshot)),
    )


def why_moved(then: Basis, now: Basis, terms: Reuse, filled: datetime | None) -> str:
    """The code of the first line of the table that does not hold, '' where the batch stands; `filled`: when the newest fill was."""
    if not timedelta(0) <= now.as_of - then.as_of < timedelta(seconds=terms.ttl_s):
        return "OLD"
    if then.config_hash != now.config_hash:
        return "CONFIG"
    if then.asked != now.asked:
        return "PROMPT"
    if then.models != now.models:
        return "MODELS"
    if filled is not None and filled > then.as_of:
        return "FILLED"
    if then.candidates != now.candidates or then.stale != now.stale:
        return "CANDIDATES"
    if any(_beyond(then.prices.get(name, 0), now.prices.get(name, 0), terms.band_ppm) for name in now.candidates):
        return "PRICE"
    return ""


def _beyond(before: int, after: int, band_ppm: int) -> bool:
    return abs(after - before) * PPM > band_ppm * before


def answered_before(books: Books, desk: str, cycle_id: str) -> DecisionsMade | None:
    """The batch of the newest cycle before this one in which models were asked; None where that one came to none."""
    for cycle in books.cycles(desk, limit=LOOK_BACK):
        if cycle.cycle_id == cycle_id or cycle.trigger in OWN_TRIGGERS:
            continue
        made = books.decisions(cycle.cycle_id)
        if made is None or not made.reused:
            return made
    return None


def newest(instants: Iterable[datetime], until: datetime) -> datetime | None:
    """The newest of the instants up to one, None where there is none."""
    return max((at for at in instants if at <= until), default=None)


def urgency(route: Route, snapshot: Snapshot, seen: Seen, account: Account) -> Urgency:
    """How pressing the snapshot makes a cycle."""
    moved = {quote.symbol for quote in snapshot.quotes if abs(quote.change_ppm) >= route.move_ppm}
    if moved & set(account.held) or 2 * len(moved & set(seen.candidates)) >= max(1, len(seen.candidates)):
        return Urgency.URGENT
    return Urgency.CALM


def routed(route: Route, how: Urgency, models: Sequence[Model]) -> tuple[Model, ...]:
    """The models of the panel that are asked."""
    wanted: Collection[str] = route.urgent if how is Urgency.URGENT else route.calm
    return tuple(model for model in models if not wanted or model.name in wanted)
