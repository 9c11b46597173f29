"""Simulated perpetuals: the same for the same seed, marked as invented, funded every eight hours, apart from anything kept."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from engine.building import build_tape
from engine.config import DeskConfig
from engine.core.errors import DataError
from engine.core.instrument import Board
from engine.core.units import Market
from engine.exchange import MarginTier
from engine.exchange.contracts import Contract
from engine.feeds.sim_perps import SimTerms, sim_perp_tape
from engine.feeds.stored import StoredTape
from engine.feeds.tape import FundingEvent, QuoteEvent
from engine.store.market import MarketStore
from engine.store.snapshot import content_hash

START = date(2026, 1, 5)
TIERS = (MarginTier(10**15, 5_000, 0, 50),)
CONTRACTS = {f"{code}.BINANCE": Contract(code, 0, 0, 0, 0, 0, 0, tiers=TIERS) for code in ("AAAUSDT", "BBBUSDT")}


def tape(home: Path, seed: int = 3, sessions: int = 4, begin: date | None = None) -> StoredTape:
    return sim_perp_tape(home, SimTerms(seed, START, sessions), CONTRACTS, [("1h", 24), ("4h", 6)], begin)


def test_the_same_seed_gives_the_same_market_and_another_one_another(tmp_path: Path) -> None:
    whole = datetime(2026, 2, 1, tzinfo=UTC)
    one, again, other = tape(tmp_path / "a"), tape(tmp_path / "b"), tape(tmp_path / "a", seed=4)
    told = [market.advance(whole) for market in (one, again, other)]
    assert told[0] == told[1] != told[2]
    at = datetime(2026, 1, 7, 9, tzinfo=UTC)
    hashes = [content_hash(market.snapshot(at, list(CONTRACTS), history_days=30)) for market in (one, again, other)]
    assert hashes[0] == hashes[1] != hashes[2]


def test_a_second_start_goes_on_where_the_first_left_off(tmp_path: Path) -> None:
    whole = datetime(2026, 2, 1, tzinfo=UTC)
    first = tape(tmp_path).advance(whole)
    later = tape(tmp_path, begin=date(2026, 1, 7)).advance(whole)
    assert later == [event for event in first if event.at >= datetime(2026, 1, 7, tzinfo=UTC)]


def test_everything_says_that_it_is_simulated_and_nothing_is_kept_with_the_real(tmp_path: Path) -> None:
    market = tape(tmp_path)
    assert market.source == "sim"
    assert {(item.board, item.name[:2]) for item in market.instruments()} == {(Board.PERP, "模拟")}
    quotes = [event.quote for event in market.advance(datetime(2026, 1, 6, tzinfo=UTC)) if isinstance(event, QuoteEvent)]
    assert quotes and {quote.source for quote in quotes} == {"sim"}
    assert MarketStore.open(tmp_path, Market.CRYPTO).inventory() == []


def test_funding_is_settled_every_eight_hours_at_a_mark_and_known_no_sooner(tmp_path: Path) -> None:
    market = tape(tmp_path)
    paid = [event.funding for event in market.advance(datetime(2026, 2, 1, tzinfo=UTC)) if isinstance(event, FundingEvent)]
    assert len(paid) == 4 * 3 * 2 and {item.at.hour for item in paid} == {0, 8, 16}
    assert all(item.known_at == item.at and item.mark > 0 and item.hours == 8 for item in paid)
    assert {item.rate_e8 > 0 for item in paid} == {True, False}
    for hour, last in ((7, 0), (8, 8), (15, 8), (16, 16)):
        at = datetime(2026, 1, 6, hour, tzinfo=UTC)
        known = market.snapshot(at, list(CONTRACTS), history_days=5).fundings
        assert {item.at for item in known} == {datetime(2026, 1, 6, last, tzinfo=UTC)}
        assert all(at - item.at < timedelta(hours=8) for item in known)


def test_a_desk_is_built_on_it_from_its_configuration(tmp_path: Path) -> None:
    desk = DeskConfig.model_validate(
        {
            "market": "crypto", "feed": ["sim"], "bars": ["1h:24"], "sim": {"seed": 1, "sessions": 3},
            "universe": {"symbols": ["BTCUSDT.BINANCE"]}, "perps": {"leverage": 5},
        }
    )  # fmt: skip
    built = build_tape(desk, tmp_path, None)
    assert [item.symbol for item in built.instruments()] == ["BTCUSDT.BINANCE"]
    with pytest.raises(DataError, match="sim: "):
        build_tape(desk, tmp_path, date(2027, 1, 1))
