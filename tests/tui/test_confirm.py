"""The confirm machine: what counts as an answer, and what never does."""

from __future__ import annotations

from datetime import timedelta

from console_fixture import NOW
from hypothesis import given
from hypothesis import strategies as st

from tui.confirm import ANSWER_WITHIN, Confirm, Outcome

KEYS = st.sampled_from(["y", "n", "Y", "N", "enter", "escape", "backspace", "K", "I", "L", "q", "tab", "j", "ctrl+c", "space"])


def press(machine: Confirm, keys: str | list[str], about: str = "") -> tuple[Confirm, Outcome | None]:
    outcome = None
    for key in keys:
        machine, outcome = machine.key(key, key if len(key) == 1 else None, NOW, about)
        if outcome is not None:
            break
    return machine, outcome


def test_y_accepts_and_n_or_escape_refuse() -> None:
    asked = Confirm().ask("run", NOW)
    assert press(asked, "y") == (Confirm(), Outcome.ACCEPTED)
    assert press(asked, "n") == (Confirm(), Outcome.REFUSED)
    assert press(asked, ["escape"]) == (Confirm(), Outcome.REFUSED)


def test_any_other_key_leaves_the_question_standing() -> None:
    asked = Confirm().ask("run", NOW)
    assert press(asked, ["j", "enter", "tab", "R"]) == (asked, None)


def test_a_typed_word_must_match_exactly() -> None:
    asked = Confirm().ask("halt", NOW, word="KILL")
    assert press(asked, [*"KILL", "enter"])[1] is Outcome.ACCEPTED
    assert press(asked, [*"kill", "enter"])[1] is Outcome.REFUSED
    assert press(asked, ["enter"])[1] is Outcome.REFUSED
    assert press(asked, [*"KIX", "backspace", *"LL", "enter"])[1] is Outcome.ACCEPTED
    assert press(asked, "y")[0].typed == "y"


def test_an_answer_after_its_time_is_no_answer() -> None:
    asked = Confirm().ask("run", NOW)
    late = NOW + ANSWER_WITHIN
    assert asked.key("y", "y", late) == (Confirm(), Outcome.EXPIRED)
    assert asked.tick(late) == (Confirm(), Outcome.EXPIRED)
    assert asked.tick(late - timedelta(seconds=1)) == (asked, None)


def test_a_change_of_what_was_asked_about_voids_the_answer() -> None:
    asked = Confirm().ask("run", NOW, about="paper ACTIVE")
    assert press(asked, "y", about="live ACTIVE")[1] is Outcome.CHANGED
    assert press(asked, "y", about="paper ACTIVE")[1] is Outcome.ACCEPTED


@given(st.lists(KEYS, max_size=30))
def test_without_a_question_no_key_ends_in_anything(keys: list[str]) -> None:
    assert press(Confirm(), keys) == (Confirm(), None)


@given(st.lists(KEYS, max_size=30))
def test_a_typed_confirmation_is_only_ever_accepted_after_its_whole_word_and_enter(keys: list[str]) -> None:
    _machine, outcome = press(Confirm().ask("halt", NOW, word="KILL"), keys)
    if outcome is Outcome.ACCEPTED:
        assert "enter" in keys
        assert all(char in keys for char in "KIL")
