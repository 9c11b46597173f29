"""The security master: what is listed, from the exchanges' own lists when no vendor answers, else what this machine remembers.

vendor's hosts ──► the exchanges joined ──► bundled seed ──► HOME's own copy of the last list accepted
The seed is of June 2020: once a list of 5,500 names was accepted, it falls short of 90 % of that, and the copy is taken instead.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import polars as pl

from engine.core.errors import DataError
from engine.exchange.boards import name_flags
from engine.feeds.rungs import Rung
from engine.feeds.source import SECURITY_TABLE, Fault, FeedError, Fetch, SecuritySource
from engine.store.market.sealed import read_sealed, write_sealed
from engine.store.sample import securities as seed_table

SEED = "seed"
KEPT = "kept"
SEED_OF = datetime(2020, 6, 17, 7, 0, tzinfo=UTC)
"""When the bundled list was true (data/README.md): the close of the sample's last session."""
_FILE = "securities.parquet"
_AT = "accepted_at"
_SOURCE = "source"


class Joined:
    """Several lists that are one market only together (上交所, 深交所, 北交所). `optional` ones may be missing from it."""

    def __init__(self, name: str, parts: Sequence[SecuritySource], *, optional: frozenset[str] = frozenset()) -> None:
        self.name = name
        self._parts = tuple(parts)
        self._optional = optional

    def securities(self, fetch: Fetch, now: datetime) -> pl.DataFrame:
        """SECURITY_TABLE of all parts, each symbol once. Raises FeedError when a part that is not optional fails."""
        tables: list[pl.DataFrame] = []
        for part in self._parts:
            try:
                tables.append(part.securities(fetch, now))
            except FeedError:
                if part.name not in self._optional:
                    raise
        if not tables:
            raise FeedError(self.name, Fault.EMPTY, "none of the lists answered")
        whole = pl.concat(tables).sort("symbol")
        twice = whole.filter(pl.col("symbol").is_duplicated())["symbol"]
        if len(twice):
            raise FeedError(self.name, Fault.NOT_DATA, f"two exchanges list {twice[0]}")
        return whole


class SeedList:
    """The list that travels with the program; never newer than SEED_OF."""

    name = SEED

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def securities(self, fetch: Fetch, now: datetime) -> pl.DataFrame:
        """SECURITY_TABLE known at SEED_OF. Raises FeedError when the sample is missing or damaged."""
        try:
            rows = seed_table(self._directory)
        except DataError as error:
            raise FeedError(SEED, Fault.EMPTY, str(error)) from None
        flags = [name_flags(name) for name in rows["name"]]
        return (
            rows.select(
                "symbol",
                known_at=pl.lit(SEED_OF),
                board="board",
                name="name",
                industry=pl.col("industry").fill_null(""),
                taxonomy=pl.lit(""),
                list_date="list_date",
                special_treatment=pl.Series([flag.special_treatment for flag in flags], dtype=pl.Boolean),
                delisting=pl.Series([flag.delisting for flag in flags], dtype=pl.Boolean),
                source=pl.lit(SEED),
            )
            .cast(SECURITY_TABLE)
            .sort("symbol")
        )


class KeptList:
    """The last list this machine accepted, kept whole under a seal in `directory`."""

    name = KEPT

    def __init__(self, directory: Path) -> None:
        self._path = directory / _FILE

    def securities(self, fetch: Fetch, now: datetime) -> pl.DataFrame:
        """SECURITY_TABLE as it was accepted. Raises FeedError when nothing is kept or it is damaged."""
        return self.read()

    def read(self) -> pl.DataFrame:
        """The same, with nobody asked for anything."""
        if not self._path.exists():
            raise FeedError(KEPT, Fault.EMPTY, "no list was accepted on this machine before")
        try:
            table, _ = read_sealed(self._path)
        except DataError as error:
            raise FeedError(KEPT, Fault.NOT_DATA, str(error)) from None
        if table.schema != SECURITY_TABLE:
            raise FeedError(KEPT, Fault.NOT_DATA, f"{self._path} was written by another version")
        return table

    def keep(self, table: pl.DataFrame, source: str, at: datetime) -> None:
        """Replace what is kept, whole or not at all. Raises DataError when the disk refuses."""
        write_sealed(self._path, table, {_SOURCE: source, _AT: at.isoformat()})

    def accepted_at(self) -> datetime | None:
        """When what is kept was accepted; None where nothing is, or it is damaged."""
        try:
            return datetime.fromisoformat(read_sealed(self._path, ["symbol"])[1][_AT])
        except (DataError, KeyError, ValueError):
            return None

    def size(self) -> int:
        """How many names are kept; 0 when none or damaged."""
        try:
            return read_sealed(self._path, ["symbol"])[0].height
        except DataError:
            return 0


def remembering(kept: KeptList, sample: Path) -> tuple[Rung[SecuritySource], Rung[SecuritySource]]:
    """The two last rungs of the master: the bundled seed in `sample`, then what `kept` holds."""
    return Rung(SEED, SEED, SeedList(sample), memory=True), Rung(KEPT, KEPT, kept, memory=True)
