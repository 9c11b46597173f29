"""Bring forward-adjusted (前复权) bars back to the raw prices that were traded, and say which rows cannot be brought back.

qfq price = round(raw × f) on the 0.01 grid, f = product of reference/close over the later ex-dates
f from independent evidence ──► candidates per price ──► order, limits, amount/volume ──► one candidate left, or the row is flagged

f < 1 maps some pairs of neighbouring raw prices to one adjusted price; only the order of open, high, low and close, the price
limits or the average price of the day can tell them apart. Where they do not, the row stays unrecovered: no price is guessed. Bars
also at hand backward-adjusted (后复权, factor > 1: finer than the grid) have one raw price each. Everything is an integer number
of cents or a Fraction.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction

EDGE = Fraction(1, 2000)
"""How far beyond half a cent a product may lie and still have been rounded to it: the source multiplied binary floats."""
FACTOR_MATCH = Fraction(3, 10_000_000)
"""How closely a factor made of two prices must meet the factor measured from volumes (the source keeps six decimals)."""


@dataclass(frozen=True, slots=True)
class Distribution:
    """One distribution that has gone ex: per ten shares, in 1e-6 CNY and 1e-6 shares."""

    ex_date: date
    cash_per_10: int
    shares_per_10: int

    def reference(self, close: int) -> int:
        """The exchange's ex-right reference price in cents after `close` cents: half-up((close - cash) / (1 + shares))."""
        cash = Fraction(self.cash_per_10, 10**5)
        return half_up((close - cash) / (1 + Fraction(self.shares_per_10, 10**7)))


@dataclass(frozen=True, slots=True)
class AdjustedBar:
    """One row as the source has it: forward-adjusted cents and shares, amount in cents; `backward` = 后复权 cents, if any."""

    day: date
    prices: tuple[int, int, int, int]
    volume: int
    amount: int
    backward: tuple[int, int, int, int] | None = None


@dataclass(frozen=True, slots=True)
class RawBar:
    """A recovered row: open, high, low, close and reference price in cents, whole shares; `backward` = cumulative factor."""

    day: date
    prices: tuple[int, int, int, int] | None
    volume: int | None
    pre_close: int | None
    backward: Fraction

    @property
    def ok(self) -> bool:
        """Whether every price, the volume and the reference price are certain."""
        return self.prices is not None and self.volume is not None and self.pre_close is not None


def half_up(value: Fraction) -> int:
    """Nearest integer, halves away from zero; `value` >= 0."""
    return (2 * value.numerator + value.denominator) // (2 * value.denominator)


def rounds_to(product: Fraction, shown: int) -> bool:
    """Whether `product` cents can have been shown as `shown` cents."""
    return abs(product - shown) <= Fraction(1, 2) + EDGE


def candidates(shown: int, factor: Fraction) -> list[int]:
    """Every raw price in cents that `factor` takes to `shown`."""
    middle = half_up(shown / factor)
    return [raw for raw in range(middle - 2, middle + 3) if rounds_to(raw * factor, shown)]


def step_factor(shown: int, event: Distribution, measured: Fraction) -> tuple[int, int] | None:
    """(close, reference) in cents of an ex-date whose adjusted close the day before is `shown` and whose later factor is 1.

    The pair must reproduce the measured factor; the reference may then differ by a cent from the formula, because a company that
    holds its own shares spreads the cash over all of them for the reference price. None when no single pair fits.
    """
    found: list[tuple[int, int]] = []
    guess = half_up(shown * (1 + Fraction(event.shares_per_10, 10**7)) + Fraction(event.cash_per_10, 10**5))
    for close in range(guess - 5, guess + 6):
        formula = event.reference(close)
        for reference in (formula - 1, formula, formula + 1):
            factor = Fraction(reference, close)
            if rounds_to(close * factor, shown) and abs(factor - measured) <= FACTOR_MATCH:
                found.append((close, reference))
    return found[0] if len(found) == 1 else None


def step_backward(shown: int, event: Distribution, cumulative: Fraction) -> tuple[int, int] | None:
    """(close, reference) in cents of an ex-date from the backward-adjusted close the day before and the factor after it.

    None when the formula's reference does not explain `shown`: then the source used another factor and the chain ends here.
    """
    reference = half_up(shown / cumulative)
    if abs(reference * cumulative - shown) > Fraction(1, 2) + EDGE + shown * FACTOR_MATCH:
        return None
    guess = half_up(reference * (1 + Fraction(event.shares_per_10, 10**7)) + Fraction(event.cash_per_10, 10**5))
    found = [close for close in range(guess - 5, guess + 6) if event.reference(close) == reference]
    return (found[0], reference) if len(found) == 1 else None


def recover(
    bars: Sequence[AdjustedBar],
    segments: Sequence[tuple[int, Fraction, int | None]],
    *,
    backward_last: Fraction | None,
) -> list[RawBar]:
    """The raw rows of `bars[segments[0][0]:]`.

    `segments` are (first row, f, reference price on that row or None) in time order; `backward_last` is the cumulative factor of
    the backward-adjusted prices in the last segment, for bars that carry them.
    """
    out: list[RawBar] = []
    close: int | None = None
    cumulative = Fraction(1)
    for number, (first, factor, reference) in enumerate(segments):
        end = segments[number + 1][0] if number + 1 < len(segments) else len(bars)
        if number:
            cumulative *= factor / segments[number - 1][1]
        for index in range(first, end):
            bar = bars[index]
            pre_close = reference if index == first else close
            back = backward_last * factor if backward_last is not None else None
            prices = _prices(bar, factor, back, pre_close)
            volume = half_up(bar.volume * factor)
            sure = volume if factor == 1 or rounds_to(volume / factor, bar.volume) else None
            out.append(RawBar(bar.day, prices, sure, pre_close, cumulative))
            close = prices[3] if prices else _close_alone(bar, factor, back)
    return out


def limits(pre_close: int) -> tuple[int, int]:
    """±10 % of the reference price in cents, half-up (main boards; ChiNext before 2020-08-24)."""
    return half_up(Fraction(pre_close * 11, 10)), half_up(Fraction(pre_close * 9, 10))


def _prices(bar: AdjustedBar, factor: Fraction, back: Fraction | None, pre_close: int | None) -> tuple[int, int, int, int] | None:
    fits = _within(bar, factor, pre_close)
    options = [_options(bar, place, factor, back) for place in range(4)]
    found = [combo for combo in itertools.product(*options) if fits(combo)]
    return found[0] if len(found) == 1 else None  # type: ignore[return-value]


def _close_alone(bar: AdjustedBar, factor: Fraction, back: Fraction | None) -> int | None:
    """The close when it is certain although another price of the row is not."""
    options = _options(bar, 3, factor, back)
    return options[0] if len(options) == 1 else None


def _options(bar: AdjustedBar, place: int, factor: Fraction, back: Fraction | None) -> list[int]:
    if back is None or bar.backward is None:
        return candidates(bar.prices[place], factor)
    shown = bar.backward[place]
    raw = half_up(shown / back)
    return [raw] if abs(raw * back - shown) <= Fraction(1, 2) + EDGE + shown * FACTOR_MATCH else []


def _within(bar: AdjustedBar, factor: Fraction, pre_close: int | None) -> Callable[[tuple[int, ...]], bool]:
    average = Fraction(bar.amount) / (bar.volume * factor)
    ceiling, floor = limits(pre_close) if pre_close else (10**9, 0)

    def fits(combo: tuple[int, ...]) -> bool:
        opened, high, low, closed = combo
        ordered = high >= max(opened, closed) and low <= min(opened, closed)
        return ordered and high <= ceiling and low >= floor and low - Fraction(1, 2) <= average <= high + Fraction(1, 2)

    return fits
