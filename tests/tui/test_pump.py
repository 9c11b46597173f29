"""The pump reads the latest version of what is on the screen, and nothing else."""

from __future__ import annotations

from collections.abc import Callable

from console_fixture import busy_state, model, quote

from engine.state import QuoteRow, State, TopicView
from tui.pump import BLURRED_TICK_S, STREAMING_TICK_S, TICK_S, Pump, interval

Seen = list[tuple[int, frozenset[str] | None]]


def listen(seen: Seen) -> Callable[[TopicView[QuoteRow], frozenset[str] | None], None]:
    return lambda view, changed: seen.append((len(view.rows), changed))


def tape(state: State, *symbols: str, last: float = 10.0) -> None:
    state.quotes.put([(symbol, quote(symbol, "名称", last, 1.0, 100)) for symbol in symbols])


def test_the_first_delivery_is_everything_and_later_ones_name_what_changed() -> None:
    state, seen = State(), []
    pump = Pump(state)
    pump.feed(state.quotes, listen(seen), lambda: True)
    tape(state, "A", "B")
    pump.tick()
    tape(state, "B", last=11.0)
    pump.tick()
    assert seen == [(2, None), (2, frozenset({"B"}))]


def test_a_storm_between_two_ticks_is_one_delivery() -> None:
    state, seen = State(), []
    pump = Pump(state)
    pump.feed(state.quotes, listen(seen), lambda: True)
    tape(state, "A", "B")
    pump.tick()
    for step in range(500):
        tape(state, "A", last=10 + step / 100)
    pump.tick()
    assert seen[1:] == [(2, frozenset({"A"}))]


def test_nothing_new_is_nothing_delivered() -> None:
    state, seen = State(), []
    pump = Pump(state)
    pump.feed(state.quotes, listen(seen), lambda: True)
    tape(state, "A")
    assert [pump.tick(), pump.tick()] == [1, 0]
    tape(state, "A")
    assert pump.tick() == 0


def test_a_hidden_panel_is_not_served_and_catches_up_when_it_shows() -> None:
    state, seen, showing = State(), [], [True]
    pump = Pump(state)
    pump.feed(state.quotes, listen(seen), lambda: showing[0])
    tape(state, "A", "B")
    pump.tick()
    showing[0] = False
    tape(state, "A", last=11.0)
    tape(state, "B", last=12.0)
    assert pump.tick() == 0
    showing[0] = True
    pump.tick()
    assert seen[1:] == [(2, frozenset({"A", "B"}))]


def test_a_row_that_comes_or_goes_means_everything_is_read_again() -> None:
    state, seen = State(), []
    pump = Pump(state)
    pump.feed(state.quotes, listen(seen), lambda: True)
    tape(state, "A")
    pump.tick()
    tape(state, "B")
    pump.tick()
    assert seen[1:] == [(2, None)]


def test_the_rate_follows_the_reader_and_the_reply() -> None:
    assert interval(blurred=False, streaming=False) == TICK_S == 0.25
    assert interval(blurred=False, streaming=True) == STREAMING_TICK_S == 0.1
    assert interval(blurred=True, streaming=True) == BLURRED_TICK_S == 1.0


def test_a_growing_reply_is_noticed_until_it_is_whole() -> None:
    state = busy_state()
    pump = Pump(state)
    assert pump.streaming()
    state.models.put([("m2", model("m2", 1))])
    assert not pump.streaming()
