"""Price limits by board and date, and the price cage of continuous trading.

limit = round_half_up(reference × (1 ± pct), tick): SSE 3.3.13/3.3.17 and SZSE 3.3.16 of the 2026 texts; never a binary float.
Percentages and dates: marina-rules 2026.10.26.5, which quotes the exchange texts; market_rules §3.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from engine.core.instrument import Board, Instrument
from engine.core.order import Side
from engine.core.units import PPM, Market, div_half_up
from engine.exchange.boards import Exchange, Product, exchange_of, growth_fund, product_of
from engine.exchange.dated import Dated, Gap, since
from engine.exchange.lots import tick_of

_FREE = (0, 0)
"""No limit on such a day."""
_CHINEXT_GAP = Gap("ChiNext delisting stocks changed from 10 % to 20 % within these four months, stock by stock")


def _same(ppm: int) -> tuple[int, int]:
    return (ppm, ppm)


_5, _10, _20, _30 = _same(50_000), _same(100_000), _same(200_000), _same(300_000)
_OLD_FIRST_DAY = (440_000, 360_000)
"""64 % to 144 % of the issue price: SSE 上证发〔2013〕47号, SZSE 深证会〔2014〕54号."""

Band = tuple[int, int]
"""(up, down) in ppm of the reference price; (0, 0) for none."""

_BANDS: dict[str, Dated[Band]] = {
    "main": since("price limit of main-board shares", ("1996-12-16", _10)),
    "st main": since("price limit of ST shares", ("1998-04-22", _5), ("2026-07-06", _10)),
    "chinext": since("price limit of ChiNext shares", ("2009-10-30", _10), ("2020-08-24", _20)),
    "st chinext": since("price limit of ChiNext ST shares", ("2009-10-30", _5), ("2020-08-24", _20)),
    "star": since("price limit of STAR shares", ("2019-07-22", _20)),
    "bse": since("price limit of BSE shares", ("2021-11-15", _30)),
    "b share": since("price limit of B shares", ("1996-12-16", _10)),
    "st b share": since("price limit of ST B shares", ("1998-04-22", _5), ("2026-07-06", _10)),
    "fund": since("price limit of funds", ("1996-12-16", _10)),
    "growth fund SSE": since("price limit of STAR funds", ("1996-12-16", _10), ("2020-08-21", _20)),
    "growth fund SZSE": since("price limit of ChiNext funds", ("1996-12-16", _10), ("2020-08-24", _20)),
    "convertible": since("price limit of convertible bonds", ("2006-07-01", _FREE), ("2022-08-01", _20)),
    "reit": since("price limit of REITs", ("2021-01-29", _10)),
    "first main SSE": since(
        "first day on the SSE main board", ("1996-12-16", _FREE), ("2013-12-13", _OLD_FIRST_DAY), ("2023-04-10", _FREE)
    ),
    "first main SZSE": since(
        "first day on the SZSE main board", ("1996-12-16", _FREE), ("2014-06-13", _OLD_FIRST_DAY), ("2023-04-10", _FREE)
    ),
    "first chinext": since("first day on ChiNext", ("2009-10-30", _FREE), ("2014-06-13", _OLD_FIRST_DAY), ("2020-08-24", _FREE)),
    "first convertible": since("first day of a convertible bond", ("2006-07-01", _FREE), ("2022-08-01", (573_000, 433_000))),
    "first reit": since("first day of a REIT", ("2021-01-29", _30)),
    "delisting main SSE": since("delisting period, SSE main board", ("2013-01-01", _10)),
    "delisting main SZSE": since("delisting period, SZSE main board", ("2012-12-17", _10)),
    "delisting chinext": since("delisting period, ChiNext", ("2012-12-17", _10), ("2020-08-24", _CHINEXT_GAP), ("2020-12-31", _20)),
    "delisting first main SSE": since("first delisting day, SSE main board", ("2013-01-01", _10), ("2020-12-31", _FREE)),
    "delisting first main SZSE": since("first delisting day, SZSE main board", ("2012-12-17", _10), ("2020-12-31", _FREE)),
    "delisting first chinext": since(
        "first delisting day, ChiNext", ("2012-12-17", _10), ("2020-08-24", _CHINEXT_GAP), ("2020-12-31", _FREE)
    ),
    "delisting first star": since("first delisting day, STAR", ("2019-07-22", _20), ("2020-12-31", _FREE)),
}
_FREE_SESSIONS: dict[Board, Dated[int]] = {
    Board.MAIN_SH: since("sessions without limit, SSE main board", ("1996-12-16", 1), ("2023-04-10", 5)),
    Board.MAIN_SZ: since("sessions without limit, SZSE main board", ("1996-12-16", 1), ("2023-04-10", 5)),
    Board.CHINEXT: since("sessions without limit, ChiNext", ("2009-10-30", 1), ("2020-08-24", 5)),
    Board.STAR: since("sessions without limit, STAR", ("2019-07-22", 5)),
    Board.BSE: since("sessions without limit, BSE", ("2021-11-15", 1)),
    Board.BSE_OLD: since("sessions without limit, BSE", ("2021-11-15", 1)),
}
_ONE_TICK: dict[Exchange, Dated[bool]] = {
    Exchange.SSE: since("one-tick rule, SSE", ("1996-12-16", False), ("2023-04-10", True)),
    Exchange.SZSE: since("one-tick rule, SZSE", ("1996-12-16", False), ("2011-02-28", True)),
    Exchange.BSE: since("one-tick rule, BSE", ("2021-11-15", True)),
}


_DELISTING_AT_FIVE_CENTS, _FIVE_CENTS = date(2020, 12, 31), 500


@dataclass(frozen=True, slots=True)
class PriceLimits:
    """The highest and lowest valid price of a day, in price units."""

    up: int
    down: int


def price_limits(
    instrument: Instrument,
    day: date,
    pre_close: int,
    *,
    sessions_listed: int | None,
    delisting_sessions: int | None = None,
) -> PriceLimits | None:
    """The day's limits around `pre_close` (the exchange's reference price; the issue price on a first day), or None for none.

    `sessions_listed` counts the listing day as 1, `delisting_sessions` the first day of the delisting period as 1; None means past
    all first-day rules. Relistings and other special first days have no limit either and cannot be told from a code: take the
    published limits there. Raises RuleUnknown for a product or date the rulebook does not cover.
    """
    if instrument.market is not Market.ASHARE:
        return None
    up_ppm, down_ppm = band(instrument, day, sessions_listed=sessions_listed, delisting_sessions=delisting_sessions)
    if (up_ppm, down_ppm) == _FREE:
        return None
    return limits_around(pre_close, up_ppm, down_ppm, tick_of(instrument, day), one_tick=_one_tick(instrument, day, pre_close))


def limits_around(reference: int, up_ppm: int, down_ppm: int, tick: int, *, one_tick: bool) -> PriceLimits:
    """The formula alone. `one_tick`: a limit closer than one tick to the reference moves out to one tick; never below one tick."""
    if reference <= 0:
        raise ValueError(f"the reference price must be positive: {reference}")
    up = div_half_up(reference * (PPM + up_ppm), PPM * tick) * tick
    down = div_half_up(reference * (PPM - down_ppm), PPM * tick) * tick
    if one_tick and up - reference < tick:
        up = reference + tick
    if one_tick and reference - down < tick:
        down = reference - tick
    return PriceLimits(up, max(down, tick))


def band(instrument: Instrument, day: date, *, sessions_listed: int | None, delisting_sessions: int | None = None) -> Band:
    """How far the price may move, (up, down) in ppm of the reference; (0, 0) on a day without limit."""
    name = _band_name(instrument, day, sessions_listed, delisting_sessions)
    return _FREE if name is None else _BANDS[name].on(day)


def _one_tick(instrument: Instrument, day: date, pre_close: int) -> bool:
    exchange = exchange_of(instrument)
    if instrument.delisting and instrument.board is Board.MAIN_SH:
        # The risk-warning-board measures gave SSE delisting shares a one-tick band ten years before the trading rules did:
        # below 0.05 since 2013, at 0.05 as well since the measures of 2020-12-31 (where it equals the general rule).
        return day >= _DELISTING_AT_FIVE_CENTS or pre_close < _FIVE_CENTS
    return _ONE_TICK[exchange].on(day)


def _band_name(instrument: Instrument, day: date, listed: int | None, delisting: int | None) -> str | None:
    """The row of the table that rules this day; None where a first-days rule lifts the limit."""
    board, product = instrument.board, product_of(instrument)
    where = exchange_of(instrument).value
    if product is Product.STOCK:
        return _stock_band(instrument, day, listed, delisting)
    if product is Product.B_SHARE:
        return "st b share" if instrument.special_treatment else "b share"
    if product is Product.CONVERTIBLE:
        return "first convertible" if listed == 1 else "convertible"
    if board is Board.REIT:
        return "first reit" if listed == 1 else "reit"
    return f"growth fund {where}" if growth_fund(instrument) else "fund"


_SEGMENTS = {
    Board.MAIN_SH: "main",
    Board.MAIN_SZ: "main",
    Board.CHINEXT: "chinext",
    Board.STAR: "star",
    Board.BSE: "bse",
    Board.BSE_OLD: "bse",
}


def _stock_band(instrument: Instrument, day: date, listed: int | None, delisting: int | None) -> str | None:
    segment = _SEGMENTS[instrument.board]
    where = f"main {exchange_of(instrument).value}" if segment == "main" else segment
    if instrument.delisting:
        if delisting == 1:
            return None if segment == "bse" else f"delisting first {where}"
        return f"delisting {where}" if f"delisting {where}" in _BANDS else segment
    if listed is not None and listed <= _FREE_SESSIONS[instrument.board].on(day):
        return f"first {where}" if listed == 1 and f"first {where}" in _BANDS else None
    if instrument.special_treatment and segment in ("main", "chinext"):
        return f"st {segment}"
    return segment


class CageRule(StrEnum):
    """What the exchange does with a limit order beyond the cage."""

    NONE = "none"
    REJECT = "reject"
    PARK = "park"


@dataclass(frozen=True, slots=True)
class _Cage:
    rule: CageRule
    ppm: int
    ticks: int


_NO_CAGE = _Cage(CageRule.NONE, 0, 0)
_CAGE = _Cage(CageRule.REJECT, 20_000, 10)
_CAGES: dict[Board, Dated[_Cage]] = {
    Board.MAIN_SH: since("price cage, SSE main board", ("1996-12-16", _NO_CAGE), ("2023-04-10", _CAGE)),
    Board.MAIN_SZ: since("price cage, SZSE main board", ("1996-12-16", _NO_CAGE), ("2023-04-10", _CAGE)),
    Board.STAR: since("price cage, STAR", ("2019-07-22", _Cage(CageRule.REJECT, 20_000, 0)), ("2023-04-10", _CAGE)),
    Board.CHINEXT: since(
        "price cage, ChiNext", ("2009-10-30", _NO_CAGE), ("2020-08-24", _Cage(CageRule.PARK, 20_000, 0)), ("2023-04-10", _CAGE)
    ),
    Board.BSE: since("price cage, BSE", ("2021-11-15", _Cage(CageRule.REJECT, 50_000, 10))),
    Board.BSE_OLD: since("price cage, BSE", ("2021-11-15", _Cage(CageRule.REJECT, 50_000, 10))),
}


def cage_rule(instrument: Instrument, day: date) -> CageRule:
    """What happens in continuous trading to a limit order beyond the cage: rejected, parked (ChiNext until 2023-04-09) or taken."""
    dated = _CAGES.get(instrument.board)
    return CageRule.NONE if dated is None else dated.on(day).rule


def price_cage(instrument: Instrument, side: Side, day: date, base: int) -> int | None:
    """The highest price a buy (lowest a sell) may be limited to in continuous trading, in price units; None where there is no cage.

    buy <= max(102 % × base, base + 10 ticks); sell >= min(98 % × base, base - 10 ticks); BSE 5 %. Rounded half-up to the tick: SZSE
    says so, assumed for SSE [?].
    """
    dated = _CAGES.get(instrument.board)
    cage = _NO_CAGE if dated is None else dated.on(day)
    if cage.rule is CageRule.NONE:
        return None
    tick = tick_of(instrument, day)
    ticks = max(cage.ticks, 1)
    if side is Side.BUY:
        return max(div_half_up(base * (PPM + cage.ppm), PPM * tick) * tick, base + ticks * tick)
    return max(min(div_half_up(base * (PPM - cage.ppm), PPM * tick) * tick, base - ticks * tick), tick)


def cage_base(side: Side, *, bid: int, ask: int, last: int, pre_close: int) -> int:
    """The price the cage is drawn around: best opposite quote, else own best quote, else last price, else reference (0 = none)."""
    opposite, own = (ask, bid) if side is Side.BUY else (bid, ask)
    return opposite or own or last or pre_close
