"""Canonical JSON: every kind of record goes to the journal and comes back equal, always as the same bytes."""

from __future__ import annotations

import enum
import json
import typing
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.core.bookkeeping import Posting
from engine.core.errors import LedgerError
from engine.core.journal import Noted, Record
from engine.core.person import AlertAcknowledged
from engine.store.codec import KINDS, decode, encode, stamp

TEXT = st.text(st.characters(codec="utf-8"), max_size=12)
PLAIN: dict[Any, st.SearchStrategy[Any]] = {
    int: st.integers(-(2**70), 2**70),
    str: TEXT,
    bool: st.booleans(),
    datetime: st.datetimes(timezones=st.just(UTC)),
    date: st.dates(),
}


def values(hint: Any) -> st.SearchStrategy[Any]:
    """Anything that a field of this type may hold."""
    if hint in PLAIN:
        return PLAIN[hint]
    if typing.get_origin(hint) is tuple:
        inner = typing.get_args(hint)
        if inner[-1] is Ellipsis:
            return st.lists(values(inner[0]), max_size=3).map(tuple)
        return st.tuples(*(values(part) for part in inner))
    if isinstance(hint, type) and issubclass(hint, enum.Enum):
        return st.sampled_from(list(hint))
    assert is_dataclass(hint), f"the codec has no rule for {hint}"
    hints = typing.get_type_hints(hint)
    return st.builds(typing.cast(Callable[..., Any], hint), **{field.name: values(hints[field.name]) for field in fields(hint)})


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_every_kind_of_record_survives_the_journal(kind: str, data: st.DataObject) -> None:
    record = data.draw(values(KINDS[kind]))
    encoded = encode(record)
    again = decode(encoded.kind, encoded.text)
    assert again == record
    assert encode(again) == encoded
    assert json.loads(encoded.text) == encoded.payload
    assert encoded.text == json.dumps(encoded.payload, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert "\x1f" not in encoded.text and "\n" not in encoded.text


def test_the_bytes_are_these() -> None:
    encoded = encode(Noted("demo", "FEED_SWITCH", (("to", "腾讯"),)))
    assert (encoded.kind, encoded.desk, encoded.cycle_id) == ("Noted", "demo", "")
    assert encoded.text == '{"code":"FEED_SWITCH","desk":"demo","params":[["to","腾讯"]]}'
    assert stamp(datetime(2020, 3, 2, 9, 30, tzinfo=UTC)) == "2020-03-02T09:30:00.000000+00:00"


def test_an_older_entry_without_a_newer_field_still_reads() -> None:
    assert decode("Noted", '{"code":"X","desk":"d"}') == Noted("d", "X", ())


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("Unheard", "{}"),
        ("Noted", "{}"),
        ("Noted", "["),
        ("Noted", '{"code":"X","desk":"d","extra":1}'),
        ("CycleMoved", '{"state":"X"}'),
    ],
)
def test_what_is_not_a_record_is_refused_in_one_line(kind: str, text: str) -> None:
    with pytest.raises(LedgerError) as caught:
        decode(kind, text)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "record",
    [
        Posting("cash", 1),
        AlertAcknowledged("a", 0.5),  # type: ignore[arg-type]
        AlertAcknowledged("a", None),  # type: ignore[arg-type]
        AlertAcknowledged("a", b"bytes"),  # type: ignore[arg-type]
        AlertAcknowledged("a", {"a": 1}),  # type: ignore[arg-type]
    ],
)
def test_what_a_journal_must_not_hold_is_refused(record: Record) -> None:
    with pytest.raises(LedgerError):
        encode(record)
