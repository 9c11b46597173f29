"""`kanpan doctor` and feeds: offline unless told; told, each source answers with a price or with what is wrong and its mending."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from feed_market import FeedMarket
from feed_server import FeedServer, status

ROOT = Path(__file__).resolve().parents[2]
LIVE = '[desk.live]\nfeed = ["eastmoney", "tencent", "sina", "cache"]\n'


@pytest.fixture
def server() -> Iterator[FeedServer]:
    server = FeedServer()
    FeedMarket(lambda: datetime(2026, 11, 20, 2, 0, tzinfo=UTC)).install(server)
    yield server
    server.close()


def run(home: Path, *more: str, **environ: str) -> subprocess.CompletedProcess[str]:
    home.mkdir(exist_ok=True)
    (home / "kanpan.toml").write_text(LIVE)
    kept = {name: value for name, value in os.environ.items() if not name.upper().endswith("_PROXY") and name[:7] != "KANPAN_"}
    command = [sys.executable, "-m", "tui", "doctor", "--home", str(home), *more]
    return subprocess.run(command, cwd=ROOT, env={**kept, **environ}, capture_output=True, text=True, timeout=120, check=False)


def doctor(home: Path, *more: str, **environ: str) -> tuple[int, dict[str, dict[str, str]]]:
    done = run(home, "--json", *more, **environ)
    assert done.stdout, done.stderr
    return done.returncode, {line["check"]: line for line in json.loads(done.stdout)}


def test_it_asks_nobody_unless_told(server: FeedServer, tmp_path: Path) -> None:
    code, lines = doctor(tmp_path / "home", KANPAN_FEED_HOSTS=server.base_url, HTTPS_PROXY="http://127.0.0.1:9")
    assert code == 0 and server.seen == []
    assert "eastmoney, tencent, sina; not asked" in lines["feeds ashare"]["detail"]
    assert "https is not followed" in lines["feed proxy"]["detail"]


def test_told_it_asks_each_for_a_price_and_says_how_to_mend_the_rest(server: FeedServer, tmp_path: Path) -> None:
    server.set("hq.sinajs.cn", status(456))
    code, lines = doctor(tmp_path / "home", "--feeds", KANPAN_FEED_HOSTS=server.base_url)
    assert code == 1
    assert lines["feed eastmoney"]["ok"] and lines["feed tencent"]["ok"]
    assert lines["feed tencent"]["detail"].startswith("600519.SH 1")
    assert not lines["feed sina"]["ok"] and "HTTP 456" in lines["feed sina"]["detail"]
    assert "wait an hour" in lines["feed sina"]["mend"]
    assert "stand in" in lines["feed hosts"]["detail"]


def test_a_proxy_is_named_without_its_password(tmp_path: Path) -> None:
    home = tmp_path / "home"
    secrets = {"KANPAN_FEEDS__PROXY": "env:MY_PROXY", "MY_PROXY": "http://me:hunter2@127.0.0.1:9"}
    _, lines = doctor(home, **secrets)
    assert lines["feed proxy"]["detail"] == "requests go through http://127.0.0.1:9"
    code, lines = doctor(home, KANPAN_FEEDS__PROXY="env:MY_PROXY")
    assert code == 1 and "MY_PROXY is not set" in lines["feed proxy"]["detail"]


def test_only_this_machine_may_stand_in(tmp_path: Path) -> None:
    done = run(tmp_path / "home", "--feeds", KANPAN_FEED_HOSTS="http://192.0.2.1:80")
    assert done.returncode == 2
    assert done.stderr.startswith("kanpan: environment KANPAN_FEED_HOSTS: ")


def test_it_says_how_many_requests_of_the_day_are_left(server: FeedServer, tmp_path: Path) -> None:
    home = tmp_path / "home"
    (home / "feeds").mkdir(parents=True)
    used = {"day": datetime.now(UTC).date().isoformat(), "requests": {"push2.eastmoney.com": 10_000, "qt.gtimg.cn": 41}, "told": []}
    (home / "feeds" / "requests.json").write_text(json.dumps(used))
    code, lines = doctor(home, "--feeds", KANPAN_FEED_HOSTS=server.base_url)
    assert code == 1 and "used up" in lines["feed eastmoney"]["detail"]
    assert lines["budget qt.gtimg.cn"]["detail"] == "42 requests today of 30,000 (UTC)"
    spent = lines["budget push2.eastmoney.com"]
    assert not spent["ok"] and "10,000" in spent["detail"] and "[feeds.budget]" in spent["mend"]
    assert server.asked("push2.eastmoney.com") == []
