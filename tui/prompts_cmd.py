"""`kanpan prompts`: a person's own prompt templates beside the built-in ones; every version kept, one in force.

list | show ID [--version N] | diff ID [--from N] [--to N] | save FILE | activate ID N
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from engine.core.errors import ConfigError
from engine.llm.library import MAX_TEMPLATE_BYTES, PromptLibrary
from tui.table import table
from tui.verbs import print_line

if TYPE_CHECKING:
    from tui.cli import Settings


def run(arguments: argparse.Namespace, settings: Settings) -> int:
    """Carry one of them out. Raises ConfigError for what is not there or not sound."""
    library = PromptLibrary(settings.home / "prompts")
    if arguments.action != "list" and not arguments.what:
        raise ConfigError(f"prompts {arguments.action}: name {'a file' if arguments.action == 'save' else 'a template'}")
    match arguments.action:
        case "list":
            return _list(library, settings)
        case "save":
            return _save(library, arguments, settings)
        case "activate":
            return _activate(library, arguments, settings)
        case "show":
            return _show(library, arguments, settings)
        case _:
            return _diff(library, arguments, settings)


def _list(library: PromptLibrary, settings: Settings) -> int:
    rows = []
    for name, language in library.names():
        template = library.template(name, language)
        own = library.versions(name, language)
        rows.append(
            {
                "id": name,
                "language": language,
                "market": template.market,
                "in_force": template.version,
                "versions": " ".join(str(number) for number in (0, *own)),
            }
        )
    if settings.as_json:
        print_line(json.dumps(rows, ensure_ascii=False, indent=2))
    else:
        sys.stdout.write(table(rows))
    return 0


def _show(library: PromptLibrary, arguments: argparse.Namespace, settings: Settings) -> int:
    name, language = arguments.what, settings.language
    number = library.active(name, language) if arguments.number is None else arguments.number
    text = library.text(name, language, number)
    if settings.as_json:
        print_line(json.dumps({"id": name, "language": language, "version": number, "text": text}, ensure_ascii=False, indent=2))
    else:
        sys.stdout.write(text)
    return 0


def _diff(library: PromptLibrary, arguments: argparse.Namespace, settings: Settings) -> int:
    name, language = arguments.what, settings.language
    newest = max(library.versions(name, language), default=0)
    after = arguments.after if arguments.after is not None else newest
    sys.stdout.write(library.diff(name, language, arguments.before or 0, after))
    return 0


def _save(library: PromptLibrary, arguments: argparse.Namespace, settings: Settings) -> int:
    path = Path(arguments.what)
    try:
        if path.stat().st_size > MAX_TEMPLATE_BYTES:
            raise ConfigError(f"{path.name}: a prompt template holds at most {MAX_TEMPLATE_BYTES} bytes")
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as fault:
        raise ConfigError(f"{path.name}: cannot be read ({type(fault).__name__})") from None
    number = library.save(text)
    said = f"saved as version {number}; `prompts activate` puts it in force"
    print_line(json.dumps({"version": number}) if settings.as_json else said)
    return 0


def _activate(library: PromptLibrary, arguments: argparse.Namespace, settings: Settings) -> int:
    if arguments.number is None:
        raise ConfigError("prompts activate: name a version; 0 is the built-in one")
    library.activate(arguments.what, settings.language, arguments.number)
    told = {"id": arguments.what, "language": settings.language, "in_force": arguments.number}
    said = f"{arguments.what}.{settings.language}: version {arguments.number} is in force"
    print_line(json.dumps(told) if settings.as_json else said)
    return 0
