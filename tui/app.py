"""KanpanApp: the console's thread. It reads the engine's published state, leaves commands at its door, and never waits for it.

pump ──► screen ──► panels      keys ──► dispatcher ──► screen, or a question, or the door
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from rich.segment import Segments
from rich.text import Text
from textual import events
from textual.app import App
from textual.screen import Screen

from engine.core.clock import Clock, SystemClock
from engine.core.errors import ConfigError, KanpanError
from engine.state import StatusView, TopicView
from tui.actions import available
from tui.dispatch import Dispatcher
from tui.door import Door
from tui.driver import TerminalDriver
from tui.face import ASCII, UNICODE, Face
from tui.i18n import load
from tui.messages import EngineEdge, EngineStopped, TerminalLost
from tui.modes.overview import OverviewScreen
from tui.palette import Inks, red_is_up
from tui.pump import EDGE_SPACING_S, Pump, interval
from tui.themes import ConsoleTheme, find_themes, load_theme, theme_files

STOP_WITHIN_S = 2.5
SIGNAL_CODES = {signal.SIGTERM: 143, signal.SIGHUP: 129, signal.SIGINT: 130}


class KanpanApp(App[None], inherit_bindings=False):
    """The console over one door. `return_code` follows the contract: 0, or 128 + the signal that ended it.

    `language` is en or zh; `theme` names a file of themes/ (an unknown name falls back to the first); `up_down` is auto, red-up or
    green-up; `ascii` draws with letters only, for terminals that show ambiguous characters two cells wide; `readonly` drops every
    action that changes the engine. `on_ready` runs on a thread of its own after the first paint: give it the engine's `start`, and
    numbers appear without the first picture having waited for them; a KanpanError it raises ends the console with its exit code.
    """

    CSS_PATH = "styles/overview.tcss"
    TITLE = "kanpan"
    ENABLE_COMMAND_PALETTE = False

    def __init__(
        self,
        door: Door,
        *,
        language: str,
        theme: str,
        clock: Clock | None = None,
        on_ready: Callable[[], None] | None = None,
        ascii: bool = False,
        readonly: bool = False,
        up_down: str = "auto",
    ) -> None:
        self._themes = theme_files(find_themes())
        super().__init__(driver_class=TerminalDriver)
        self._door = door
        self._on_ready = on_ready
        self._up_down = up_down
        self._readonly = readonly
        self._look = load_theme(self._themes.get(theme) or next(iter(self._themes.values())))
        self._wear()
        self.face = Face(load(language), self._inks(self._look, ""), ASCII if ascii else UNICODE, "")
        actions = available(readonly=readonly)
        self.overview = OverviewScreen(self.face, door.state, actions, readonly=readonly)
        self.pump = Pump(door.state)
        self.dispatcher = Dispatcher(
            door,
            self.overview,
            clock or SystemClock(),
            actions,
            themes=tuple(self._themes),
            settings={"lang": self.set_language, "theme": self.set_look},
            leave=self.leave,
            copy=self.copy_to_clipboard,
            readonly=readonly,
        )
        self._exit_code = 0
        self._blurred = False
        self._early = False

    def get_default_screen(self) -> Screen[Any]:
        """The overview is the first mode."""
        return self.overview

    def on_mount(self) -> None:
        """Wire the pump, listen for edges and signals, show what is there, then start what waits for the first paint."""
        state = self._door.state
        self.pump.feed(state.status, self._follow_market, lambda: True)
        self.overview.wire(self.pump)
        self.pump.feed(state.events, self.dispatcher.follow_events, lambda: True)
        if not self._readonly:
            self.pump.feed(state.proposals, self.dispatcher.proposing.follow, lambda: True)
        self.pump.tick()
        state.on_edge(self._edge)
        loop = asyncio.get_running_loop()
        for number, code in SIGNAL_CODES.items():
            with contextlib.suppress(ValueError, RuntimeError):
                loop.add_signal_handler(number, self.leave, code)
        self.set_timer(interval(blurred=False, streaming=False), self._beat)
        if self._on_ready is not None:
            self.call_after_refresh(self._start_beside, self._on_ready)

    def on_unmount(self) -> None:
        """Give the signals back."""
        loop = asyncio.get_running_loop()
        for number in SIGNAL_CODES:
            with contextlib.suppress(ValueError, RuntimeError):
                loop.remove_signal_handler(number)

    async def on_event(self, event: events.Event) -> None:
        """Keys and pastes belong to the prompter while it is busy, whatever they would mean otherwise."""
        prompter = self.dispatcher.prompter
        if prompter.busy and isinstance(event, events.Key):
            prompter.key(event.key, event.character)
        elif prompter.busy and isinstance(event, events.Paste):
            prompter.paste(event.text)
        elif isinstance(event, events.Key) and self.dispatcher.proposing.takes(event.key, event.character):
            self.dispatcher.proposing.key(event.key, event.character)
        else:
            await super().on_event(event)

    def on_app_blur(self) -> None:
        """Nobody looks: one tick a second will do."""
        self._blurred = True

    def on_app_focus(self) -> None:
        """Somebody looks again."""
        self._blurred = False
        self.pump.tick()

    def on_engine_edge(self, message: EngineEdge) -> None:
        """Look early, though not more than twenty times a second."""
        if not self._early:
            self._early = True
            self.set_timer(EDGE_SPACING_S, self._look_early)

    def on_engine_stopped(self, message: EngineStopped) -> None:
        """The engine is down, or would not go: leave."""
        self.exit(return_code=self._exit_code, message=None if message.clean else Text(self.face.words.t("app.stop_slow")))

    def on_terminal_lost(self, message: TerminalLost) -> None:
        """As if the hangup signal had come, which it may not: nobody is looking any more."""
        if not self.dispatcher.stopping:
            self.leave(SIGNAL_CODES[signal.SIGHUP])

    def terminal_lost(self) -> None:
        """Called by the driver's threads."""
        self.post_message(TerminalLost())

    def action_act(self, action_id: str) -> None:
        """One action of the table, by key or by command; what it uncovered is shown at once."""
        self.dispatcher.act(action_id)
        self.pump.tick()

    def leave(self, code: int) -> None:
        """Stop the engine in its own time on a thread of its own, then exit with `code`; asked twice, exit at once."""
        if self.dispatcher.stopping:
            self.exit(return_code=code)
            return
        self.dispatcher.stopping, self._exit_code = True, code
        self.dispatcher.say("app.stopping")
        threading.Thread(target=self._stop_engine, name="console-stop", daemon=True).start()

    def set_look(self, name: str) -> None:
        """The theme `name`, or the next one for an empty name."""
        names = list(self._themes)
        try:
            self._look = load_theme(self._themes[name or names[(names.index(self._look.name) + 1) % len(names)]])
        except ConfigError as error:
            self.overview.command_row.say(str(error))
            return
        self._wear()
        self._reface(replace(self.face, inks=self._inks(self._look, self.face.market)))
        self.dispatcher.say("say.theme", name=self._look.name)

    def set_language(self, language: str) -> None:
        """Another language from now on; nothing restarts."""
        self._reface(replace(self.face, words=load(language)))
        self.dispatcher.say("say.language")

    def _follow_market(self, view: TopicView[StatusView], changed: frozenset[str] | None) -> None:
        status = next(iter(view.rows.values()), None)
        if status is not None and status.market != self.face.market:
            self._reface(replace(self.face, market=status.market, inks=self._inks(self._look, status.market)))

    def _inks(self, look: ConsoleTheme, market: str) -> Inks:
        return Inks(look.styles, red_is_up(market, self._up_down), look.ground)

    def _wear(self) -> None:
        self.register_theme(self._look.textual)
        self.theme = self._look.textual.name

    def _reface(self, face: Face) -> None:
        self.face = face
        self.overview.set_face(face)

    def _beat(self) -> None:
        self.overview.demand(time.monotonic())
        self.pump.tick()
        self.dispatcher.prompter.tick()
        self.dispatcher.proposing.tick()
        self.set_timer(interval(blurred=self._blurred, streaming=self.pump.streaming()), self._beat)

    def _edge(self, kind: str) -> None:
        self.post_message(EngineEdge(kind))

    def _look_early(self) -> None:
        self._early = False
        self.pump.tick()

    def _start_beside(self, start: Callable[[], None]) -> None:
        threading.Thread(target=self._run_start, args=(start,), name="console-start", daemon=True).start()

    def _run_start(self, start: Callable[[], None]) -> None:
        try:
            start()
        except KanpanError as error:
            self.call_from_thread(self.exit, return_code=error.exit_code, message=Text(str(error)))

    def _stop_engine(self) -> None:
        self.post_message(EngineStopped(self._door.stop(STOP_WITHIN_S)))

    def _fatal_error(self) -> None:
        """Textual prints local variables with a traceback; ours may hold a person's figures, so only the lines are printed."""
        from rich.traceback import Traceback  # 40 ms that only a crash needs

        words = Text(self.face.words.t("app.crashed"))
        trace = Traceback(show_locals=False, width=None)
        self._exit_renderables.append(Segments([*self.console.render(words), *self.console.render(trace, self.console.options)]))
        self._close_messages_no_wait()
