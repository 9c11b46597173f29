"""How much of a market a cycle freezes: all of a small one; of a large one every quote, and history of the chosen and the held."""

from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from engine.building import mandate_of
from engine.config import DeskConfig
from engine.core.account import Account, Lot, Position
from engine.core.units import Market
from engine.cycle import Mandate, scope
from engine.cycle.scope import WHOLE, market_seen
from engine.cycle.steps import analyze
from engine.exchange import calendar, new_account
from engine.feeds.sim import SimTape
from engine.store.snapshot import Snapshot, content_hash, read, write

DAY = date(2026, 3, 2)
AT = datetime(2026, 3, 2, 6, tzinfo=UTC)
HISTORY = 60
NAMES = WHOLE + 100


@pytest.fixture(scope="module")
def tape() -> SimTape:
    return SimTape(seed=4, size=NAMES, start=DAY, sessions=1, history=HISTORY)


def symbols(tape: SimTape) -> list[str]:
    return [item.symbol for item in tape.instruments()]


def terms(**universe: Any) -> Mandate:
    return mandate_of(
        "demo", DeskConfig.model_validate({"feed": ["sim"], "history_days": HISTORY, "universe": {"top": 20} | universe}), "en"
    )


def account_with(symbol: str) -> Account:
    lot = Lot("1", 100, 1_000_000, date(2026, 2, 27), DAY)
    return replace(new_account("demo", Market.ASHARE, 10_000_000_000), positions={symbol: Position(symbol, (lot,))})


def seen(tape: SimTape, mandate: Mandate, account: Account, snapshot: Snapshot) -> Any:
    return analyze(snapshot, mandate, account, calendar(Market.ASHARE).previous_session(DAY))


def lengths(snapshot: Snapshot) -> dict[str, int]:
    counted = snapshot.bars.filter(pl.col("interval") == "1d").group_by("symbol").len()
    return dict(counted.iter_rows())


@pytest.mark.parametrize("by", ["amount", "volume", "change", "return_1", "return_5", "volume_ratio"])
@pytest.mark.parametrize("order", ["largest", "smallest"])
def test_a_large_market_screened_first_comes_to_the_same_as_its_whole_history(tape: SimTape, by: str, order: str) -> None:
    """Candidates, their features, prices and who is stale: what a cycle decides on is what it would have been."""
    mandate = terms(by=by, order=order)
    whole = tape.snapshot(AT, symbols(tape), history_days=HISTORY)
    held = next(item.symbol for item in whole.quotes if item.open and not item.suspended)
    account = account_with(held)
    wide = market_seen(tape, AT, symbols(tape), mandate, [held])
    one, other = (seen(tape, mandate, account, snapshot) for snapshot in (whole, wide))
    assert one.candidates == other.candidates
    assert one.features == other.features
    assert (one.stale, one.prices) == (other.stale, other.prices)
    assert held in other.candidates
    assert len(other.features) <= 21


def test_every_quote_is_kept_and_only_the_chosen_and_the_held_have_a_history(tape: SimTape) -> None:
    mandate, held = terms(), symbols(tape)[7]
    wide = market_seen(tape, AT, symbols(tape), mandate, [held])
    whole = tape.snapshot(AT, symbols(tape), history_days=HISTORY)
    assert (wide.quotes, wide.instruments, wide.source) == (whole.quotes, whole.instruments, "sim")
    deep = {symbol for symbol, count in lengths(wide).items() if count > 2 * scope.SLACK}
    assert held in deep
    assert len(deep) <= 21
    assert all(lengths(whole)[symbol] == lengths(wide)[symbol] for symbol in deep)
    assert wide.bars.height < whole.bars.height / 2


def test_it_can_be_kept_and_read_again(tape: SimTape, tmp_path: Path) -> None:
    wide = market_seen(tape, AT, symbols(tape), terms(), [])
    assert content_hash(read(tmp_path, write(wide, tmp_path))) == content_hash(wide)


def test_a_small_market_is_frozen_whole(tape: SimTape) -> None:
    few = symbols(tape)[:WHOLE]
    assert content_hash(market_seen(tape, AT, few, terms(), [])) == content_hash(tape.snapshot(AT, few, history_days=HISTORY))


def test_a_figure_of_the_whole_history_needs_the_whole_history(tape: SimTape) -> None:
    wide = market_seen(tape, AT, symbols(tape), terms(by="return_20"), [])
    assert content_hash(wide) == content_hash(tape.snapshot(AT, symbols(tape), history_days=HISTORY))


def test_filters_of_the_universe_hold_before_and_after(tape: SimTape) -> None:
    mandate = terms(boards=["star", "chinext"], min_price="10", listed_sessions=30, locked=False)
    wide = market_seen(tape, AT, symbols(tape), mandate, [])
    chosen = seen(tape, mandate, new_account("demo", Market.ASHARE, 1), wide).candidates
    listed = {item.symbol: item for item in wide.instruments}
    assert len(chosen) == 20
    assert {listed[symbol].board for symbol in chosen} <= {"star", "chinext"}
    assert set(chosen) <= {symbol for symbol, count in lengths(wide).items() if count > 2 * scope.SLACK}


def test_a_name_held_that_is_not_listed_yet_is_no_error(tape: SimTape) -> None:
    """A working order may name anything of the tape; what is not there at the moment is left out."""
    later = SimTape(seed=4, size=NAMES, start=DAY, sessions=5, history=HISTORY)
    new = [item.symbol for item in later.instruments() if item.list_date is not None and item.list_date > DAY]
    assert new
    wide = market_seen(later, AT, symbols(later), terms(), new)
    assert not {item.symbol for item in wide.instruments} & set(new)
