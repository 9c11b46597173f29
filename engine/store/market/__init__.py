"""The store of market data: bars, securities and other dated facts of each market, behind one as-of gate."""

from engine.store.market.check import Fault, Flaw, check_market
from engine.store.market.layout import (
    EX_RIGHTS,
    FUNDAMENTALS,
    FUNDING,
    INTERVAL_MINUTES,
    OPEN_INTEREST,
    QUARANTINE_SCHEMA,
    RAW,
    SECURITIES,
    SECURITY_SCHEMA,
    TABLES,
    Table,
    market_of,
)
from engine.store.market.quarantine import Reason
from engine.store.market.store import Kept, MarketStore, Written
from engine.store.market.view import MarketAsOf

__all__ = [
    "EX_RIGHTS",
    "FUNDAMENTALS",
    "FUNDING",
    "INTERVAL_MINUTES",
    "OPEN_INTEREST",
    "QUARANTINE_SCHEMA",
    "RAW",
    "SECURITIES",
    "SECURITY_SCHEMA",
    "TABLES",
    "Fault",
    "Flaw",
    "Kept",
    "MarketAsOf",
    "MarketStore",
    "Reason",
    "Table",
    "Written",
    "check_market",
    "market_of",
]
