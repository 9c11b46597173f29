"""What the models were asked and what they answered, as one log that follows its tail while a reply streams."""

from __future__ import annotations

from collections.abc import Mapping

from engine.core.text import safe_text
from engine.state import ModelRow, TopicView
from tui.face import Face
from tui.format import reflow_json, stamp, tokens
from tui.panels.digest import digest
from tui.widgets.line_log import Block, LineLog
from tui.widgets.painted import Row, Span
from tui.widgets.status_row import SYMBOLS

MAX_ENTRIES = 60
_PROMPT_LINES, _ROOMY_PROMPT_LINES = 2, 10
_LEAST_REPLY_LINES, _ROOMY_REPLY_LINES = 4, 60
_GOOD = {"ok": "stage-done", "repaired": "warning", "streaming": "accent", "asked": "accent", "": "accent"}


def outcome_of(row: ModelRow, face: Face) -> Span:
    """How the call ended, as a glyph and a word."""
    glyphs = face.glyphs
    if row.streaming:
        return (f"{glyphs.now} {face.words.t('outcome.streaming')}", "accent")
    mark = glyphs.done if row.outcome in ("ok", "repaired") else glyphs.now if row.outcome in ("asked", "") else glyphs.failed
    ink = {"stage-done": "green"}.get(_GOOD.get(row.outcome, "warning"), _GOOD.get(row.outcome, "warning"))
    return (f"{mark} {face.words.get('outcome', row.outcome or 'asked')}", "text" if ink == "green" else ink)


def cost_of(row: ModelRow) -> str:
    """The cost of one call with its currency."""
    return f"{SYMBOLS.get(row.currency, '')}{row.cost}" if row.currency else row.cost


def header(row: ModelRow, face: Face) -> Row:
    """The line that names a call: when, who, what came of it, how long and how much."""
    model = safe_text(row.model, limit=32, one_line=True)
    spans: list[Span] = [(stamp(row.at, face.market, "%H:%M:%S "), "dim"), (model, "title-on" if row.streaming else "accent")]
    if row.offline:
        spans.append((f" {face.words.t('app.offline')}", "warning"))
    spans += [(" ", "text"), outcome_of(row, face)]
    if not row.streaming and row.latency_ms:
        spans.append((f" {row.latency_ms:,}ms", "dim"))
    if row.tokens_in or row.tokens_out:
        spans.append((f" {tokens(row.tokens_in)}{face.glyphs.ask}{tokens(row.tokens_out)} {face.words.t('status.tokens')}", "dim"))
    if row.currency:
        spans.append((f" {cost_of(row)}", "dim"))
    return tuple(spans)


class ModelLog(LineLog):
    """The panel over the topic `models`."""

    def __init__(self, face: Face) -> None:
        super().__init__(face, id="models", title_key="panel.models", empty_key="empty.models")
        self.filter = ""
        self._rows: Mapping[str, ModelRow] = {}
        self._roomy = False
        self._kept: dict[str, tuple[ModelRow, Face, int, list[Block]]] = {}

    def apply(self, view: TopicView[ModelRow], changed: frozenset[str] | None) -> None:
        """Show this version of the calls."""
        self._rows = view.rows
        self._rebuild()

    def set_filter(self, text: str) -> None:
        """Only calls whose model, prompt or reply contains `text`."""
        self.filter = text
        self._rebuild()

    def set_roomy(self, roomy: bool) -> None:
        """More lines of each prompt and reply when the panel has the whole body."""
        if roomy != self._roomy:
            self._roomy = roomy
            self._rebuild()

    def set_face(self, face: Face) -> None:
        """Headers are words and inks: lay them again."""
        super().set_face(face)
        self._rebuild()

    def on_resize(self) -> None:
        """A reply shows as many lines as leave its header in view."""
        self._rebuild()
        super().on_resize()

    def note(self) -> str:
        """Why there is nothing to see."""
        return self.face.words.t("empty.filtered", filter=self.filter) if self.filter else super().note()

    def info(self) -> Row:
        """The filter, and the line's place."""
        place = super().info()
        return ((f"/{self.filter} ", "accent"), *place) if self.filter else place

    def row_at_cursor(self) -> tuple[str, ModelRow] | None:
        """The call under the cursor."""
        key = self.entry_at_cursor()
        return (key, self._rows[key]) if key in self._rows else None

    def _rebuild(self) -> None:
        wanted = self.filter.casefold()
        rows = [row for row in self._rows.values() if not wanted or wanted in f"{row.model} {row.prompt} {row.reply}".casefold()]
        fresh: dict[str, tuple[ModelRow, Face, int, list[Block]]] = {}
        for row in rows[-MAX_ENTRIES:]:
            known = self._kept.get(row.key)
            same = known is not None and known[0] is row and known[1] is self.face and known[2] == self._lines_of_reply()
            fresh[row.key] = known if known and same else (row, self.face, self._lines_of_reply(), self._blocks_of(row))
        self._kept = fresh
        self.show([block for kept in fresh.values() for block in kept[3]])

    def _lines_of_reply(self) -> int:
        return _ROOMY_REPLY_LINES if self._roomy else max(_LEAST_REPLY_LINES, self.window() - _PROMPT_LINES - 3)

    def _blocks_of(self, row: ModelRow) -> list[Block]:
        glyphs = self.face.glyphs
        prompt_lines = _ROOMY_PROMPT_LINES if self._roomy else _PROMPT_LINES
        blocks = [Block(row.key, row=header(row, self.face))]
        if row.prompt:
            blocks.append(
                Block(
                    row.key,
                    text=row.prompt.strip(),
                    ink="ask",
                    gutter=(f"{glyphs.ask} ", "faint"),
                    most=prompt_lines,
                    more_key="detail.prompt_more",
                )
            )
        lines = [] if self._roomy or row.streaming else digest(row.reply, self.face)
        if lines:
            blocks += [Block(row.key, row=line, gutter=(f"{glyphs.reply} ", "frame-on"), cut=True) for line in lines]
        elif row.reply:
            blocks.append(
                Block(
                    row.key,
                    text=reflow_json(row.reply.strip()),
                    ink="reply",
                    gutter=(f"{glyphs.reply} ", "frame-on"),
                    json=True,
                    most=self._lines_of_reply(),
                    tail=row.streaming,
                    more_key="detail.prompt_more",
                )
            )
        return blocks
