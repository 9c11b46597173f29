"""The security master's last rungs: the exchanges joined, the bundled seed, and this machine's own copy of the last list."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from engine.feeds.ladder import Ladder
from engine.feeds.master import SEED_OF, Joined, KeptList, SeedList, remembering
from engine.feeds.rungs import Rung
from engine.feeds.source import SECURITY_TABLE, Fault, FeedError, Fetch, Request
from engine.store.sample import sample_dir

NOW = datetime(2026, 11, 20, 2, 0, tzinfo=UTC)


def no_fetch(source: str, request: Request) -> bytes:
    raise AssertionError("nothing is fetched here")


class Listed:
    """A source that lists these symbols, or fails with `fault`."""

    def __init__(self, name: str, symbols: Sequence[str], fault: Fault | None = None) -> None:
        self.name = name
        self.symbols = list(symbols)
        self.fault = fault

    def securities(self, fetch: Fetch, now: datetime) -> pl.DataFrame:
        if self.fault is not None:
            raise FeedError(self.name, self.fault, "as told")
        rows = [
            {
                "symbol": symbol,
                "known_at": now,
                "board": "main_sh",
                "name": f"N{symbol}",
                "industry": "银行",
                "taxonomy": "em",
                "list_date": None,
                "special_treatment": False,
                "delisting": False,
                "source": self.name,
            }
            for symbol in self.symbols
        ]
        return pl.DataFrame(rows, schema=SECURITY_TABLE)


WHOLE = [f"{number:06d}.SH" for number in range(600_000, 605_500)]


def master(vendor: Listed, home: Path) -> Ladder:
    kept = KeptList(home)
    rungs = [Rung("vendor", "vendor", vendor), *remembering(kept, sample_dir())]
    return Ladder(no_fetch, securities=rungs, listed_rows=kept.size(), keep=kept.keep, monotonic=lambda: 0.0)


def test_the_seed_is_the_list_of_june_2020_and_says_so(tmp_path: Path) -> None:
    served = master(Listed("vendor", [], Fault.BANNED), tmp_path).securities(NOW)
    assert (served.source, served.stale, served.at, served.table.height) == ("seed", True, SEED_OF, 3_756)
    assert served.table.schema == SECURITY_TABLE
    assert served.age_s == (NOW - SEED_OF).total_seconds()
    flagged = served.table.filter("special_treatment")
    assert KeptList(tmp_path).size() == 0, "only what a source said is kept"
    assert flagged.height > 50 and flagged["name"].str.contains("ST").all()


def test_what_was_accepted_once_is_better_than_the_seed(tmp_path: Path) -> None:
    vendor = Listed("vendor", WHOLE)
    assert master(vendor, tmp_path).securities(NOW).stale is False
    vendor.fault = Fault.NETWORK
    later = NOW + timedelta(days=2)
    served = master(vendor, tmp_path).securities(later)
    assert (served.source, served.stale, served.at, served.age_s) == ("kept", True, NOW, 172_800.0)
    assert served.table["symbol"].to_list() == WHOLE


def test_a_list_that_lost_more_than_a_tenth_is_not_accepted_nor_kept(tmp_path: Path) -> None:
    vendor = Listed("vendor", WHOLE)
    ladder = master(vendor, tmp_path)
    ladder.securities(NOW)
    vendor.symbols = WHOLE[:4_900]
    served = ladder.securities(NOW + timedelta(days=1))
    assert (served.source, served.table.height) == ("kept", 5_500)
    assert KeptList(tmp_path).size() == 5_500


def test_a_list_that_lost_less_is_a_new_list(tmp_path: Path) -> None:
    vendor = Listed("vendor", WHOLE)
    ladder = master(vendor, tmp_path)
    ladder.securities(NOW)
    vendor.symbols = WHOLE[:5_400]
    assert ladder.securities(NOW).table.height == 5_400
    assert KeptList(tmp_path).size() == 5_400


@pytest.mark.parametrize("cut", [0, 10, 200, 5_000, -1])
def test_a_torn_copy_is_refused_by_name_and_the_seed_serves(tmp_path: Path, cut: int) -> None:
    vendor = Listed("vendor", WHOLE)
    master(vendor, tmp_path).securities(NOW)
    (path,) = list(tmp_path.rglob("*.parquet"))
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(FeedError, match=path.name):
        KeptList(tmp_path).securities(no_fetch, NOW)
    vendor.fault = Fault.NETWORK
    assert master(vendor, tmp_path).securities(NOW).source == "seed"


def test_a_disk_that_refuses_the_copy_does_not_hide_the_list(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    assert master(Listed("vendor", WHOLE), tmp_path / "file").securities(NOW).source == "vendor"


def test_nothing_kept_and_no_seed_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FeedError) as caught:
        Ladder(no_fetch, securities=remembering(KeptList(tmp_path), tmp_path)).securities(NOW)
    assert "seed" in str(caught.value) and "kept" in str(caught.value)
    assert SeedList(tmp_path).name == "seed"


def test_a_memory_that_was_empty_is_looked_at_again_at_once(tmp_path: Path) -> None:
    kept = KeptList(tmp_path)
    ladder = Ladder(no_fetch, securities=remembering(kept, tmp_path))
    with pytest.raises(FeedError):
        ladder.securities(NOW)
    kept.keep(Listed("vendor", WHOLE).securities(no_fetch, NOW), "vendor", NOW)
    assert ladder.securities(NOW).source == "kept"


def test_exchanges_are_one_list_together() -> None:
    joined = Joined("exchanges", (Listed("sse", WHOLE[5:]), Listed("szse", WHOLE[:5])))
    assert joined.securities(no_fetch, NOW)["symbol"].to_list() == WHOLE


@pytest.mark.parametrize(("failing", "answers"), [("bse", True), ("sse", False)])
def test_only_an_optional_part_may_be_missing(failing: str, answers: bool) -> None:
    parts = {name: Listed(name, [WHOLE[place]]) for place, name in enumerate(("sse", "szse", "bse"))}
    parts[failing].fault = Fault.SERVER
    joined = Joined("exchanges", tuple(parts.values()), optional=frozenset({"bse"}))
    if answers:
        assert joined.securities(no_fetch, NOW).height == 2
    else:
        with pytest.raises(FeedError, match="sse: SERVER"):
            joined.securities(no_fetch, NOW)


def test_a_name_on_two_exchanges_is_on_none() -> None:
    with pytest.raises(FeedError, match="two exchanges list 600000"):
        Joined("exchanges", (Listed("sse", WHOLE[:2]), Listed("szse", WHOLE[:1]))).securities(no_fetch, NOW)
