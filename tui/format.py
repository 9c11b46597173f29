"""Numbers, times and text as the console shows them, measured in terminal cells. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from zoneinfo import ZoneInfo

from rich.cells import cell_len, get_character_cell_size, set_cell_size

from engine.core.units import div_half_up, plain

ZONES = {"ashare": "Asia/Shanghai", "us": "America/New_York", "crypto": "UTC"}
_CYCLE = re.compile(r"^[^:]+:[a-z]+:\d{8}:(?=\d{8}T)")
_HUNDREDTH = Decimal("0.01")
_JSON_STRING = re.compile(r'("(?:[^"\\]|\\.)*"?)')
_STEPS_ZH = ((10**12, "万亿"), (10**8, "亿"), (10**4, "万"))
_STEPS_EN = ((10**12, "T"), (10**9, "B"), (10**6, "M"), (10**3, "K"))


def zone_of(market: str) -> ZoneInfo:
    """The time zone in which a market's people read the clock; UTC for an unknown market."""
    return ZoneInfo(ZONES.get(market, "UTC"))


def fit(text: str, width: int, *, align: str = "left", ellipsis: str = "…") -> str:
    """`text` in exactly `width` cells, padded, or cut with an ellipsis; never half a wide character."""
    if width <= 0:
        return ""
    length = cell_len(text)
    if length > width:
        return set_cell_size(set_cell_size(text, width - 1).rstrip() + ellipsis, width)
    space = " " * (width - length)
    return space + text if align == "right" else text + space


def price(units: int, scale: int, places: int) -> str:
    """A price with its usual decimals; a dash where there was no print."""
    return plain(units, scale, places=places) if units else "-"


def percent(ppm: int) -> str:
    """A signed percentage with two decimals, rounded half up: `+1.23`."""
    hundredths = div_half_up(ppm, 100)
    sign = "-" if hundredths < 0 else "+" if hundredths > 0 else ""
    whole, part = divmod(abs(hundredths), 100)
    return f"{sign}{whole}.{part:02d}"


def weight(ppm: int) -> str:
    """A weight or a confidence as an unsigned percentage: `12.5%`."""
    tenths = div_half_up(ppm, 1_000)
    return f"{tenths // 10}.{tenths % 10}%" if tenths >= 0 else f"-{weight(-ppm)}"


def compact(units: int, scale: int, language: str) -> str:
    """A large quantity in about six cells: 万 and 亿 in Chinese, K, M and B in English; a dash for none."""
    whole = div_half_up(units, scale)
    if not whole:
        return "-"
    for step, suffix in _STEPS_ZH if language == "zh" else _STEPS_EN:
        if abs(whole) >= step:
            tenths = div_half_up(whole * 10, step)
            return f"{tenths // 10}.{tenths % 10}{suffix}" if abs(tenths) < 1_000 else f"{div_half_up(whole, step)}{suffix}"
    return str(whole)


def money(text: str) -> str:
    """A decimal string with thousands separated: `1,012,345.67`. Anything else comes back as it is."""
    sign, digits = ("-", text[1:]) if text.startswith("-") else ("", text)
    head, dot, tail = digits.partition(".")
    if not head.isascii() or not head.isdigit():
        return text
    return f"{sign}{int(head):,}{dot}{tail}"


def cents(text: str) -> str:
    """`money` rounded half up to hundredths, for tables and the status row: coins count to 1e-8, and a detail shows all of it."""
    try:
        exact = Decimal(text)
    except InvalidOperation:
        return text
    shown = exact.quantize(_HUNDREDTH, ROUND_HALF_UP)
    return money(f"{shown:f}" if shown else "0.00")


def signed_cents(text: str) -> str:
    """`cents` with a plus sign on gains."""
    return _signed(cents(text))


def signed_money(text: str) -> str:
    """`money` with a plus sign on gains."""
    return _signed(money(text))


def _signed(shown: str) -> str:
    return f"+{shown}" if sign_of(shown) > 0 else shown


def sign_of(text: str) -> int:
    """-1, 0 or 1 for a decimal string."""
    if not any(char in "123456789" for char in text):
        return 0
    return -1 if text.startswith("-") else 1


def trimmed(text: str) -> str:
    """A decimal string without trailing zeros after the point, for quantities."""
    if "." not in text:
        return text
    return text.rstrip("0").rstrip(".") or "0"


def age(seconds: float) -> str:
    """How long ago, in at most four cells: `120ms`, `3s`, `12m`, `5h`, `9d`."""
    if seconds < 0.9995:
        return f"{max(0, round(seconds * 1000))}ms"
    for limit, size, unit in ((60, 1, "s"), (3_600, 60, "m"), (86_400, 3_600, "h")):
        if seconds < limit:
            return f"{int(seconds / size)}{unit}"
    return f"{int(seconds / 86_400)}d"


def countdown(seconds: float) -> str:
    """Time left: `03:12`, `1h03m`, `2d19h`."""
    left = max(0, round(seconds))
    days, left = divmod(left, 86_400)
    hours, left = divmod(left, 3_600)
    minutes, left = divmod(left, 60)
    if days:
        return f"{days}d{hours:02d}h"
    return f"{hours}h{minutes:02d}m" if hours else f"{minutes:02d}:{left:02d}"


def tokens(count: int) -> str:
    """A token count: `640`, `41.2k`, `3.1M`."""
    if count < 10_000:
        return f"{count:,}"
    return f"{count / 1_000:.1f}k" if count < 1_000_000 else f"{count / 1_000_000:.1f}M"


def stamp(at: datetime, market: str, layout: str = "%m-%d %H:%M:%S") -> str:
    """An instant on the wall clock of the market."""
    return at.astimezone(zone_of(market)).strftime(layout)


def shortened(params: Iterable[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    """An event's parameters with cycles named by their instant alone, which `kanpan show` takes too: desk and day are known."""
    return tuple((name, _CYCLE.sub("", value) if name in ("cycle", "source") else value) for name, value in params)


def reflow_json(text: str) -> str:
    """A reply on one line with a new line before each object of a list, and nothing else changed; other texts as they are."""
    if "\n" in text.strip() or not text.lstrip().startswith(("{", "[")):
        return text
    parts = _JSON_STRING.split(text)
    for index in range(0, len(parts), 2):
        parts[index] = parts[index].replace("},{", "},\n {").replace("[{", "[\n {").replace("}]", "}\n]")
    return "".join(parts)


def wrap(text: str, width: int) -> list[tuple[int, int]]:
    """Where `text` breaks into lines of at most `width` cells, as (start, end) offsets.

    Breaks at new lines, else at the last space or comma in the final third of a line, else anywhere: Chinese needs no space.
    """
    if width < 2:
        raise ValueError(f"cannot wrap to {width} cells")
    pieces: list[tuple[int, int]] = []
    offset = 0
    for paragraph in text.split("\n"):
        pieces.extend((offset + start, offset + end) for start, end in _wrap_paragraph(paragraph, width))
        offset += len(paragraph) + 1
    return pieces


def _wrap_paragraph(text: str, width: int) -> list[tuple[int, int]]:
    pieces: list[tuple[int, int]] = []
    start, ascii_only = 0, text.isascii()
    while True:
        end = min(len(text), start + width) if ascii_only else _reach(text, start, width)
        if end >= len(text):
            pieces.append((start, len(text)))
            return pieces
        late = start + (end - start) * 2 // 3
        space, comma = text.rfind(" ", late, end + 1), text.rfind(",", late, end)
        if space > comma:
            pieces.append((start, space))
            start = space + 1
        else:
            stop = comma + 1 if comma >= late and not text[comma + 1].isdigit() else end
            pieces.append((start, stop))
            start = stop


def _reach(text: str, start: int, width: int) -> int:
    used = 0
    for position in range(start, len(text)):
        used += get_character_cell_size(text[position])
        if used > width:
            return position
    return len(text)
