"""Words in two languages: one frozen set of keys, each a template with named holes, read from locales/*.toml."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from decimal import Decimal
from functools import cache
from pathlib import Path

from engine.core.text import safe_text

LANGUAGES = {"en": "en.toml", "zh": "zh_CN.toml"}
_LOCALES = Path(__file__).parent / "locales"
_HOLE = re.compile(r"\{(\w+)\}")
_VOCABULARY = {
    "state": "cycle",
    "status": "order",
    "side": "side",
    "phase": "phase",
    "trigger": "trigger",
    "rule": "rule",
    "verb": "verb",
    "outcome": "outcome",
    "code": "reason",
    "reason": "reason",
    "by": "by",
    "subject": "subject",
    "observed": "seen",
    "limit": "seen",
}
_WEIGHTS = frozenset({"before", "after", "observed", "limit"})
_WEIGHT = re.compile(r"-?\d{1,4}\.\d{6}")
"""A weight as risk writes it, a fraction with six decimals; amounts of money have fewer."""
_AMOUNT = re.compile(r"-?\d{1,24}\.\d{2,8}")
_IN_QUANTITY = frozenset({"SHAPE_LOT"})
"""Codes whose figures are quantities: a fraction of a share is no weight."""
_MAX_PARAM = 200


class Words:
    """One language. `t` answers for our own keys and raises KeyError for an unknown one; `code` words the engine's codes."""

    def __init__(self, language: str, table: Mapping[str, str]) -> None:
        self.language = language
        self._table = table

    def t(self, key: str, **params: object) -> str:
        """The words under `key` with its holes filled; values are text, never templates."""
        template = self._table[key]
        if not params:
            return template
        return _HOLE.sub(lambda hole: str(params.get(hole[1], "?")), template)

    def get(self, section: str, value: str) -> str:
        """The word for one of the engine's values (`order.filled`), or the value itself, made safe, where there is none."""
        return self._table.get(f"{section}.{value}") or safe_text(value, limit=_MAX_PARAM, one_line=True)

    def code(self, code: str, params: Iterable[tuple[str, str]]) -> str:
        """One sentence for a code and its parameters; a code this language does not know is shown as it came."""
        template, given = self._table.get(f"code.{code}"), tuple(params)
        if template is None:
            shown = " ".join(f"{name}={value}" for name, value in given)
            return safe_text(f"{code} {shown}".rstrip(), limit=_MAX_PARAM * 2, one_line=True)
        known = {name: self._param(name, value) for name, value in given}
        if "{because}" in template:
            known["because"] = self.because(given)
        return _HOLE.sub(lambda hole: known.get(hole[1], "?"), template).rstrip()

    def because(self, params: Iterable[tuple[str, str]]) -> str:
        """Why a rule ruled so, from a verdict's `code`, `rule`, `observed` and `limit`: a sentence, else the bare figures."""
        given = dict(params)
        template = self._table.get(f"because.{given.get('code', '')}") or self._table["because.none"]
        exact = given.get("code") in _IN_QUANTITY
        known = {name: self.get("seen", value) if exact else self._param(name, value) for name, value in given.items()}
        return _HOLE.sub(lambda hole: known.get(hole[1], "?"), template)

    def _param(self, name: str, value: str) -> str:
        if name in _WEIGHTS and _WEIGHT.fullmatch(value):
            return f"{Decimal(value) * 100:.1f}%"
        if name in _WEIGHTS and _AMOUNT.fullmatch(value):
            return f"{Decimal(value):,.2f}"
        if name == "failed":
            return ", ".join(self.get("reason", code.strip()) for code in value.split(","))
        section = _VOCABULARY.get(name, "-")
        if section == "cycle" and f"cycle.{value}" not in self._table:
            section = "trading"
        return self.reason(value) if section == "reason" else self.get(section, value)

    def reason(self, value: str) -> str:
        """The words for a reason: a code, or a code with particulars behind a colon."""
        head, colon, tail = value.partition(":")
        if colon and f"reason.{head}" in self._table:
            return f"{self.get('reason', head)}:{safe_text(tail, limit=_MAX_PARAM, one_line=True)}"
        return self.get("reason", value)

    def key_set(self) -> frozenset[str]:
        """Every key of this language, for the test that languages match."""
        return frozenset(self._table)

    def holes(self, key: str) -> frozenset[str]:
        """The named holes of one template."""
        return frozenset(_HOLE.findall(self._table[key]))


@cache
def load(language: str) -> Words:
    """The words of `en` or `zh`; raises KeyError for another language."""
    with (_LOCALES / LANGUAGES[language]).open("rb") as file:
        return Words(language, dict(_flat(tomllib.load(file), "")))


def _flat(table: Mapping[str, object], prefix: str) -> Iterable[tuple[str, str]]:
    for key, value in table.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", str(value)
