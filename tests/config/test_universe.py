"""`[desk.X.universe]`: ranked by any known figure, filtered by exact numbers, and what cannot be meant is refused by line."""

from pathlib import Path

import pytest

from engine.analysis import ORDINARY
from engine.building import mandate_of
from engine.config import DeskConfig, Universe, load_config
from engine.core.errors import ConfigError
from engine.core.instrument import Board
from engine.core.units import Market


def test_by_default_nothing_is_filtered_but_st_and_new_listings() -> None:
    mandate = mandate_of("demo", DeskConfig(), "en")
    assert (mandate.top, mandate.by, mandate.order, mandate.filters) == (50, "amount", "largest", ORDINARY)


def test_filters_become_exact_numbers() -> None:
    said = Universe.model_validate(
        {"min_price": "2.5", "max_price": "300", "boards": ["star", "main_sh"], "industries": ["银行"], "listed_sessions": 60}
    )
    found = said.filters(Market.ASHARE)
    assert (found.lowest_price, found.highest_price, found.listed_sessions) == (25_000, 3_000_000, 60)
    assert (found.boards, found.industries) == ({Board.STAR, Board.MAIN_SH}, {"银行"})


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ('by = "luck"', "cannot rank by luck"),
        ('order = "best"', "order"),
        ('boards = ["nasdaq"]', "boards"),
        ('min_price = "9"\nmax_price = "8"', "min_price 9 is above max_price 8"),
        ('min_price = "0.00001"', "finer than"),
        ("listed_sessions = -1", "listed_sessions"),
        ("tops = 5", "tops"),
    ],
)
def test_what_cannot_be_meant_is_refused(tmp_path: Path, line: str, told: str) -> None:
    path = tmp_path / "kanpan.toml"
    path.write_text(f"[desk.demo.universe]\n{line}\n", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"kanpan\.toml") as error:
        load_config(path, {})
    assert told in str(error.value)


@pytest.mark.parametrize("by", ["turnover_rate", "rsi_14", "return_20", "volume"])
def test_it_ranks_by_any_known_figure(by: str) -> None:
    assert Universe.model_validate({"by": by}).by == by
