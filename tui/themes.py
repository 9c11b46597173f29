"""Themes as data: read a file of themes/, check every key of it, and hand Textual its colours and the lines their inks."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from rich.errors import StyleSyntaxError
from rich.style import Style
from textual.color import Color, ColorParseError
from textual.theme import Theme

from engine.core.errors import ConfigError
from tui.palette import INKS

_HERE = Path(__file__).parent
PLACES = (_HERE / "_bundled" / "themes", _HERE.parent / "themes")
ORDER = ("dark", "light", "ansi", "high-contrast")
_GROUND = frozenset(
    {"background", "foreground", "primary", "secondary", "accent", "warning", "error", "success", "surface", "panel", "boost"}
)
_GROUND_OPTIONAL = frozenset({"boost"})
_ANSI_GROUND = {True: "ansi_black", False: "ansi_white"}


@dataclass(frozen=True, slots=True)
class ConsoleTheme:
    """One theme: Textual's part, registered as `kanpan-NAME`, and a style for every ink."""

    name: str
    textual: Theme
    styles: Mapping[str, Style]
    ground: Style


def find_themes() -> Path:
    """The directory of themes: inside an installed wheel, else beside the source. Raises ConfigError when neither is there."""
    for place in PLACES:
        if place.is_dir():
            return place
    raise ConfigError(f"no themes: {PLACES[0]} is missing; install kanpan again")


def theme_files(directory: Path) -> dict[str, Path]:
    """The file of every theme in `directory` by name, ours first; raises ConfigError when there is none."""
    found = {path.stem: path for path in sorted(directory.glob("*.toml"))}
    if not found:
        raise ConfigError(f"no themes in {directory}")
    return {name: found[name] for name in ORDER if name in found} | found


def load_theme(path: Path) -> ConsoleTheme:
    """One theme file; raises ConfigError naming the key that is missing, unknown or unreadable."""
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path.name}: not TOML: {error}") from error
    _same_keys(path, "", set(table), {"dark", "ansi", "ground", "ink"}, set())
    _same_keys(path, "ground.", set(table["ground"]), set(_GROUND), set(_GROUND_OPTIONAL))
    _same_keys(path, "ink.", set(table["ink"]), set(INKS), set())
    try:
        dark, ansi = bool(table["dark"]), bool(table["ansi"])
        variables = {"ansi-background": _ANSI_GROUND[dark], "ansi-foreground": _ANSI_GROUND[not dark]} if ansi else {}
        for color in table["ground"].values():
            Color.parse(color)
        textual = Theme(name=f"kanpan-{path.stem}", dark=dark, ansi=ansi, variables=variables, **table["ground"])
    except (ColorParseError, TypeError, ValueError) as error:
        raise ConfigError(f"{path.name}: ground: {error}") from error
    ground = Style() if ansi else Style(color=table["ground"]["foreground"], bgcolor=table["ground"]["background"])
    styles = {ink: _style(path, ink, text) for ink, text in table["ink"].items()}
    return ConsoleTheme(
        path.stem, textual, {ink: style if ink == "cursor" else ground + style for ink, style in styles.items()}, ground
    )


def _style(path: Path, ink: str, text: object) -> Style:
    try:
        return Style.parse(str(text))
    except StyleSyntaxError as error:
        raise ConfigError(f"{path.name}: ink.{ink}: {error}") from error


def _same_keys(path: Path, section: str, found: set[str], wanted: set[str], optional: set[str]) -> None:
    for key in sorted(wanted - optional - found):
        raise ConfigError(f"{path.name}: {section}{key} is missing")
    for key in sorted(found - wanted):
        raise ConfigError(f"{path.name}: {section}{key} is not known")
