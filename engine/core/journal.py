"""The vocabulary of the journal: every fact the ledger can hold, as plain frozen records.

A record is written once, in the transaction that also updates every projection. Amounts are integers in the units of the desk's
market (core/units.py); instants are aware UTC datetimes; long texts (prompts, replies, snapshots) are named by SHA-256 and kept as
blobs beside the journal, so that retention can drop a text and never a fact.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from engine.core.bookkeeping import Adjusted, DeskOpened, Filled, FundingSettled, Liquidated, Marked, OrderCreated, OrderMoved
from engine.core.decision import Decision, Verdict
from engine.core.person import (
    AlertAcknowledged,
    AlertDelivered,
    AlertUndelivered,
    CommandDone,
    CommandQueued,
    ConfirmAsked,
    OrderAnswered,
)
from engine.core.strategy import StrategyJudged, StrategyProposed


class CycleState(StrEnum):
    """The states of one cycle; the last five are endings."""

    IDLE = "IDLE"
    RECONCILING = "RECONCILING"
    FETCHING = "FETCHING"
    ANALYZING = "ANALYZING"
    DECIDING = "DECIDING"
    RISK = "RISK"
    EXECUTING = "EXECUTING"
    SETTLING = "SETTLING"
    COMPLETED = "COMPLETED"
    SKIPPED = "SKIPPED"
    ABSTAINED = "ABSTAINED"
    FAILED = "FAILED"
    AMBIGUOUS = "AMBIGUOUS"


_C = CycleState
_STEPS = (_C.IDLE, _C.RECONCILING, _C.FETCHING, _C.ANALYZING, _C.DECIDING, _C.RISK, _C.EXECUTING, _C.SETTLING, _C.COMPLETED)
ENDINGS = frozenset({_C.COMPLETED, _C.SKIPPED, _C.ABSTAINED, _C.FAILED, _C.AMBIGUOUS})
CYCLE_TRANSITIONS: dict[CycleState, frozenset[CycleState]] = {
    **{here: frozenset({following, _C.FAILED, _C.AMBIGUOUS}) for here, following in itertools.pairwise(_STEPS)},
    **{ending: frozenset() for ending in ENDINGS},
}
CYCLE_TRANSITIONS[_C.IDLE] |= {_C.SKIPPED}
CYCLE_TRANSITIONS[_C.RECONCILING] |= {_C.SKIPPED}
CYCLE_TRANSITIONS[_C.FETCHING] |= {_C.SKIPPED}
CYCLE_TRANSITIONS[_C.ANALYZING] |= {_C.SKIPPED}
CYCLE_TRANSITIONS[_C.DECIDING] |= {_C.ABSTAINED, _C.SKIPPED}
"""Legal moves of a cycle; once EXECUTING is reached only SETTLING, FAILED or AMBIGUOUS may follow."""


class TradingState(StrEnum):
    """What a desk may do; only a person moves it towards ACTIVE."""

    ACTIVE = "ACTIVE"
    REDUCING = "REDUCING"
    HALTED = "HALTED"


class Severity(StrEnum):
    """How loudly an alert speaks (提示, 警告, 严重)."""

    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"


@dataclass(frozen=True, slots=True)
class ConfigRecorded:
    """The configuration a desk runs under; `text_hash` names the blob holding its canonical JSON, free of secrets."""

    desk: str
    config_hash: str
    text_hash: str


@dataclass(frozen=True, slots=True)
class CycleClaimed:
    """A slot was taken; `slot` is the scheduled instant, `trigger` is schedule or manual or recovery."""

    cycle_id: str
    desk: str
    trigger: str
    slot: datetime
    trading_day: date
    config_hash: str


@dataclass(frozen=True, slots=True)
class CycleMoved:
    """A cycle entered `state`; `reason` is a code with parameters, empty for the ordinary way."""

    cycle_id: str
    desk: str
    state: CycleState
    reason: str = ""


@dataclass(frozen=True, slots=True)
class SnapshotFrozen:
    """What the cycle may see, by content hash; `stale` lists symbols whose data is older than the desk allows."""

    cycle_id: str
    desk: str
    hash: str
    source: str
    as_of: datetime
    instruments: int
    stale: tuple[str, ...]
    candidates: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ModelAsked:
    """A prompt is about to leave; written before the call."""

    cycle_id: str
    desk: str
    call: int
    provider: str
    model: str
    prompt_id: str
    prompt_version: str
    prompt_hash: str


@dataclass(frozen=True, slots=True)
class ModelReplied:
    """What came back, or why nothing did. `outcome`: ok, repaired, abstained, timeout, refused, invalid, error:CODE.

    `cost` is a decimal string in `currency`; `reply_hash` names the blob with the raw text, empty if none came.
    """

    cycle_id: str
    desk: str
    call: int
    provider: str
    model: str
    outcome: str
    reply_hash: str
    detail: str
    latency_ms: int
    tokens_in: int
    tokens_out: int
    tokens_cached: int
    cost: str
    currency: str


@dataclass(frozen=True, slots=True)
class ItemRejected:
    """One item of a reply that was not accepted, with its code and what was seen."""

    instrument: str
    code: str
    observed: str


@dataclass(frozen=True, slots=True)
class DecisionsMade:
    """The decision batch of a cycle, and the items refused by the parser.

    `checked` where the reasons were held against what the models had been shown (not in ledgers of before that was done); `reused`
    is the cycle whose answer stands here again, '' for none.
    """

    cycle_id: str
    desk: str
    decisions: tuple[Decision, ...]
    rejected: tuple[ItemRejected, ...]
    checked: bool = False
    reused: str = ""


@dataclass(frozen=True, slots=True)
class VerdictsGiven:
    """Risk's ruling on every decision of a cycle, one verdict per decision and rule that fired."""

    cycle_id: str
    desk: str
    verdicts: tuple[Verdict, ...]


@dataclass(frozen=True, slots=True)
class AlertRaised:
    """Something a person must hear of: a code with parameters, never a sentence."""

    alert_id: str
    desk: str
    severity: Severity
    code: str
    params: tuple[tuple[str, str], ...]
    cycle_id: str = ""


@dataclass(frozen=True, slots=True)
class TradingStateMoved:
    """ACTIVE, REDUCING or HALTED, why and by whom (`person` or `rule:NAME`)."""

    desk: str
    state: TradingState
    reason: str
    by: str


@dataclass(frozen=True, slots=True)
class PauseMoved:
    """The desk's schedule was paused or resumed; manual cycles still run."""

    desk: str
    paused: bool
    by: str


@dataclass(frozen=True, slots=True)
class Noted:
    """A fact with no projection but the event list: feed switches, recovery, clock jumps. Code and parameters."""

    desk: str
    code: str
    params: tuple[tuple[str, str], ...] = ()


Record = (
    DeskOpened
    | ConfigRecorded
    | CycleClaimed
    | CycleMoved
    | SnapshotFrozen
    | ModelAsked
    | ModelReplied
    | StrategyProposed
    | StrategyJudged
    | DecisionsMade
    | VerdictsGiven
    | OrderCreated
    | OrderMoved
    | Filled
    | Adjusted
    | FundingSettled
    | Liquidated
    | Marked
    | AlertRaised
    | AlertAcknowledged
    | AlertDelivered
    | AlertUndelivered
    | ConfirmAsked
    | OrderAnswered
    | TradingStateMoved
    | PauseMoved
    | CommandQueued
    | CommandDone
    | Noted
)
