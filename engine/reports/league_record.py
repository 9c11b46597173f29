"""The league as JSON-ready data: returns as fractions, differences in basis points a session, costs as decimal strings."""

from __future__ import annotations

from typing import Any

from engine.reports.league import Entrant, League
from engine.reports.statistics import LEVEL, Calibration, Interval

Json = dict[str, Any]


def league_record(table: League) -> Json:
    """The whole table with what it was made by, for `kanpan league --json`."""
    return {
        "desk": table.desk,
        "from": table.first.isoformat(),
        "to": table.last.isoformat(),
        "level": LEVEL,
        "compared": table.compared,
        "method": "stationary bootstrap of paired daily close-to-close returns, block n^(1/3), fixed seed",
        "forecast": "a model's open/add (up) or reduce/exit (down) against the name's return over the session after the decision's",
        "entrants": [entrant_record(row) for row in table.entrants],
    }


def entrant_record(row: Entrant) -> Json:
    """One line of the table."""
    return {
        "name": row.name,
        "kind": row.kind,
        "cycles": row.cycles,
        "sessions": row.sessions,
        "return": round(row.total, 6),
        "drawdown": round(row.drawdown, 6),
        "sharpe": _ratio(row.sharpe),
        "equity": row.equity or None,
        "fees": row.fees or None,
        "fees_in_coin": row.fees_in_coin or None,
        "currency": row.currency or None,
        "against_desk": _interval(row.against_desk),
        "against_hold": _interval(row.against_hold),
        "model_cost": {currency: f"{amount.normalize():f}" for currency, amount in row.costs},
        "model_calls": row.calls,
        "calls_without_price": row.unpriced,
        "confidence": _calibration(row.confidence),
        "notes": [{"code": code, "figure": figure} for code, figure in row.notes],
    }


def _interval(found: Interval | None) -> Json | None:
    if found is None:
        return None
    return {
        "mean_bp": _points(found.mean),
        "low_bp": _points(found.low),
        "high_bp": _points(found.high),
        "sessions": found.n,
        "block": round(found.block, 3),
        "tells": found.tells,
    }


def _ratio(found: Interval | None) -> Json | None:
    """A year's Sharpe ratio, between what it lies where there are sessions enough to say."""
    if found is None:
        return None
    low, high = (None if edge is None else round(edge, 4) for edge in (found.low, found.high))
    return {"value": round(found.mean, 4), "low": low, "high": high, "sessions": found.n}


def _points(value: float | None) -> float | None:
    return None if value is None else round(value * 10_000, 3)


def _calibration(found: Calibration | None) -> Json | None:
    if found is None:
        return None
    return {
        "forecasts": found.n,
        "hit_rate": round(found.hit_rate, 4),
        "stated": round(found.confidence, 4),
        "brier": round(found.brier, 4),
        "reliability": [
            {
                "from": one.low,
                "to": one.high,
                "forecasts": one.n,
                "stated": round(one.confidence, 4),
                "hit_rate": round(one.hit_rate, 4),
                "low": round(one.hit_low, 4),
                "high": round(one.hit_high, 4),
            }
            for one in found.bins
        ],
    }
