"""Holds a model's reasons against what it was shown: sources must name a figure, numbers must be one.

Decision + the figures of its prompt ──check_evidence()──► what is borne out, what is not

Nothing here changes what is proposed. An unverified number is for the record, for the screen, and for risk to cap.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from functools import lru_cache

from engine.core.decision import ChannelView, Decision
from engine.core.units import PPM
from engine.llm.margin_tables import margin_figures
from engine.llm.prompts import PromptContext, shown

_NUMBER = re.compile(r"(?<![\w.])[-+−]?\d{1,12}(?:,\d{3})*(?:\.\d{1,8})?(?![\w.]*\d)")
_WINDOW = re.compile(r"\d+")
_COLUMN = re.compile(r"(?<![A-Za-z_])[A-Za-z_]++(?<=[A-Za-z_]_)\d+")
_HUNDRED = Decimal(100)


@dataclass(frozen=True, slots=True)
class Evidence:
    """`verified` and `unverified` are the numbers of the reasoning, as written; `unknown_sources` name nothing that was shown."""

    verified: tuple[str, ...]
    unverified: tuple[str, ...]
    unknown_sources: tuple[str, ...]

    @property
    def sound(self) -> bool:
        """Whether everything quoted was really there. Reasons without any number or source are sound: they claim nothing."""
        return not self.unverified and not self.unknown_sources

    @property
    def unborne(self) -> tuple[str, ...]:
        """What is not borne out, for the record: numbers as written, then sources."""
        return self.unverified + self.unknown_sources


def figures_of(context: PromptContext) -> dict[str, dict[str, str]]:
    """Every figure the prompt shows, by symbol and column, as it stands there."""
    figures: dict[str, dict[str, str]] = {}
    for row in context.candidates:
        named = {name: shown(value) for name, value in row.features.items()}
        figures[row.symbol] = {"last": row.last, "change_pct": row.change_pct, **named}
    for held in context.holdings:
        figures.setdefault(held.symbol, {}).update(weight=held.weight, pnl=held.pnl, sellable=held.sellable)
    if context.margin is not None:
        for symbol, told in margin_figures(context.margin).items():
            figures.setdefault(symbol, {}).update(told)
    return figures


def check_evidence(decision: Decision, figures: Mapping[str, Mapping[str, str]], *, price_scale: int) -> Evidence:
    """Which numbers of the reasoning and which sources are borne out by what was shown of that instrument.

    A number counts as shown when a figure rounds (or is cut) to it at the number's own precision, in either sign ("fell 3.2"),
    as a fraction or as a percentage; when it is the decision's own weight, confidence, stop or target; or when it is the window
    in a column's name ("20-day return"). `price_scale` is the price units of one (core/units.py).
    """

    def own() -> list[Decimal]:
        shares, prices = (decision.target_weight_ppm, decision.confidence_ppm), (decision.stop_loss, decision.take_profit)
        return _own(shares, prices, price_scale)

    return _checked(decision.instrument, decision.reasoning, decision.sources, own, figures)


def check_view(view: ChannelView, figures: Mapping[str, Mapping[str, str]], *, price_scale: int) -> tuple[str, ...]:
    """What of a channel's view is not borne out, by the same measure: its strength, confidence and levels are its own."""

    def own() -> list[Decimal]:
        return _own((view.strength_ppm, view.confidence_ppm), (view.support, view.resistance), price_scale)

    return _checked(view.instrument, view.reasoning, view.evidence, own, figures).unborne


def _own(shares_ppm: tuple[int, ...], prices: tuple[int, ...], price_scale: int) -> list[Decimal]:
    """What a model itself proposes, as the numbers in which it would write of it."""
    return [Decimal(share) / PPM for share in shares_ppm] + [Decimal(price) / price_scale for price in prices if price]


def _checked(
    instrument: str,
    reasoning: str,
    sources: Sequence[str],
    own: Callable[[], list[Decimal]],
    figures: Mapping[str, Mapping[str, str]],
) -> Evidence:
    mine = figures.get(instrument, {})
    printed = set(mine.values())  # most numbers are quoted just as they stood there
    values: list[Decimal] | None = None
    verified: list[str] = []
    unverified: list[str] = []
    for text in _numbers(reasoning.replace(instrument, " ")):
        stands = text in printed or any(text.lstrip("+-−") in _windows(name) for name in mine)
        if not stands:
            if values is None:
                values = [*(value for value in map(_decimal, printed) if value is not None), *own()]
            stands = _stands(text, values)
        (verified if stands else unverified).append(text)
    unknown = tuple(source for source in sources if not _names_a_figure(source, figures))
    return Evidence(tuple(verified), tuple(unverified), unknown)


@lru_cache(maxsize=1_024)
def _windows(column: str) -> frozenset[str]:
    return frozenset(_WINDOW.findall(column))


def _numbers(text: str) -> Iterator[str]:
    for match in _NUMBER.finditer(_COLUMN.sub(" ", text) if "_" in text else text):  # a column's name is not a number
        yield match.group()


def _stands(text: str, values: list[Decimal]) -> bool:
    number = abs(Decimal(text.replace(",", "").replace("−", "-")))
    step = Decimal(1).scaleb(int(number.as_tuple().exponent))
    return any(
        abs(abs(value) - number) < step
        for figure in values
        for value in (figure, figure * _HUNDRED, figure / _HUNDRED)
        if number or not value
    )


def _names_a_figure(source: str, figures: Mapping[str, Mapping[str, str]]) -> bool:
    symbol, _, column = source.rpartition(".")
    return column in figures.get(symbol, {})


def _decimal(text: str) -> Decimal | None:
    try:
        value = Decimal(text)
    except InvalidOperation:
        return None
    return value if value.is_finite() else None
