"""Every vector of the shared rule page, one table after the other."""

from __future__ import annotations

from datetime import date, datetime
from zoneinfo import ZoneInfo

import pytest
from rulebook import cny, day, pair, share, us_share, vectors

from engine.core.instrument import Board
from engine.core.order import OrderType, Side
from engine.core.units import Market, to_units
from engine.exchange import (
    NOTHING_CHARGED,
    Charged,
    Exchange,
    FeeSchedule,
    accepts_cancels,
    accepts_orders,
    board_of,
    calendar,
    fees,
    price_cage,
    price_limits,
    quantity_problem,
    to_tick,
)
from engine.exchange.fees import as_maker, plus
from engine.exchange.lots import floor_quantity

BEIJING = ZoneInfo("Asia/Shanghai")
TODAY = date(2026, 11, 20)


def test_price_limits() -> None:
    for row in vectors("limit_price"):
        limits = price_limits(share(row["board"]), day(row["date"]), cny(row["preclose"]), sessions_listed=None)
        assert limits is not None
        assert (limits.up, limits.down) == (cny(row["up"]), cny(row["down"])), row


def test_price_cage() -> None:
    for row in vectors("cage"):
        board = {"0.02": "main", "0.05": "bse"}[row["pct"]]
        assert price_cage(share(board), Side(row["side"]), TODAY, cny(row["base"])) == cny(row["limit"]), row


def test_ashare_fees() -> None:
    boards = {("SZ", "stock"): "main_sz", ("SH", "stock"): "main", ("BJ", "stock"): "bse", ("SH", "etf"): "etf"}
    for row in vectors("cn_fees"):
        schedule = FeeSchedule(commission_ppm=to_units(row["commission_rate"], 10**6), all_in=row["all_in"])
        instrument = share(boards[row["exchange"], row["kind"]])
        side = Side(row["side"])
        charged = fees(instrument, side, cny(row["price"]), row["qty"], day(row["date"]), schedule)
        for kind in ("stamp", "transfer", "commission", "handling", "regulatory", "total"):
            assert getattr(charged, kind) == cny(row[kind]), (row, kind)
        notional = instrument.units.notional(cny(row["price"]), row["qty"])
        assert notional == cny(row["amount"])
        delta = notional - charged.total if side is Side.SELL else -notional - charged.total
        assert delta == cny(row["cash_delta"])


def test_commission_minimum_falls_due_once_per_order() -> None:
    for row in vectors("cn_commission_partial_fills"):
        so_far = NOTHING_CHARGED
        each = []
        for quantity, price in row["fills"]:
            charged = fees(share("main"), Side.BUY, cny(price), quantity, TODAY, FeeSchedule(), so_far)
            each.append(charged.commission)
            notional = cny(price) * quantity
            so_far = Charged(so_far.quantity + quantity, so_far.notional + notional, plus(so_far.fees, charged))
        assert each == [cny(value) for value in row["commission_each"]], row


def test_quantities() -> None:
    for row in vectors("quantity"):
        instrument = share(row["board"])
        side, kind = Side(row["side"]), OrderType(row["otype"])
        sellable = row["sellable"] or 0
        problem = quantity_problem(instrument, side, row["qty"], sellable, kind, TODAY)
        assert (problem == "") is row["ok"], (row, problem)
        floored = floor_quantity(instrument, side, row["qty"], sellable, kind, TODAY)
        assert (floored == row["qty"]) is row["ok"], (row, floored)


def test_session_phases() -> None:
    for row in vectors("session_phase"):
        hour, minute, second = map(int, row["t"].split(":"))
        at = datetime(2026, 11, 20, hour, minute, second, tzinfo=BEIJING)
        phase = calendar(Market.ASHARE).phase(at, share("main"))
        assert phase == row["phase"], row
        assert accepts_orders(phase, Exchange.SSE) is row["sse_accepts"], row
        assert accepts_orders(phase, Exchange.SZSE) is row["szse_accepts"], row
        assert accepts_cancels(phase) is row["cancel"], row


@pytest.mark.parametrize("suffix", ["", "with suffix"])
def test_boards(suffix: str) -> None:
    rows = vectors("board")
    assert len(rows) == 28
    homes = {"6": "SH", "5": "SH", "0": "SZ", "3": "SZ", "2": "SZ", "8": "BJ", "4": "BJ", "92": "BJ", "90": "SH", "11": "SH"}
    for row in rows:
        code = row["code"]
        home = homes.get(code[:2]) or homes.get(code[0], "SZ")
        assert board_of(f"{code}.{home}" if suffix else code, Market.ASHARE) == row["board"], row


def test_binance_rounding() -> None:
    for row in vectors("binance_rounding"):
        if "qty" in row:
            step = to_units(row["step"], 10**8)
            spot = pair()
            instrument = type(spot)(spot.symbol, spot.market, spot.board, spot.name, tick=spot.tick, step=step)
            wanted = to_units(row["qty"], 10**8)
            assert floor_quantity(instrument, Side.BUY, wanted, 0, OrderType.LIMIT, TODAY) == to_units(row["out"], 10**8)
        else:
            spot = pair()
            instrument = type(spot)(spot.symbol, spot.market, spot.board, spot.name, tick=to_units(row["tick"], 10**8), step=1)
            price = to_units(row["price"], 10**8)
            assert to_tick(instrument, Side.BUY, TODAY, price) == to_units(row["buy_floor"], 10**8)
            assert to_tick(instrument, Side.SELL, TODAY, price) == to_units(row["nearest"], 10**8)


def test_binance_fees() -> None:
    buy, sell, taker, maker = vectors("binance_fees")
    price, quantity = to_units("70349.60", 10**8), to_units("0.01234", 10**8)
    schedule = FeeSchedule()
    bought = fees(pair(), Side.BUY, price, quantity, TODAY, schedule)
    assert pair().units.notional(price, quantity) == to_units(buy["notional"], 10**8)
    assert bought.base == to_units(buy["fee_btc"], 10**8)
    assert quantity - bought.base == to_units(buy["received"], 10**8)
    assert bought.total == 0
    sold = fees(pair(), Side.SELL, price, quantity, TODAY, schedule)
    # 0.8681140640 USDT is finer than the 1e-8 unit: half-up to the unit.
    assert sold.total == to_units("0.86811406", 10**8)
    assert abs(sold.total - float(sell["fee_usdt"]) * 10**8) <= 0.5
    perp = pair(Board.PERP)
    assert fees(perp, Side.BUY, 70_000 * 10**8, 5 * 10**7, TODAY, schedule).total == to_units(taker["fee_usdt"], 10**8)
    assert fees(perp, Side.BUY, 70_000 * 10**8, 5 * 10**7, TODAY, as_maker(schedule)).total == to_units(maker["fee_usdt"], 10**8)


def test_us_fees() -> None:
    for row in vectors("us_fees"):
        quantity = to_units(row["qty"], 10**6)
        charged = fees(us_share(), Side.SELL, cny(row["price"]), quantity, day(row["date"]), FeeSchedule())
        assert charged.regulatory == cny(row["sec"]), row
        assert charged.handling == cny(row["taf"]), row
        assert charged.total == cny(row["sec"]) + cny(row["taf"])
        assert fees(us_share(), Side.BUY, cny(row["price"]), quantity, day(row["date"]), FeeSchedule()).total == 0
