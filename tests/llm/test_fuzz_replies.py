"""The short run of the parser's fuzz; the long one is a command (fuzz_replies.py)."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from engine.llm import parse_reply
from tests.llm.fuzz_replies import CAP, OFFERED, illegal, run


def test_ten_thousand_generated_replies_break_nothing():
    outcomes = run(seed=7, count=10_000)
    assert outcomes["decisions"] > 1_000  # the fuzz reaches the inside of the parser
    assert {"ok", "recovered", "invalid"} <= set(outcomes)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.sampled_from(sorted(OFFERED)),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["decisions", "instrument", "intent", "target_weight", "confidence", "reasoning"]), inner)
    ),
    max_leaves=12,
)


@settings(deadline=None, max_examples=500)
@given(
    st.text() | st.text(alphabet='{}[]",:\\ \n01.eE-ntf') | JSON.map(lambda value: __import__("json").dumps({"decisions": value}))
)
def test_any_text_at_all_is_survived(text: str):
    assert illegal(parse_reply(text, OFFERED, max_weight_ppm=CAP)) == ""
