"""What a replay reads beside the journal's entries: recorded configurations, texts, snapshots, and what was let go of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from engine.core.errors import DataError
from engine.core.journal import ConfigRecorded
from engine.cycle import Mandate
from engine.llm import PromptTemplate
from engine.replay.past import Past
from engine.retention import told_by
from engine.store import Books
from engine.store.snapshot import kept

MandateOf = Callable[[str, str], Mandate]
"""(desk, recorded configuration as canonical JSON) -> its mandate."""

VersionOf = Callable[[str, str, str], PromptTemplate]
"""(template's id, language, version) -> the template as it was then; raises ConfigError where it is no longer there."""


class Sources:
    """Where one desk's past stands: `books` the ledger, `snapshots` their directory, `version_of` the prompts' library."""

    def __init__(self, books: Books, snapshots: Path, desk: str, mandate_of: MandateOf, version_of: VersionOf) -> None:
        self.books = books
        self.snapshots = snapshots
        self.version_of = version_of
        self._desk = desk
        self._mandate_of = mandate_of
        self._mandates: dict[str, Mandate] = {}
        self._texts: dict[str, str] = {}
        self._in_force = ""
        self._cut_offs = told_by(books)

    def learn(self, record: ConfigRecorded) -> None:
        """Remember under which hash the text of a configuration stands, and that it is in force from here on."""
        if record.desk == self._desk:
            self._texts[record.config_hash] = record.text_hash
            self._in_force = record.config_hash

    def mandate_in_force(self) -> Mandate:
        """The mandate of the configuration learned last; raises DataError when its text is gone."""
        return self.mandate(self._in_force)

    def mandate(self, config_hash: str) -> Mandate:
        """The mandate of a recorded configuration; raises DataError when its text is gone."""
        if config_hash not in self._mandates:
            text = self.books.blob(self._texts.get(config_hash, config_hash))
            if text is None:
                raise DataError(f"the configuration {config_hash[:12]} is not in the ledger any more")
            self._mandates[config_hash] = self._mandate_of(self._desk, text)
        return self._mandates[config_hash]

    def reply(self, reply_hash: str) -> str:
        """The text of a recorded reply; raises DataError when it is gone."""
        text = self.books.blob(reply_hash)
        if text is None:
            raise DataError(f"the reply {reply_hash[:12]} is not in the ledger any more (retention)")
        return text

    def let_go(self, past: Past) -> str:
        """Which input of a cycle retention let go, as far as the journal says so; '' when none."""
        limits, frozen = self._cut_offs, past.frozen
        old = limits.snapshots is not None and past.claimed_at < limits.snapshots
        if old and frozen is not None and not kept(self.snapshots, frozen.hash):
            return "its snapshot was let go (retention)"
        old = limits.texts is not None and past.claimed_at < limits.texts
        if old and any(call.reply_hash and self.books.blob(call.reply_hash) is None for call in past.replied.values()):
            return "its replies were let go (retention)"
        return ""
