"""What a call cost: exact decimals from a dated price list, by the hour where a provider charges by the hour."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import Protocol, runtime_checkable

from engine.llm.model import Prompt, Usage

BEIJING = timezone(timedelta(hours=8))


@dataclass(frozen=True, slots=True)
class Rates:
    """Money for `per` tokens: of prompt not cached, of prompt cached, of reply (thinking included)."""

    input: Decimal
    cached: Decimal
    output: Decimal
    per: int = 1_000_000


@dataclass(frozen=True, slots=True)
class Price:
    """A price list entry. `peak` applies Monday to Friday 09:00-12:00 and 14:00-18:00 Beijing time.

    DeepSeek waives the peak on Chinese public holidays; we do not, so that an estimate is never too low.
    Source: api-docs.deepseek.com/quick_start/pricing, read 2026-11-12.
    """

    currency: str
    rates: Rates
    as_of: str
    peak: Rates | None = None

    def at(self, moment: datetime) -> Rates:
        """The rates in force at an aware instant."""
        if self.peak is None:
            return self.rates
        local = moment.astimezone(BEIJING)
        busy = local.weekday() < 5 and (9 <= local.hour < 12 or 14 <= local.hour < 18)
        return self.peak if busy else self.rates


@runtime_checkable
class Priced(Protocol):
    """A model that can say beforehand what asking it may cost."""

    def ceiling(self, prompt: Prompt) -> tuple[str, str]:
        """The most that one call with this prompt costs, as a decimal string, and its currency; ("0", "") without a price."""
        ...


def cost(usage: Usage, rates: Rates) -> str:
    """The exact cost of a call as a plain decimal string."""
    fresh = usage.tokens_in - usage.tokens_cached
    total = (fresh * rates.input + usage.tokens_cached * rates.cached + usage.tokens_out * rates.output) / rates.per
    text = f"{total:f}"
    return (text.rstrip("0").rstrip(".") if "." in text else text) or "0"


def estimate(prompt: Prompt, max_tokens: int, rates: Rates) -> str:
    """A ceiling for what a call may cost, before it is made: one token a byte, nothing cached, the longest reply.

    Byte-level tokenizers never make more tokens than there are bytes (English makes about a quarter), so a budget that admits the
    estimate is not overdrawn by the call. `max_tokens` bounds thinking too.
    """
    return cost(Usage(len(f"{prompt.text}{prompt.schema}".encode("utf-8", "replace")) + 64, max_tokens), rates)
