"""The cycle: one pass from market to orders, the desk that owns it, and what happens after a crash."""

from engine.cycle.desk import Desk
from engine.cycle.mandate import Equipment, Mandate, Observer
from engine.cycle.recovery import resume_point
from engine.cycle.runner import Runner
from engine.cycle.schedule import Due, due

__all__ = ["Desk", "Due", "Equipment", "Mandate", "Observer", "Runner", "due", "resume_point"]
