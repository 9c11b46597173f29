"""The commands that carry a state directory elsewhere: `export`, `import`, `backup`. Keys and .env files never travel."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from engine.core.errors import ConfigError
from engine.store import backup_ledger, export_archive, import_archive
from engine.store.connect import DATABASE
from tui.arguments import place_of
from tui.verbs import print_line

if TYPE_CHECKING:
    from tui.cli import Settings


def run(command: str, arguments: argparse.Namespace, settings: Settings) -> int:
    """Carry one of the three out; all of them may run beside an engine, which they only read."""
    place = place_of(arguments.place).absolute()
    if command == "import":
        if not place.is_file():
            raise ConfigError(f"{place}: no such file")
        count = import_archive(place, settings.home)
        return _done(settings, f"{count} files imported into {settings.home}", path=settings.home, files=count)
    if not (settings.home / DATABASE).exists():
        raise ConfigError(f"nothing has run yet in {settings.home}")
    if command == "backup":
        backup_ledger(settings.home, place)
        return _done(settings, f"the ledger was copied to {place}", path=place, files=2)
    count = export_archive(settings.home, place)
    return _done(settings, f"{count} files exported to {place}", path=place, files=count)


def _done(settings: Settings, text: str, *, path: Path, files: int) -> int:
    print_line(json.dumps({"path": str(path), "files": files}, ensure_ascii=False) if settings.as_json else text)
    return 0
