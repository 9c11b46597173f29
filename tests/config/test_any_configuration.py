"""Whatever stands in kanpan.toml, a desk can be built from it or one line says why not; nothing else can happen."""

from __future__ import annotations

import json
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from engine.building import mandate_of
from engine.config import Config, load_config
from engine.config.desk import DeskConfig
from engine.config.model import ModelConfig, ModelPrice
from engine.config.shadow import ShadowConfig
from engine.core.errors import ConfigError

TABLES: dict[str, type[BaseModel]] = {
    name: field.annotation
    for name, field in DeskConfig.model_fields.items()
    if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel)
}
WORDS = ("ashare", "us", "crypto", "replay", "store", "sim", "eastmoney", "yahoo", "binance", "cache", "panel", "fusion", "rules")
WORDS += (
    "baseline",
    "offline",
    "local",
    "none",
    "confirm",
    "auto",
    "at 09:35",
    "every 5m in session",
    "manual",
    "3m:200",
    "4h",
    "1d",
)
WORDS += (
    "600519.SH",
    "AAPL.US",
    "BTCUSDT.BINANCE",
    "USD",
    "env:KEY",
    "http://127.0.0.1:1",
    "1e30",
    "-0",
    "0.1",
    "2020-02-30",
    "a~b",
)

scalars = st.one_of(
    st.sampled_from(WORDS),
    st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=12),
    st.integers(-(2**63), 2**63 - 1),
    st.integers(-2, 2_000),
    st.floats(),
    st.booleans(),
    st.dates(date(1900, 1, 1)),
    st.datetimes(),
)
values = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.sampled_from([*WORDS, "start", "end", "symbols", "calm", "top"]), inner, max_size=3),
    ),
    max_leaves=4,
)


def table(model: type[BaseModel]) -> st.SearchStrategy[dict[str, Any]]:
    """A table with some of a model's own keys, now and then one that is not among them."""
    keys = st.sampled_from([*model.model_fields, "typo"])
    return st.dictionaries(keys, values, max_size=2)


desks = st.builds(
    lambda own, inner, shadows: {**own, **inner, **({"shadow": shadows} if shadows else {})},
    table(DeskConfig),
    st.fixed_dictionaries({}, optional={name: table(model) for name, model in TABLES.items()}),
    st.dictionaries(st.sampled_from(["twin", "Bad", "b-2"]), table(ShadowConfig), max_size=1),
)
trees = st.builds(
    lambda own, named, models: {**own, **({"desk": named} if named else {}), **({"model": models} if models else {})},
    table(Config),
    st.dictionaries(st.sampled_from(["demo", "live", "Dr Evil", "桌", "a~b"]), desks, max_size=2),
    st.dictionaries(
        st.sampled_from(["offline", "m"]),
        st.builds(lambda own, price: {**own, **({"price": price} if price else {})}, table(ModelConfig), table(ModelPrice)),
        max_size=1,
    ),
)


def toml(value: Any) -> str:
    """A value as TOML writes it."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{json.dumps(key)} = {toml(inner)}" for key, inner in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(map(toml, value)) + "]"
    if isinstance(value, (date, datetime)):
        return value.isoformat()
    return json.dumps(value, ensure_ascii=False).replace("NaN", "nan").replace("Infinity", "inf")


def judged(path: Path, text: str, environ: dict[str, str]) -> str:
    """'' where a desk can be built of it, else the one line that says why not."""
    path.write_text(text, encoding="utf-8")
    try:
        config = load_config(path, environ)
        for name, desk in config.desk.items():
            for own, terms in desk.family(name).items():
                mandate_of(own, terms, "en")
    except ConfigError as error:
        return str(error)
    return ""


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(tree=trees)
def test_a_tree_of_anything_is_a_desk_or_one_line(tmp_path: Path, tree: dict[str, Any]) -> None:
    line = judged(tmp_path / "kanpan.toml", "\n".join(f"{json.dumps(key)} = {toml(value)}" for key, value in tree.items()), {})
    assert "\n" not in line and "\x1b" not in line


keyed = st.sampled_from([(name, key) for name, model in {"": DeskConfig, **TABLES}.items() for key in model.model_fields])


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(key=keyed, value=values, market=st.sampled_from(["ashare", "us", "crypto"]))
def test_one_key_of_anything_is_a_desk_or_one_line_that_names_it(
    tmp_path: Path, key: tuple[str, str], value: Any, market: str
) -> None:
    where = ".".join(filter(None, ("desk.demo", key[0])))
    own = "" if key == ("", "market") or key == ("", "feed") else f'market = "{market}"\nfeed = ["store"]\n'
    own, beside = (own, "") if key[0] else (f"{own}{key[1]} = {toml(value)}\n", "")
    beside = f"[{where}]\n{key[1]} = {toml(value)}\n" if key[0] else beside
    line = judged(tmp_path / "kanpan.toml", f"[desk.demo]\n{own}{beside}", {})
    assert "\n" not in line and len(line) < 600
    assert not line or (line.startswith(("kanpan.toml:", "desk.demo")) and ("desk.demo" in line or "TOML" in line)), line


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    text=st.one_of(
        st.text(max_size=60),
        st.lists(st.sampled_from(["[", "]", "desk", ".", "demo", "=", '"', "\n", "1", "{", "}", ","])).map("".join),
    )
)
def test_a_file_of_anything_is_a_desk_or_one_line(tmp_path: Path, text: str) -> None:
    assert "\n" not in judged(tmp_path / "kanpan.toml", text.encode("utf-8", "replace").decode(), {})


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    name=st.lists(
        st.sampled_from(["DESK", "DEMO", "CASH", "RISK", "", "SHADOW", "MODEL", "UNIVERSE", "FEEDS", "_"]), min_size=1, max_size=5
    ),
    value=st.one_of(
        st.text(st.characters(exclude_categories=["Cs"]), max_size=20), st.sampled_from(['["a"]', "{a=1}", '"x"', "true", "nan"])
    ),
)
def test_a_variable_of_anything_is_a_desk_or_one_line(tmp_path: Path, name: list[str], value: str) -> None:
    line = judged(tmp_path / "kanpan.toml", "[desk.demo]\n", {"KANPAN_" + "__".join(name): value})
    assert "\n" not in line


@pytest.mark.parametrize("table", sorted(TABLES))
def test_every_table_of_a_desk_is_tried(table: str) -> None:
    assert TABLES[table].model_fields
