"""Brokers: orders in, order events and fills out, behind one protocol; paper trading under the exchange's real rules."""

from engine.brokers.broker import Book, Broker, Effects, Working
from engine.brokers.execution import Venue, execute
from engine.brokers.fold import Fold
from engine.brokers.paper import PaperBroker
from engine.brokers.reconcile import HALTING, Line, Match, correction, reconcile

__all__ = [
    "HALTING",
    "Book",
    "Broker",
    "Effects",
    "Fold",
    "Line",
    "Match",
    "PaperBroker",
    "Venue",
    "Working",
    "correction",
    "execute",
    "reconcile",
]
