"""The benchmark `trend`: with each name's own return, either way; out where it turned, the other side only afterwards."""

from __future__ import annotations

import pytest

from engine.core.decision import Decision, Intent
from engine.strategies import Opinion, agree, trend

NAMES = ("A", "B")


@pytest.mark.parametrize(
    ("held", "moved", "intent", "target"),
    [
        (0, 3.0, Intent.OPEN, 400_000),
        (0, -3.0, Intent.OPEN, -400_000),
        (350_000, 1.0, Intent.HOLD, 350_000),
        (-350_000, -1.0, Intent.HOLD, -350_000),
        (350_000, -1.0, Intent.EXIT, 0),
        (-350_000, 1.0, Intent.EXIT, 0),
        (350_000, None, Intent.EXIT, 0),
        (350_000, 0.0, Intent.EXIT, 0),
        (0, None, None, 0),
        (0, 0.0, None, 0),
    ],
)
def test_a_name_goes_with_its_own_return(held: int, moved: float | None, intent: Intent | None, target: int) -> None:
    made = trend(NAMES, {"A": held} if held else {}, {"A": moved, "B": None}, gross_ppm=800_000)
    assert [(item.instrument, item.intent, item.target_weight_ppm) for item in made] == (
        [("A", intent, target)] if intent is not None else []
    )


def test_what_is_no_candidate_any_more_is_left() -> None:
    (made,) = trend((), {"C": -100_000}, {"C": -5.0}, gross_ppm=800_000)
    assert (made.instrument, made.intent) == ("C", Intent.EXIT)


def said(weight: int, intent: Intent = Intent.OPEN) -> Opinion:
    return Opinion(f"m{weight}", (Decision("A", intent, weight, 500_000, ""),))


@pytest.mark.parametrize(
    ("weights", "intent", "target"),
    [
        ((-300_000, -100_000), Intent.OPEN, -100_000),
        ((300_000, 100_000), Intent.OPEN, 100_000),
        ((-300_000, 100_000), Intent.HOLD, 0),
    ],
)
def test_a_panel_that_disagrees_on_the_way_enters_nothing(weights: tuple[int, int], intent: Intent, target: int) -> None:
    (made,) = agree([said(weight) for weight in weights])
    assert (made.intent, made.target_weight_ppm) == (intent, target)


def test_of_two_ways_out_of_a_short_the_furthest_is_taken() -> None:
    (made,) = agree([said(-300_000, Intent.REDUCE), said(-100_000, Intent.REDUCE)])
    assert made.target_weight_ppm == -100_000
