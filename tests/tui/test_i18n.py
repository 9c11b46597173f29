"""Two languages, one key set; what the engine says in codes is worded here, and stays data."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from console_fixture import busy_state
from rich.cells import cell_len

import engine
import tui
from engine.core.decision import Intent, VerdictResult
from engine.core.journal import CycleState, Severity, TradingState
from engine.core.order import OrderStatus, Side
from engine.exchange.sessions import Phase
from engine.feeds.tape import SessionKind
from engine.risk import RULES
from tui.actions import ACTIONS
from tui.confirm import Outcome
from tui.face import UNICODE, Face
from tui.i18n import LANGUAGES, Words, load
from tui.palette import Inks
from tui.panels import alerts, decisions, events, orders, positions, quotes
from tui.panels.help import GROUPS
from tui.panels.league import LeaguePanel
from tui.widgets.status_row import BROKEN, STAGE_OF

CODES = """FUNDING{instrument,amount,rate,mark} LIQUIDATION{instrument,mark,lost} LIQUIDATED{instrument,mark,lost}
FUNDING_HIGH{instrument,paid,rate,limit} CYCLE_STARTED{cycle,trigger} CYCLE_STATE{cycle,state}
CYCLE_ENDED{cycle,state,reason} SNAPSHOT{hash,source,instruments}
MODEL_REPLIED{model,outcome,latency_ms,tokens_in,tokens_out,cost} MODEL_ABSTAINED{model,reason} DECISION_REJECTED{instrument,code}
RISK_CLAMP{instrument,rule,code,observed,limit,before,after}
RISK_DENY{instrument,rule,code,observed,limit} ORDER{order,instrument,side,quantity,status,code}
FILL{order,instrument,side,quantity,price,fees} DIVIDEND{instrument,cash,reason} SESSION{day,phase}
DAY_SETTLED{day,equity,change} TRADING_HALTED{reason,by} TRADING_RESUMED{by} TRADING_REDUCING{reason,by}
DESK_FAILED{reason} CLOCK_JUMP{seconds} PAUSED{} RESUMED{} DATA_STALE{symbols}
COMMAND_DONE{id,verb,outcome} COMMAND_REFUSED{id,verb,outcome} LEAGUE_FAILED{reason} BOOKS_ADJUSTED{instrument,cash,reason}
RECOVERED{cycle,state} REPLAY_FINISHED{} ENGINE_STOPPED{reason}
LEDGER_FAILED{reason} OFFLINE_MODEL{} BOOKS_BALANCED{}"""
EVERY_CODE = {name: set(filter(None, holes.split(","))) for name, holes in re.findall(r"([A-Z_]+)\{([a-z_,]*)\}", CODES)}
COLUMNS = [column for room in (quotes, positions, orders, alerts, decisions, events) for column in room.COLUMNS]
COLUMNS += [*positions.MARGINED, *events.DESK_COLUMNS, *LeaguePanel(Face(load("en"), Inks({}), UNICODE, "")).columns]


def test_both_languages_have_the_same_keys_and_the_same_holes() -> None:
    english, chinese = load("en"), load("zh")
    assert english.key_set() == chinese.key_set()
    assert {key: english.holes(key) for key in english.key_set()} == {key: chinese.holes(key) for key in english.key_set()}


def test_every_key_that_the_source_names_exists() -> None:
    named = set()
    for path in Path(tui.__file__).parent.rglob("*.py"):
        named |= set(re.findall(r'\bt\(\s*"([a-z_]+\.[a-zA-Z_]+)"', path.read_text(encoding="utf-8")))
    assert named
    assert named <= load("en").key_set()


def test_an_unknown_key_of_ours_is_an_error() -> None:
    with pytest.raises(KeyError):
        load("en").t("no.such_key")


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("code", EVERY_CODE)
def test_every_code_is_worded_with_holes_that_the_engine_fills(code: str, language: str) -> None:
    words = load(language)
    assert words.holes(f"code.{code}") - {"because"} <= EVERY_CODE[code]
    said = words.code(code, [(name, "x") for name in EVERY_CODE[code]])
    assert "{" not in said
    assert "?" not in said


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("column", COLUMNS, ids=lambda column: column.key)
def test_every_column_label_fits_its_column_with_room_for_the_sort_mark(column: quotes.Column[object], language: str) -> None:
    width = column.zh if column.zh and language == "zh" else column.width
    label = load(language).t(f"column.{column.key}")
    assert cell_len(label) + (1 if column.sort and label else 0) <= width


@pytest.mark.parametrize("language", LANGUAGES)
def test_words_of_a_state_fit_the_columns_that_show_them(language: str) -> None:
    words = load(language)
    widths = {column.key: column.zh if column.zh and language == "zh" else column.width for column in COLUMNS}
    for section, column in (
        ("order", "status"),
        ("side", "side"),
        ("flag", "flag"),
        ("intent", "intent"),
        ("verdict", "verdict"),
    ):
        for key in words.key_set():
            if key.startswith(f"{section}.") and key != "order.market":
                assert cell_len(words.t(key)) <= widths[column], key
    assert cell_len(words.t("order.market")) <= widths["price"]


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_action_has_a_label_of_at_most_twenty_cells_and_a_line_of_help(language: str) -> None:
    words = load(language)
    for action in ACTIONS:
        assert 0 < cell_len(words.t(f"action.{action.id}")) <= 20
        assert words.t(f"help.{action.id}")


def test_an_unknown_code_is_shown_as_it_came_and_made_safe() -> None:
    said = load("zh").code("NEW_THING", [("what", "\x1b]52;c;aGk=\x07[/red]\u202e")])
    assert said == "NEW_THING what=]52;c;aGk=[/red]"


def test_parameters_are_data_and_never_templates() -> None:
    words = Words("en", {"code.ORDER": "Order {side} {instrument}", "side.buy": "buy"})
    assert words.code("ORDER", [("side", "buy"), ("instrument", "{side}{0.__class__}")]) == "Order buy {side}{0.__class__}"


def test_values_of_the_engine_are_translated_inside_sentences() -> None:
    said = load("zh").code(
        "ORDER", [("side", "buy"), ("quantity", "100"), ("instrument", "600519.SH"), ("status", "filled"), ("code", "")]
    )
    assert said == "委托 买 100 600519.SH：已成"


def test_the_fixture_uses_only_known_codes() -> None:
    state = busy_state()
    assert {row.code for row in (*state.alerts.view().rows.values(), *state.events.view().rows.values())} <= set(EVERY_CODE)


def test_the_words_cover_every_state_side_and_status_of_the_engine() -> None:
    for language in LANGUAGES:
        keys = load(language).key_set()
        for section, values in (
            ("cycle", CycleState),
            ("order", OrderStatus),
            ("side", Side),
            ("trading", TradingState),
            ("severity", Severity),
        ):
            assert {f"{section}.{value.value}" for value in values} <= keys
        assert {f"intent.{intent.value}" for intent in Intent} <= keys
        assert {f"verdict.{result.value}" for result in VerdictResult} <= keys


def test_the_status_row_knows_every_state_of_a_cycle() -> None:
    assert set(STAGE_OF) | BROKEN | {"IDLE", "COMPLETED", "SKIPPED", "ABSTAINED"} == {state.value for state in CycleState}


def test_every_rule_of_risk_and_every_phase_of_a_session_has_a_word() -> None:
    for language in LANGUAGES:
        keys = load(language).key_set()
        assert {f"rule.{rule.name}" for rule in RULES} <= keys
        assert {f"phase.{phase.value}" for phase in Phase} <= keys
        assert {f"phase.{kind.value}" for kind in SessionKind} <= keys


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_ruling_of_risk_has_a_sentence_that_says_why(language: str) -> None:
    words, codes = load(language), set()
    for path in (Path(engine.__file__).parent / "risk").glob("*.py"):
        codes |= set(re.findall(r'"((?:[A-Z]+_)+[A-Z0-9]+)"', path.read_text(encoding="utf-8"))) - {"PPM"}
    codes -= {"CANCEL_REFUSED"}
    assert len(codes) > 40
    assert {f"because.{code}" for code in codes} <= words.key_set()
    for code in codes:
        said = words.because((("rule", "max_gross"), ("code", code), ("observed", "0.120000"), ("limit", "0.100000")))
        assert "?" not in said and "{" not in said and "0.1" not in said.replace("0.100000", "").replace("0.120000", "")


def test_a_fraction_of_a_share_is_no_weight() -> None:
    said = load("en").because((("rule", "shape"), ("code", "SHAPE_LOT"), ("observed", "0.123456"), ("limit", "one lot")))
    assert "0.123456" in said and "%" not in said
    said = load("zh").because((("rule", "shape"), ("code", "SHAPE_LOT"), ("observed", "49"), ("limit", "one lot")))
    assert said.endswith("不足一手")


def test_what_a_strategy_failed_of_and_where_trading_moved_is_said_in_words() -> None:
    figures = [(name, "1") for name in ("version", "sessions", "return", "drawdown", "sharpe")]
    said = load("en").code("STRATEGY_REFUSED", [*figures, ("failed", "GATE_TRADES, GATE_SHARPE")])
    assert "too few trades, Sharpe ratio too low" in said
    moved = (("state", "REDUCING"), ("rule", "max_daily_loss"), ("observed", "0.021"), ("limit", "0.020000"))
    assert "只减仓" in load("zh").code("STATE_MOVED", moved)


def test_a_reason_with_particulars_keeps_them_behind_its_word() -> None:
    told = (("cycle", "c"), ("state", "SKIPPED"), ("reason", "MISSED: 12 slots since 2020-03-02 09:30"))
    assert load("zh").code("CYCLE_ENDED", told) == "周期 c 跳过 错过：到点时没有运行: 12 slots since 2020-03-02 09:30"


def test_weights_are_said_in_percent_and_amounts_are_left_alone() -> None:
    words = load("en")
    said = words.code(
        "RISK_CLAMP",
        [
            ("instrument", "A"),
            ("rule", "max_gross"),
            ("observed", "1"),
            ("limit", "0"),
            ("before", "0.170000"),
            ("after", "0.000664"),
        ],
    )
    assert said.startswith("Risk cut A from 17.0% to 0.1%: gross cap")
    assert "480.00, limit 1,000.00" in words.code(
        "RISK_DENY", [("instrument", "A"), ("rule", "x"), ("observed", "480.00"), ("limit", "1000.00")]
    )


def test_no_word_of_ours_is_dead() -> None:
    source = "\n".join(path.read_text(encoding="utf-8") for path in Path(tui.__file__).parent.rglob("*.py"))
    values_of_the_engine = {
        "phase",
        "cycle",
        "trading",
        "side",
        "order",
        "trigger",
        "by",
        "verb",
        "outcome",
        "intent",
        "verdict",
        "severity",
        "subject",
    }
    worded_elsewhere = values_of_the_engine | {"because", "seen", "rule", "reason", "code", "column", "stage"}
    composed = {f"{section}.{action.id}" for action in ACTIONS for section in ("action", "help", "confirm")}
    composed |= {f"help.{group}" for group in GROUPS} | {f"confirm.{outcome.value}" for outcome in Outcome}
    for key in load("en").key_set() - composed:
        section, _, name = key.partition(".")
        if section not in worded_elsewhere:
            assert key in source or (section in ("detail", "league") and f'("{name}",' in source), key
