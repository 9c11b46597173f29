"""`kanpan data` as a person and a script see it: import, list, check, sync, their exit codes and their one document of JSON."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.feeds.feed_server import ANY, FeedServer, status
from tests.store.kill_sync import NAMES, exchange
from tui.cli import main

CSV = (
    "日期,股票代码,开盘,收盘,最高,最低,成交量,成交额\n"
    "2024-01-03,600000,6.60,6.60,6.70,6.50,10,6600\n"
    "2024-01-04,600000,6.6,6.6,6.4,6.5,10,6600\n"
)
SYNC = ("data", "sync", "bars", "--market", "crypto", "--interval", "4h", "--from", "2024-01-05", "--to", "2024-01-19")
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """The real command line in this process: its exit code, and what it printed."""
    for name in list(os.environ):
        if name.startswith("KANPAN_"):
            monkeypatch.delenv(name)

    def command(*arguments: str) -> tuple[int, str, str]:
        try:
            code = main(["--home", str(tmp_path / "home"), *arguments])
        except SystemExit as left:
            code = int(left.code or 0)
        return code, *capsys.readouterr()

    return command


def answer(run: Run, *arguments: str, code: int = 0) -> Any:
    found, out, err = run(*arguments, "--json")
    assert found == code, err
    return json.loads(out)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "日线.csv"
    path.write_text(CSV, encoding="gb18030")
    return path


def test_import_then_list_then_check(run: Run, tmp_path: Path, file: Path) -> None:
    home = tmp_path / "home"
    assert answer(run, "data", "list") == []
    (done,) = answer(run, "data", "import", str(file), "--market", "ashare", "--interval", "1d")
    assert done == {"file": "日线.csv", "table": "1d", "rows": 2, "kept": 1, "known": 0, "refused": 1}
    lines = {line["name"]: line for line in answer(run, "data", "list")}
    assert lines["1d"]["rows"] == 1 and lines["1d"]["first"] == "2024-01-03" and "securities" in lines
    (flaw,) = answer(run, "data", "check")
    assert (flaw["fault"], flaw["count"]) == ("QUARANTINED", 1) and flaw["detail"].startswith("PRICE from 日线.csv")
    told = run("data", "list")[1].splitlines()
    assert told[0].split() == ["market", "name", "symbols", "rows", "first", "last", "adjusted"]
    kept = home / "market" / "ashare" / "1d" / "2024-01.bars"
    kept.write_bytes(kept.read_bytes()[:-1])
    (damaged,) = answer(run, "data", "check", code=1)
    assert damaged["fault"] == "DAMAGED" and "2024-01.bars" in damaged["detail"]


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (("data", "import"), 2, "which file"),
        (("data", "import", "nowhere.csv"), 2, "say which market"),
        (("data", "import", "nowhere.csv", "--market", "ashare"), 1, "nowhere.csv cannot be read"),
        (("data", "import", "x.csv", "--market", "ashare", "--map", "close"), 2, "write FIELD=HEADER"),
        (("data", "sync", "everything", "--market", "us"), 2, "one of calendars, bars"),
        (("data", "sync"), 2, "say which market"),
        (("data", "sync", "--symbols", "AAPL"), 2, "say which market"),
        (("data", "sync", "--symbols", "AAPL.US,BTCUSDT"), 2, "say which market"),
        (("data", "sync", "--symbols", "600519.SH,AAPL.US"), 2, "symbols of one market at a time"),
        (("data", "sync", "--market", "crypto"), 2, "knows no names yet"),
        (("data", "sync", "--market", "crypto", "--symbols", "?"), 2, "is no symbol of crypto"),
        (("data", "sync", "--market", "crypto", "--symbols", "BTCUSDT", "--from", "soon"), 2, "soon is no date"),
        (("data", "sync", "funding", "--market", "us", "--symbols", "AAPL"), 2, "only crypto has that"),
        (("data", "sync", "--market", "us", "--feed", "sina", "--symbols", "AAPL"), 2, "sina is no source of us"),
        (("data", "burn"), 2, "no 'burn'; there are: sync, list, check, import"),
    ],
)
def test_a_wrong_command_is_told_in_one_line(run: Run, arguments: tuple[str, ...], code: int, says: str) -> None:
    found, out, err = run(*arguments)
    assert (found, out, err.count("\n")) == (code, "", 1) and says in err


def test_sync_keeps_what_a_source_gives_and_says_what_it_did_not(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    with exchange() as server:
        monkeypatch.setenv("KANPAN_FEED_HOSTS", server.base_url)
        command = (*SYNC, "--symbols", ",".join(NAMES[:2]))
        (done,) = answer(run, *command)
        assert (done["kept"], done["failed"]) == (2 * 15 * 6, 0)
        assert answer(run, *command)[0]["kept"] == 0
        server.set(ANY, status(451))
        (refused,) = answer(run, *SYNC, "--symbols", NAMES[3], code=3)
        assert refused["failed"] == 1 and NAMES[3] in refused["faults"][0]


def test_sync_asks_for_whatever_the_store_knows_to_be_listed(run: Run, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A-share names come from the import; every source refuses, and that is exit 3 with the names left for the next time."""
    run("data", "import", str(file), "--market", "ashare", "--interval", "1d")
    server = FeedServer()
    server.set(ANY, status(403))
    monkeypatch.setenv("KANPAN_FEED_HOSTS", server.base_url)
    try:
        (done,) = answer(run, "data", "sync", "bars", "--market", "ashare", "--feed", "sina", "--from", "2024-01-02", code=3)
    finally:
        server.close()
    assert done["failed"] == 1 and done["faults"][0].startswith("600000.SH")


@pytest.mark.parametrize(
    ("symbols", "asked"),
    [
        ("600519.SH,000001.SZ,920527.BJ", "qt.gtimg.cn proxy.finance.qq.com push2his.eastmoney.com hq.sinajs.cn"),
        ("aapl.us", "query1.finance.yahoo.com"),
        ("BTCUSDT.BINANCE", "api.binance.com data-api.binance.vision"),
    ],
)
def test_symbols_say_their_market(run: Run, monkeypatch: pytest.MonkeyPatch, symbols: str, asked: str) -> None:
    server = FeedServer()
    server.set(ANY, status(403))
    monkeypatch.setenv("KANPAN_FEED_HOSTS", server.base_url)
    try:
        (done,) = answer(run, "data", "sync", "bars", "--symbols", symbols, code=3)
    finally:
        server.close()
    names = symbols.upper().split(",")
    assert done["failed"] == len(names) and all(any(line.startswith(name) for line in done["faults"]) for name in names)
    assert {seen.host for seen in server.seen} & set(asked.split())


def test_sync_reads_the_env_file_beside_the_configuration(run: Run, tmp_path: Path) -> None:
    server = FeedServer()
    server.set(ANY, status(403))
    home = tmp_path / "home"
    home.mkdir()
    (home / "kanpan.toml").write_text('[feeds]\nem_cookie = "env:BROWSER"\n', encoding="utf-8")
    (home / ".env").write_text(f"BROWSER=who=me\nKANPAN_FEED_HOSTS={server.base_url}\n", encoding="utf-8")
    try:
        answer(run, "data", "sync", "bars", "--symbols", "600519.SH", "--feed", "eastmoney", code=3)
    finally:
        server.close()
    assert {seen.host.rpartition(".eastmoney")[2] for seen in server.seen} == {".com"}, (
        "neither the cookie nor the stand-in is missing"
    )
