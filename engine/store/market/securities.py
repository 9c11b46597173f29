"""What was known of each security, and when: names, ST marks, industries, listings and delistings as dated facts.

facts (SECURITY_SCHEMA, null = nothing said) ──► folded: the standing after each fact ──► instruments at an instant
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

import polars as pl

from engine.core.errors import RuleUnknown
from engine.core.instrument import Board, Instrument
from engine.core.units import Market
from engine.exchange import board_of, name_flags
from engine.store.market.layout import SECURITY_SCHEMA

_WORDS = [name for name in SECURITY_SCHEMA if name not in ("symbol", "known_at", "effective", "source")]
_US_STEP = 1_000_000
"""One share: fractions are not assumed where nothing says so."""


def folded(facts: pl.DataFrame) -> pl.DataFrame:
    """SECURITY_SCHEMA: each row with everything known of its security by then, by symbol and time."""
    ordered = facts.select(list(SECURITY_SCHEMA)).sort("symbol", "known_at", "effective", *_WORDS)
    return ordered.with_columns(pl.col(name).forward_fill().over("symbol") for name in _WORDS)


def standing(facts: pl.DataFrame, at: datetime) -> pl.DataFrame:
    """SECURITY_SCHEMA, one row a symbol: the latest word on each column known at `at` and in force on its day."""
    known = facts.filter(pl.col("known_at") <= at, pl.col("effective").is_null() | (pl.col("effective") <= at.date()))
    return folded(known).unique("symbol", keep="last", maintain_order=True)


def marked(facts: pl.DataFrame) -> pl.DataFrame:
    """`facts` with the ST and delisting marks that a Chinese name carries, where a row gives the name and not the mark."""
    names = facts["name"].drop_nulls().unique()
    flags = [(name, (marks := name_flags(name)).special_treatment, marks.delisting) for name in names]
    schema = {"name": pl.String(), "marked_treatment": pl.Boolean(), "marked_delisting": pl.Boolean()}
    told = facts.join(pl.DataFrame(flags, schema=schema, orient="row"), on="name", how="left", maintain_order="left")
    return told.with_columns(
        pl.coalesce("special_treatment", "marked_treatment").alias("special_treatment"),
        pl.coalesce("delisting", "marked_delisting").alias("delisting"),
    ).select(list(SECURITY_SCHEMA))


def changes(facts: pl.DataFrame, kept: pl.DataFrame) -> pl.DataFrame:
    """`facts` without the words that the standing before them says already, and without rows that then say nothing.

    A daily list of 5,500 names mostly repeats yesterday's; only what is new is a fact.
    """
    both = pl.concat([kept.with_columns(new=pl.lit(value=False)), facts.with_columns(new=pl.lit(value=True))])
    ordered = both.sort("symbol", "known_at", "new", "effective", *_WORDS, nulls_last=False)
    before = [pl.col(name).forward_fill().shift(1).over("symbol").alias(f"before_{name}") for name in _WORDS]
    told = ordered.with_columns(before).with_columns(
        pl.when(pl.col(name).eq_missing(pl.col(f"before_{name}"))).then(None).otherwise(pl.col(name)).alias(name) for name in _WORDS
    )
    spoken = pl.any_horizontal(pl.col(name).is_not_null() for name in _WORDS)
    return told.filter(pl.col("new") & spoken).select(list(SECURITY_SCHEMA))


def instruments(facts: pl.DataFrame, market: Market, at: datetime) -> tuple[Instrument, ...]:
    """What was listed at `at`, by symbol. A name not known yet is the code; a code that no board owns is no instrument."""
    rows = standing(facts, at).filter(pl.col("listed").fill_null(value=True)).sort("symbol")
    return tuple(_instruments(rows, market, at))


def _instruments(rows: pl.DataFrame, market: Market, at: datetime) -> Iterator[Instrument]:
    for row in rows.iter_rows(named=True):
        if row["list_date"] is not None and row["list_date"] > at.date():
            continue
        try:
            board = Board(row["board"]) if row["board"] else board_of(row["symbol"], market)
        except (RuleUnknown, ValueError):
            continue
        sizes = {name: row[name] for name in ("tick", "step") if row[name]}
        if market is Market.US:
            sizes.setdefault("step", _US_STEP)
        yield Instrument(
            symbol=row["symbol"],
            market=market,
            board=board,
            name=row["name"] or row["symbol"].rpartition(".")[0],
            industry=row["industry"] or "",
            list_date=row["list_date"],
            special_treatment=bool(row["special_treatment"]),
            delisting=bool(row["delisting"]),
            **sizes,
        )
