"""Holds a model's reasons against what it was shown: sources must name a figure, numbers must be one.

Decision + the figures of its prompt ──check_evidence()──► what is borne out, what is not

Nothing here changes what is proposed. An unverified number is for the record, for the screen, and for risk to cap.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from functools import lru_cache

from engine.core.decision import ChannelView, Decision
from engine.core.units import PPM
from engine.llm.margin_tables import margin_figures
from engine.llm.prompts import PromptContext, shown

_NUMBER = re.compile(r"[-+−\d](?<![\w.][-+−\d])(?:(?<=\d)\d{0,11}|(?<=[-+−])\d{1,12})(?:,\d{3})*(?:\.\d{1,8})?(?![\w.]*\d)")
_WINDOW = re.compile(r"\d+")
_COLUMN = re.compile(r"[A-Za-z_](?<![A-Za-z_][A-Za-z_])[A-Za-z_]*+(?<=[A-Za-z_]_)\d+")
"""Both begin with what they begin with, and look back after it: so the search skips to such a character in one stride."""
_TOUCHING = re.compile(r"[0-9._](?:(?<=_)[0-9]+[-+]|(?<![_])[A-Za-z_])")
"""A digit or point just before a letter, or a sign just behind what could be a column's digits."""
_HUNDRED = Decimal(100)
_NONE: Mapping[str, str] = {}


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

    verified, unverified = _numbers_checked(decision.instrument, decision.reasoning, own, figures)
    return Evidence(tuple(verified), tuple(unverified), _unknown(decision.sources, figures))


def check_view(view: ChannelView, figures: Mapping[str, Mapping[str, str]], *, price_scale: int) -> tuple[str, ...]:
    """What of a channel's view is not borne out, by the same measure: its strength, confidence and levels are its own."""

    def own() -> list[Decimal]:
        return _own((view.strength_ppm, view.confidence_ppm), (view.support, view.resistance), price_scale)

    _, unverified = _numbers_checked(view.instrument, view.reasoning, own, figures)
    return tuple(unverified) + _unknown(view.evidence, figures)


def _own(shares_ppm: tuple[int, ...], prices: tuple[int, ...], price_scale: int) -> list[Decimal]:
    """What a model itself proposes, as the numbers in which it would write of it."""
    return [Decimal(share) / PPM for share in shares_ppm] + [Decimal(price) / price_scale for price in prices if price]


def _numbers_checked(
    instrument: str, reasoning: str, own: Callable[[], list[Decimal]], figures: Mapping[str, Mapping[str, str]]
) -> tuple[list[str], list[str]]:
    """The numbers of a reasoning that are borne out, and those that are not."""
    mine = figures.get(instrument, {})
    printed = mine.values()  # most numbers are quoted just as they stood there
    values: list[Decimal] | None = None
    verified: list[str] = []
    unverified: list[str] = []
    for text in _numbers(reasoning.replace(instrument, " ")):
        stands = text in printed or any(text.lstrip("+-−") in _windows(name) for name in mine)
        if not stands:
            if values is None:
                values = [*(value for value in map(_decimal, set(printed)) if value is not None), *own()]
            stands = _stands(text, values)
        (verified if stands else unverified).append(text)
    return verified, unverified


def _unknown(sources: Sequence[str], figures: Mapping[str, Mapping[str, str]]) -> tuple[str, ...]:
    """The sources that name no figure that was shown."""
    named = ((source, source.rpartition(".")) for source in sources)
    return tuple([source for source, (symbol, _, column) in named if column not in figures.get(symbol, _NONE)])


@lru_cache(maxsize=1_024)
def _windows(column: str) -> frozenset[str]:
    return frozenset(_WINDOW.findall(column))


def _numbers(text: str) -> list[str]:
    """The numbers of a text. A column's name is not one: it is taken out where it touches what could be a part of a number, and
    where it does not, its digits are none anyhow, for they follow an underscore."""
    if "_" in text and (not text.isascii() or _TOUCHING.search(text) is not None):
        text = _COLUMN.sub(" ", text)
    return _NUMBER.findall(text)


def _stands(text: str, values: list[Decimal]) -> bool:
    number = abs(Decimal(text.replace(",", "").replace("−", "-")))
    step = Decimal(1).scaleb(int(number.as_tuple().exponent))
    return any(
        abs(abs(value) - number) < step
        for figure in values
        for value in (figure, figure * _HUNDRED, figure / _HUNDRED)
        if number or not value
    )


def _decimal(text: str) -> Decimal | None:
    try:
        value = Decimal(text)
    except InvalidOperation:
        return None
    return value if value.is_finite() else None
