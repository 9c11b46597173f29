"""A name as a person types it, to the instrument that is meant: a code without its market, other case, or the nearest one."""

from __future__ import annotations

import difflib
from collections.abc import Collection


def meant(typed: str, known: Collection[str]) -> str:
    """The one of `known` that `typed` names: as it is, in capitals, or by its code alone where only one is so called; else ''."""
    wanted = typed.strip().upper()
    if wanted in known:
        return wanted
    same = [symbol for symbol in known if symbol.partition(".")[0] == wanted]
    return same[0] if len(same) == 1 else ""


def nearest(typed: str, known: Collection[str]) -> tuple[str, ...]:
    """Up to three that may have been meant, the most alike first."""
    return tuple(difflib.get_close_matches(typed.strip().upper(), sorted(known), n=3, cutoff=0.6))
