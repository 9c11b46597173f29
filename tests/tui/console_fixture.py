"""A desk's published state in the middle of a day, for tests: realistic figures, long names, no clock but ours."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

from engine.core.clock import SimulatedClock
from engine.state import (
    AlertRow,
    DecisionRow,
    EquityPoint,
    Estimate,
    EventRow,
    FindingRow,
    LeagueRow,
    ModelRow,
    OrderRow,
    PositionRow,
    QuoteRow,
    State,
    StatusView,
)

NOW = datetime(2019, 6, 17, 2, 31, 5, tzinfo=UTC)
CYCLE = "demo:ashare:20190617:20190617T023000Z"
TAPE = (
    ("000338.SZ", "潍柴动力", 11.98, 1.23, 48_123_400),
    ("600519.SH", "贵州茅台", 1688.00, 1.23, 2_104_500),
    ("600000.SH", "浦发银行", 8.12, -0.37, 48_000_100),
    ("300750.SZ", "宁德时代", 251.30, -2.10, 11_020_000),
    ("002594.SZ", "比亚迪", 268.90, 0.85, 9_800_000),
    ("600036.SH", "招商银行", 34.51, 0.06, 31_000_000),
    ("601318.SH", "中国平安", 52.77, 1.98, 55_000_000),
    ("000001.SZ", "平安银行", 11.05, 0.00, 62_000_000),
    ("600276.SH", "恒瑞医药", 66.10, 10.00, 20_100_000),
    ("002604.SZ", "*ST龙力", 1.14, -5.00, 3_100_000),
    ("688001.SH", "华兴源创科技股份有限公司特别长的名称", 45.20, 3.31, 1_100_000),
    ("920819.BJ", "颖泰生物", 4.42, -1.12, 800_000),
    ("600887.SH", "伊利股份", 30.66, 0.52, 22_000_000),
    ("000858.SZ", "五粮液", 101.50, -0.88, 15_000_000),
    ("601012.SH", "隆基股份", 22.81, 2.02, 44_000_000),
    ("000651.SZ", "格力电器", 52.07, 0.21, 29_000_000),
)


def quote(symbol: str, name: str, last: float, change: float, volume: int, **over: object) -> QuoteRow:
    """One row of the tape in A-share units."""
    units = round(last * 10_000)
    before = round(last / (1 + change / 100) * 100)
    row = QuoteRow(
        symbol=symbol,
        name=name,
        scale=10_000,
        places=2,
        last=units,
        change_ppm=round(change * 10_000),
        volume=volume,
        amount=units * volume,
        money_scale=10_000,
        quantity_scale=1,
        limit_up=units if change >= 9.9 else round(before * 1.1) * 100,
        limit_down=units if change <= -4.9 and name.startswith("*ST") else round(before * 0.9) * 100,
        known_at=NOW,
        held=symbol in ("600036.SH", "601318.SH", "002594.SZ"),
        suspended=False,
        stale=False,
    )
    return replace(row, **over)


def order(
    number: int, symbol: str, name: str, side: str, quantity: str, price: str, status: str, filled: str, code: str = ""
) -> OrderRow:
    """One order, a minute after the one before."""
    return OrderRow(
        order_id=f"{number:016x}",
        cycle_id=CYCLE,
        at=NOW - timedelta(minutes=20 - number),
        symbol=symbol,
        name=name,
        side=side,
        quantity=quantity,
        limit_price=price,
        status=status,
        filled=filled,
        average=price if filled != "0" else "0.00",
        fees="5.00" if filled != "0" else "0.00",
        code=code,
    )


PROMPT = """You manage a paper desk of A-shares. Reply with one JSON object and nothing else.
as_of 2019-06-17T10:30:00+08:00, equity 1012345.67 CNY, cash 412,000.00
candidates: 000338.SZ 潍柴动力 last 11.98 4h up 3m up; 600036.SH 招商银行 last 34.51 4h up 3m flat
limits: 30% a name, 80% gross. Items outside the candidates are refused.
For each item: instrument, intent, target_weight, confidence, stop_loss, take_profit, reasoning."""
REPLY = """{
  "decisions": [
    {"instrument": "000338.SZ", "intent": "open", "target_weight": 0.25, "confidence": 0.72,
     "stop_loss": 11.02, "take_profit": 13.4, "reasoning": "4 小时趋势向上，3 分钟动量同向，突破 11.90 后回踩不破"},
    {"instrument": "600036.SH", "intent": "hold", "target_weight": 0.17, "confidence": 0.55, "reasoning": "趋势未坏，不加仓"}
  ]
}"""


def status(**over: object) -> StatusView:
    """The desk at half past ten, deciding."""
    view = StatusView(
        desk="demo",
        market="ashare",
        now=NOW,
        trading_day=date(2019, 6, 17),
        phase="morning",
        cycle_number=128,
        cycle_state="DECIDING",
        next_slot=NOW + timedelta(minutes=3, seconds=12),
        equity="1012345.67",
        day_change="4231.20",
        day_change_ppm=4_200,
        model_cost="0",
        tokens=41_200,
        source="sample",
        source_age_s=0.12,
        replay=True,
        offline_model=True,
    )
    return replace(view, **over)


def model(key: str, minutes: int, **over: object) -> ModelRow:
    """One answered call of the offline provider."""
    row = ModelRow(
        key=key,
        cycle_id=CYCLE,
        at=NOW - timedelta(minutes=minutes),
        provider="offline",
        model="offline-1",
        prompt_id="decide",
        prompt_version="1",
        outcome="ok",
        latency_ms=12,
        tokens_in=640,
        tokens_out=188,
        cost="0",
        currency="",
        prompt=PROMPT,
        reply=REPLY,
        streaming=False,
        offline=True,
    )
    return replace(row, **over)


def alert(number: int, severity: str, code: str, *, acknowledged: bool = False, count: int = 1, **params: str) -> AlertRow:
    """One alert, a minute after the one before."""
    at = NOW - timedelta(minutes=10 - number)
    return AlertRow(f"a{number}", at, severity, code, tuple(params.items()), CYCLE, acknowledged, count)


def decision(number: int, symbol: str, name: str, intent: str, target: int, reasoning: str, *findings: FindingRow) -> DecisionRow:
    """One decision, known by the last rule that spoke of it."""
    last = findings[-1]
    return DecisionRow(
        key=f"{CYCLE}/{symbol}",
        cycle_id=CYCLE,
        symbol=symbol,
        name=name,
        intent=intent,
        target_weight_ppm=target,
        confidence_ppm=600_000 + number * 10_000,
        reasoning=reasoning,
        verdict=last.result,
        rule=last.rule,
        code=last.code,
        at=NOW - timedelta(minutes=30 - number),
        findings=findings,
        sources="deepseek, offline-1",
    )


DECIDED = (
    decision(
        1, "000338.SZ", "潍柴动力", "open", 250_000, "4 小时趋势向上，3 分钟动量同向",
        FindingRow("CLAMP", "max_position", "EXPOSURE_NAME", "0.250000", "0.200000", "0.250000", "0.200000"),
        FindingRow("CLAMP", "max_gross", "EXPOSURE_GROSS", "0.855768", "0.800000", "0.200000", "0.144232"),
    ),
    decision(
        2, "600036.SH", "招商银行", "hold", 170_000, "trend intact, nothing to add",
        FindingRow("ALLOW", "all", "HOLD", "0.170000", "0.170000", "0.170000", "0.170000"),
    ),
    decision(
        3, "688001.SH", "华兴源创科技股份有限公司特别长的名称", "open", 80_000, "momentum",
        FindingRow("DENY", "shape", "SHAPE_LOT", "49", "one lot", "0.080000", "0.000000"),
    ),
    decision(
        4, "600276.SH", "恒瑞医药", "add", 300_000, "突破",
        FindingRow("DENY", "max_sector", "EXPOSURE_SECTOR", "0.450000", "0.400000", "0.300000", "0.100000"),
    ),
    decision(
        5, "600519.SH", "贵州茅台", "", 0, "", FindingRow("REFUSED", "reply", "WEIGHT_OVER_CAP", "0.9", "", "", ""),
    ),
)  # fmt: skip


SECTOR = (
    ("instrument", "600276.SH"),
    ("rule", "max_sector"),
    ("code", "EXPOSURE_SECTOR"),
    ("observed", "0.450000"),
    ("limit", "0.400000"),
)


def standing(name: str, kind: str, growth: tuple[float, ...], **over: object) -> LeagueRow:
    """One row of the league after 92 sessions."""
    row = LeagueRow(
        desk="demo",
        name=name,
        kind=kind,
        until=date(2019, 6, 14),
        cycles=92,
        sessions=92,
        return_ppm=round((growth[-1] - 1) * 1_000_000),
        drawdown_ppm=138_452,
        sharpe=Estimate(-1.3585, -4.8036, 2.301),
        against_desk=None,
        against_hold=Estimate(-14.979, -34.082, 4.676),
        equity="1012345.67",
        fees="5371.98",
        currency="CNY",
        model_cost="",
        forecasts=84,
        hits_ppm=619_000,
        stated_ppm=671_000,
        notes=(("FEW_FORECASTS", 84),),
        growth=growth,
        compared=10,
    )
    return replace(row, **over)


def walk(seed: int, drift: float) -> tuple[float, ...]:
    """A curve of 93 points that begins with 1."""
    worths = [1.0]
    for index in range(92):
        worths.append(worths[-1] * (1 + drift + ((index * seed) % 23 - 11) / 1_500))
    return tuple(worths)


STANDINGS = (
    standing("demo", "desk", walk(7919, -0.0004)),
    standing(
        "demo~deepseek", "shadow", walk(104_729, 0.0015), model_cost="1.2034 USD", against_desk=Estimate(12.4, 2.1, 23.9),
        against_hold=Estimate(3.1, -8.8, 15.2), sharpe=Estimate(1.92, -0.41, 4.3), notes=(("CYCLES_MISSING", 3),),
    ),
    standing(
        "demo~even", "shadow", walk(31, 0.0002), forecasts=0, sessions=8, cycles=8, against_desk=Estimate(1.5),
        against_hold=Estimate(-2.0), sharpe=Estimate(0.4), notes=(("FEW_SESSIONS", 8),),
    ),
    standing(
        "buy-and-hold", "market", walk(577, 0.0004), cycles=0, equity="", fees="", currency="", forecasts=0,
        against_desk=Estimate(14.979, -4.676, 34.082), against_hold=None, notes=(("NO_COSTS", 0),),
    ),
)  # fmt: skip


def busy_state() -> State:
    """Everything a desk publishes in the middle of a day."""
    state = State()
    state.status.put([("demo", status())])
    state.quotes.put([(row[0], quote(*row)) for row in TAPE])
    state.quotes.put(
        [
            ("600887.SH", quote("600887.SH", "伊利股份", 30.66, 0.52, 22_000_000, suspended=True)),
            ("000858.SZ", quote("000858.SZ", "五粮液", 101.50, -0.88, 15_000_000, stale=True)),
        ]
    )
    state.positions.put(
        [
            ("600036.SH", PositionRow("600036.SH", "招商银行", "5000", "0", "34.51", "34.51", "172550.00", "0.00", 0)),
            ("601318.SH", PositionRow("601318.SH", "中国平安", "900", "600", "51.20", "52.77", "47493.00", "1413.00", 30_664)),
            ("002594.SZ", PositionRow("002594.SZ", "比亚迪", "200", "200", "275.10", "268.90", "53780.00", "-1240.00", -22_537)),
        ]
    )
    state.orders.put(
        (row.order_id, row)
        for row in (
            order(1, "601318.SH", "中国平安", "buy", "300", "52.70", "filled", "300"),
            order(2, "600519.SH", "贵州茅台", "buy", "100", "1688.00", "denied", "0", "SIZE_BELOW_LOT"),
            order(3, "600000.SH", "浦发银行", "sell", "1000", "8.12", "partially_filled", "400"),
            order(4, "600036.SH", "招商银行", "buy", "500", "34.51", "filled", "500"),
            order(5, "688001.SH", "华兴源创科技股份有限公司特别长的名称", "buy", "200", "0", "accepted", "0"),
            order(6, "600276.SH", "恒瑞医药", "buy", "700", "66.10", "rejected", "0", "PRICE_AT_LIMIT_UP"),
        )
    )
    state.models.put(
        [("m1", model("m1", 15)), ("m2", model("m2", 1, outcome="", streaming=True, reply=REPLY[:180], tokens_out=96))]
    )
    state.decisions.put(
        [
            (
                "d1",
                DecisionRow(
                    "d1",
                    CYCLE,
                    "600519.SH",
                    "贵州茅台",
                    "open",
                    350_000,
                    720_000,
                    "高端白酒需求稳定",
                    "CLAMP",
                    "max_position",
                    "POSITION_CAP",
                ),
            ),
        ]
    )
    state.decisions.put((row.key, row) for row in DECIDED)
    state.league.put((f"{row.desk} {row.name}", row) for row in STANDINGS)
    state.alerts.put(
        (row.alert_id, row)
        for row in (
            alert(1, "info", "BOOKS_BALANCED", acknowledged=True),
            alert(2, "warning", "DATA_STALE", acknowledged=True, symbols="000858.SZ"),
            alert(3, "warning", "RISK_CLAMP", count=3, instrument="600519.SH", rule="max_position", before="35.0%", after="30.0%"),
            alert(4, "critical", "RISK_DENY", instrument="600519.SH", rule="max_position", observed="31.2%", limit="30.0%"),
        )
    )
    base, points = 1_000_000.0, []
    for index in range(120):
        base += ((index * 7919) % 23 - 10) * 190
        points.append((str(index), EquityPoint(NOW - timedelta(minutes=120 - index), base)))
    state.equity.put(points)
    state.events.put(
        (str(number), EventRow(number, NOW - timedelta(seconds=40 - number), "demo", code, params))
        for number, code, params in (
            (1, "SESSION", (("day", "2019-06-17"), ("phase", "open"))),
            (2, "CYCLE_ENDED", (("cycle", CYCLE), ("state", "SKIPPED"), ("reason", "MISSED"))),
            (3, "CYCLE_STARTED", (("cycle", CYCLE), ("trigger", "schedule"))),
            (4, "SNAPSHOT", (("hash", "9f31c2"), ("source", "sample"), ("instruments", "16"))),
            (5, "MODEL_ABSTAINED", (("model", "deepseek"), ("reason", "timeout"))),
            (6, "RISK_CLAMP", (*SECTOR, ("before", "0.300000"), ("after", "0.250000"))),
            (7, "RISK_DENY", SECTOR),
            (8, "ORDER", (("side", "buy"), ("quantity", "300"), ("instrument", "601318.SH"), ("status", "accepted"), ("code", ""))),
            (9, "CYCLE_STARTED", (("cycle", CYCLE), ("trigger", "schedule"))),
            (10, "SNAPSHOT", (("hash", "9f31c2"), ("source", "sample"), ("instruments", "16"))),
        )
    )
    return state


def clock() -> SimulatedClock:
    """A clock that stands at the fixture's moment."""
    return SimulatedClock(NOW)


class RecordingDoor:
    """A door over a fixed state: remembers what was asked, answers at once, as an engine with nothing to do would."""

    def __init__(self, state: State | None = None, *, answer: str = "done") -> None:
        self.state = busy_state() if state is None else state
        self.asked: list[tuple[str, str, str]] = []
        self.started = threading.Event()
        self.stopped = threading.Event()
        self._answer = answer

    def command(self, verb: str, desk: str, argument: str = "") -> str:
        self.asked.append((verb, desk, argument))
        command_id = f"c{len(self.asked)}"
        code = "COMMAND_DONE" if self._answer == "done" else "COMMAND_REFUSED"
        number = 1_000 + len(self.asked)
        params = (("id", command_id), ("verb", verb), ("outcome", self._answer))
        self.state.events.put([(str(number), EventRow(number, NOW, desk, code, params))])
        return command_id

    def start(self) -> None:
        self.started.set()

    def stop(self, timeout_s: float) -> bool:
        self.stopped.set()
        return True
