"""The status row: everything at a glance, the least important leaving first when the terminal is narrow."""

from __future__ import annotations

from dataclasses import dataclass

from engine.core.text import safe_text
from engine.state import StatusView, TopicView
from tui.face import Face
from tui.format import age, cents, countdown, percent, sign_of, stamp, tokens
from tui.widgets.frame import exactly
from tui.widgets.painted import Painted, Row, Span, span_width

STAGES = ("fetch", "analyze", "decide", "risk", "execute")
STAGE_OF = {
    "RECONCILING": 0,
    "FETCHING": 0,
    "ANALYZING": 1,
    "DECIDING": 2,
    "RISK": 3,
    "EXECUTING": 4,
    "SETTLING": 4,
}
BROKEN = {"FAILED", "AMBIGUOUS"}
SYMBOLS = {"CNY": "¥", "USD": "$"}
STALE_AFTER_S = 60.0


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the row in its long form, and in shorter ones where it has them."""

    name: str
    long: Row
    short: Row = ()
    shorter: Row = ()


GIVE_WAY = (
    ("cost", "drop"), ("time", "shorten"), ("data", "shorten"), ("equity", "shorten"), ("data", "shorten"), ("offline", "shorten"),
    ("next", "drop"), ("stages", "shorten"), ("data", "drop"), ("time", "shorten"), ("readonly", "drop"), ("stages", "drop"),
    ("time", "drop"), ("equity", "drop"), ("offline", "drop"),
)  # fmt: skip
"""What gives way, in this order, until the row fits."""


class StatusRow(Painted):
    """One row over the whole width."""

    def __init__(self, face: Face, *, id: str, readonly: bool) -> None:
        super().__init__(face, id=id)
        self.status = StatusView()
        self._readonly = readonly
        self._several = False

    def apply(self, view: TopicView[StatusView], changed: frozenset[str] | None) -> None:
        """Show the desk's status; with several desks the first one, by name."""
        self.status = next(iter(view.rows.values()), self.status)
        self._several = len(view.rows) > 1
        self.settle()

    def compose_row(self, y: int, width: int) -> Row:
        """The parts that fit."""
        return status_line(self.status, self.face, width, readonly=self._readonly, named=self._several)


def status_line(status: StatusView, face: Face, width: int, *, readonly: bool = False, named: bool = False) -> Row:
    """The row in exactly `width` cells; `named` begins with the desk's name."""
    badges = _badges(status, face)
    if named:
        badges = ((f" {safe_text(status.desk, limit=16, one_line=True)} ", "status-strong"), *badges)
    parts = {part.name: part for part in _parts(status, face, readonly=readonly) if part.long}
    for name, way in (*GIVE_WAY, ("", "")):
        row = _joined(badges, [part.long for part in parts.values()], face)
        if span_width(row) <= width:
            break
        if way == "drop":
            parts.pop(name, None)
        elif name in parts and parts[name].short:
            parts[name] = Part(name, parts[name].short, parts[name].shorter)
    return exactly(row, width, "status")


def _joined(badges: Row, parts: list[Row], face: Face) -> Row:
    row: list[Span] = list(badges)
    for index, part in enumerate(parts):
        row.append((f" {face.glyphs.bar} " if index else " ", "status-dim"))
        row.extend(part)
    return tuple(row)


def _badges(status: StatusView, face: Face) -> Row:
    words = face.words
    live = status.mode == "live"
    row: list[Span] = [(f" {words.t('app.live' if live else 'app.paper')} ", "live" if live else "paper")]
    if status.replay:
        row.append((f" {words.t('app.simulated' if status.source == 'sim' else 'app.replay')} ", "mark"))
    if status.trading_state != "ACTIVE":
        row.append((f" {words.get('trading', status.trading_state)} ", "alarm"))
    if status.paused:
        row.append((f" {words.t('trading.paused')} ", "warning-row"))
    if status.replay_finished:
        row.append((f" {words.t('trading.finished')} ", "warning-row"))
    return tuple(row)


def _parts(status: StatusView, face: Face, *, readonly: bool) -> list[Part]:
    words = face.words
    return [
        _time(status, face),
        Part("stages", _stages(status, face), _stage_now(status, face)),
        _next(status, face),
        _equity(status, face),
        _offline(face) if status.offline_model else Part("offline", ()),
        _cost(status, face),
        _data(status, face),
        Part("readonly", ((words.t("app.readonly"), "status-strong"),) if readonly else ()),
    ]


def _offline(face: Face) -> Part:
    words = face.words
    return Part("offline", ((words.t("app.offline"), "status-strong"),), ((words.t("app.offline_short"), "status-strong"),))


def _time(status: StatusView, face: Face) -> Part:
    if status.now is None:
        return Part("time", ((face.words.t("app.starting"), "status-dim"),))
    clock = (stamp(status.now, status.market, "%H:%M:%S"), "status-strong")
    phase = (f" {face.words.get('phase', status.phase)}", "status")
    long, bare = ((stamp(status.now, status.market, "%Y-%m-%d "), "status"), clock, phase), (clock, phase)
    if not status.replay:
        return Part("time", long, bare)
    return Part("time", long, ((stamp(status.now, status.market, "%m-%d %H:%M"), "status-strong"), phase), bare)


def _stages(status: StatusView, face: Face) -> Row:
    state, glyphs, words = status.cycle_state, face.glyphs, face.words
    row: list[Span] = [(f"#{status.cycle_number}", "status-strong")]
    if state in BROKEN or state in ("SKIPPED", "ABSTAINED"):
        why = f": {words.reason(status.cycle_reason)}" if status.cycle_reason else ""
        return (*row, (f" {words.get('cycle', state)}{why}", "status-red" if state in BROKEN else "status"))
    here = STAGE_OF.get(state, len(STAGES) if state == "COMPLETED" else -1)
    for index, stage in enumerate(STAGES):
        mark, ink = (
            (glyphs.done, "stage-done")
            if index < here
            else (glyphs.now, "stage-on")
            if index == here
            else (glyphs.todo, "stage-off")
        )
        row.append((f" {words.t(f'stage.{stage}')}{mark}", ink))
    return tuple(row)


def _stage_now(status: StatusView, face: Face) -> Row:
    state = status.cycle_state
    ink = "status-red" if state in BROKEN else "stage-on" if state in STAGE_OF else "status"
    return ((f"#{status.cycle_number}", "status-strong"), (f" {face.words.get('cycle', state)}", ink))


def _next(status: StatusView, face: Face) -> Part:
    if status.next_slot is None or status.now is None or status.paused:
        return Part("next", ())
    left = (status.next_slot - status.now).total_seconds()
    return Part("next", ((f"{face.words.t('status.next')} ", "status-dim"), (countdown(left), "status")))


def _equity(status: StatusView, face: Face) -> Part:
    symbol = SYMBOLS.get(status.currency, "")
    inks = {"red": "status-red", "green": "status-green", "flat": "status"}
    amount: Row = (
        (f"{symbol}{cents(status.equity)} ", "status-strong"),
        (f"{percent(status.day_change_ppm)}%", inks[face.inks.signed(sign_of(status.day_change))]),
    )
    return Part("equity", ((f"{face.words.t('status.equity')} ", "status-dim"), *amount), amount)


def _cost(status: StatusView, face: Face) -> Part:
    if not status.tokens:
        return Part("cost", ())
    symbol = SYMBOLS.get(status.model_cost_currency, "")
    cost = f"{symbol}{status.model_cost} " if status.model_cost_currency else ""
    return Part(
        "cost",
        (
            (f"{face.words.t('status.model')} ", "status-dim"),
            (f"{cost}{tokens(status.tokens)} {face.words.t('status.tokens')}", "status"),
        ),
    )


def _data(status: StatusView, face: Face) -> Part:
    if not status.source:
        return Part("data", ())
    late = status.source_age_s is not None and status.source_age_s > STALE_AFTER_S
    ink = "keys-key" if status.source_degraded or late else "status"
    aged = f" {age(status.source_age_s)}" if status.source_age_s is not None else ""
    fallback = f" {face.words.t('status.fallback')}" if status.source_degraded else ""
    source = safe_text(status.source, limit=16, one_line=True)
    label = (f"{face.words.t('status.data')} ", "status-dim")
    return Part("data", (label, (f"{source}{aged}{fallback}", ink)), ((f"{source}{aged}", ink),), ((source, ink),))
