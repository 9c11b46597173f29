"""One row opened: everything the engine published about it, as a document for the reader."""

from __future__ import annotations

from collections.abc import Iterable

from rich.cells import set_cell_size

from engine.core.text import safe_text
from engine.state import AlertRow, DecisionRow, EventRow, LeagueRow, ModelRow, OrderRow, PositionRow, QuoteRow, State
from tui.face import Face
from tui.format import compact, money, percent, price, reflow_json, signed_money, stamp, tokens, weight
from tui.panels.judged import decided, findings_of, standing
from tui.panels.model_log import cost_of, outcome_of
from tui.panels.orders import limit_of
from tui.widgets.line_log import Block

AnyRow = QuoteRow | PositionRow | OrderRow | ModelRow | AlertRow | DecisionRow | LeagueRow | EventRow
_LABEL_CELLS = 18


def document(row: AnyRow, state: State, face: Face) -> tuple[str, list[Block]]:
    """The title's key and the blocks of a row."""
    match row:
        case QuoteRow():
            return "detail.quote", _pairs(_quote(row, face), face)
        case PositionRow():
            return "detail.position", [*_pairs(_position(row, face), face), *_decisions(row.symbol, "", state, face)]
        case OrderRow():
            return "detail.order", [*_pairs(_order(row, face), face), *_decisions(row.symbol, row.cycle_id, state, face)]
        case ModelRow():
            return "detail.model", _model(row, face)
        case AlertRow():
            return "detail.alert", [*_pairs(_alert(row, face), face), *_behind(row, state, face)]
        case DecisionRow():
            return "detail.decision", decided(row, face)
        case LeagueRow():
            return "detail.standing", standing(row, face)
        case EventRow():
            return "detail.event", [*_pairs(_event(row, face), face), *_behind(row, state, face)]


def _pairs(pairs: Iterable[tuple[str, str]], face: Face) -> list[Block]:
    blocks = []
    for key, value in pairs:
        label = face.words.t(f"detail.{key}")
        blocks.append(Block("", text=value or "-", gutter=(_label(label), "dim"), hang=True))
    return blocks


def _label(text: str) -> str:
    return set_cell_size(text, _LABEL_CELLS)


def _heading(text: str, face: Face) -> list[Block]:
    return [Block("", row=((" ", "text"),)), Block("", row=((f"{face.glyphs.across * 2} {text} ", "title-on"),))]


def _quote(row: QuoteRow, face: Face) -> list[tuple[str, str]]:
    def limit(value: int) -> str:
        if not value:
            return ""
        shown = price(value, row.scale, row.places)
        if not row.last:
            return shown
        room = percent((value - row.last) * 1_000_000 // row.last)
        return f"{shown}  {face.words.t('detail.room_up', room=room)}"

    language = face.words.language
    return [
        ("code", row.symbol),
        ("name", row.name),
        ("last", price(row.last, row.scale, row.places)),
        ("change", f"{percent(row.change_ppm)}%"),
        ("limit_up", limit(row.limit_up)),
        ("limit_down", limit(row.limit_down)),
        ("volume", compact(row.volume, row.quantity_scale, language)),
        ("amount", compact(row.amount, row.money_scale, language)),
        ("known_at", stamp(row.known_at, face.market, "%Y-%m-%d %H:%M:%S %Z")),
    ]


def _position(row: PositionRow, face: Face) -> list[tuple[str, str]]:
    return [
        ("code", row.symbol),
        ("name", row.name),
        ("quantity", row.quantity),
        ("sellable", row.sellable),
        ("average", row.average),
        ("last", row.last),
        ("value", money(row.market_value)),
        ("profit", f"{signed_money(row.unrealized)}  {percent(row.unrealized_ppm)}%"),
    ]


def _order(row: OrderRow, face: Face) -> list[tuple[str, str]]:
    words = face.words
    return [
        ("id", row.order_id),
        ("cycle", row.cycle_id),
        ("time", stamp(row.at, face.market, "%Y-%m-%d %H:%M:%S %Z")),
        ("code", row.symbol),
        ("name", row.name),
        ("side", words.get("side", row.side)),
        ("quantity", row.quantity),
        ("price", limit_of(row, face)),
        ("status", words.get("order", row.status)),
        ("filled", row.filled),
        ("average", row.average),
        ("fees", row.fees),
        ("reason", " ".join(dict.fromkeys((face.words.get("reason", row.code), row.code)))),
    ]


def _alert(row: AlertRow, face: Face) -> list[tuple[str, str]]:
    words = face.words
    return [
        ("time", stamp(row.at, face.market, "%Y-%m-%d %H:%M:%S %Z")),
        ("severity", words.get("severity", row.severity)),
        ("alert_said", words.code(row.code, row.params)),
        ("reason", " ".join((row.code, *(f"{name}={value}" for name, value in row.params)))),
        ("cycle", row.cycle_id),
        ("count", str(row.count)),
        ("acknowledged", words.t("detail.yes" if row.acknowledged else "detail.no")),
    ]


def _event(row: EventRow, face: Face) -> list[tuple[str, str]]:
    return [
        ("time", stamp(row.at, face.market, "%Y-%m-%d %H:%M:%S %Z")),
        ("desk", row.desk),
        ("event", face.words.code(row.code, row.params)),
        ("reason", " ".join((row.code, *(f"{name}={value}" for name, value in row.params)))),
    ]


def _behind(row: AlertRow | EventRow, state: State, face: Face) -> list[Block]:
    """The decision that an alert or an event of risk is about: of its cycle where that is known, else the newest of its name."""
    symbol = dict(row.params).get("instrument", "")
    if not symbol or not row.code.startswith(("RISK_", "DECISION_")):
        return []
    return _decisions(symbol, getattr(row, "cycle_id", ""), state, face)


def _model(row: ModelRow, face: Face) -> list[Block]:
    words = face.words
    provider = f"{row.provider}  {words.t('app.offline')}" if row.offline else row.provider
    pairs = [
        ("model", row.model),
        ("provider", provider),
        ("template", f"{row.prompt_id} {row.prompt_version}"),
        ("cycle", row.cycle_id),
        ("time", stamp(row.at, face.market, "%Y-%m-%d %H:%M:%S %Z")),
        ("outcome", outcome_of(row, face)[0]),
        ("latency", f"{row.latency_ms:,} ms"),
        ("tokens", f"{tokens(row.tokens_in)} / {tokens(row.tokens_out)}"),
        ("cost", cost_of(row)),
    ]
    return [
        *_pairs(pairs, face),
        *_heading(words.t("detail.prompt"), face),
        Block("prompt", text=row.prompt.strip() or "-", ink="ask"),
        *_heading(words.t("detail.reply"), face),
        Block("reply", text=reflow_json(row.reply.strip()) or "-", ink="reply", json=True),
    ]


def _decisions(symbol: str, cycle_id: str, state: State, face: Face) -> list[Block]:
    rows = [
        row for row in state.decisions.view().rows.values() if row.symbol == symbol and (not cycle_id or row.cycle_id == cycle_id)
    ]
    blocks: list[Block] = []
    for row in reversed(rows[-5:]):
        blocks += _heading(face.words.t("detail.decision"), face)
        blocks += _decision(row, face)
    return blocks


def _decision(row: DecisionRow, face: Face) -> list[Block]:
    words = face.words
    said = f"{words.get('intent', row.intent)}  {words.t('detail.target')} {weight(row.target_weight_ppm)}"
    ruled = " ".join(dict.fromkeys(filter(None, (words.get("verdict", row.verdict), words.get("reason", row.code), row.code))))
    return [
        Block("", text=f"{said}  {words.t('detail.confidence')} {weight(row.confidence_ppm)}", ink="accent"),
        Block("", text=f"{words.t('detail.verdict')}: {ruled}", ink="warning" if row.verdict not in ("", "ALLOW") else "text"),
        *findings_of(row, face),
        Block("", text=safe_text(row.reasoning), ink="reply", gutter=(f"{face.glyphs.reply} ", "frame-on")),
        *([Block("", text=f"{words.t('detail.unverified')}: {row.unverified}", ink="warning")] if row.unverified else []),
    ]
