"""The cycle: one pass from market to orders, the desk that owns it, and what happens after a crash."""

from engine.cycle.desk import Desk
from engine.cycle.mandate import Equipment, Mandate, Observer
from engine.cycle.recovery import resume_point
from engine.cycle.runner import Runner

__all__ = ["Desk", "Equipment", "Mandate", "Observer", "Runner", "resume_point"]
