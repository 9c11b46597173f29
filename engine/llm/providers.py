"""Who offers models, what each endpoint can do and charges: a dated table that a person's own settings override."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from functools import lru_cache
from importlib.resources import files
from typing import Any
from urllib.parse import urlsplit

from engine.core.clock import Clock
from engine.core.errors import ConfigError
from engine.llm.model import Model
from engine.llm.offline import OfflineModel
from engine.llm.price import Price, Rates


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """One model as a person asked for it. Empty values are filled from the table; `price` wins over the table's.

    `provider` is a name of the table, or `openai` / `compatible` with any `base_url` (the host then tells who it is), or
    `offline`, or `local` (the extra kanpan[local-llm]). `api_key` is the key itself, kept in memory only; `proxy` an explicit proxy
    URL (the environment's is not used).
    """

    name: str
    provider: str = "openai"
    base_url: str = ""
    model: str = ""
    api_key: str | None = field(repr=False, default=None)
    timeout_s: float = 30.0
    price: Price | None = None
    extra_body: Mapping[str, Any] = field(default_factory=dict)
    temperature: float | None = None
    max_tokens: int = 2_048
    proxy: str = ""


@dataclass(frozen=True, slots=True)
class Provider:
    """One line of the table."""

    name: str
    base_url: str = ""
    hosts: tuple[str, ...] = ()
    structured: str = "json_schema"
    max_tokens_key: str = "max_tokens"
    body: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ProviderTable:
    """Providers by name, prices by (provider, model), and what became of names that are gone."""

    providers: Mapping[str, Provider]
    prices: Mapping[tuple[str, str], Price]
    retired: Mapping[str, str]

    def of(self, provider: str, base_url: str) -> Provider:
        """The provider meant: by name, unless `base_url` says it is another. ConfigError for a name nobody knows."""
        if provider not in self.providers:
            raise ConfigError(f"unknown model provider {provider!r}; there are {', '.join(sorted(self.providers))}, local, offline")
        if not base_url or provider not in {"openai", "compatible"}:
            return self.providers[provider]
        place = urlsplit(base_url).netloc.rpartition("@")[2].lower()
        for known in self.providers.values():
            if any(place == host or (host.startswith(".") and place.endswith(host)) for host in known.hosts):
                return known
        return self.providers["compatible"]


def build_model(spec: ModelSpec, clock: Clock) -> Model:
    """The model of `spec`, ready to be asked; nothing is sent. `clock` decides between peak and other prices.

    Raises ConfigError where the provider is unknown, the address or the model's name is missing, or the model is retired.
    """
    if spec.provider == "offline":
        return OfflineModel(name=spec.name)
    # the HTTP client costs 0.1 s to import, which a desk that only ever asks `offline` need not pay
    from engine.llm.local import LocalModel
    from engine.llm.openai_model import Endpoint, OpenAIModel

    if spec.provider == "local":
        return LocalModel(spec.name, clock, timeout_s=spec.timeout_s)
    table = builtin_table()
    provider = table.of(spec.provider, spec.base_url)
    base_url = spec.base_url or provider.base_url
    if not base_url:
        raise ConfigError(f"model.{spec.name}.base_url: needed, provider {spec.provider!r} has no address of its own")
    if urlsplit(base_url).scheme not in {"http", "https"} or not urlsplit(base_url).hostname:
        raise ConfigError(f"model.{spec.name}.base_url: must be an http or https address")
    if not spec.model:
        raise ConfigError(f"model.{spec.name}.model: needed, the provider's name for the model")
    if provider.name == "deepseek" and spec.model in table.retired:
        raise ConfigError(f"model.{spec.name}.model: {spec.model} is retired, use {table.retired[spec.model]}")
    return OpenAIModel(
        Endpoint(
            name=spec.name,
            provider=provider.name,
            base_url=base_url,
            model=spec.model,
            api_key=spec.api_key or "",
            timeout_s=spec.timeout_s,
            temperature=spec.temperature,
            max_tokens=spec.max_tokens,
            max_tokens_key=provider.max_tokens_key,
            structured=provider.structured,
            body={**provider.body, **spec.extra_body},
            price=spec.price or table.prices.get((provider.name, spec.model)),
            proxy=spec.proxy,
        ),
        clock,
    )


@lru_cache(maxsize=1)
def builtin_table() -> ProviderTable:
    """The table that ships with the program."""
    return read_table(files("engine.llm").joinpath("data/providers.toml").read_text(encoding="utf-8"))


def read_table(text: str) -> ProviderTable:
    """A provider table from its TOML text; ValueError, KeyError or TypeError where its form is wrong."""
    tree = tomllib.loads(text)
    providers = {
        name: Provider(name=name, **{**facts, "hosts": tuple(facts.get("hosts", ()))}) for name, facts in tree["provider"].items()
    }
    prices = {
        (entry["provider"], model): Price(
            currency=entry["currency"],
            rates=_rates(entry),
            as_of=entry["as_of"],
            peak=_rates(entry["peak"]) if "peak" in entry else None,
        )
        for entry in tree["price"]
        for model in entry["models"]
    }
    return ProviderTable(providers, prices, tree.get("retired", {}))


def _rates(entry: Mapping[str, Any]) -> Rates:
    return Rates(Decimal(entry["input"]), Decimal(entry["cached"]), Decimal(entry["output"]))
