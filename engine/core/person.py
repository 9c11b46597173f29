"""What passes between the engine and a person: alerts and how they arrived, orders that waited for a yes, answers, commands."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Answer(StrEnum):
    """What a person said to a proposed order."""

    APPROVE = "approve"
    AMEND = "amend"
    REFUSE = "refuse"


@dataclass(frozen=True, slots=True)
class ProposedOrder:
    """What a person is shown of an order beside the order itself: prices in price units (0 = none), `fee` in money units."""

    order_id: str
    price: int
    fee: int
    limit_up: int
    limit_down: int


@dataclass(frozen=True, slots=True)
class ConfirmAsked:
    """The orders of a cycle wait for a person until `until` by the machine's clock; an order without an answer is refused."""

    cycle_id: str
    desk: str
    until: datetime
    orders: tuple[ProposedOrder, ...]


@dataclass(frozen=True, slots=True)
class OrderAnswered:
    """A person's word on one order; `quantity` (quantity units) is what may be sent: the whole for approve, 0 for refuse."""

    cycle_id: str
    desk: str
    order_id: str
    answer: Answer
    quantity: int
    by: str


@dataclass(frozen=True, slots=True)
class AlertDelivered:
    """An alert, as raised in journal row `raised_seq`, left through a channel; `level` counts its escalations from 0.

    `channel` is a kind (`log`) or the name of the variable that holds its address (`env:NAME`), never the address.
    """

    desk: str
    alert_id: str
    raised_seq: int
    channel: str
    level: int = 0


@dataclass(frozen=True, slots=True)
class AlertUndelivered:
    """A channel did not take alerts: `reason` is a code; written once when it begins to fail and once for what is given up."""

    desk: str
    channel: str
    reason: str
    waiting: int


@dataclass(frozen=True, slots=True)
class AlertAcknowledged:
    """A person has seen it."""

    alert_id: str
    by: str


@dataclass(frozen=True, slots=True)
class CommandQueued:
    """A person asks the engine for something, through the one queue every console and process uses."""

    command_id: str
    verb: str
    desk: str
    argument: str
    by: str


@dataclass(frozen=True, slots=True)
class CommandDone:
    """The engine's answer to a command: `done`, or a refusal code."""

    command_id: str
    outcome: str
