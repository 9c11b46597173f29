"""What was judged, opened: a decision with every rule that spoke of it, and a row of the league with what must be known of it."""

from __future__ import annotations

from rich.cells import set_cell_size

from engine.state import DecisionRow, LeagueRow
from tui.face import Face
from tui.format import money, percent, stamp, weight
from tui.panels.decisions import asked_of, because, ink_of, left_of
from tui.panels.league import points_of, ratio_of, who_of
from tui.widgets.line_log import Block

LABEL_CELLS = 18


def pair(key: str, value: str, face: Face, ink: str = "text") -> Block:
    """A labelled line."""
    return Block(
        "", text=value or "-", ink=ink, gutter=(set_cell_size(face.words.t(f"detail.{key}"), LABEL_CELLS), "dim"), hang=True
    )


def findings_of(row: DecisionRow, face: Face) -> list[Block]:
    """One line for each rule that spoke: its name, what it did, and why."""
    blocks = []
    for finding in row.findings:
        words = face.words
        told = f"{words.get('verdict', finding.result)}: {because(finding, words)}"
        name = set_cell_size(f"  {words.get('rule', finding.rule)}", LABEL_CELLS)
        blocks.append(Block("", text=told, ink=ink_of(finding.result), gutter=(name, "dim"), hang=True))
    return blocks


def decided(row: DecisionRow, face: Face) -> list[Block]:
    """A decision: what was asked, what risk left of it, why, and on what grounds it was asked."""
    words = face.words
    asked = f"{words.get('intent', row.intent)}  {asked_of(row)}" if row.intent else ""
    ruled = words.get("verdict", row.verdict) if row.verdict else words.t("detail.none_ruled")
    return [
        pair("time", stamp(row.at, face.market, "%Y-%m-%d %H:%M:%S %Z") if row.at else "", face),
        pair("cycle", row.cycle_id, face),
        pair("code", f"{row.symbol}  {row.name}", face),
        pair("asked", asked, face, "accent"),
        pair("left", left_of(row), face, ink_of(row.verdict)),
        pair("verdict", ruled, face, ink_of(row.verdict)),
        *findings_of(row, face),
        pair("sure", weight(row.confidence_ppm) if row.intent else "", face),
        pair("sources", row.sources, face),
        *([pair("unverified", row.unverified, face, "warning")] if row.unverified else []),
        Block("", row=((" ", "text"),)),
        Block("", text=row.reasoning or "-", ink="reply", gutter=(f"{face.glyphs.reply} ", "frame-on")),
    ]


def standing(row: LeagueRow, face: Face) -> list[Block]:
    """A row of the league: every figure, and every caution that goes with it."""
    words, name = face.words, who_of(row, face, several=False)
    share = f"{round(row.hits_ppm / 10_000)}%"
    hits = words.t("league.hit_of", hits=share, count=row.forecasts, stated=f"{round(row.stated_ppm / 10_000)}%")
    pairs = [
        ("return", f"{percent(row.return_ppm)}%"),
        ("fall", f"{percent(row.drawdown_ppm).removeprefix('+')}%"),
        ("sharpe", ratio_of(row.sharpe)),
        ("against_hold", _told(points_of(row.against_hold), face)),
        ("against_desk", _told(points_of(row.against_desk), face)),
        ("equity", f"{money(row.equity)} {row.currency}" if row.equity else ""),
        ("fees", ", ".join(filter(None, (f"{money(row.fees)} {row.currency}" if row.fees else "", row.fees_in_coin)))),
        ("model_cost", row.model_cost),
        ("cycles", str(row.cycles or "")),
        ("sessions", str(row.sessions)),
        ("hits", hits if row.forecasts else ""),
    ]
    width = 28
    blocks = [Block("", text=name, ink="title-on"), Block("", text=words.t("league.as_of", day=row.until), ink="dim")]
    for key, value in pairs:
        blocks.append(Block("", text=value or "-", gutter=(set_cell_size(words.t(f"league.{key}"), width), "dim"), hang=True))
    blocks.append(Block("", row=((" ", "text"),)))
    blocks += [Block("", text=words.t(f"league.{code}", name=name, figure=figure), ink="warning") for code, figure in row.notes]
    blocks.append(Block("", text=words.t("league.method", count=row.compared), ink="dim"))
    return blocks


def _told(points: str, face: Face) -> str:
    return f"{points}  {face.words.t('league.points')}" if points else ""
