"""The circuit breaker: the table of its docstring, and a machine that plays it at random against a plain account of events."""

from __future__ import annotations

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from engine.feeds.breaker import BANS, LONGEST_ASKED_S, TRANSITIONS, Circuit, Gate, Rest, admit, fail, succeed, trip
from engine.feeds.source import Fault

FAULTS = [fault for fault in Fault if fault is not Fault.UNKNOWN_SYMBOL]
REST = Rest(failures=3, first_s=60.0, most_s=600.0, ban_s=3_600.0, ban_most_s=10_000.0, probe_s=30.0)


def opened(fault: Fault = Fault.BANNED, now: float = 0.0, retry_after_s: float = 0.0) -> Circuit:
    return fail(Circuit(), fault, now, REST, retry_after_s)


def test_the_third_fault_in_a_row_opens_it() -> None:
    circuit = Circuit()
    for _ in range(2):
        circuit = fail(circuit, Fault.NETWORK, 0.0, REST)
        assert circuit.gate is Gate.CLOSED and admit(circuit, 0.0, REST) is circuit
    circuit = fail(circuit, Fault.NETWORK, 0.0, REST)
    assert (circuit.gate, circuit.until, circuit.fault) == (Gate.OPEN, 60.0, Fault.NETWORK)


def test_an_answer_between_faults_forgets_them() -> None:
    circuit = Circuit()
    for _ in range(5):
        circuit = succeed(fail(fail(circuit, Fault.SERVER, 0.0, REST), Fault.TIMEOUT, 0.0, REST))
    assert circuit == Circuit()


@pytest.mark.parametrize("fault", sorted(BANS))
def test_a_ban_opens_it_at_once_and_for_long(fault: Fault) -> None:
    assert (opened(fault).gate, opened(fault).until) == (Gate.OPEN, 3_600.0)


@pytest.mark.parametrize(("asked", "rests"), [(5.0, 5.0), (7_200.0, 7_200.0), (1e9, LONGEST_ASKED_S)])
def test_what_the_server_asks_for_is_granted_up_to_a_day(asked: float, rests: float) -> None:
    assert opened(Fault.THROTTLED, 100.0, asked).until == 100.0 + rests


def test_an_unknown_symbol_is_an_answer() -> None:
    circuit = fail(fail(Circuit(), Fault.NETWORK, 0.0, REST), Fault.NETWORK, 0.0, REST)
    assert fail(circuit, Fault.UNKNOWN_SYMBOL, 0.0, REST) == Circuit()


def test_one_probe_goes_through_and_its_answer_closes() -> None:
    circuit = opened(Fault.BANNED)
    assert admit(circuit, 3_599.0, REST) is None
    probing = admit(circuit, 3_600.0, REST)
    assert probing is not None and probing.gate is Gate.HALF_OPEN
    assert admit(probing, 3_600.0, REST) is None
    assert succeed(probing) == Circuit()


def test_a_probe_that_fails_rests_twice_as_long_up_to_the_most() -> None:
    circuit, now, lengths = trip(Circuit(), Fault.NETWORK, 0.0, 60.0), 0.0, []
    for _ in range(6):
        now = circuit.until
        probing = admit(circuit, now, REST)
        assert probing is not None
        circuit = fail(probing, Fault.NETWORK, now, REST)
        lengths.append(circuit.until - now)
    assert lengths == [120.0, 240.0, 480.0, 600.0, 600.0, 600.0]


def test_a_probe_that_never_comes_back_does_not_close_the_door_for_ever() -> None:
    probing = admit(opened(), 3_600.0, REST)
    assert probing is not None
    again = admit(probing, 3_630.0, REST)
    assert again is not None and again.gate is Gate.HALF_OPEN


def test_an_answer_asked_for_before_it_opened_does_not_close_it() -> None:
    assert succeed(opened()).gate is Gate.OPEN


class Watched(RuleBasedStateMachine):
    """Time passes, requests are asked for, answered or lost; whatever happens, the table holds."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.circuit = Circuit()
        self.in_a_row = 0
        self.under_way = 0

    def _becomes(self, circuit: Circuit) -> None:
        before, after = self.circuit.gate, circuit.gate
        assert after is before or after in TRANSITIONS[before]
        self.circuit = circuit

    @rule(seconds=st.floats(0.0, 5_000.0))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    @rule()
    def ask(self) -> None:
        admitted = admit(self.circuit, self.now, REST)
        may = self.circuit.gate is Gate.CLOSED or self.now >= self.circuit.until
        assert (admitted is not None) == may
        if admitted is not None:
            self._becomes(admitted)
            self.under_way += 1

    @precondition(lambda self: self.under_way > 0)
    @rule()
    def answered(self) -> None:
        self.under_way -= 1
        self.in_a_row = 0
        before = self.circuit
        self._becomes(succeed(self.circuit))
        if before.gate is not Gate.OPEN:
            assert self.circuit == Circuit()

    @precondition(lambda self: self.under_way > 0)
    @rule(fault=st.sampled_from(FAULTS), asked=st.sampled_from([0.0, 20.0]))
    def failed(self, fault: Fault, asked: float) -> None:
        self.under_way -= 1
        self.in_a_row += 1
        before = self.circuit
        self._becomes(fail(self.circuit, fault, self.now, REST, asked))
        if before.gate is Gate.HALF_OPEN or fault in BANS:
            assert self.circuit.gate is Gate.OPEN
        if self.circuit.gate is Gate.OPEN:
            assert self.circuit.fault is fault
            assert self.circuit.until > self.now
            assert self.circuit.until <= max(before.until, self.now + REST.ban_most_s)
            assert self.circuit.until >= before.until or before.gate is not Gate.OPEN

    @invariant()
    def closed_means_few_faults_in_a_row(self) -> None:
        if self.circuit.gate is Gate.CLOSED:
            assert self.circuit.failures < REST.failures
            assert self.circuit.failures <= self.in_a_row

    @invariant()
    def it_always_opens_up_again(self) -> None:
        assert admit(self.circuit, max(self.now, self.circuit.until), REST) is not None


TestWatched = Watched.TestCase
TestWatched.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
