"""`[desk.NAME.perps]`: what a desk of perpetuals must say, what follows from it, and what is refused by name."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from engine.building import mandate_of
from engine.config import DeskConfig, load_config
from engine.core.errors import ConfigError, RuleUnknown
from engine.core.instrument import Board, Instrument
from engine.core.units import PPM, Market
from engine.exchange import fitted

E8 = 10**8
TABLE = {"cap": 50_000, "mmr": "0.01", "cum": "1.5", "max_leverage": 50}


def desk(**changes: Any) -> DeskConfig:
    usual: dict[str, Any] = {
        "market": "crypto", "feed": ["store"], "universe": {"symbols": ["BTCUSDT.BINANCE"]}, "perps": {"leverage": 5},
    }  # fmt: skip
    return DeskConfig.model_validate({**usual, **changes})


def test_a_desk_of_perpetuals_has_its_own_prompt_and_works_at_its_leverage() -> None:
    made = desk()
    assert (made.prompt, made.risk.max_leverage, made.risk.max_position) == ("perp-daily", 5, Decimal("0.10"))
    terms = mandate_of("perp", made, "en").perps
    assert terms is not None and (terms.leverage, terms.shorts) == (5, False)
    policy = mandate_of("perp", made, "en").policy
    assert (policy.max_net_ppm, policy.min_liquidation_distance_ppm, policy.max_funding_ppm) == (PPM, 50_000, 500_000)


def test_tables_and_filters_become_exact_numbers() -> None:
    made = desk(
        universe={"symbols": ["ETHUSDT.BINANCE"]},
        perps={
            "tiers": {"ETHUSDT": [TABLE]},
            "filters": {"ETHUSDT": {"tick": "0.01", "min_notional": 5, "liquidation_fee": "0.0125"}},
        },
    )
    assert made.perps is not None
    contract = made.perps.terms(made.universe.symbols).contracts["ETHUSDT.BINANCE"]
    (tier,) = contract.tiers
    assert (tier.cap, tier.mmr_ppm, tier.cum, tier.max_leverage) == (50_000 * E8, 10_000, 3 * E8 // 2, 50)
    assert (contract.tick, contract.step, contract.min_notional, contract.liquidation_fee_ppm) == (E8 // 100, 0, 5 * E8, 12_500)


def test_what_is_left_out_of_a_contract_is_its_instrument_s() -> None:
    made = desk()
    assert made.perps is not None
    coin = Instrument("BTCUSDT.BINANCE", Market.CRYPTO, Board.PERP, "BTC", tick=E8 // 10, step=E8 // 1_000)
    contract = fitted(made.perps.terms(made.universe.symbols), {coin.symbol: coin}).contracts[coin.symbol]
    assert (contract.tick, contract.step, contract.min_quantity) == (coin.tick, coin.step, coin.step)
    with pytest.raises(RuleUnknown, match="margin brackets"):
        fitted(made.perps.terms(made.universe.symbols), {"XUSDT.BINANCE": coin})


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"universe": {}}, "names its universe.symbols"),
        ({"universe": {"symbols": ["ETHUSDT.BINANCE"]}}, "perps.tiers.ETHUSDT: its margin brackets are not known"),
        ({"market": "us"}, "the market us has none"),
        ({"feed": ["binance"]}, "binance has no perpetuals"),
        ({"feed": ["replay"]}, "replay has no perpetuals"),
        ({"feed": ["sim", "cache"]}, "alone"),
        ({"strategy": "rules"}, "knows no short position"),
        ({"strategy": "baseline", "baseline": "trend"}, "goes short"),
        ({"risk": {"max_gross": 6}}, "risk.max_gross: must be between 0 and 5"),
        ({"perps": {"leverage": 126}}, "less than or equal to 125"),
        ({"perps": {"tiers": {"ETHUSDT": []}}}, "at least one bracket"),
        ({"perps": {"tiers": {"ETHUSDT": [TABLE, TABLE]}}}, "brackets rise by cap"),
        ({"perps": {"tiers": {"ETHUSDT": [TABLE, {**TABLE, "cap": 90_000, "max_leverage": 60}]}}}, "never allows more leverage"),
        ({"perps": {"tiers": {"ETHUSDT.BINANCE": [TABLE]}}}, "by the exchange's code"),
        (
            {"universe": {"symbols": ["ETHUSDT.BINANCE"]}, "perps": {"leverage": 60, "tiers": {"ETHUSDT": [TABLE]}}},
            "ETHUSDT allows at most 50",
        ),
    ],
)
def test_what_cannot_be_traded_so_is_refused_by_name(changes: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        desk(**changes)


@pytest.mark.parametrize("key", ["max_position", "max_gross", "max_cluster", "max_net"])
def test_only_margin_lets_more_than_the_equity_be_at_work(tmp_path: Path, key: str) -> None:
    file = tmp_path / "kanpan.toml"
    file.write_text(f"[desk.demo.risk]\n{key} = 1.5\n", encoding="utf-8")
    with pytest.raises(ConfigError) as refused:
        load_config(file, {})
    assert str(refused.value) == f"kanpan.toml:2 desk.demo.risk.{key}: must be between 0 and 1"


def test_a_desk_without_perpetuals_is_recorded_as_it_ever_was() -> None:
    assert "perps" not in json.loads(DeskConfig().canonical())
    assert json.loads(desk().canonical())["perps"]["leverage"] == 5
    assert DeskConfig.model_validate_json(desk().canonical()).digest() == desk().digest()
