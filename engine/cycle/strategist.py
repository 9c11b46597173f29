"""A desk that trades by written rules: a model is asked for a strategy, the gate tries it, and then the rules decide alone.

| the desk's past | this cycle |
|---|---|
| a strategy accepted, its review date ahead | follow it, ask nobody |
| none, or its review date reached, and the waiting time over | ask the panel; each answer is tried until one is accepted |
| refused lately | wait; what an older strategy holds may still leave by its exits |
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import date, timedelta

from engine.core.account import Account
from engine.core.decision import Decision
from engine.core.errors import ConfigError, DataError
from engine.core.ids import content_hash
from engine.core.past import Past
from engine.core.strategy import StrategyJudged, StrategyProposed, strategy_of, text_of
from engine.core.units import UNITS
from engine.cycle.asking import Heard
from engine.cycle.mandate import Equipment, Gate, Mandate
from engine.cycle.steps import Seen, held_weights, prompt_context
from engine.llm import Prompt, TemplateOf, render
from engine.llm.rule_form import parse_strategy
from engine.llm.rule_schema import RULES_ID
from engine.store.snapshot import Snapshot
from engine.strategies import GatePolicy, Trial, follow, in_words, missed, rule_figures
from engine.strategies.gate import CYCLES_FAILED

RULES_PROMPT = "rules-daily"

Written = StrategyProposed | StrategyJudged


def asks_now(mandate: Mandate, past: Past, day: date) -> bool:
    """Whether a model is asked for a strategy in a cycle of this day."""
    return not mandate.pinned and day >= past.review_on and day >= past.ask_on


def question(mandate: Mandate, snapshot: Snapshot, seen: Seen, account: Account, template: TemplateOf) -> Prompt:
    """The prompt for a strategy: the desk's own where its form is that of rules, else the built-in one."""
    context = prompt_context(mandate, snapshot, seen, account)
    context = replace(context, notes=(*context.notes, f"acceptance gate {in_words(mandate.gate)}"))
    chosen = template(mandate.prompt_id, mandate.language)
    if chosen.schema != RULES_ID:
        chosen = template(RULES_PROMPT, mandate.language)
    return render(chosen.id, context, chosen)


def proposals(
    mandate: Mandate, cycle_id: str, before: int, offered: Collection[str], replies: Sequence[Heard]
) -> list[StrategyProposed]:
    """The strategies that were written, in the order of the panel, numbered on from the desk's first `before`; each only once."""
    found: list[StrategyProposed] = []
    for reply in replies:
        parsed = parse_strategy(reply.text, offered) if reply.spoke else None
        if parsed is None or parsed.strategy is None:
            continue
        text = text_of(parsed.strategy)
        if all(text != one.text for one in found):
            version = before + len(found) + 1
            found.append(StrategyProposed(cycle_id, mandate.desk, version, reply.model, content_hash(text.encode()), text))
    return found


def try_each(mandate: Mandate, equipment: Equipment, snapshot: Snapshot, written: Sequence[StrategyProposed]) -> list[Written]:
    """Each proposal with its verdict, up to the first that is accepted; those after it are not written down."""
    if equipment.gate is None:
        raise ConfigError(f"desk.{mandate.desk}: the strategy rules needs a gate")
    records: list[Written] = []
    for proposed in written:
        tested = tried(equipment.gate, mandate, proposed.text, snapshot, equipment.cancelled)
        judged = verdict(mandate.gate, proposed, tested, snapshot.trading_day)
        records += [proposed, judged]
        if judged.accepted:
            break
    return records


def tried(gate: Gate, mandate: Mandate, text: str, snapshot: Snapshot, cancelled: threading.Event) -> Trial:
    """What the gate came to; a trial of no session where the snapshot holds no past to try a strategy on, which is refused.

    Were it a failure of the cycle, the next cycle would pay a model for the same again.
    """
    try:
        return gate(mandate, text, snapshot, cancelled)
    except DataError:
        if cancelled.is_set():
            raise
        return Trial(first=snapshot.trading_day, last=snapshot.trading_day)


def verdict(policy: GatePolicy, proposed: StrategyProposed, tested: Trial, day: date) -> StrategyJudged:
    """The gate's ruling on a day, from nothing but its arguments."""
    failed = missed(policy, tested)
    days = min(strategy_of(proposed.text).review_after_days, policy.max_review_days)
    return StrategyJudged(
        cycle_id=proposed.cycle_id,
        desk=proposed.desk,
        version=proposed.version,
        strategy_hash=proposed.strategy_hash,
        accepted=not failed,
        failed=failed,
        first=tested.first,
        last=tested.last,
        sessions=tested.sessions,
        return_ppm=tested.return_ppm,
        max_drawdown_ppm=tested.max_drawdown_ppm,
        sharpe_milli=tested.sharpe_milli,
        hit_rate_ppm=tested.hit_rate_ppm,
        trades=tested.trades,
        turnover_ppm=tested.turnover_ppm,
        costs=tested.costs,
        review_on=day + timedelta(days=policy.retry_days if failed else days),
    )


def followed(mandate: Mandate, snapshot: Snapshot, seen: Seen, account: Account, past: Past) -> tuple[Decision, ...]:
    """The batch of the strategy in force; of one whose review date is reached only what leaves. Nothing while there is none."""
    text = mandate.pinned or past.following
    if not text:
        return ()
    scale = UNITS[mandate.market].price
    last = {symbol: price / scale for symbol, price in seen.prices.items()}
    figures = {
        symbol: rule_figures(seen.features.get(symbol), last.get(symbol)) for symbol in {*seen.candidates, *account.positions}
    }
    entering = bool(mandate.pinned) or snapshot.trading_day < past.review_on
    return follow(strategy_of(text), figures, seen.candidates, held_weights(account, snapshot, seen), entering=entering)


def again(
    mandate: Mandate,
    cycle_id: str,
    day: date,
    offered: Collection[str],
    replies: Sequence[Heard],
    recorded: Sequence[Written],
) -> list[Written]:
    """The records of a past cycle computed again: proposals from its replies, verdicts from the figures the gate wrote down."""
    before = next((one.version - 1 for one in recorded if isinstance(one, StrategyProposed)), 0)
    judged = {one.version: one for one in recorded if isinstance(one, StrategyJudged)}
    found: list[Written] = []
    for proposed in proposals(mandate, cycle_id, before, offered, replies):
        if proposed.version in judged:
            found += [proposed, verdict(mandate.gate, proposed, tested_of(judged[proposed.version]), day)]
    return found


def tested_of(judged: StrategyJudged) -> Trial:
    """The figures that a verdict was given on."""
    return Trial(
        first=judged.first,
        last=judged.last,
        sessions=judged.sessions,
        return_ppm=judged.return_ppm,
        max_drawdown_ppm=judged.max_drawdown_ppm,
        sharpe_milli=judged.sharpe_milli,
        hit_rate_ppm=judged.hit_rate_ppm,
        trades=judged.trades,
        turnover_ppm=judged.turnover_ppm,
        costs=judged.costs,
        cycles_failed=int(CYCLES_FAILED in judged.failed),
    )
