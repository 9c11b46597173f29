"""What a backtest came to: the equity curve, its figures after all costs, the round trips and every fill.

closes + fills + trades ──► measure ──► Result ──► result_record (JSON of the contract)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from engine.backtest import metrics
from engine.backtest.trades import Trade
from engine.core.order import Fill
from engine.core.units import PPM, UNITS, Market, from_units, plain


@dataclass(frozen=True, slots=True)
class Close:
    """Equity at a session's end, in money units."""

    trading_day: date
    equity: int


@dataclass(frozen=True, slots=True)
class Figures:
    """Whole numbers, so that two runs can be compared for equality: fractions in ppm, Sharpe and Sortino in thousandths.

    `hit_rate_ppm` is the share of closed trades that made money after fees and taxes, 0 without one. `turnover_ppm` is half of all
    that was bought and sold over the mean equity, carried to a year. `costs` are fees and taxes paid, in money units.
    """

    return_ppm: int = 0
    annual_return_ppm: int = 0
    max_drawdown_ppm: int = 0
    sharpe_milli: int = 0
    sortino_milli: int = 0
    volatility_ppm: int = 0
    hit_rate_ppm: int = 0
    trades: int = 0
    turnover_ppm: int = 0
    costs: int = 0


@dataclass(frozen=True, slots=True)
class Result:
    """A desk over history. `cycles` completed; `failed` did not, and a result with any is not to be trusted."""

    desk: str
    strategy: str
    market: Market
    opened_with: int
    closes: tuple[Close, ...]
    figures: Figures
    trades: tuple[Trade, ...]
    fills: tuple[Fill, ...]
    cycles: int
    failed: int
    funding: int | None = None
    """What perpetuals received in all, below zero what they paid, in money units; None for a desk of anything else."""

    @property
    def pnl(self) -> int:
        """Equity at the end less that at the beginning, in money units."""
        return (self.closes[-1].equity if self.closes else self.opened_with) - self.opened_with


def measure(
    market: Market, opened_with: int, closes: Sequence[Close], fills: Sequence[Fill], trades: Sequence[Trade], taxes: int = 0
) -> Figures:
    """The figures of a run; `taxes` are those not part of a fill's fees, in money units."""
    values = [opened_with, *(close.equity for close in closes)]
    costs = sum(fill.fees.total for fill in fills) + taxes
    if len(values) < 2 or min(values) <= 0:
        return Figures(costs=costs)
    periods = metrics.PERIODS[market]
    returns = metrics.returns_of(values)
    traded = sum(fill.notional for fill in fills)
    mean_equity = sum(values[1:]) // len(closes)
    won = sum(1 for trade in trades if trade.result > 0)
    return Figures(
        return_ppm=(values[-1] - opened_with) * PPM // opened_with,
        annual_return_ppm=round(metrics.annual_return(returns, periods) * PPM),
        max_drawdown_ppm=metrics.drawdown_ppm(values),
        sharpe_milli=round(metrics.sharpe(returns, periods) * metrics.MILLI),
        sortino_milli=round(metrics.sortino(returns, periods) * metrics.MILLI),
        volatility_ppm=round(metrics.volatility(returns, periods) * PPM),
        hit_rate_ppm=won * PPM // len(trades) if trades else 0,
        trades=len(trades),
        turnover_ppm=traded * periods * PPM // (2 * mean_equity * len(closes)),
        costs=costs,
    )


def result_record(result: Result) -> dict[str, Any]:
    """A result as JSON: amounts as decimal strings in the desk's currency, fractions 0 to 1 as decimal strings."""
    units, figures = UNITS[result.market], result.figures

    def money(amount: int) -> str:
        return plain(amount, units.money)

    def fraction(ppm: int) -> str:
        return f"{from_units(ppm, PPM):f}"

    def ratio(milli: int) -> str:
        return f"{from_units(milli, metrics.MILLI):f}"

    return {
        "desk": result.desk,
        "strategy": result.strategy,
        "from": result.closes[0].trading_day.isoformat() if result.closes else "",
        "to": result.closes[-1].trading_day.isoformat() if result.closes else "",
        "currency": units.currency,
        "sessions": len(result.closes),
        "cycles": result.cycles,
        "cycles_failed": result.failed,
        "cash": money(result.opened_with),
        "equity": money(result.opened_with + result.pnl),
        "pnl": money(result.pnl),
        "return": fraction(figures.return_ppm),
        "annual_return": fraction(figures.annual_return_ppm),
        "max_drawdown": fraction(figures.max_drawdown_ppm),
        "volatility": fraction(figures.volatility_ppm),
        "sharpe": ratio(figures.sharpe_milli),
        "sortino": ratio(figures.sortino_milli),
        "hit_rate": fraction(figures.hit_rate_ppm),
        "trades": figures.trades,
        "turnover": fraction(figures.turnover_ppm),
        "costs": money(figures.costs),
        **({"funding": money(result.funding)} if result.funding is not None else {}),
        "fills": len(result.fills),
        "curve": [{"day": close.trading_day.isoformat(), "equity": money(close.equity)} for close in result.closes],
    }
