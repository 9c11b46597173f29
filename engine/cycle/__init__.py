"""The cycle: one pass from market to orders, the desk that owns it, and what happens after a crash."""

from engine.cycle.budget import Budget
from engine.cycle.desk import Desk
from engine.cycle.mandate import Equipment, Mandate, Observer
from engine.cycle.purse import Purse
from engine.cycle.recovery import resume_point
from engine.cycle.runner import Runner
from engine.cycle.schedule import Due, due
from engine.cycle.shadowing import Unseen

__all__ = [
    "Budget",
    "Desk",
    "Due",
    "Equipment",
    "Mandate",
    "Observer",
    "Purse",
    "Runner",
    "Unseen",
    "due",
    "resume_point",
]
