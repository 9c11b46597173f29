"""A snapshot: the market as one cycle may see it, immutable, named by the hash of its content, kept as one file.

instruments, quotes, bars ──► freeze (nothing known after as_of) ──► content_hash ──► write HH/HASH.snapshot ──► read (verified)

The file is one line, `kanpan-snapshot-1 SHA256`, and the Parquet bytes it is the SHA-256 of: a reader checks the bytes before any
of them reaches the Parquet decoder, which does not only raise on damaged input but may abort its threads.
"""

from __future__ import annotations

import hashlib
import io
import itertools
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from operator import attrgetter
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from engine.core.errors import DataError
from engine.core.instrument import Board, Instrument
from engine.core.market import Funding, Quote
from engine.core.units import Market
from engine.store.durable import replace_file, sync_directory
from engine.store.stretches import Stretches, runs_of, stretches

FORMAT = "kanpan-snapshot-1"
_INSTANT = pl.Datetime("us", "UTC")
BAR_SCHEMA = pl.Schema(
    {
        "symbol": pl.String(),
        "interval": pl.String(),
        "trading_day": pl.Date(),
        "start": _INSTANT,
        "known_at": _INSTANT,
        "open": pl.Int64(),
        "high": pl.Int64(),
        "low": pl.Int64(),
        "close": pl.Int64(),
        "volume": pl.Int64(),
        "amount": pl.Int64(),
        "pre_close": pl.Int64(),
        "factor_ppm": pl.Int64(),
    }
)
"""The columns of `Snapshot.bars`: those of core.market.Bar, in the same units."""

# Written out, not read from the dataclass: a field added to the core must not change the hash of a snapshot taken before it.
_INSTRUMENT_FIELDS = (
    *("symbol", "market", "board", "name", "industry", "tick", "step"),
    *("list_date", "special_treatment", "delisting"),
)
_QUOTE_FIELDS = (
    *("symbol", "name", "trading_day", "known_at", "last", "pre_close", "open", "high", "low", "volume", "amount", "source"),
    *("bid", "ask", "bid_size", "ask_size", "limit_up", "limit_down", "print_volume", "suspended", "auction"),
)
_LATER_QUOTE_FIELDS = ("turnover_ppm",)
"""Of quotes since; written only where one is not 0, so that snapshots taken before keep their hash."""
_FUNDING_FIELDS = ("symbol", "at", "rate_e8", "mark", "hours", "known_at", "source")
_instrument_cells = attrgetter(*_INSTRUMENT_FIELDS)
_quote_cells = attrgetter(*_QUOTE_FIELDS)
_LIST_DATE = _INSTRUMENT_FIELDS.index("list_date")
_TRADING_DAY, _KNOWN_AT = _QUOTE_FIELDS.index("trading_day"), _QUOTE_FIELDS.index("known_at")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_METADATA_KEY = "kanpan"


@dataclass(frozen=True, slots=True, eq=False)
class Snapshot:
    """The market at `as_of`: nothing in it became known later. Instruments and quotes sorted by symbol.

    `bars` has BAR_SCHEMA, raw integer prices, sorted by symbol, interval, known_at; `stretches` says where each name's lie in it.
    `fundings` are the last settlement known of each perpetual, by symbol. Made by `freeze` or `read` only.
    """

    as_of: datetime
    market: Market
    trading_day: date
    source: str
    instruments: tuple[Instrument, ...]
    quotes: tuple[Quote, ...]
    bars: pl.DataFrame
    fundings: tuple[Funding, ...] = ()
    stretches: Stretches = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "stretches", stretches(self.bars))


def freeze(
    *,
    as_of: datetime,
    market: Market,
    trading_day: date,
    source: str,
    instruments: Iterable[Instrument],
    quotes: Iterable[Quote],
    bars: pl.DataFrame,
    fundings: Iterable[Funding] = (),
) -> Snapshot:
    """A checked, sorted snapshot.

    Raises DataError when a row was not yet known at `as_of`, appears twice, has a hole or belongs to no instrument.
    """
    listed = tuple(sorted(instruments, key=lambda item: item.symbol))
    quoted = tuple(sorted(quotes, key=lambda item: item.symbol))
    names = {item.symbol for item in listed}
    if len(names) != len(listed) or len({item.symbol for item in quoted}) != len(quoted):
        raise DataError("snapshot: an instrument or a quote appears twice")
    for quote in quoted:
        if quote.known_at > as_of:
            raise DataError(f"snapshot: the quote of {quote.symbol} was known at {quote.known_at}, after {as_of}")
        if quote.symbol not in names:
            raise DataError(f"snapshot: the quote of {quote.symbol} belongs to no instrument")
    paid = tuple(sorted(fundings, key=lambda item: item.symbol))
    if any(item.known_at > as_of for item in paid) or len({item.symbol for item in paid} & names) != len(paid):
        raise DataError("snapshot: a funding was not known yet, appears twice or belongs to no instrument")
    return Snapshot(as_of.astimezone(UTC), market, trading_day, source, listed, quoted, _checked(bars, as_of, names), paid)


def content_hash(snapshot: Snapshot) -> str:
    """SHA-256 in hex over canonical integers and strings; the same on every machine and every version of polars."""
    return _hashed(snapshot, _header(snapshot))


def _hashed(snapshot: Snapshot, header: bytes) -> str:
    digest = hashlib.sha256(FORMAT.encode())
    digest.update(header)
    digest.update(json.dumps(snapshot.stretches.runs, ensure_ascii=False).encode())
    for name in BAR_SCHEMA:
        if name not in ("symbol", "interval"):
            digest.update(_whole(snapshot.bars[name]).data)
    return digest.hexdigest()


def write(snapshot: Snapshot, directory: Path) -> str:
    """Keep `snapshot` as `directory/HH/HASH.snapshot`, durable when this returns; returns the hash. Writing it again is a no-op.

    Raises DataError when the disk refuses.
    """
    header = _header(snapshot)
    name = _hashed(snapshot, header)
    target = _path(directory, name)
    buffer = io.BytesIO()
    snapshot.bars.write_parquet(buffer, compression="lz4", statistics=False, metadata={_METADATA_KEY: header.decode()})
    body = buffer.getbuffer()
    try:
        if target.exists() and _sealed(target.read_bytes()) is not None:
            return name
        new = not target.parent.is_dir()
        target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        replace_file(target, (_seal(body), body))
        if new:
            sync_directory(directory)
    except OSError as error:
        raise DataError(f"snapshot {name[:12]} cannot be written to {directory}: {error.strerror}") from error
    return name


def kept(directory: Path, name: str) -> bool:
    """Whether there is a file for the snapshot with hash `name`, sound or not."""
    return _path(directory, name).exists()


def read(directory: Path, name: str) -> Snapshot:
    """The snapshot with hash `name`; raises DataError when it is missing, torn or not what its name says."""
    path = _path(directory, name)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DataError(f"snapshot {name[:12]} cannot be read from {directory}: {error.strerror}") from error
    body = _sealed(data)
    if body is None:
        raise DataError(f"snapshot {name[:12]} in {directory} is damaged and cannot be replayed")
    try:
        header = json.loads(pl.read_parquet_metadata(io.BytesIO(body))[_METADATA_KEY])
        snapshot = _rebuilt(header, pl.read_parquet(io.BytesIO(body)))
        found = content_hash(snapshot)
    except (pl.exceptions.PolarsError, OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"snapshot {name[:12]} in {directory} was not written by this program") from error
    if found != name:
        raise DataError(f"snapshot {name[:12]} in {directory} was altered: its content hashes to {found[:12]}")
    return snapshot


def _checked(bars: pl.DataFrame, as_of: datetime, names: set[str]) -> pl.DataFrame:
    try:
        bars = bars.select(list(BAR_SCHEMA)).cast(BAR_SCHEMA)
    except pl.exceptions.PolarsError as error:
        raise DataError(f"snapshot: the bars do not have the columns of a bar: {error}") from error
    if any(bars.null_count().row(0)):
        raise DataError("snapshot: a bar has an empty field")
    if not _ordered(bars):
        bars = bars.sort("symbol", "interval", "known_at")
        if not _ordered(bars):
            raise DataError("snapshot: a bar appears twice")
    if bars.height:
        latest = bars["known_at"].max()
        if isinstance(latest, datetime) and latest > as_of:
            raise DataError(f"snapshot: a bar was known at {latest}, after {as_of}")
        if not set(bars["symbol"].unique()) <= names:
            raise DataError("snapshot: a bar belongs to no instrument")
    return bars


def _ordered(bars: pl.DataFrame) -> bool:
    """Whether rows strictly rise by symbol, interval, known_at: sorted and without duplicates."""
    runs = runs_of(bars)
    if any(before[:2] >= after[:2] for before, after in itertools.pairwise(runs)):
        return False
    rises = np.diff(_whole(bars["known_at"])) > 0
    borders = np.cumsum([length for _, _, length in runs], dtype=np.int64)[:-1] - 1
    rises[borders] = True
    return bool(rises.all())


def _whole(column: pl.Series) -> npt.NDArray[np.int64]:
    """The integers behind a column: as they are, microseconds since 1970 of an instant, days since 1970 of a day."""
    values = column.to_numpy()
    return np.ascontiguousarray(values.astype("<i8", copy=False))


def _header(snapshot: Snapshot) -> bytes:
    """Everything but the bars as one canonical line of JSON: instants as microseconds since 1970, days as ISO dates.

    Fundings are there only where there are some, so that snapshots taken before keep their hash.
    """
    parts: dict[str, Any] = {
        "format": FORMAT,
        "as_of": (snapshot.as_of - _EPOCH) // _MICROSECOND,
        "market": snapshot.market.value,
        "trading_day": snapshot.trading_day.isoformat(),
        "source": snapshot.source,
        "instruments": [_instrument_row(item) for item in snapshot.instruments],
        "quotes": [_quote_row(item) for item in snapshot.quotes],
    }
    if snapshot.fundings:
        parts["fundings"] = [_funding_row(item) for item in snapshot.fundings]
    return json.dumps(parts, ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode()


def _instrument_row(item: Instrument) -> list[Any]:
    row = list(_instrument_cells(item))
    row[_LIST_DATE] = item.list_date.isoformat() if item.list_date else None
    return row


def _quote_row(quote: Quote) -> list[Any]:
    row = list(_quote_cells(quote))
    row[_TRADING_DAY] = quote.trading_day.isoformat()
    row[_KNOWN_AT] = (quote.known_at - _EPOCH) // _MICROSECOND
    return [*row, quote.turnover_ppm] if quote.turnover_ppm else row


def _funding_row(item: Funding) -> list[Any]:
    at, known_at = ((moment - _EPOCH) // _MICROSECOND for moment in (item.at, item.known_at))
    return [item.symbol, at, item.rate_e8, item.mark, item.hours, known_at, item.source]


def _rebuilt(header: dict[str, Any], bars: pl.DataFrame) -> Snapshot:
    if header["format"] != FORMAT or bars.schema != BAR_SCHEMA:
        raise ValueError("not a snapshot of this format")
    return Snapshot(
        as_of=_instant(header["as_of"]),
        market=Market(header["market"]),
        trading_day=date.fromisoformat(header["trading_day"]),
        source=header["source"],
        instruments=tuple(_instrument(row) for row in header["instruments"]),
        quotes=tuple(_quote(row) for row in header["quotes"]),
        bars=bars,
        fundings=tuple(_funding(row) for row in header.get("fundings", ())),
    )


def _instant(microseconds: int) -> datetime:
    return _EPOCH + timedelta(microseconds=microseconds)


def _instrument(row: list[Any]) -> Instrument:
    fields = dict(zip(_INSTRUMENT_FIELDS, row, strict=True))
    listed = fields["list_date"]
    fields |= {
        "market": Market(fields["market"]),
        "board": Board(fields["board"]),
        "list_date": date.fromisoformat(listed) if listed else None,
    }
    return Instrument(**fields)


def _quote(row: list[Any]) -> Quote:
    fields = dict(zip((_QUOTE_FIELDS + _LATER_QUOTE_FIELDS)[: max(len(row), len(_QUOTE_FIELDS))], row, strict=True))
    fields |= {"trading_day": date.fromisoformat(fields["trading_day"]), "known_at": _instant(fields["known_at"])}
    return Quote(**fields)


def _funding(row: list[Any]) -> Funding:
    fields = dict(zip(_FUNDING_FIELDS, row, strict=True))
    return Funding(**{**fields, "at": _instant(fields["at"]), "known_at": _instant(fields["known_at"])})


def _path(directory: Path, name: str) -> Path:
    return directory / name[:2] / f"{name}.snapshot"


def _seal(body: memoryview) -> bytes:
    return f"{FORMAT} {hashlib.sha256(body).hexdigest()}\n".encode()


def _sealed(data: bytes) -> memoryview | None:
    """The Parquet bytes of a whole file; None when it is torn or altered."""
    body = memoryview(data)[len(_seal(memoryview(b""))) :]
    return body if data.startswith(_seal(body)) else None
