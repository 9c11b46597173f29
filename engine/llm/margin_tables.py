"""What a prompt says of perpetuals: the desk's terms, positions either way with where they die, what funding costs and when."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PerpRow:
    """One position: weight below zero for a short, gain as a fraction of what was entered, prices as strings (`-` for none)."""

    symbol: str
    name: str
    side: str
    weight: str
    pnl: str
    leverage: str
    entry: str
    liquidation: str
    margin: str


@dataclass(frozen=True, slots=True)
class FundingRow:
    """The last settlement of a contract, in percent of the notional for so many hours, and the next one's instant."""

    symbol: str
    rate_pct: str
    hours: str
    next_at: str


@dataclass(frozen=True, slots=True)
class MarginContext:
    """A desk's terms for perpetuals and how it stands on them. `funding` is what it received in all (below zero: paid)."""

    leverage: int
    shorts: bool
    positions: Sequence[PerpRow]
    fundings: Sequence[FundingRow]
    funding: str


def terms_table(context: MarginContext) -> str:
    """One line: how often equity works, and whether short positions may be opened."""
    return f"leverage|shorts|funding_received\n{context.leverage}|{'yes' if context.shorts else 'no'}|{context.funding}"


def positions_table(context: MarginContext) -> str:
    """A line a position."""
    rows = [
        "|".join((row.symbol, row.side, row.weight, row.pnl, row.leverage, row.entry, row.liquidation, row.margin))
        for row in context.positions
    ]
    return "\n".join(["symbol|side|weight|pnl|leverage|entry|liquidation|margin", *rows])


def fundings_table(context: MarginContext) -> str:
    """A line a contract whose funding is known."""
    rows = [f"{row.symbol}|{row.rate_pct}|{row.hours}|{row.next_at}" for row in context.fundings]
    return "\n".join(["symbol|funding_pct|funding_hours|next_funding", *rows])


def margin_figures(context: MarginContext) -> dict[str, dict[str, str]]:
    """Every figure of these tables by symbol and column, as it stands there."""
    figures: dict[str, dict[str, str]] = {}
    for row in context.positions:
        told = {"weight": row.weight, "pnl": row.pnl, "leverage": row.leverage, "entry": row.entry}
        figures.setdefault(row.symbol, {}).update(told, liquidation=row.liquidation, margin=row.margin)
    for paid in context.fundings:
        figures.setdefault(paid.symbol, {}).update(funding_pct=paid.rate_pct, funding_hours=paid.hours)
    return figures
