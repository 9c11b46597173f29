"""A note of what a desk remembers, beside the ledger, so that a restart need not read the whole journal again.

at each close: Past + journal number + hash ──► HOME/past/DESK.json; at a start: the note while its hash stands, then the rest
The note is a cache: a missing, torn or foreign one costs a longer start and nothing else.
"""

from __future__ import annotations

import json
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from engine.core.past import HEARD, Past
from engine.store import Books, Head

FORMAT = 1
PAGE = 5_000
_PAST = TypeAdapter(Past)


def keep(file: Path, past: Past, head: Head) -> None:
    """Replace the note; a disk that refuses leaves the old one."""
    note = {"format": FORMAT, "seq": head.seq, "hash": head.hash, "past": _PAST.dump_python(past, mode="json")}
    try:
        file.parent.mkdir(mode=0o700, exist_ok=True)
        temporary = file.with_suffix(".tmp")
        temporary.write_text(json.dumps(note, ensure_ascii=False), encoding="utf-8")
        temporary.chmod(0o600)
        temporary.replace(file)
    except OSError:
        return


def recall(file: Path, books: Books, desk: str) -> Past:
    """The desk's past: from the note as far as the journal confirms it, from the journal for the rest.

    Where that rest was long, the note is brought up to date at once: a desk that never reaches a close must not pay twice.
    """
    past, noted = _noted(file, books, desk)
    after, last = noted, books.head()
    while page := books.entries_among(HEARD, after, limit=PAGE):
        for entry in page:
            past = past.after(entry.record)
        after = page[-1].seq
    if last - noted > PAGE:
        keep(file, past, Head(last, books.hash_at(last)))
    return past


def _noted(file: Path, books: Books, desk: str) -> tuple[Past, int]:
    fresh = Past(desk), 0
    try:
        note = json.loads(file.read_text(encoding="utf-8"))
        if note["format"] != FORMAT or books.hash_at(note["seq"]) != note["hash"]:
            return fresh
        past = _PAST.validate_python(note["past"])
    except (OSError, ValueError, KeyError, TypeError, ValidationError):
        return fresh
    return (past, note["seq"]) if past.desk == desk else fresh
