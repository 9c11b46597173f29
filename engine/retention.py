"""Lets old prompts, replies and snapshots go by policy, away from the trading path; the journal, which names them, stays for ever.

policy + now ──► cut-offs ──► ledger.forget (texts) · snapshot files last used before ──► what went, as one RETENTION event
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from engine.core.errors import DataError
from engine.core.journal import Noted
from engine.store import Books, Ledger

RETENTION = "RETENTION"
_FOR_EVER = ""


@dataclass(frozen=True, slots=True)
class CutOffs:
    """Texts and snapshots last used before these instants may be gone; None where everything is kept."""

    texts: datetime | None
    snapshots: datetime | None


def cut_offs(prompts_days: int, snapshots_days: int, now: datetime) -> CutOffs:
    """What a policy in days (0 = for ever) means at `now`."""
    return CutOffs(
        now - timedelta(days=prompts_days) if prompts_days else None,
        now - timedelta(days=snapshots_days) if snapshots_days else None,
    )


def let_go(ledger: Ledger, snapshots: Path, limits: CutOffs, desk: str) -> Noted | None:
    """Drop what is older than `limits` and write that down; None, and no entry, when there was nothing.

    The event is durable before the first byte goes, so that a replay always knows why something is missing. Raises LedgerError, and
    DataError when a file cannot be removed.
    """
    files = list(_old_files(ledger, snapshots, limits.snapshots)) if limits.snapshots is not None else []
    with ledger.reader() as books:
        texts = books.texts_before(limits.texts) if limits.texts is not None else 0
    if not files and not texts:
        return None
    noted = Noted(
        desk,
        RETENTION,
        (
            ("texts", str(texts)),
            ("texts_before", limits.texts.isoformat() if limits.texts is not None and texts else _FOR_EVER),
            ("snapshots", str(len(files))),
            ("snapshots_before", limits.snapshots.isoformat() if limits.snapshots is not None and files else _FOR_EVER),
        ),
    )
    ledger.write([noted])
    if limits.texts is not None and texts:
        ledger.forget(limits.texts)
    try:
        for path in files:
            path.unlink(missing_ok=True)
    except OSError as error:
        raise DataError(f"old snapshots cannot be removed: {error.filename}: {error.strerror}") from None
    return noted


def told_by(books: Books) -> CutOffs:
    """The latest cut-offs that the journal tells of: what is missing and older went by policy, anything else is damage."""
    texts: datetime | None = None
    snapshots: datetime | None = None
    after = 0
    while events := books.events_since(after):
        for event in events:
            if isinstance(event.record, Noted) and event.record.code == RETENTION:
                params = dict(event.record.params)
                texts = _later(texts, params["texts_before"])
                snapshots = _later(snapshots, params["snapshots_before"])
        after = events[-1].seq
    return CutOffs(texts, snapshots)


def _later(known: datetime | None, text: str) -> datetime | None:
    if text == _FOR_EVER:
        return known
    found = datetime.fromisoformat(text)
    return found if known is None else max(known, found)


def _old_files(ledger: Ledger, snapshots: Path, before: datetime) -> Iterator[Path]:
    """Files written before an instant that no cycle used since; with them what a crash left half-written."""
    for path in sorted(snapshots.glob("??/*")):
        if path.stat().st_mtime >= before.timestamp():
            continue
        with ledger.reader() as books:
            used = books.snapshot_last_used(path.stem)
        if used is None or used < before:
            yield path
