"""Vendors' spellings of a code as our symbols: `sh.600519`, `600519.XSHG`, `SH600519`, `600519`, `BTCUSDT`, `AAPL`."""

from __future__ import annotations

import re
from collections.abc import Iterable

from engine.core.errors import RuleUnknown
from engine.core.units import Market
from engine.exchange import symbol_of

_SUFFIXES = {
    **dict.fromkeys(("SH", "XSHG", "SSE", "SS"), "SH"),
    **dict.fromkeys(("SZ", "XSHE", "SZSE"), "SZ"),
    **dict.fromkeys(("BJ", "XBSE", "BSE"), "BJ"),
}
_BEFORE = re.compile(r"(SH|SZ|BJ|XSHG|XSHE)[.#_]?(\d{6})")
_AFTER = re.compile(r"(\d{6})[.#_]([A-Z]+)")
_CODE = re.compile(r"\d{1,6}")
_TICKER = re.compile(r"[A-Z][A-Z0-9.\-]{0,9}")
_PAIR = re.compile(r"[A-Z0-9]{4,24}")


def full_symbol(text: str, market: Market) -> str | None:
    """The symbol that `text` means in `market`; None where it means none.

    A bare code of digits is a share: leading zeros that a spreadsheet ate are put back, an index needs its suffix.
    """
    code = text.strip().upper()
    match market:
        case Market.ASHARE:
            return _ashare(code)
        case Market.US:
            code = code.removesuffix(".US")
            return f"{code}.US" if _TICKER.fullmatch(code) else None
        case Market.CRYPTO:
            pair = code.removesuffix(".BINANCE").partition(":")[0].replace("/", "").replace("-", "").replace("_", "")
            return f"{pair}.BINANCE" if _PAIR.fullmatch(pair) else None


def symbol_in_name(stem: str, market: Market) -> str | None:
    """The symbol in a file's name: `SH#600519`, `600519_daily`, `BTCUSDT-1m-2025-05`; None where there is none."""
    pieces = re.split(r"[-_ #]", stem)
    # An index needs the prefix of its exchange, which a piece alone would lose; a pair is spelt with the same dash as the rest.
    for word in (stem, *pieces) if market is Market.ASHARE else (*pieces, stem):
        if (found := full_symbol(word, market)) is not None:
            return found
    return None


def symbol_table(texts: Iterable[str], market: Market) -> dict[str, str | None]:
    """What each spelling means."""
    return {text: full_symbol(text, market) for text in texts}


def _ashare(code: str) -> str | None:
    if found := _AFTER.fullmatch(code):
        suffix = _SUFFIXES.get(found[2])
        return f"{found[1]}.{suffix}" if suffix else None
    if found := _BEFORE.fullmatch(code):
        return f"{found[2]}.{_SUFFIXES[found[1]]}"
    if not _CODE.fullmatch(code):
        return None
    try:
        return symbol_of(code.zfill(6))
    except RuleUnknown:
        return None
