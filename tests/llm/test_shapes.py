"""Whatever shape an endpoint's JSON has, and however a key is cut in pieces: nothing raises, nothing leaks."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from engine.llm.completion import Answer
from engine.llm.redact import HIDDEN, StreamRedactor, detail

KEYS = ["choices", "delta", "message", "content", "refusal", "finish_reason", "usage", "tool_calls", "function", "arguments"]
KEYS += ["reasoning_content", "prompt_tokens", "completion_tokens", "prompt_tokens_details", "cached_tokens"]
LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.just("stop") | st.just("\ud800")
JSON = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=5), max_leaves=20
)


@settings(deadline=None)
@given(st.lists(JSON, max_size=5))
def test_any_json_is_taken_for_what_it_is(chunks: list[object]):
    answer = Answer()
    shown = "".join(answer.take(chunk) for chunk in chunks)
    assert shown == answer.text
    answer.text.encode()  # what is kept can be written
    outcome, why = answer.outcome()
    assert outcome and isinstance(why, str)
    usage = answer.usage
    assert 0 <= usage.tokens_cached <= usage.tokens_in and 0 <= usage.tokens_reasoning <= usage.tokens_out


@given(st.text(alphabet="abk", min_size=8, max_size=10), st.lists(st.text(alphabet="abk", max_size=5), max_size=12), st.data())
def test_a_key_in_pieces_is_hidden_as_if_it_had_come_whole(secret: str, pieces: list[str], data: st.DataObject):
    cut = data.draw(st.integers(0, len(secret)))
    pieces = [*pieces, secret[:cut], secret[cut:], *pieces]
    redactor = StreamRedactor(secret)
    shown = "".join(redactor.feed(piece) for piece in pieces) + redactor.flush()
    assert secret not in shown.replace(HIDDEN, "\0") and shown.replace(HIDDEN, secret) == "".join(pieces)


@given(st.text(alphabet="abcdefgh0123456789", min_size=12, max_size=30), st.text(max_size=50), st.text(max_size=50))
def test_no_eight_characters_of_a_key_survive_in_a_detail(key: str, before: str, after: str):
    secret = f"sk-{key}"
    shown = detail(f"{before}{secret}{after}", secret)
    assert not any(secret[at : at + 8] in shown for at in range(len(secret) - 7))
