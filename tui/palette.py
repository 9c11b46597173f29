"""Inks: the names by which lines ask for colour, and what up and down mean in each market.

Red is up for A-shares and green is up elsewhere; one setting overrides. Colour is never the only signal: a sign, a word or a glyph
always says the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from rich.style import Style

INKS = (
    "text", "dim", "faint", "frame", "frame-on", "title", "title-on", "head", "accent", "key", "red", "green", "flat",
    "info", "warning", "critical", "critical-row", "warning-row", "quiet-row", "status", "status-dim", "status-strong",
    "paper", "live", "mark", "alarm", "stage-on", "stage-done", "stage-off", "status-red", "status-green", "command", "command-ask",
    "keys", "keys-key", "cursor", "ask", "reply", "json-key", "json-string", "json-number", "spark", "tab", "tab-on",
)  # fmt: skip
UP_DOWN = ("auto", "red-up", "green-up")


@dataclass(frozen=True, slots=True)
class Inks:
    """A theme's styles by ink name, whether red is up, and the ground on which every ink without one of its own stands."""

    styles: Mapping[str, Style]
    red_up: bool = True
    ground: Style = field(default_factory=Style)
    _cursor: dict[str, Style] = field(default_factory=dict, compare=False)

    def style(self, ink: str) -> Style:
        """The style of one ink."""
        return self.styles[ink]

    def on_cursor(self, ink: str) -> Style:
        """The same ink on the cursor's row: its own colour on the cursor's ground, or on its own where it has one.

        A cursor in reverse video is one plain bar: colours reversed one by one would be a patchwork.
        """
        known = self._cursor.get(ink)
        if known is None:
            plain, cursor = self.styles[ink], self.styles["cursor"]
            own_ground = plain.reverse or (plain.bgcolor is not None and plain.bgcolor != self.ground.bgcolor)
            known = self._cursor[ink] = plain if own_ground else cursor if cursor.reverse else plain + cursor
        return known

    def signed(self, sign: float) -> str:
        """The ink of a gain, a loss or neither."""
        if sign == 0:
            return "flat"
        return "red" if (sign > 0) == self.red_up else "green"


def red_is_up(market: str, preference: str) -> bool:
    """`preference` is auto, red-up or green-up; auto follows the market's own custom."""
    return market in ("", "ashare") if preference == "auto" else preference == "red-up"


def ink_of_severity(severity: str) -> str:
    """The ink of an alert's level."""
    return severity if severity in ("warning", "critical") else "info"
