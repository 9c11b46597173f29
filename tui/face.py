"""How the console speaks and looks at one moment: words, inks, glyphs and the market whose clock it shows."""

from __future__ import annotations

from dataclasses import dataclass

from tui.charts.spark import ASCII_STEPS, EIGHTHS
from tui.i18n import Words
from tui.palette import Inks


@dataclass(frozen=True, slots=True)
class Glyphs:
    """Every character beyond letters and digits that the console draws; each is one cell wide."""

    corners: str
    across: str
    down: str
    bar: str
    done: str
    now: str
    todo: str
    failed: str
    info: str
    warning: str
    critical: str
    held: str
    more: str
    ask: str
    reply: str
    rising: str
    falling: str
    steps: str


UNICODE = Glyphs("╭╮╰╯", "─", "│", "│", "✓", "●", "·", "×", "·", "!", "▲", "•", "…", "›", "│", "▲", "▼", EIGHTHS)
ASCII = Glyphs("++++", "-", "|", "|", "v", "*", ".", "x", ".", "!", "^", "*", "~", ">", "|", "^", "v", ASCII_STEPS)


@dataclass(frozen=True, slots=True)
class Face:
    """Handed to every widget; a new one replaces it when the language, the theme or the market changes."""

    words: Words
    inks: Inks
    glyphs: Glyphs
    market: str
