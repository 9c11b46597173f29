"""The strategy `fusion` within a cycle: its two questions from the snapshot, and its batch from what was heard.

snapshot ──channels──► Shown ──► fusion-slow, fusion-fast ──► (models) ──► views, held against Shown ──► Voices ──► fuse
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from engine.analysis import Channel, fast_channel, slow_channel
from engine.core.account import Account
from engine.core.decision import ChannelView, Decision
from engine.core.instrument import Instrument
from engine.core.journal import ItemRejected
from engine.cycle.asking import Heard
from engine.cycle.mandate import Mandate
from engine.cycle.steps import Seen, held_weights, instruments_in, offered_in, prompt_context
from engine.llm import ParsedViews, Prompt, PromptContext, TemplateOf, check_view, figures_of, parse_views, render
from engine.store.snapshot import Snapshot
from engine.strategies import Voice, fuse
from engine.strategies.fusion import Views

SLOW, FAST = "fusion-slow", "fusion-fast"
"""The templates of the two questions, in the order in which they are asked."""


@dataclass(frozen=True, slots=True)
class Shown:
    """What the questions of a cycle may say, one context for each, computed once: answers are held against it.

    `stale` are the names with old data in a channel.
    """

    contexts: tuple[PromptContext, ...] = ()
    stale: frozenset[str] = frozenset()


def shown_in(mandate: Mandate, snapshot: Snapshot, seen: Seen, account: Account) -> Shown:
    """Both channels of a snapshot as the models are shown them."""
    context = prompt_context(mandate, snapshot, seen, account)
    slow, fast = slow_channel(snapshot, mandate.fusion.slow), fast_channel(snapshot, mandate.fusion.fast)
    return Shown((channel_context(context, slow), channel_context(context, fast)), slow.stale | fast.stale)


def channel_questions(mandate: Mandate, shown: Shown, template: TemplateOf) -> tuple[Prompt, ...]:
    """What is put to each model: the slow channel and the fast one."""
    asked = zip((SLOW, FAST), shown.contexts, strict=True)
    return tuple(render(name, context, template(name, mandate.language)) for name, context in asked)


def channel_context(context: PromptContext, channel: Channel) -> PromptContext:
    """What a channel's prompt may say: the candidates with the channel's figures; neither holdings nor money sway a direction."""
    rows = [row._replace(features=channel.figures.get(row.symbol, {})) for row in context.candidates]
    notes = [f"{row.symbol}: data is stale" for row in rows if row.symbol in channel.stale]
    return replace(context, candidates=rows, holdings=(), notes=notes, interval=channel.interval)


def conclude_fusion(
    mandate: Mandate, snapshot: Snapshot, seen: Seen, account: Account, replies: Sequence[Heard], shown: Shown
) -> tuple[tuple[Decision, ...], tuple[ItemRejected, ...]]:
    """The batch and the refused items. A reply that was read when it arrived is not read again."""
    offered, listed = offered_in(snapshot, seen), instruments_in(snapshot)
    views: dict[tuple[int, str], Views | None] = {}
    rejected: list[ItemRejected] = []
    for question, context in enumerate(shown.contexts):
        figures = figures_of(context)
        for reply in replies:
            if reply.question == question:
                parsed = _read(reply, offered)
                rejected += parsed.rejected if parsed is not None else ()
                views[question, reply.model] = _checked(parsed, figures, listed) if parsed is not None else None
    models = list(dict.fromkeys(reply.model for reply in replies))
    voices = [Voice(model, views.get((0, model)), views.get((1, model))) for model in models]
    decisions = fuse(
        voices,
        seen.candidates,
        held_weights(account, snapshot, seen),
        shown.stale | set(seen.stale),
        mandate.fusion,
        largest_ppm=mandate.policy.max_position_ppm,
        prices=seen.prices,
    )
    return decisions, tuple(rejected)


def _read(reply: Heard, offered: Mapping[str, Instrument]) -> ParsedViews | None:
    if not reply.spoke:
        return None
    return reply.judged if isinstance(reply.judged, ParsedViews) else parse_views(reply.text, offered)


def _checked(parsed: ParsedViews, figures: Mapping[str, Mapping[str, str]], listed: Mapping[str, Instrument]) -> Views | None:
    """The views by instrument with what of them is unverified; None for the refused ones, and for all where it was no answer."""
    if not parsed.usable:
        return None
    refused: dict[str, ChannelView | None] = {item.instrument: None for item in parsed.rejected}
    found: dict[str, ChannelView | None] = {}
    for view in parsed.views:
        unverified = check_view(view, figures, price_scale=listed[view.instrument].units.price)
        found[view.instrument] = replace(view, unverified=unverified) if unverified else view
    return refused | found
