"""The four benchmarks: each holds what its table says, pays for no noise, and answers the same question the same way."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.core.decision import Decision, Intent
from engine.core.units import PPM
from engine.strategies import buy_and_hold, equal_weight, leaving_ppm, momentum, random_names
from engine.strategies.baseline import places_for

NAMES = tuple(f"{600000 + place}.SH" for place in range(9))
GROSS = 800_000


def wanted(decisions: tuple[Decision, ...]) -> dict[str, tuple[str, int]]:
    return {one.instrument: (one.intent.value, one.target_weight_ppm) for one in decisions}


def test_equal_weight_buys_all_and_leaves_what_is_no_candidate() -> None:
    told = wanted(equal_weight(NAMES[:4], {NAMES[0]: 200_000, NAMES[1]: 100_000, "000001.SZ": 50_000}, gross_ppm=GROSS))
    assert told == {
        NAMES[0]: ("hold", 200_000),
        NAMES[1]: ("add", 200_000),
        NAMES[2]: ("open", 200_000),
        NAMES[3]: ("open", 200_000),
        "000001.SZ": ("exit", 0),
    }


def test_momentum_buys_the_strongest_third_and_keeps_a_name_until_it_is_in_the_lowest() -> None:
    rising = {name: float(9 - place) for place, name in enumerate(NAMES)}
    assert wanted(momentum(NAMES, {}, rising, gross_ppm=GROSS)) == dict.fromkeys(NAMES[:3], ("open", GROSS // 3))
    held = {NAMES[5]: 250_000, NAMES[6]: 250_000}
    told = wanted(momentum(NAMES, held, rising, gross_ppm=GROSS))
    assert told[NAMES[5]] == ("hold", 250_000), "the sixth of nine is in the upper two thirds"
    assert told[NAMES[6]] == ("exit", 0)
    assert [name for name, (intent, _) in told.items() if intent == "open"] == list(NAMES[:2])


def test_momentum_never_buys_a_name_whose_return_is_not_known() -> None:
    assert momentum(NAMES, {}, dict.fromkeys(NAMES), gross_ppm=GROSS) == ()


def test_buy_and_hold_buys_once() -> None:
    assert {intent for intent, _ in wanted(buy_and_hold(NAMES, {}, gross_ppm=GROSS)).values()} == {"open"}
    assert wanted(buy_and_hold(NAMES, {NAMES[0]: 1_000}, gross_ppm=GROSS)) == {NAMES[0]: ("hold", 1_000)}


def test_a_draw_depends_on_nothing_but_its_seed() -> None:
    first = random_names(NAMES, {}, gross_ppm=GROSS, seed="demo:1", leaving_ppm=0)
    assert first == random_names(NAMES, {}, gross_ppm=GROSS, seed="demo:1", leaving_ppm=0)
    others = {random_names(NAMES, {}, gross_ppm=GROSS, seed=f"demo:{n}", leaving_ppm=0) for n in range(20)}
    assert len(others) > 10


def test_names_leave_by_lot_as_often_as_the_turnover_says() -> None:
    """Twelve times the equity a year at a gross of 0.8 in 252 cycles: each name leaves in about 6 % of them."""
    chance = leaving_ppm(12 * PPM, GROSS, 252)
    assert chance == 59_523
    held = dict.fromkeys(NAMES[:3], GROSS // 3)
    left = Counter[str]()
    for cycle in range(4_000):
        for one in random_names(NAMES, held, gross_ppm=GROSS, seed=f"demo:{cycle}", leaving_ppm=chance):
            left[one.instrument] += one.intent is Intent.EXIT
    for name in NAMES[:3]:
        assert left[name] == pytest.approx(4_000 * chance / PPM, rel=0.2)


@given(
    held=st.dictionaries(st.sampled_from(NAMES), st.integers(1, 300_000), max_size=9),
    seed=st.text(max_size=8),
    leaving=st.integers(0, PPM),
    offered=st.integers(1, 9),
)
def test_a_batch_names_each_instrument_once_and_never_wants_more_than_the_gross(
    held: dict[str, int], seed: str, leaving: int, offered: int
) -> None:
    candidates = NAMES[:offered]
    rising = {name: float(place) for place, name in enumerate(candidates)}
    batches = (
        momentum(candidates, held, rising, gross_ppm=GROSS),
        random_names(candidates, held, gross_ppm=GROSS, seed=seed, leaving_ppm=leaving),
    )
    for batch in batches:
        names = [one.instrument for one in batch]
        assert names == sorted(set(names)) and set(held) <= set(names)
        bought = [one for one in batch if one.intent is Intent.OPEN]
        kept = [one for one in batch if one.intent is Intent.HOLD]
        assert sum(one.target_weight_ppm for one in bought) <= GROSS
        assert len(bought) <= max(0, places_for(offered) - len(kept))
        assert all(one.instrument in candidates and one.instrument not in held for one in bought)
