"""What of a cycle a person must hear of: where risk stepped in, and how a cycle ended when it did not end well."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from engine.brokers import HALTING, Line
from engine.core.decision import Verdict, VerdictResult
from engine.core.journal import AlertRaised, CycleState, Severity
from engine.risk import Escalation, Trigger

_SEVERITY = {
    VerdictResult.CLAMP: Severity.INFO,
    VerdictResult.DENY: Severity.WARNING,
    VerdictResult.REDUCE_ONLY: Severity.WARNING,
    VerdictResult.HALT: Severity.CRITICAL,
}


def risk_alerts(desk: str, cycle_id: str, day: date, verdicts: Sequence[Verdict]) -> list[AlertRaised]:
    """One alert for each wish that risk cut or refused. The same code for the same name on the same day is one alert, counted."""
    alerts: list[AlertRaised] = []
    for verdict in verdicts:
        severity = _SEVERITY.get(verdict.result)
        if severity is None:
            continue
        params = (
            ("instrument", verdict.instrument),
            ("rule", verdict.rule),
            ("code", verdict.code),
            ("observed", verdict.observed),
            ("limit", verdict.limit),
            ("before", verdict.before),
            ("after", verdict.after),
        )
        code = "RISK_CLAMP" if verdict.result is VerdictResult.CLAMP else "RISK_DENY"
        name = f"{desk}:{verdict.code}:{verdict.instrument}:{day:%Y%m%d}"
        alerts.append(AlertRaised(name, desk, severity, code, params, cycle_id))
    return alerts


def state_alert(desk: str, day: date, bitten: Escalation) -> AlertRaised:
    """A lock moved the desk towards HALTED; only a person moves it back."""
    params = (("state", bitten.state.value), ("rule", bitten.rule), ("observed", bitten.observed), ("limit", bitten.limit))
    return AlertRaised(f"{desk}:STATE_{bitten.state}:{day:%Y%m%d}", desk, Severity.CRITICAL, "STATE_MOVED", params)


def protect_alert(desk: str, day: date, code: str, trigger: Trigger, until: str) -> AlertRaised:
    """A protective exit that cannot be carried out now: PROTECT_WAITS (T+1), PROTECT_SEALED (limit-down), PROTECT_HALTED."""
    params = (
        ("instrument", trigger.instrument),
        ("rule", trigger.rule),
        ("observed", trigger.observed),
        ("limit", trigger.limit),
        ("until", until),
    )
    return AlertRaised(f"{desk}:{code}:{trigger.instrument}:{day:%Y%m%d}", desk, Severity.CRITICAL, code, params)


def reconcile_alert(desk: str, cycle_id: str, line: Line) -> AlertRaised:
    """The broker and the ledger disagree about something."""
    params = (("match", line.match.value), ("about", line.about), ("ledger", line.ledger), ("broker", line.broker))
    severity = Severity.CRITICAL if line.match in HALTING else Severity.WARNING
    return AlertRaised(f"{desk}:{line.match}:{line.about}", desk, severity, "BOOKS_DIFFER", params, cycle_id)


def ended_alert(desk: str, cycle_id: str, state: CycleState, reason: str) -> AlertRaised:
    """A cycle that abstained or failed."""
    severity = Severity.WARNING if state is CycleState.ABSTAINED else Severity.CRITICAL
    params = (("cycle", cycle_id), ("state", state.value), ("reason", reason))
    return AlertRaised(f"{desk}:CYCLE_{state}", desk, severity, "CYCLE_ENDED", params, cycle_id)
