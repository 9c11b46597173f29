"""The embedded sample market: where its files lie and how they are read, with one plain line when they cannot be.

Each file is checked against SHA256SUMS before the Parquet decoder sees a byte of it: the decoder may abort on damaged input.
"""

from __future__ import annotations

import hashlib
import io
from pathlib import Path

import polars as pl

from engine.core.errors import DataError

_ROOT = Path(__file__).resolve().parents[2]
_MARK = "ashare_daily.parquet"
_SUMS = "SHA256SUMS"
_MEND = "reinstall kanpan, or rebuild it with scripts/build_sample.py"

DAILY_COLUMNS = (
    *("symbol", "trading_day", "open", "high", "low", "close", "volume", "amount", "pre_close", "factor_ppm", "raw_ok"),
    *("qfq_open", "qfq_high", "qfq_low", "qfq_close", "qfq_volume"),
)
MINUTE_COLUMNS = ("symbol", "trading_day", "minute", "open", "high", "low", "close", "volume", "amount")
DIVIDEND_COLUMNS = (
    *("symbol", "announce_date", "record_date", "ex_date", "cash_per_10", "bonus_per_10", "transfer_per_10", "text"),
)
SECURITY_COLUMNS = ("symbol", "board", "name", "list_date", "industry", "area")
US_COLUMNS = ("symbol", "trading_day", "open", "high", "low", "close", "volume", "adj_close", "sound")


def sample_dir() -> Path:
    """`data/` beside the package in a checkout, `engine/_bundled/data` in an installed wheel; it may be missing."""
    beside = _ROOT / "data"
    bundled = _ROOT / "engine" / "_bundled" / "data"
    return bundled if bundled.is_dir() and not (beside / _MARK).exists() else beside


def daily(directory: Path) -> pl.DataFrame:
    """Daily bars of the eight A-shares; units and the meaning of `raw_ok` in data/README.md. Raises DataError."""
    return _table(directory / _MARK, DAILY_COLUMNS)


def minutes(directory: Path) -> pl.DataFrame:
    """5-minute bars; `minute` is the bar's end in minutes after midnight in Beijing. Raises DataError."""
    return _table(directory / "ashare_5m.parquet", MINUTE_COLUMNS)


def dividends(directory: Path) -> pl.DataFrame:
    """Distributions per ten shares, in 1e-6 CNY and 1e-6 shares. Raises DataError."""
    return _table(directory / "ashare_dividends.parquet", DIVIDEND_COLUMNS)


def securities(directory: Path) -> pl.DataFrame:
    """The security list of June 2020. Raises DataError."""
    return _table(directory / "ashare_securities.parquet", SECURITY_COLUMNS)


def us_daily(directory: Path) -> pl.DataFrame:
    """Daily bars of five US shares, as traded. Raises DataError."""
    return _table(directory / "us_daily.parquet", US_COLUMNS)


def _table(path: Path, columns: tuple[str, ...]) -> pl.DataFrame:
    data = _bytes(path)
    if not data:
        raise DataError(f"sample market: {path} is empty; {_MEND}")
    sums = _bytes(path.with_name(_SUMS)).decode("ascii", "replace").splitlines()
    if f"{hashlib.sha256(data).hexdigest()}  {path.name}" not in sums:
        raise DataError(f"sample market: {path} is corrupt (its checksum is not the one in {_SUMS}); {_MEND}")
    try:
        table = pl.read_parquet(io.BytesIO(data))
    except pl.exceptions.PolarsError as error:
        raise DataError(f"sample market: {path} is not Parquet; {_MEND}") from error
    missing = [name for name in columns if name not in table.columns]
    if missing:
        raise DataError(f"sample market: {path} has no column {missing[0]}; {_MEND}")
    if table.is_empty():
        raise DataError(f"sample market: {path} holds no rows; {_MEND}")
    return table.select(columns)


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError as error:
        raise DataError(f"sample market: {path} is missing; {_MEND}") from error
    except OSError as error:
        raise DataError(f"sample market: {path} cannot be read: {error.strerror}; {_MEND}") from error
