"""The screen: the fixed frame around the overview's panels or one of the pages that fill the body. Composition and wiring only."""

from __future__ import annotations

from typing import Any

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Container
from textual.screen import Screen

from engine.state import State, StatusView, Topic, TopicView
from tui.actions import ActionDef, shown_key
from tui.face import Face
from tui.panels.alerts import alerts_panel
from tui.panels.decisions import decisions_panel
from tui.panels.detail import document
from tui.panels.equity import EquityPanel
from tui.panels.events import EventLog
from tui.panels.league import LeaguePanel
from tui.panels.model_log import ModelLog
from tui.panels.orders import orders_panel
from tui.panels.positions import positions_panel
from tui.panels.quotes import LIVE_COLUMNS, quotes_panel
from tui.pump import Pump
from tui.widgets.alert_row import AlertLine
from tui.widgets.command_row import CommandRow
from tui.widgets.key_row import KeyRow
from tui.widgets.line_log import Block
from tui.widgets.line_table import LineTable
from tui.widgets.lines import Lines
from tui.widgets.painted import Painted
from tui.widgets.reader import Reader
from tui.widgets.status_row import StatusRow
from tui.widgets.tab_row import TabRow
from tui.widgets.too_small import LEAST_HEIGHT, LEAST_WIDTH, TooSmall

OPEN = frozenset({"initialized", "submitted", "accepted", "partially_filled"})
SOLO_BELOW_WIDTH = 100
SOLO_BELOW_HEIGHT = 32


class OverviewScreen(Screen[None], inherit_bindings=False):
    """Knows what is where and which panel is active; what keys mean is the app's to say."""

    AUTO_FOCUS = ""

    def __init__(self, face: Face, state: State, actions: tuple[ActionDef, ...], *, readonly: bool) -> None:
        super().__init__()
        self.HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (SOLO_BELOW_WIDTH, "-normal"), (150, "-wide")]
        self.VERTICAL_BREAKPOINTS = [(0, "-short"), (SOLO_BELOW_HEIGHT, "-middle"), (44, "-tall")]
        self.face = face
        self._state = state
        self._bindings.key_to_bindings = {
            key: [Binding(key, f"app.act({action.id!r})", id=action.id)] for action in actions for key in action.keys
        }
        self.status_row = StatusRow(face, id="status", readonly=readonly)
        self.alert_row = AlertLine(face, id="alert")
        self.command_row = CommandRow(face, id="command")
        self.key_row = KeyRow(face, id="keys", actions=actions)
        self.quotes = quotes_panel(face)
        self.orders = orders_panel(face)
        self.positions = positions_panel(face)
        self.models = ModelLog(face)
        self.alerts = alerts_panel(face)
        self.equity = EquityPanel(face)
        self.panels: tuple[Lines, ...] = (self.quotes, self.positions, self.orders, self.models, self.alerts, self.equity)
        self.league = LeaguePanel(face)
        self.pages: dict[str, Lines] = {"decisions": decisions_panel(face), "league": self.league, "events": EventLog(face)}
        self._pages = tuple((shown_key(action), action.id) for action in actions if action.id in self.pages)
        self.tabs = TabRow(face, id="tabs")
        self.reader = Reader(face)
        self.too_small = TooSmall(face, id="too-small")
        rows = (self.status_row, self.alert_row, self.command_row, self.key_row, self.tabs, self.too_small, self.reader)
        self._painted: tuple[Painted, ...] = (*rows, *self.panels, *self.pages.values())
        self._left = Container(self.quotes, self.orders, id="left", classes="column")
        self._right = Container(self.positions, self.models, self.alerts, self.equity, id="right", classes="column")
        self._active = 0
        self._page = ""
        self._zoomed = False
        self._reading = False
        self._opened = ""

    def compose(self) -> ComposeResult:
        """The frame from top to bottom."""
        for panel in self.panels:
            panel.add_class("panel")
        for page in self.pages.values():
            page.add_class("page")
        yield self.too_small
        yield self.status_row
        yield self.alert_row
        yield self.tabs
        yield Container(self._left, self._right, *self.pages.values(), self.reader, id="body")
        yield self.command_row
        yield self.key_row

    def on_mount(self) -> None:
        """Light the first panel."""
        self._arrange()

    def wire(self, pump: Pump) -> None:
        """Tell the pump who wants which topic, and when."""
        state = self._state
        pump.feed(state.status, self._apply_status, _always)
        pump.feed(state.alerts, self.alert_row.apply_alerts, _always)
        pump.feed(state.events, self.alert_row.apply_events, _always)
        pump.feed(state.quotes, self.quotes.apply, lambda: self.showing(self.quotes))
        pump.feed(state.positions, self.positions.apply, lambda: self.showing(self.positions))
        pump.feed(state.orders, self.orders.apply, lambda: self.showing(self.orders))
        pump.feed(state.models, self.models.apply, lambda: self.showing(self.models))
        pump.feed(state.alerts, self.alerts.apply, lambda: self.showing(self.alerts))
        pump.feed(state.equity, self.equity.apply, lambda: self.showing(self.equity))
        self._feed_page(pump, "decisions", state.decisions)
        self._feed_page(pump, "league", state.league)
        self._feed_page(pump, "events", state.events)
        for topic in (state.models, state.orders, state.positions, state.alerts, state.decisions, state.league):
            pump.feed(topic, self._reopen, lambda: self._reading and bool(self._opened))

    def _feed_page(self, pump: Pump, name: str, topic: Topic[Any]) -> None:
        page: Any = self.pages[name]
        pump.feed(topic, page.apply, lambda: self.showing(page))

    def demand(self, now_s: float) -> None:
        """Say what is looked at that the engine computes only then; `now_s` is a monotonic instant."""
        if self._page == "league":
            self._state.league_demand.look(now_s)

    @property
    def active(self) -> Lines:
        """The panel that keys go to; the reader while something is open."""
        return self.reader if self._reading else self._current()

    @property
    def page(self) -> str:
        """The page that fills the body; empty on the overview."""
        return self._page

    @property
    def reading(self) -> bool:
        """Whether a document covers the panels."""
        return self._reading

    @property
    def zoomed(self) -> bool:
        """Whether one panel fills the body by choice."""
        return self._zoomed

    @property
    def solo(self) -> bool:
        """Whether only one panel is shown, by choice or for want of room."""
        return self._zoomed or self._cramped()

    def showing(self, panel: Lines) -> bool:
        """Whether a panel is on the screen; what is not is not fed."""
        if self._reading:
            return False
        if self._page or panel in self.pages.values():
            return bool(self._page) and panel is self.pages[self._page]
        return not self.solo or panel is self.panels[self._active]

    def open_orders(self) -> int:
        """How many orders may still fill."""
        return sum(row.status in OPEN for row in self._state.orders.view().rows.values())

    def activate(self, index: int) -> None:
        """Make a panel the active one."""
        self._active = index % len(self.panels)
        self._arrange()

    def turn_to(self, page: str) -> None:
        """Fill the body with a page; an empty name brings the overview back."""
        self._page = page
        self.close_reader()

    def step(self, by: int) -> None:
        """To the next panel, or the previous one; on a page to the next page."""
        if self._page:
            names = list(self.pages)
            self.turn_to(names[(names.index(self._page) + by) % len(names)])
        else:
            self.activate(self._active + by)

    def set_zoomed(self, zoomed: bool) -> None:
        """The active panel over the whole body, or all of them."""
        self._zoomed = zoomed
        self._arrange()

    def open_row(self) -> bool:
        """Open the row under the cursor in the reader; False when there is none."""
        panel = self._current()
        found = panel.row_at_cursor() if isinstance(panel, LineTable | ModelLog) else None
        if found is None:
            return False
        self._opened = found[0]
        self.read(*document(found[1], self._state, self.face))
        return True

    def read(self, title_key: str, blocks: list[Block]) -> None:
        """Show a document over the panels."""
        self._reading = True
        self._arrange()
        self.reader.open(title_key, blocks)

    def close_reader(self) -> None:
        """Back to the panels."""
        self._reading, self._opened = False, ""
        self._arrange()

    def set_face(self, face: Face) -> None:
        """Everything speaks and looks differently from now on."""
        self.face = face
        for widget in self._painted:
            widget.set_face(face)

    def on_resize(self, event: events.Resize) -> None:
        """Decide anew what fits."""
        self._arrange()

    def on_lines_chosen(self, message: Lines.Chosen) -> None:
        """A click makes a panel active; a second one opens its row."""
        if message.lines in self.panels:
            self.activate(self.panels.index(message.lines))
        if message.again and message.lines is self._current():
            self.open_row()

    def _apply_status(self, view: TopicView[StatusView], changed: frozenset[str] | None) -> None:
        self.status_row.apply(view, changed)
        self.key_row.apply_status(self.status_row.status)
        self.equity.apply_status(self.status_row.status)
        if self.status_row.status.desk and not self.status_row.status.replay:
            self.quotes.show_columns(LIVE_COLUMNS)

    def _reopen(self, view: TopicView[Any], changed: frozenset[str] | None) -> None:
        row = view.rows.get(self._opened)
        if row is not None and (changed is None or self._opened in changed):
            self.reader.show(document(row, self._state, self.face)[1])

    def _current(self) -> Lines:
        return self.pages[self._page] if self._page else self.panels[self._active]

    def _cramped(self) -> bool:
        width, height = self.size
        return bool(width) and (width < SOLO_BELOW_WIDTH or height < SOLO_BELOW_HEIGHT)

    def _arrange(self) -> None:
        width, height = self.size
        solo = self._cramped() if self._page else self.solo
        self.set_class(bool(width) and (width < LEAST_WIDTH or height < LEAST_HEIGHT), "small")
        self.set_class(solo, "solo")
        self.set_class(self._reading, "reading")
        self.set_class(bool(self._page), "paged")
        current = self._current()
        for panel in (*self.panels, *self.pages.values()):
            panel.set_class(panel is current and not (self._reading and self._page), "shown")
            panel.set_active(panel is current)
            panel.set_framed(not self._cramped())
        self.reader.set_framed(not self._cramped())
        left = current in (self.quotes, self.orders)
        self._left.set_class(left and not self._reading, "shown")
        self._right.set_class(current in self.panels and not left and not self._reading, "shown")
        self.models.set_roomy(solo)
        row = tuple(self.pages.values()) if self._page else self.panels
        self.tabs.light(tuple(panel.title_key for panel in row), row.index(current), self._pages if not self._page else ())


def _always() -> bool:
    return True
