"""Files of the usual vendors into the store of market data, with every row accounted for."""

from engine.store.importing.importer import Imported, import_file
from engine.store.importing.plan import Plan, Stamp, VolumeUnit
from engine.store.importing.symbols import full_symbol

__all__ = ["Imported", "Plan", "Stamp", "VolumeUnit", "full_symbol", "import_file"]
