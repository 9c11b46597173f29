"""A vendor's file as a table of text: Parquet, or CSV in UTF-8 or GBK, with any of the usual separators, with or without a title.

通达信 writes a title line above the header and a source line below the rows; Binance's older files have no header at all.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path

import polars as pl

from engine.core.errors import DataError
from engine.store.importing.headers import BINANCE_KLINES, fields_of, plain_header
from engine.store.importing.numbers import as_text

MAX_BYTES = 4 << 30
_SEPARATORS = (",", "\t", ";", "|")
_FOOTERS = ("#数据来源", "数据来源")


def read_table(path: Path) -> pl.DataFrame:
    """Every column of the file as text under its own header. Raises DataError for a file that is no table."""
    try:
        if path.stat().st_size > MAX_BYTES:
            raise DataError(f"{path} is larger than {MAX_BYTES >> 30} GB; split it")
        data = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}") from error
    if data[:4] == b"PAR1":
        return as_text(_parquet(path, data))
    if path.suffix.lower() in (".parquet", ".pq"):
        raise DataError(f"{path} is not Parquet")
    return as_text(_csv(path, data))


def renamed(path: Path, table: pl.DataFrame, named: Mapping[str, str]) -> tuple[pl.DataFrame, dict[str, str]]:
    """The table under our field names, other columns under their own, and the header that each field came from.

    Raises DataError when the person named a header that the file does not have.
    """
    missing = [header for header in named.values() if header not in table.columns]
    if missing:
        raise DataError(f"{path} has no column {missing[0]}; it has {', '.join(table.columns[:20])}")
    chosen = fields_of(table.columns, named)
    other = {header: f"column {header}" for header in table.columns if header not in chosen}
    return table.rename({**chosen, **other}), {field: header for header, field in chosen.items()}


def _parquet(path: Path, data: bytes) -> pl.DataFrame:
    if data[-4:] != b"PAR1":
        raise DataError(f"{path} is a Parquet file that was cut off")
    try:
        return pl.read_parquet(io.BytesIO(data))
    except (pl.exceptions.PolarsError, OSError, ValueError) as error:
        raise DataError(f"{path} is not Parquet that can be read: {error}") from error


def _csv(path: Path, data: bytes) -> pl.DataFrame:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = data.decode("gb18030", "replace")
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith(_FOOTERS)]
    if not lines:
        raise DataError(f"{path} is empty")
    start, headers = _header(lines)
    separator = _separator(lines[min(start, len(lines) - 1)])
    body = "\n".join(lines[start:]).encode()
    try:
        if headers is None:
            return pl.read_csv(body, separator=separator, infer_schema=False)
        return pl.read_csv(body, separator=separator, infer_schema=False, has_header=False, new_columns=list(headers))
    except (pl.exceptions.PolarsError, OSError, ValueError) as error:
        raise DataError(f"{path} is not a table with one separator: {str(error).splitlines()[0]}") from error


def _header(lines: list[str]) -> tuple[int, tuple[str, ...] | None]:
    """Where the table begins, and its headers where the file has none of its own."""
    for place, line in enumerate(lines[:5]):
        words = [plain_header(word) for word in line.split(_separator(line))]
        if len(fields_of(words, {})) >= 3:
            return place, None
    first = lines[0].split(",")
    if len(first) == len(BINANCE_KLINES) and all(word.strip().replace(".", "", 1).isdigit() for word in first):
        return 0, BINANCE_KLINES
    return 0, None


def _separator(line: str) -> str:
    return max(_SEPARATORS, key=line.count)
