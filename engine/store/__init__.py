"""What is kept: the ledger. Bars, snapshots and the sample market are imported from their own modules, which need polars."""

from engine.store.archive import backup_ledger, export_archive, import_archive
from engine.store.books import Books
from engine.store.chain import Head
from engine.store.check import Finding, check
from engine.store.ledger import Ledger, books
from engine.store.lock import InstanceLock, holder
from engine.store.rebuild import rebuild
from engine.store.retention import Forgotten
from engine.store.views import (
    AlertBook,
    CycleBook,
    CycleHistory,
    CycleStep,
    DeskBook,
    Entry,
    EquityMark,
    FundingBook,
    LiquidationBook,
    ModelCall,
    OrderBook,
    OrderStep,
    Standing,
)

__all__ = [
    "AlertBook",
    "Books",
    "CycleBook",
    "CycleHistory",
    "CycleStep",
    "DeskBook",
    "Entry",
    "EquityMark",
    "Finding",
    "Forgotten",
    "FundingBook",
    "Head",
    "InstanceLock",
    "Ledger",
    "LiquidationBook",
    "ModelCall",
    "OrderBook",
    "OrderStep",
    "Standing",
    "backup_ledger",
    "books",
    "check",
    "export_archive",
    "holder",
    "import_archive",
    "rebuild",
]
