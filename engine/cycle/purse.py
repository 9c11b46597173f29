"""A desk's money for models, as its ledger tells it: who is asked this cycle, and what a person must hear of it.

books (costs, steps noted) ──► Spending ──► rung(prompts) ──► the models to ask ──► settle ──► BUDGET_NEAR
Everything is read from the journal, so that a restart finds the desk on the rung where it stood.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, tzinfo

from engine.core.journal import Noted, Record
from engine.cycle.budget import (
    FREE,
    NEAR,
    STEP,
    Budget,
    Cost,
    Rung,
    Spending,
    cost_in,
    near_records,
    panel_for,
    periods_at,
    rungs_of,
    step_records,
)
from engine.llm import Model, Prompt, Turn
from engine.llm.model import continued
from engine.llm.price import Priced
from engine.store import Books
from engine.store.codec import stamp

MENDED_BYTES = 18_000
"""What a repair turn adds to a prompt at most: a reply of 4,000 characters quoted back, and the complaint."""


class Purse:
    """Belongs to the desk's thread. `reserve` are the models of the budget's ladder; money is counted by the market's calendar."""

    def __init__(self, desk: str, budget: Budget, reserve: Sequence[Model], zone: tzinfo) -> None:
        self._desk = desk
        self._budget = budget
        self._reserve = {model.name: model for model in reserve}
        self._zone = zone
        self._read_to = 0
        self._spending: Spending | None = None

    def rung(
        self, books: Books, cycle_id: str, at: datetime, panel: Sequence[Model], prompts: Sequence[Prompt]
    ) -> tuple[Rung, tuple[Model, ...], list[Record]]:
        """Who may be asked all of `prompts` in a cycle at `at`, and what is to be written before anybody is."""
        periods = periods_at(cycle_id, at, self._zone)
        spending = self._read(books, periods, at)
        models = {**self._reserve, **{model.name: model for model in panel}}
        rungs = rungs_of([model.name for model in panel], self._budget.ladder)
        ceilings = {name: ceiling(models[name], prompts, self._budget.currency) for rung in rungs for name in rung}
        rung = panel_for(self._budget, spending, periods, rungs, ceilings)
        # What an abstention or a restart left untold of the calls before is told now.
        near = near_records(self._desk, cycle_id, self._budget, spending, periods)
        records = [*near, *step_records(self._desk, cycle_id, self._budget, spending.rung, rungs, rung)]
        self._spending = _after(spending, records)
        return rung, tuple(models[name] for name in rung.models), records

    def settle(self, books: Books, cycle_id: str, at: datetime) -> list[Record]:
        """After the calls of a cycle: which limits are near now, for the transaction that goes on."""
        periods = periods_at(cycle_id, at, self._zone)
        spending = self._read(books, periods, at)
        records = near_records(self._desk, cycle_id, self._budget, spending, periods)
        self._spending = _after(spending, records)
        return records

    def _read(self, books: Books, periods: Mapping[str, str], at: datetime) -> Spending:
        """What the journal says until now; after the first time only what is new in it."""
        spending = self._spending
        if spending is None:
            spending = Spending()
            for noted in books.noted(self._desk, STEP, NEAR):
                spending = spending.noted(noted.code, noted.params)
        begins = at.astimezone(self._zone).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
        for call in books.model_costs(self._desk, after=self._read_to, since=stamp(begins)):
            cost = cost_in(self._budget.currency, call.provider, call.cost, call.currency)
            spending = spending.paid(periods_at(call.cycle_id, call.slot, self._zone).values(), cost)
            self._read_to = call.asked_seq
        self._spending = spending = spending.within(periods.values())
        return spending


def ceiling(model: Model, prompts: Sequence[Prompt], currency: str) -> Cost:
    """The most that putting all of `prompts` to a model can cost, a repair turn for each included; None where nobody can say."""
    if model.provider in FREE:
        return 0
    if not isinstance(model, Priced):
        return None
    total = 0
    for prompt in prompts:
        for asked in (prompt, continued(prompt, Turn("user", "x" * MENDED_BYTES))):
            cost = cost_in(currency, model.provider, *model.ceiling(asked))
            if cost is None:
                return None
            total += cost
    return total


def _after(spending: Spending, records: Sequence[Record]) -> Spending:
    for record in records:
        if isinstance(record, Noted):
            spending = spending.noted(record.code, record.params)
    return spending
