"""Risk: decisions in, verdicts and orders out. Code that no model can talk to; what it cannot evaluate it denies."""

from engine.risk.guard import Proposal, Ruling, judge
from engine.risk.policy import Policy
from engine.risk.rules import RULES, View

__all__ = ["RULES", "Policy", "Proposal", "Ruling", "View", "judge"]
