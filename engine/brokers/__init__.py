"""Brokers: orders in, order events and fills out, behind one protocol; paper trading under the exchange's real rules."""

from engine.brokers.broker import Book, Broker, Effects, Working
from engine.brokers.execution import Venue, execute
from engine.brokers.fold import Fold
from engine.brokers.paper import PaperBroker

__all__ = ["Book", "Broker", "Effects", "Fold", "PaperBroker", "Venue", "Working", "execute"]
