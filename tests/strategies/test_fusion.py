"""The two tables of engine/strategies/fusion.py, line by line and then over every combination there is."""

from __future__ import annotations

import itertools

import pytest

from engine.core.decision import ChannelView, Decision, Direction, Intent
from engine.core.units import PPM
from engine.strategies.fusion import Fusion, Stance, Views, Voice, fuse, vote_of

NAME = "BTCUSDT.BINANCE"
LARGEST = 300_000
TERMS = Fusion(slow="4h", fast="3m")
WAYS = ("up", "down", "flat", "silent")
VOTES = {
    ("up", "up"): Stance.IN,
    ("up", "down"): Stance.HOLD,
    ("up", "flat"): Stance.HOLD,
    ("up", "silent"): Stance.HOLD,
    ("down", "up"): Stance.HOLD,
    ("down", "down"): Stance.OUT,
    ("down", "flat"): Stance.HOLD,
    ("down", "silent"): Stance.HOLD,
    ("flat", "up"): Stance.HOLD,
    ("flat", "down"): Stance.HOLD,
    ("flat", "flat"): Stance.HOLD,
    ("flat", "silent"): Stance.HOLD,
    ("silent", "up"): Stance.HOLD,
    ("silent", "down"): Stance.HOLD,
    ("silent", "flat"): Stance.HOLD,
    ("silent", "silent"): Stance.NONE,
}
"""The first table, written out."""


def channel(way: str, strength: int = 500_000, **more: int) -> Views | None:
    """One model's answer about the one name; None where it abstained."""
    if way == "silent":
        return None
    return {NAME: ChannelView(NAME, Direction(way), strength if way != "flat" else 0, 600_000, f"it looks {way}", **more)}


def decided(voices: list[Voice], *, held: int = 0, stale: bool = False, terms: Fusion = TERMS) -> Decision | None:
    batch = fuse(
        voices,
        [NAME],
        {NAME: held} if held else {},
        {NAME} if stale else set(),
        terms,
        largest_ppm=LARGEST,
        prices={NAME: 100},
    )
    assert len(batch) <= 1
    return batch[0] if batch else None


@pytest.mark.parametrize(("slow", "fast"), itertools.product(WAYS, WAYS))
def test_a_models_vote_follows_the_first_table(slow: str, fast: str):
    assert vote_of(Voice("m", channel(slow), channel(fast)), NAME, TERMS).stance is VOTES[slow, fast]


def test_an_entry_is_sized_seventy_to_thirty_of_the_largest_position():
    decision = decided([Voice("m", channel("up", 800_000), channel("up", 400_000))])
    assert decision is not None and decision.intent is Intent.OPEN
    assert decision.target_weight_ppm == LARGEST * (7 * 800_000 + 3 * 400_000) // 10 // PPM


def test_of_two_models_that_agree_the_smaller_size_is_taken():
    bold, shy = Voice("bold", channel("up", PPM), channel("up", PPM)), Voice("shy", channel("up", 300_000), channel("up", 300_000))
    decision = decided([bold, shy])
    assert decision is not None and decision.target_weight_ppm == LARGEST * 3 // 10
    assert decision.reasoning.startswith("shy:")


def test_a_direction_weaker_than_the_least_strength_counts_as_flat():
    assert vote_of(Voice("m", channel("up", 199_999), channel("up")), NAME, TERMS).stance is Stance.HOLD
    assert vote_of(Voice("m", channel("up", 200_000), channel("up")), NAME, TERMS).stance is Stance.IN


def test_a_name_left_out_is_flat_and_a_refused_item_is_silence():
    assert vote_of(Voice("m", {}, channel("up")), NAME, TERMS).said == "slow flat, fast up"
    assert vote_of(Voice("m", {NAME: None}, {NAME: None}), NAME, TERMS).stance is Stance.NONE


@pytest.mark.parametrize(
    ("support", "resistance", "levels"),
    [
        (90, 130, (90, 130)),
        (90, 110, (90, 110)),
        (90, 109, (90, 0)),
        (101, 130, (0, 130)),
        (0, 101, (0, 101)),
        (90, 100, (90, 0)),
        (90, 0, (90, 0)),
    ],
)
def test_support_below_the_price_is_the_stop_and_resistance_the_target_where_it_leaves_as_much_room(
    support: int, resistance: int, levels: tuple[int, int]
):
    decision = decided(
        [Voice("m", channel("up", support=support, resistance=resistance), channel("up", support=95, resistance=99))]
    )
    assert decision is not None and (decision.stop_loss, decision.take_profit) == levels


def test_what_was_not_borne_out_in_either_channel_goes_with_the_decision():
    slow = ChannelView(NAME, Direction.UP, PPM, PPM, "rose 99", evidence=("x.y",), unverified=("99", "x.y"))
    decision = decided([Voice("m", {NAME: slow}, channel("up"))])
    assert decision is not None and decision.unverified == ("99", "x.y") and decision.sources == ("m", "x.y")


def test_weights_decide_whether_enough_have_spoken():
    heavy = Fusion(weights=(("a", 3_000),), usual_weight=1_000)
    silent = Voice("a", None, None)
    both_in = [Voice("b", channel("up"), channel("up")), Voice("c", channel("up"), channel("up"))]
    light, weighed = decided([silent, *both_in]), decided([silent, *both_in], terms=heavy)
    assert light is not None and light.intent is Intent.OPEN  # two of three
    assert weighed is not None and weighed.intent is Intent.HOLD and weighed.reasoning.startswith("too many abstained")


def expected(stances: tuple[Stance, ...], held: int, stale: bool, size: int) -> Intent | None:
    """The second table, its first line that fits."""
    spoken = [stance for stance in stances if stance is not Stance.NONE]
    lines = (
        (not spoken, None),
        (Stance.OUT in spoken and held > 0, Intent.EXIT),
        (Stance.OUT in spoken, Intent.HOLD),
        (Stance.HOLD in spoken, Intent.HOLD),
        (2 * len(spoken) <= len(stances), Intent.HOLD),
        (stale, Intent.HOLD),
        (held == 0, Intent.OPEN),
        (held < size, Intent.ADD),
        (True, Intent.HOLD),
    )
    return next(intent for fits, intent in lines if fits)


@pytest.mark.parametrize("models", [1, 2, 3])
def test_every_combination_of_directions_abstention_staleness_and_holdings_follows_the_second_table(models: int):
    """1 model: 96 cases, 2: 1,536, 3: 24,576; held nothing, little and more than any vote asks for."""
    size = LARGEST // 2  # every channel that points somewhere does so at half strength
    pairs = list(itertools.product(WAYS, WAYS))
    answers = {way: channel(way) for way in WAYS}
    for said in itertools.product(pairs, repeat=models):
        voices = [Voice(f"m{n}", answers[slow], answers[fast]) for n, (slow, fast) in enumerate(said)]
        stances = tuple(VOTES[pair] for pair in said)
        for held, stale in itertools.product((0, 10_000, size + 1), (False, True)):
            decision = decided(voices, held=held, stale=stale)
            wanted = expected(stances, held, stale, size)
            assert (None if decision is None else decision.intent) is wanted, (said, held, stale)
            if decision is not None and decision.intent in {Intent.OPEN, Intent.ADD}:
                assert decision.target_weight_ppm == size > held
            elif decision is not None:
                assert decision.target_weight_ppm == 0


def test_the_batch_is_sorted_and_names_only_candidates():
    views = {name: ChannelView(name, Direction.UP, PPM, PPM, "up") for name in ("b", "a", "z")}
    batch = fuse([Voice("m", views, views)], ["b", "a"], {}, set(), TERMS, largest_ppm=LARGEST, prices={})
    assert [one.instrument for one in batch] == ["a", "b"]
