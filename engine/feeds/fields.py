"""What A-share bodies have in common at the edge: JSON, JSONP and GBK taken strictly, decimals made whole units, Beijing times.

body ──► unwrapped ──► json_object · rows_of        text ──► numbers ──► on_grid · fen ──► integers in core units
Everything here either gives the exact value or says so: a null for one field, FeedError for a body.
"""

from __future__ import annotations

import io
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any, Literal
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import polars as pl
from pydantic_core import from_json, to_json

from engine.core.text import safe_text
from engine.core.units import UNITS, Market
from engine.feeds.regular_rows import regular_rows
from engine.feeds.source import Fault, FeedError

BEIJING = ZoneInfo("Asia/Shanghai")
LOT = 100
"""Shares in a lot (手), the unit of volume at Eastmoney and Tencent."""
PRICE = UNITS[Market.ASHARE].price
FEN = UNITS[Market.ASHARE].cent
"""Money units in a fen, the finest amount of money that a source gives."""
PERCENT_PPM = 10_000
SKEW = timedelta(seconds=5)
"""How far a source's clock may run ahead of ours; what is later is from the future."""
MAX_BYTES = 64_000_000
Figures = npt.NDArray[np.float64]
Ranking = Literal["amount", "volume", "turnover", "change"]
"""What the vendors rank shares by (成交额, 成交量, 换手率, 涨跌幅)."""
_CALLBACK = re.compile(rb"[A-Za-z_$][\w$.]{0,200}\s{0,9}")
_VARIABLE = re.compile(rb"(?:var\s{1,9})?[A-Za-z_$][\w$.]{0,200}\s{0,9}")
_EXACT = 2.0**51
"""Below it a decimal's nearest double, times the scale, lies within half a unit of the true whole number."""
_LARGEST_PRICE = 1e12
_OFF_GRID = 1e-3
_VARIATION = re.compile("[\ufe00-\ufe0f]")
_NAME_CHARS = 60


def not_data(source: str, detail: str) -> FeedError:
    """The error for a body that is not what was asked for."""
    return FeedError(source, Fault.NOT_DATA, safe_text(detail, limit=200, one_line=True))


def unwrapped(source: str, body: bytes) -> bytes:
    """The JSON inside `name(…);` or `name=…;`, or the body itself. Raises FeedError(NOT_DATA) for a wrapper cut short."""
    if len(body) > MAX_BYTES:
        raise not_data(source, f"a body of {len(body)} bytes")
    inner = body.strip()
    if inner[:1] in (b"{", b"[") or inner == b"null":
        return inner
    inner = inner.removesuffix(b";").rstrip()
    callback, bracket, _ = inner[:250].partition(b"(")
    if bracket and inner[-1:] == b")" and _CALLBACK.fullmatch(callback):
        return inner[len(callback) + 1 : -1].strip()
    variable, sign, _ = inner[:250].partition(b"=")
    if sign and _VARIABLE.fullmatch(variable):
        return inner[len(variable) + 1 :].strip()
    raise not_data(source, f"neither JSON nor JSONP: {body[:40]!r}")


def json_value(source: str, body: bytes) -> Any:
    """The one JSON value of a whole body; no NaN, no Infinity, nothing after it. Raises FeedError(NOT_DATA)."""
    try:
        return from_json(unwrapped(source, body), allow_inf_nan=False)
    except (ValueError, RecursionError):
        raise not_data(source, f"not JSON: {body[:40]!r}") from None


def json_object(source: str, body: bytes) -> Mapping[str, Any]:
    """The JSON object of a whole body. Raises FeedError(NOT_DATA)."""
    value = json_value(source, body)
    if not isinstance(value, dict):
        raise not_data(source, f"not a JSON object: {body[:40]!r}")
    return value


def objects(source: str, value: object, what: str) -> list[Mapping[str, Any]]:
    """`value` as a list of JSON objects. Raises FeedError(NOT_DATA)."""
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise not_data(source, f"{what} is not a list of objects")
    return value


def gbk(source: str, body: bytes) -> str:
    """The text of a GBK body. Raises FeedError(NOT_DATA) for bytes that are no GBK."""
    if len(body) > MAX_BYTES:
        raise not_data(source, f"a body of {len(body)} bytes")
    try:
        return body.decode("gb18030")
    except UnicodeDecodeError:
        raise not_data(source, f"not GBK: {body[:40]!r}") from None


def quoted_lines(source: str, text: str, prefix: str) -> list[tuple[str, str]]:
    """(name, content) of every `PREFIXname="content";` of a text that holds nothing else. Raises FeedError(NOT_DATA)."""
    pattern = re.compile(rf'{prefix}(\w{{1,40}})="([^"]*)"')
    if pattern.sub("", text).strip(" \r\n\t;"):
        raise not_data(source, f"not lines of quotes, or cut short: {text[:40]!r}")
    return pattern.findall(text)


def split(source: str, lines: Sequence[str], separator: str, names: Mapping[int, str]) -> pl.DataFrame:
    """Columns of text by field number, null where a line is shorter. Raises FeedError(NOT_DATA) when there is no line."""
    if not lines:
        raise not_data(source, "no rows")
    parts = pl.Series("row", lines, dtype=pl.String).str.split(separator)
    return parts.to_frame().select(pl.col("row").list.get(place, null_on_oob=True).alias(name) for place, name in names.items())


def numbers(source: str, table: pl.DataFrame, names: Sequence[str]) -> pl.DataFrame:
    """The text columns `names` as numbers, null for an empty or missing field and for a lone dash.

    Raises FeedError(NOT_DATA) for text that is no plain decimal number.
    """
    blank = [pl.col(name).str.strip_chars().replace({"": None, "-": None, "--": None}).alias(name) for name in names]
    table = table.with_columns(blank)
    plain = table.select(pl.col(name).str.contains(r"^-?[0-9]{1,18}(\.[0-9]{1,18})?$").all() for name in names)
    odd = [name for name, sound in zip(names, plain.row(0), strict=True) if not sound]
    if odd:
        raise not_data(source, f"{odd[0]} is not a number in every row")
    return table.with_columns(pl.col(name).cast(pl.Float64) for name in names)


def on_grid(value: Figures, scale: int) -> Figures:
    """Numbers as whole numbers of 1/`scale`; NaN where one is missing, off that grid or too large to be exact."""
    with np.errstate(over="ignore", invalid="ignore"):
        scaled = value * scale
        whole = np.rint(scaled)
        return np.where((np.abs(scaled) < _LARGEST_PRICE) & (np.abs(scaled - whole) < _OFF_GRID), whole, np.nan)


def price(value: Figures) -> Figures:
    """Prices in CNY as price units; NaN where one is missing or finer than 1e-4 CNY."""
    return on_grid(value, PRICE)


def fen(value: Figures) -> Figures:
    """Amounts in CNY as whole fen (FEN money units each); NaN where one is missing or beyond 22 trillion CNY."""
    return rounded(value, PRICE // FEN)


def rounded(value: Figures, scale: float) -> Figures:
    """Figures nobody settles money with (rates, capitalisations) times `scale`, rounded; NaN where missing or too large."""
    with np.errstate(over="ignore"):
        scaled = value * scale
    return np.where(np.abs(scaled) < _EXACT, np.rint(scaled), np.nan)


def integers(value: Figures) -> pl.Series:
    """Whole numbers as 64-bit integers; null where one is NaN."""
    missing = np.isnan(value)
    whole = pl.Series(np.where(missing, 0.0, value).astype(np.int64))
    return whole.set(pl.Series(missing), None) if missing.any() else whole


def day_number(value: Figures) -> pl.Series:
    """Dates written as the number yyyymmdd; null where there is none."""
    number = np.where((value >= 19_000_101) & (value < 21_000_101), value, 0.0).astype(np.int64)
    months = (number // 10_000 - 1970) * 12 + number // 100 % 100 - 1
    day = months.astype("datetime64[M]").astype("datetime64[D]") + (number % 100 - 1)
    real = (number // 100 % 100 - 1 < 12) & (number > 0) & (day.astype("datetime64[M]").astype(np.int64) == months)
    return pl.Series(np.where(real, day, np.datetime64("NaT", "D")))


def figures(table: pl.DataFrame, name: str) -> Figures:
    """A column of numbers, NaN where it is null."""
    return table[name].to_numpy()


def clean(names: pl.Series) -> pl.Series:
    """Names from outside, made safe for any screen; '' where there is none."""
    text = (names.fill_null("") if names.null_count() else names).str.strip_chars()
    together = str(text.str.join("").item())
    longest = text.str.len_bytes().max()
    if together.isprintable() and _VARIATION.search(together) is None and isinstance(longest, int) and longest <= _NAME_CHARS:
        return text
    return text.map_elements(_safe_name, return_dtype=pl.String)


def _safe_name(text: str) -> str:
    return safe_text(text, limit=_NAME_CHARS, one_line=True).strip()


def end_of(day: date) -> datetime:
    """The instant at which a day in Beijing is over, in UTC."""
    return datetime.combine(day + timedelta(days=1), datetime.min.time(), BEIJING).astimezone(UTC)


def beijing_day(at: datetime) -> date:
    """The date in Beijing at an instant."""
    return at.astimezone(BEIJING).date()


def day_of(value: object) -> date | None:
    """The date at the front of a text such as `2026-10-30 00:00:00` or `20261030`; None where there is none."""
    if not isinstance(value, str):
        return None
    try:
        return date.fromisoformat(value[:10] if "-" in value else value[:8])
    except ValueError:
        return None


def in_batches(symbols: Sequence[str], size: int) -> list[Sequence[str]]:
    """`symbols` in runs of at most `size`, in order, each once."""
    once = list(dict.fromkeys(symbols))
    return [once[place : place + size] for place in range(0, len(once), size)]


def rows_of(source: str, rows: bytes, schema: Mapping[str, pl.DataType]) -> pl.DataFrame:
    """A JSON list of flat objects as a table of `schema`.

    A missing field, a lone dash and an empty text are null, any other type is a fault. Raises FeedError(NOT_DATA).
    """
    lines = rows.strip()
    if lines[:1] != b"[" or lines[-1:] != b"]":
        raise not_data(source, f"not a list of rows: {rows[:40]!r}")
    regular = regular_rows(lines, schema)
    if regular is not None:
        return regular
    try:
        return _lines(lines[1:-1].replace(b"\n", b" ").replace(b"},{", b"}\n{"), schema)
    except pl.exceptions.PolarsError:
        pass  # spaced out, a brace inside a name, or no JSON: the slow and certain way tells which
    each = objects(source, json_value(source, lines), "the rows")
    try:
        return _lines(b"\n".join(to_json(row) for row in each), schema)
    except pl.exceptions.PolarsError:
        raise not_data(source, f"rows of another shape: {rows[:40]!r}") from None


def _lines(lines: bytes, schema: Mapping[str, pl.DataType]) -> pl.DataFrame:
    if not lines.strip():
        return pl.DataFrame(schema=schema)
    for nothing in (b':"-"', b': "-"', b':""', b': ""'):
        lines = lines.replace(nothing, b":null")
    return pl.read_ndjson(io.BytesIO(lines), schema=pl.Schema(schema))
