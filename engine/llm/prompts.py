"""Prompts from versioned templates: the stable part first, volatile figures last, and everything from outside as fenced data.

PromptContext + templates/ID.LANGUAGE.md ──render()──► Prompt (hashed, with the JSON schema of the reply)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache
from importlib.resources import files
from types import MappingProxyType
from typing import NamedTuple

from jinja2 import StrictUndefined, Template, TemplateError, nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment

from engine.core.errors import ConfigError
from engine.core.text import safe_text
from engine.llm.margin_tables import MarginContext, fundings_table, positions_table, terms_table
from engine.llm.model import Prompt, make_prompt
from engine.llm.schema import SCHEMAS

MAX_CANDIDATES = 500
MAX_PROMPT_CHARS = 400_000
MAX_NAME = 24
MAX_NOTE = 200
VALUES = (
    *("as_of", "trading_day", "market", "currency", "cash", "equity", "max_position", "max_gross"),
    *("instruments", "features", "holdings", "quotes", "notes", "interval", "terms", "fundings"),
)
"""What a template may name."""

_ALLOWED = (nodes.Template, nodes.Output, nodes.TemplateData, nodes.Name, nodes.If, nodes.Not, nodes.And, nodes.Or)
_DIVIDER = "\n=== user ===\n"
_BREAKS_FENCE = str.maketrans(dict.fromkeys('|<>`{}[]\\"\n\t', " "))
_FRONT_MATTER_KEYS = {"id", "version", "market", "language", "schema"}


@dataclass(frozen=True, slots=True)
class HoldingRow:
    """One line of the book as the model sees it. `weight` and `pnl` are fractions as strings; `sellable` a quantity as a string."""

    symbol: str
    name: str
    weight: str
    pnl: str
    sellable: str


class CandidateRow(NamedTuple):
    """One instrument on offer. `last` is a price, `change_pct` a percentage, both as strings; `features` are named figures, None
    where history is too short."""

    symbol: str
    name: str
    industry: str
    last: str
    change_pct: str
    features: Mapping[str, float | int | str | None] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class PromptContext:
    """Everything a template may speak of. Money as decimal strings in `currency`; `max_position` and `max_gross` as fractions;
    `interval` is that of the bars behind the figures where a prompt is about one time frame, else empty."""

    as_of: datetime
    trading_day: date
    market: str
    currency: str
    cash: str
    equity: str
    max_position: str
    max_gross: str
    holdings: Sequence[HoldingRow]
    candidates: Sequence[CandidateRow]
    notes: Sequence[str] = ()
    language: str = "en"
    interval: str = ""
    margin: MarginContext | None = None
    """How a desk of perpetuals stands; None for a desk of anything else."""


@dataclass(frozen=True, slots=True)
class PromptTemplate:
    """A template file, read: what its front matter says, and its two parts ready to fill."""

    id: str
    version: str
    market: str
    language: str
    schema: str
    system: Template
    user: Template


TemplateOf = Callable[[str, str], PromptTemplate]
"""(id, language) -> the template in force; raises ConfigError where there is none."""


def render(template_id: str, context: PromptContext, template: PromptTemplate | None = None) -> Prompt:
    """The prompt of `template_id` in the context's language, from `template` where a library (library.py) has its own.

    Names, industries and notes are stripped of control characters, markup and table signs, so that they can be read but never
    close the fence they stand in. Raises ConfigError where there is no such template, or the prompt comes out too long.
    """
    template = template or builtin(template_id, context.language)
    if len(context.candidates) > MAX_CANDIDATES:
        raise ConfigError(f"{len(context.candidates)} candidates in one prompt, at most {MAX_CANDIDATES}")
    margin = context.margin
    held = {row.symbol for row in context.holdings} | {row.symbol for row in (margin.positions if margin is not None else ())}
    symbols = sorted({row.symbol for row in context.candidates} | held)
    values = {
        "as_of": context.as_of.isoformat(timespec="seconds"),
        "trading_day": context.trading_day.isoformat(),
        "market": context.market,
        "currency": context.currency,
        "cash": context.cash,
        "equity": context.equity,
        "max_position": context.max_position,
        "max_gross": context.max_gross,
        "instruments": _instruments_table(context),
        "holdings": _holdings_table(context.holdings) if margin is None else positions_table(margin),
        "features": _features_table(context.candidates),
        "quotes": _quotes_table(context.candidates),
        "notes": "\n".join(f"- {_plain(note, MAX_NOTE)}" for note in context.notes),
        "interval": context.interval,
        "terms": terms_table(margin) if margin is not None else "",
        "fundings": fundings_table(margin) if margin is not None else "",
    }
    system, user = template.system.render(values).strip(), template.user.render(values).strip()
    if len(system) + len(user) > MAX_PROMPT_CHARS:
        raise ConfigError(f"prompt {template.id}.{template.language} comes to more than {MAX_PROMPT_CHARS} characters")
    return make_prompt(
        id=f"{template.id}.{template.language}",
        version=template.version,
        system=system,
        user=user,
        schema=SCHEMAS[template.schema](symbols),
        form=template.schema,
    )


@lru_cache(maxsize=64)
def builtin(template_id: str, language: str) -> PromptTemplate:
    """The template that ships under this id, in `language`; ConfigError, naming those there are, where it does not exist."""
    folder = files("engine.llm").joinpath("templates")
    name = f"{template_id}.{language}.md"
    known = sorted(entry.name for entry in folder.iterdir() if entry.name.endswith(".md"))
    if name not in known:
        raise ConfigError(f"no prompt template {template_id!r} in language {language!r}; there are {', '.join(known)}")
    return read_template(folder.joinpath(name).read_text(encoding="utf-8"), name)


def read_template(text: str, name: str) -> PromptTemplate:
    """A template from the text of its file; ConfigError, with `name`, where its form is wrong or it asks for what it may not."""
    head, fence, body = text.removeprefix("---\n").partition("\n---\n")
    system, divider, user = body.partition(_DIVIDER)
    if not text.startswith("---\n") or not fence or not divider:
        raise ConfigError(f"{name}: needs front matter between --- lines and one line `=== user ===`")
    facts = dict(line.split(": ", 1) for line in head.splitlines() if ": " in line)
    if set(facts) != _FRONT_MATTER_KEYS:
        raise ConfigError(f"{name}: front matter must hold exactly {', '.join(sorted(_FRONT_MATTER_KEYS))}")
    if facts["schema"] not in SCHEMAS:
        raise ConfigError(f"{name}: unknown reply schema {facts['schema']!r}; this version knows {', '.join(SCHEMAS)}")
    environment = ImmutableSandboxedEnvironment(autoescape=False, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    try:
        for part in (system, user):
            _only_fills_in(environment.parse(part), name)
        return PromptTemplate(**facts, system=environment.from_string(system), user=environment.from_string(user))
    except TemplateError as fault:
        raise ConfigError(f"{name}: {fault}") from None


def _only_fills_in(tree: nodes.Template, name: str) -> None:
    """A template names values and asks whether they are there; it computes nothing, so it can neither reach out nor blow up."""
    for node in tree.find_all(nodes.Node):
        if not isinstance(node, _ALLOWED):
            raise ConfigError(f"{name}: line {node.lineno}: {type(node).__name__} is not allowed in a template")
        if isinstance(node, nodes.Name) and node.name not in VALUES:
            raise ConfigError(f"{name}: line {node.lineno}: unknown value {node.name!r}; there are {', '.join(VALUES)}")


def _instruments_table(context: PromptContext) -> str:
    rows = {row.symbol: f"{row.symbol}|{_plain(row.name, MAX_NAME)}|" for row in context.holdings}
    if context.margin is not None:
        rows |= {row.symbol: f"{row.symbol}|{_plain(row.name, MAX_NAME)}|" for row in context.margin.positions}
    rows |= {
        row.symbol: f"{row.symbol}|{_plain(row.name, MAX_NAME)}|{_plain(row.industry, MAX_NAME)}" for row in context.candidates
    }
    return "\n".join(["symbol|name|industry", *(rows[symbol] for symbol in sorted(rows))])


def _holdings_table(holdings: Sequence[HoldingRow]) -> str:
    rows = [f"{row.symbol}|{row.weight}|{row.pnl}|{row.sellable}" for row in holdings]
    return "\n".join(["symbol|weight|pnl|sellable", *rows])


def _features_table(candidates: Sequence[CandidateRow]) -> str:
    """By symbol: the figures of closed bars stand still between the cycles of a session, and the provider's cache then holds."""
    names = list(dict.fromkeys(name for row in _by_symbol(candidates) for name in row.features))
    head = "|".join(["symbol", *(_plain(name, MAX_NAME) for name in names)])
    rows = ["|".join([row.symbol, *(shown(row.features.get(name)) for name in names)]) for row in _by_symbol(candidates)]
    return "\n".join([head, *rows])


def _quotes_table(candidates: Sequence[CandidateRow]) -> str:
    return "\n".join(["symbol|last|change_pct", *(f"{row.symbol}|{row.last}|{row.change_pct}" for row in _by_symbol(candidates))])


def _by_symbol(candidates: Sequence[CandidateRow]) -> list[CandidateRow]:
    return sorted(candidates, key=lambda row: row.symbol)


def shown(value: float | int | str | None) -> str:
    """A feature as the tables print it: four significant digits and never an exponent, `-` where it is not known."""
    if value is None or value != value:
        return "-"
    if isinstance(value, float):
        text = f"{value:.4g}"
        return f"{Decimal(text):f}" if "e" in text else text
    return _cell(str(value))


@lru_cache(maxsize=8_192)
def _cell(text: str) -> str:
    """Figures in writing are few, coarse and come again with every cycle."""
    return _plain(text, MAX_NAME)


def _plain(text: str, limit: int) -> str:
    """Outside text for one cell: one line, no control characters, nothing that could end a cell, a fence or a block."""
    return safe_text(text, limit=limit, one_line=True).translate(_BREAKS_FENCE).strip()
