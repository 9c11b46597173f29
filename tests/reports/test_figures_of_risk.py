"""What rules saw, in decimals: the ledger keeps some figures in fixed units, and no person should have to read those."""

from __future__ import annotations

import pytest

from engine.core.decision import Decision, Intent, Verdict, VerdictResult
from engine.core.units import UNITS, Market
from engine.reports.protection import protection_params, protection_told
from engine.reports.verdicts import readable, seen_and_limit

CNY, USD, USDT = UNITS[Market.ASHARE], UNITS[Market.US], UNITS[Market.CRYPTO]


def verdict(code: str, observed: str, limit: str) -> Verdict:
    return Verdict("600519.SH", "shape", "order", VerdictResult.DENY, code, observed, limit, "0.1", "0.0")


def test_amounts_and_quantities_of_a_verdict_are_decimals_of_the_market() -> None:
    assert seen_and_limit(verdict("SHAPE_MINIMUM", "4030000", "10000000"), CNY) == ("403.00", "1000.00")
    assert seen_and_limit(verdict("SHAPE_LOT", "49", "one lot"), CNY) == ("49", "one lot")
    assert seen_and_limit(verdict("SHAPE_LOT", "123456", "one lot"), USD) == ("0.123456", "one lot")
    assert seen_and_limit(verdict("SHAPE_LOT", "1200", "100000"), USDT) == ("0.000012", "0.001")
    assert seen_and_limit(verdict("EQUITY_UNKNOWN", "-5", "positive"), CNY) == ("-0.0005", "positive")


@pytest.mark.parametrize(("observed", "limit"), [("0.855768", "0.800000"), ("7", "5"), ("2020-05-08", "2020-05-11")])
def test_what_is_no_integer_in_fixed_units_stays_as_it_is(observed: str, limit: str) -> None:
    assert seen_and_limit(verdict("EXPOSURE_GROSS", observed, limit), CNY) == (observed, limit)


def test_an_alert_that_quotes_a_verdict_reads_the_same() -> None:
    params = (("instrument", "A"), ("code", "SHAPE_MINIMUM"), ("observed", "4030000"), ("limit", "10000000"), ("after", "0.01"))
    assert dict(readable(params, CNY)) == {**dict(params), "observed": "403.00", "limit": "1000.00"}
    assert readable((("seconds", "4030000"),), CNY) == (("seconds", "4030000"),)


def test_a_protective_exit_tells_its_prices_in_money() -> None:
    said = Decision("600519.SH", Intent.EXIT, 0, 1, "stop_loss: 228300 against 230000", sources=("protect:stop_loss",))
    assert protection_told(said, CNY) == "stop_loss: 22.83 against 23.00"
    by_share = Decision("600519.SH", Intent.EXIT, 0, 1, "stop_loss: -0.081000 against -0.080000", sources=("protect:stop_loss",))
    assert protection_told(by_share, CNY) == by_share.reasoning
    time_stop = Decision("600519.SH", Intent.EXIT, 0, 1, "time_stop: 11 against 10", sources=("protect:time_stop",))
    assert protection_told(time_stop, CNY) == time_stop.reasoning
    model = Decision("600519.SH", Intent.EXIT, 0, 1, "stop_loss: 228300 against 230000", sources=("deepseek",))
    assert protection_told(model, CNY) == model.reasoning


def test_alerts_about_protection_tell_prices_in_money_and_counts_as_they_are() -> None:
    waits = (("instrument", "A"), ("rule", "stop_loss"), ("observed", "228300"), ("limit", "230000"), ("until", "2020-03-03"))
    assert dict(protection_params("PROTECT_WAITS", waits, CNY))["observed"] == "22.83"
    assert protection_params("HIGH_WATER", (("instrument", "A"), ("price", "228300")), CNY)[1] == ("price", "22.83")
    late = (("rule", "time_stop"), ("observed", "11"), ("limit", "10"))
    assert protection_params("PROTECT_WAITS", late, CNY) == late
    assert protection_params("RETENTION", (("price", "5"),), CNY) == (("price", "5"),)
