"""What each action means: to the screen, as a question first, or as a command left at the engine's door."""

from __future__ import annotations

import queue
from collections.abc import Callable

from engine.core.clock import Clock
from engine.core.errors import KanpanError
from engine.state import EventRow, StatusView, TopicView
from tui.actions import BY_ID, ActionDef, why_not
from tui.commands import Wrong, complete, parse
from tui.confirm import ANSWER_WITHIN, Outcome
from tui.door import Door
from tui.modes.overview import OverviewScreen
from tui.panels.help import help_blocks
from tui.panels.model_log import ModelLog
from tui.prompter import Prompter
from tui.proposing import Proposing
from tui.widgets.line_table import LineTable
from tui.widgets.reader import Reader

KILL_WORD = "KILL"
HALT_REASON = "kill switch"


class Dispatcher:
    """Carries out actions of the table on one screen over one door; `settings` are the command line's words with a value."""

    def __init__(
        self,
        door: Door,
        screen: OverviewScreen,
        clock: Clock,
        actions: tuple[ActionDef, ...],
        *,
        themes: tuple[str, ...],
        settings: dict[str, Callable[[str], None]],
        leave: Callable[[int], None],
        copy: Callable[[str], None],
        readonly: bool,
    ) -> None:
        self._door = door
        self._screen = screen
        self._actions = actions
        self._themes = themes
        self._settings = settings
        self._leave = leave
        self._copy_text = copy
        self._readonly = readonly
        self._sent: dict[str, str] = {}
        self._implied: set[str] = set()
        self._events_seen = 0
        self._engine_gone = False
        self._searched = ""
        self.stopping = False
        self.prompter = Prompter(screen.command_row, clock, self._about, self._answered)
        self.proposing = Proposing(
            screen.command_row, clock, lambda: screen.face.words, self._send_to, busy=lambda: self.prompter.busy
        )

    def say(self, key: str, **params: object) -> None:
        """Words in the command row."""
        self._screen.command_row.say(self._screen.face.words.t(key, **params))

    def act(self, action_id: str) -> None:
        """Do one action, ask first if the table says so, or say why it cannot be done now."""
        action, words, status = BY_ID[action_id], self._screen.face.words, self._status()
        if action not in self._actions:
            self.say("help.disabled", why=words.t("why.readonly"))
            return
        why = "why.stopping" if self.stopping and action.verb else why_not(action, status, self._screen.alert_row.unseen)
        if why:
            self.say("help.disabled", why=words.t(why))
        elif action.id == "halt":
            self._send("halt", HALT_REASON)
            self.prompter.ask("halt", words.t("confirm.halt", count=self._screen.open_orders()), word=KILL_WORD)
        elif action.id == "quit" and (self._engine_gone or self.stopping):
            self._leave(0)
        elif action.confirm:
            self.prompter.ask(action.id, words.t(f"confirm.{action.confirm}", reason=status.halting_reason or "-"))
        elif action.id == "pause":
            self._send("resume_schedule" if status.paused else "pause")
        elif action.verb:
            self._send(action.verb, "all" if action.verb == "acknowledge" else "")
        else:
            self._look(action.id)

    def follow_events(self, view: TopicView[EventRow], changed: frozenset[str] | None) -> None:
        """Hear the engine's answers to the commands we left, and its end."""
        fresh: list[EventRow] = []
        for key in reversed(list(view.rows)):
            if view.rows[key].number <= self._events_seen:
                break
            fresh.append(view.rows[key])
        for event in reversed(fresh):
            self._events_seen = event.number
            self._engine_gone = self._engine_gone or event.code == "ENGINE_STOPPED"
            if event.code in ("COMMAND_DONE", "COMMAND_REFUSED"):
                self._heard(event)

    def _heard(self, event: EventRow) -> None:
        params, words = dict(event.params), self._screen.face.words
        name = params.get("id", "")
        verb = self._sent.pop(name, None)
        if verb is not None and not (name in self._implied and event.code == "COMMAND_DONE"):
            if verb in ("approve", "refuse", "amend") and event.code == "COMMAND_REFUSED":
                self.proposing.again()
            key = "say.done" if event.code == "COMMAND_DONE" else "say.refused"
            self.say(key, verb=words.get("verb", verb), outcome=self._outcome(params.get("outcome", "")))

    def _outcome(self, code: str) -> str:
        words = self._screen.face.words
        known = words.get("reason", code)
        return known if known != code else words.get("outcome", code)

    def _send(self, verb: str, argument: str = "") -> None:
        self._send_to(verb, self._status().desk, argument)

    def _send_to(self, verb: str, desk: str, argument: str) -> None:
        said = self._screen.face.words.get("verb", verb)
        try:
            self._sent[self._door.command(verb, desk, argument)] = verb
        except (KanpanError, queue.Full) as error:
            self.say("say.refused", verb=said, outcome=str(error) or self._screen.face.words.t("reason.TOO_MANY_WAITING"))
        else:
            self.say("say.sent", verb=said)

    def _status(self) -> StatusView:
        return self._screen.status_row.status

    def _about(self) -> str:
        status = self._status()
        return f"{status.desk} {status.mode} {status.trading_state}"

    def _answered(self, action: str, outcome: Outcome) -> None:
        if action == "halt":
            if outcome in (Outcome.ACCEPTED, Outcome.CHANGED):
                self._send("cancel")
                self._send("pause")
                self._implied = set(self._sent)
                self.say("confirm.halt_done")
            else:
                self.say("confirm.halt_kept")
        elif outcome is Outcome.REFUSED:
            self.say("confirm.cancelled")
        elif outcome is not Outcome.ACCEPTED:
            self.say(f"confirm.{outcome.value}", seconds=int(ANSWER_WITHIN.total_seconds()))
        elif action == "quit":
            self._leave(0)
        else:
            self._send(BY_ID[action].verb)

    def _look(self, action_id: str) -> None:
        screen, panel = self._screen, self._screen.active
        match action_id:
            case "next_panel":
                screen.step(1)
            case "previous_panel":
                screen.step(-1)
            case "down":
                panel.move(1)
            case "up":
                panel.move(-1)
            case "start":
                panel.go_to(0)
            case "end":
                panel.go_to(panel.count() - 1)
            case "half_down":
                panel.move(panel.half_page())
            case "half_up":
                panel.move(-panel.half_page())
            case "open":
                if not screen.reading and not screen.open_row() and not screen.page:
                    screen.set_zoomed(not screen.zoomed)
            case "zoom":
                screen.set_zoomed(not screen.zoomed)
            case "back":
                self._back()
            case "overview":
                screen.set_zoomed(False)
                screen.turn_to("")
            case "decisions" | "league" | "events":
                screen.turn_to(action_id)
            case "next_match" | "previous_match":
                self._search(1 if action_id == "next_match" else -1)
            case "sort" | "reverse":
                self._sort(action_id)
            case "filter":
                self._filter()
            case "command":
                self._command()
            case "copy":
                self._copy()
            case "theme":
                self._settings["theme"]("")
            case "help":
                self._help()

    def _back(self) -> None:
        screen = self._screen
        panel = screen.active
        if screen.reading:
            screen.close_reader()
        elif isinstance(panel, LineTable | ModelLog) and panel.filter:
            panel.set_filter("")
            self.say("say.filter_off")
        elif screen.page:
            screen.turn_to("")
        elif screen.zoomed:
            screen.set_zoomed(False)
        else:
            screen.command_row.say("")

    def _sort(self, way: str) -> None:
        panel, words = self._screen.active, self._screen.face.words
        if not isinstance(panel, LineTable):
            self.say("help.disabled", why=words.t("why.not_here"))
        elif way == "reverse":
            panel.reverse_order()
        elif key := panel.sort_next():
            self.say("say.sorted", column=words.t(f"column.{key}"))
        else:
            self.say("say.natural")

    def _filter(self) -> None:
        panel = self._screen.active
        if isinstance(panel, Reader):
            self.prompter.edit(" /", "", entered=self._search_for)
            return
        if not isinstance(panel, LineTable | ModelLog):
            self.say("help.disabled", why=self._screen.face.words.t("why.not_here"))
            return
        before = panel.filter

        def entered(text: str) -> None:
            panel.set_filter(text.strip())
            if text.strip():
                self.say("say.filter_on", filter=text.strip())
            else:
                self.say("say.filter_off")

        self.prompter.edit(" /", before, changed=panel.set_filter, entered=entered, left=lambda: panel.set_filter(before))

    def _search_for(self, text: str) -> None:
        self._searched = text.strip()
        self._search(1)

    def _search(self, way: int) -> None:
        reader = self._screen.reader
        if not self._screen.reading or not self._searched:
            return
        line = reader.search(self._searched, way)
        if line < 0:
            self.say("say.not_found", text=self._searched)
        else:
            self.say("say.found", text=self._searched, line=line + 1, count=reader.count())

    def _command(self) -> None:
        def entered(line: str) -> None:
            request = parse(line, self._themes, self._actions)
            if isinstance(request, Wrong):
                self.say(request.key, **dict(request.params))
            elif request is not None and request.action in self._settings:
                self._settings[request.action](request.argument)
            elif request is not None:
                self.act(request.action)

        def completed(line: str) -> str:
            return complete(line, self._themes, self._actions)

        self.prompter.edit(" :", "", entered=entered, complete=completed)

    def _copy(self) -> None:
        panel = self._screen.active
        found = panel.row_at_cursor() if isinstance(panel, LineTable) else None
        if found is not None:
            text = str(getattr(found[1], "symbol", found[0]))
            self._copy_text(text)
            self.say("say.copied", text=text)

    def _help(self) -> None:
        screen = self._screen
        if screen.reading:
            screen.close_reader()
            return
        unseen = screen.alert_row.unseen
        blocks = help_blocks(screen.face, self._actions, self._status(), unseen, themes=self._themes, readonly=self._readonly)
        screen.read("panel.help", blocks)
