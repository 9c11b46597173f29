"""Risk: decisions in, verdicts and orders out. Code that no model can talk to; what it cannot evaluate it denies."""

from engine.risk.guard import Ruling, judge
from engine.risk.locks import Escalation, escalation
from engine.risk.margined import yearly_ppm
from engine.risk.policy import Policy
from engine.risk.protect import Trigger, triggers
from engine.risk.rules import RULES
from engine.risk.shape import Proposal
from engine.risk.view import Finding, Rule, View, Wish

__all__ = [
    "RULES",
    "Escalation",
    "Finding",
    "Policy",
    "Proposal",
    "Rule",
    "Ruling",
    "Trigger",
    "View",
    "Wish",
    "escalation",
    "judge",
    "triggers",
    "yearly_ppm",
]
