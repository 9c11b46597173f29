"""Conservation as a state machine: whatever happens in three markets, no unit is lost or made up.

CI runs a short walk; the long proof is `python tests/exchange/prove_conservation.py --operations 200000`.
"""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from prove_conservation import prove
from world import INSTRUMENTS, World

from engine.core.order import OrderType, Side

WHICH = st.integers(0, len(INSTRUMENTS) - 1)
SIDES = st.sampled_from(Side)
MOVE = st.integers(-300, 300)


class Markets(RuleBasedStateMachine):
    """Hypothesis chooses what happens next, and shrinks what breaks."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World()

    @rule(which=WHICH, side=SIDES, kind=st.sampled_from(OrderType), share=st.integers(1, 10**6), offset=st.integers(-50, 50))
    def place(self, which: int, side: Side, kind: OrderType, share: int, offset: int) -> None:
        self.world.place(which, side, kind, share, offset)

    @rule(which=WHICH, moves=st.tuples(MOVE, MOVE, MOVE), volume=st.integers(0, 10**9), slippage=st.integers(0, 5))
    def bar(self, which: int, moves: tuple[int, int, int], volume: int, slippage: int) -> None:
        self.world.bar(which, moves, volume, slippage)

    @rule(which=st.integers(0, 100))
    def cancel(self, which: int) -> None:
        self.world.cancel(which)

    @rule()
    def next_day(self) -> None:
        self.world.next_day()

    @rule(which=WHICH, cash=st.integers(0, 50_000), bonus=st.integers(0, 10**8), transfer=st.integers(0, 10**8))
    def corporate_action(self, which: int, cash: int, bonus: int, transfer: int) -> None:
        self.world.corporate_action(which, cash, bonus, transfer)

    @rule(side=SIDES, lots=st.integers(1, 5000), leverage=st.integers(1, 75))
    def perp_trade(self, side: Side, lots: int, leverage: int) -> None:
        self.world.perp_trade(side, lots, leverage)

    @rule(ppm=st.integers(-200_000, 200_000))
    def move_mark(self, ppm: int) -> None:
        self.world.move_mark(ppm)

    @rule(rate=st.integers(-2_000_000, 2_000_000))
    def funding(self, rate: int) -> None:
        self.world.funding(rate)

    @invariant()
    def nothing_is_lost(self) -> None:
        self.world.check()


Markets.TestCase.settings = settings(max_examples=60, stateful_step_count=50, deadline=None)
TestConservation = Markets.TestCase


def test_a_long_walk_meets_everything_that_can_happen() -> None:
    counts = prove(6_000, seed=11)
    assert counts["fills"] > 500
    assert counts["partial fills"] > 50
    assert counts["taxed sales"] > 20
    assert counts["liquidations"] > 5
    assert counts["corporate_action"] > 100
