"""Which board a code belongs to, what its name says about it, and what kind of product the rules see.

A-share codes carry their board in the first digits (market_rules §9); ST, delisting and first-day states are written in the name.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from engine.core.errors import RuleUnknown
from engine.core.instrument import Board, Instrument
from engine.core.units import Market


class Exchange(StrEnum):
    """Where an order goes."""

    SSE = "SSE"
    SZSE = "SZSE"
    BSE = "BSE"
    US = "US"
    BINANCE = "BINANCE"


class Product(StrEnum):
    """What the rules on settlement, taxes and fees see in an instrument."""

    STOCK = "stock"
    B_SHARE = "b_share"
    FUND = "fund"
    FUND_T0 = "fund_t0"
    REIT = "reit"
    CONVERTIBLE = "convertible"
    US_STOCK = "us_stock"
    SPOT = "spot"
    PERP = "perp"


_PREFIXES: tuple[tuple[str, Board, str], ...] = (
    # 920 before 900: the longest prefix is looked at first, the order here is for the reader.
    ("920", Board.BSE, "BJ"),
    ("43", Board.BSE_OLD, "BJ"),
    ("83", Board.BSE_OLD, "BJ"),
    ("87", Board.BSE_OLD, "BJ"),
    ("88", Board.BSE_OLD, "BJ"),
    ("600", Board.MAIN_SH, "SH"),
    ("601", Board.MAIN_SH, "SH"),
    ("603", Board.MAIN_SH, "SH"),
    ("605", Board.MAIN_SH, "SH"),
    ("688", Board.STAR, "SH"),
    ("689", Board.STAR, "SH"),
    ("000", Board.MAIN_SZ, "SZ"),
    ("001", Board.MAIN_SZ, "SZ"),
    ("002", Board.MAIN_SZ, "SZ"),
    ("003", Board.MAIN_SZ, "SZ"),
    ("300", Board.CHINEXT, "SZ"),
    ("301", Board.CHINEXT, "SZ"),
    ("302", Board.CHINEXT, "SZ"),
    ("900", Board.B_SHARE_SH, "SH"),
    ("200", Board.B_SHARE_SZ, "SZ"),
    ("508", Board.REIT, "SH"),
    ("588", Board.ETF_STAR_20, "SH"),
    ("589", Board.ETF_STAR_20, "SH"),
    ("50", Board.ETF_SH, "SH"),
    ("51", Board.ETF_SH, "SH"),
    ("52", Board.ETF_SH, "SH"),
    ("53", Board.ETF_SH, "SH"),
    ("55", Board.ETF_SH, "SH"),
    ("56", Board.ETF_SH, "SH"),
    ("58", Board.ETF_SH, "SH"),
    ("15", Board.ETF_SZ, "SZ"),
    ("16", Board.LOF_SZ, "SZ"),
    ("18", Board.REIT, "SZ"),
    ("110", Board.CB_SH, "SH"),
    ("111", Board.CB_SH, "SH"),
    ("113", Board.CB_SH, "SH"),
    ("118", Board.CB_SH, "SH"),
    ("123", Board.CB_SZ, "SZ"),
    ("127", Board.CB_SZ, "SZ"),
    ("128", Board.CB_SZ, "SZ"),
)
_BY_PREFIX = {prefix: (board, suffix) for prefix, board, suffix in _PREFIXES}
_SIX_DIGITS = re.compile(r"[0-9]{6}")
_US_CODE = re.compile(r"[A-Z][A-Z0-9.\-]{0,9}")
_CRYPTO_CODE = re.compile(r"[A-Z0-9]{4,24}")
_EXCHANGES = {"SH": Exchange.SSE, "SZ": Exchange.SZSE, "BJ": Exchange.BSE}


def board_of(symbol: str, market: Market) -> Board:
    """The board of a symbol (`600519.SH`) or bare code (`600519`).

    Raises RuleUnknown for a code no board owns, or whose suffix contradicts its board: `000001.SH` is an index, not Ping An Bank.
    A crypto pair is taken for spot: whether BTCUSDT means the USD-M contract is not in its name, the exchange information says so.
    """
    code, dot, suffix = symbol.rpartition(".")
    if not dot:
        code, suffix = symbol, ""
    if market is Market.US:
        if not _US_CODE.fullmatch(code):
            raise RuleUnknown(f"{symbol}: not a US ticker")
        return Board.US
    if market is Market.CRYPTO:
        if not _CRYPTO_CODE.fullmatch(code):
            raise RuleUnknown(f"{symbol}: not a Binance pair")
        return Board.SPOT
    if not _SIX_DIGITS.fullmatch(code):
        raise RuleUnknown(f"{symbol}: A-share codes have six digits")
    found = _BY_PREFIX.get(code[:3]) or _BY_PREFIX.get(code[:2])
    if found is None:
        raise RuleUnknown(f"{symbol}: no board owns this code")
    board, home = found
    if suffix and suffix != home:
        raise RuleUnknown(f"{symbol}: codes {code[:3]}… trade on {home}; with suffix {suffix} this is an index or a mistake")
    return board


def symbol_of(code: str) -> str:
    """The full symbol of a bare A-share code: `600519` becomes `600519.SH`. Raises RuleUnknown like `board_of`."""
    board_of(code, Market.ASHARE)
    _, suffix = _BY_PREFIX.get(code[:3]) or _BY_PREFIX[code[:2]]
    return f"{code}.{suffix}"


def exchange_of(instrument: Instrument) -> Exchange:
    """Where the instrument trades."""
    if instrument.market is Market.US:
        return Exchange.US
    if instrument.market is Market.CRYPTO:
        return Exchange.BINANCE
    suffix = instrument.symbol.rpartition(".")[2]
    try:
        return _EXCHANGES[suffix]
    except KeyError:
        raise RuleUnknown(f"{instrument.symbol}: A-share symbols end in .SH, .SZ or .BJ") from None


@dataclass(frozen=True, slots=True)
class NameFlags:
    """What a listed name says: `bare` is the name without its marks."""

    bare: str
    special_treatment: bool
    delisting: bool
    first_day: bool
    first_week: bool
    ex_dividend: bool
    ex_rights: bool


_EX_MARKS = {"XD": (True, False), "XR": (False, True), "DR": (True, True)}
_ST = re.compile(r"^(?:S\*ST|SST|\*ST|ST)")


def name_flags(name: str) -> NameFlags:
    """Read the marks of a name: XD/XR/DR first (recorded: `XD贵州茅`), then N or C, then ST and its forms, then 退.

    N is the first session of a listing, C the second to the fifth. `退` at the end (`600000退`), or `退市` at the front, is the
    delisting period. A Latin company name such as `NIO` keeps its first letter: a mark stands before a Chinese character, or before
    another mark.
    """
    rest = name.strip().replace(" ", "").replace("Ａ", "A")
    dividend, rights = _EX_MARKS.get(rest[:2], (False, False))
    if dividend or rights:
        rest = rest[2:]
    marked = len(rest) > 1 and rest[0] in "NC" and (not rest[1].isascii() or _ST.match(rest[1:]) is not None)
    first_day, first_week = (marked and rest[0] == "N", marked and rest[0] == "C")
    if marked:
        rest = rest[1:]
    treated = _ST.match(rest)
    delisting = rest.endswith("退") or rest.startswith("退市")
    if treated:
        rest = rest[treated.end() :]
    return NameFlags(
        bare=rest.removeprefix("退市").removesuffix("退"),
        special_treatment=treated is not None,
        delisting=delisting,
        first_day=first_day,
        first_week=first_week,
        ex_dividend=dividend,
        ex_rights=rights,
    )


_STOCKS = {Board.MAIN_SH, Board.MAIN_SZ, Board.STAR, Board.CHINEXT, Board.BSE, Board.BSE_OLD}
_FUNDS = {Board.ETF_SH, Board.ETF_SZ, Board.ETF_STAR_20, Board.LOF_SZ}
_T0_PREFIXES_SH = ("511", "513", "518", "551")
_T0_CODES = {"510900", "159980", "159981", "159985"}
_T0_WORDS = (
    *("纳指", "纳斯达克", "标普", "恒生", "港股", "H股", "日经", "德国", "法国", "道琼斯"),
    *("东南亚", "沙特", "巴西", "亚太", "中概", "豆粕"),
)
_T0_NOT = ("A股", "沪港深", "黄金股", "黄金产业", "可转债")


def product_of(instrument: Instrument) -> Product:
    """The product kind. T+0 funds (bought and sold within a day) are bond, money, gold, commodity-futures and cross-border ETFs.

    Shanghai writes the kind into the code (511 bonds and money, 513 cross-border, 518 gold); Shenzhen does not, so its names are
    read and anything doubtful, every LOF included, stays T+1: the safe error is to hold a day too long.
    """
    board = instrument.board
    if board in _STOCKS:
        return Product.STOCK
    if board in _FUNDS:
        return Product.FUND_T0 if _same_day_fund(instrument) else Product.FUND
    return _OTHER_PRODUCTS[board]


_OTHER_PRODUCTS = {
    Board.B_SHARE_SH: Product.B_SHARE,
    Board.B_SHARE_SZ: Product.B_SHARE,
    Board.REIT: Product.REIT,
    Board.CB_SH: Product.CONVERTIBLE,
    Board.CB_SZ: Product.CONVERTIBLE,
    Board.US: Product.US_STOCK,
    Board.SPOT: Product.SPOT,
    Board.PERP: Product.PERP,
}


def _same_day_fund(instrument: Instrument) -> bool:
    if instrument.board in (Board.LOF_SZ, Board.ETF_STAR_20):
        return False
    code, name = instrument.code, instrument.name
    if code in _T0_CODES:
        return True
    if instrument.board is Board.ETF_SH:
        return code.startswith(_T0_PREFIXES_SH)
    if any(word in name for word in _T0_NOT):
        return "可转债" in name
    return code.startswith("15900") or "债" in name or "黄金" in name or "货币" in name or any(word in name for word in _T0_WORDS)


_GROWTH_WORDS = ("创业板", "科创", "双创", "创50", "创成长", "创大盘")


def growth_fund(instrument: Instrument) -> bool:
    """Whether the fund's index holds only ChiNext and STAR stocks, so that its limit is 20 % (SSE 2020-08-21, SZSE 2020-08-24).

    588/589 say so in the code; Shenzhen's only in the name (`创业板ETF`). Funds of science-and-technology bonds are not meant.
    """
    if instrument.board is Board.ETF_STAR_20:
        return True
    named = any(word in instrument.name for word in _GROWTH_WORDS) and "债" not in instrument.name
    return named and instrument.board in (Board.ETF_SZ, Board.LOF_SZ)
