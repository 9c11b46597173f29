"""`[feeds]` in kanpan.toml, and the servers that may stand in for hosts."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.config import load_config
from engine.core.errors import ConfigError
from engine.feeds.fetch_settings import FetchSettings
from engine.feeds.hosts import family_of, pace_of
from engine.feeds.pacing import Pace
from engine.feeds.standins import stand_ins


def settings(tmp_path: Path, text: str, **environ: str) -> FetchSettings:
    path = tmp_path / "kanpan.toml"
    path.write_text(text)
    return load_config(path, environ).feeds.settings(environ)


def refused(tmp_path: Path, text: str) -> str:
    with pytest.raises(ConfigError) as caught:
        settings(tmp_path, text)
    return str(caught.value)


def test_without_a_table_the_built_in_manners_hold(tmp_path: Path) -> None:
    made = settings(tmp_path, "")
    assert (made.trust_env, made.proxy, made.cookie, dict(made.paces)) == (False, "", "", {})
    assert (made.connect_s, made.read_s, made.total_s, made.tries) == (5, 8, 20, 3)


def test_a_gap_replaces_the_built_in_one_for_the_whole_wall_and_keeps_its_jitter(tmp_path: Path) -> None:
    made = settings(tmp_path, '[feeds.gap_s]\n"82.push2.eastmoney.com" = 2.5\n"example.com:8080" = 1\n')
    assert made.paces == {"push2.eastmoney.com": Pace(2.5, jitter_s=0.5), "example.com:8080": Pace(1.0, burst=2)}


def test_secrets_are_named_and_read_when_needed(tmp_path: Path) -> None:
    text = '[feeds]\nproxy = "env:P"\nem_cookie = "env:C"\n'
    made = settings(tmp_path, text, P="http://me:pw@127.0.0.1:1", C=" nid18=x ")
    assert (made.proxy, made.cookie) == ("http://me:pw@127.0.0.1:1", "nid18=x")
    with pytest.raises(ConfigError, match=r"feeds\.em_cookie: the variable C is not set"):
        settings(tmp_path, text, P="http://127.0.0.1:1", C=" ")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[feeds]\nproxy = "http://me:pw@127.0.0.1:1"', "credentials are never written here"),
        ('[feeds]\nproxy = "127.0.0.1:1"', "must read"),
        ('[feeds]\nproxy = "ftp://127.0.0.1:1"', "must read"),
        ('[feeds]\nem_cookie = "nid18=secret"', "a cookie is never written here"),
        ("[feeds]\ntotal_s = 0", "feeds.total_s"),
        ("[feeds]\ntries = 9", "feeds.tries"),
        ('[feeds.gap_s]\n"two words" = 1', "is not the name of a host"),
        ('[feeds.gap_s]\n"qt.gtimg.cn" = 0', "feeds.gap_s"),
        ("[feeds]\nuser_agent = 1", "unknown key"),
    ],
)
def test_what_is_wrong_is_one_line_without_the_value(tmp_path: Path, text: str, said: str) -> None:
    line = refused(tmp_path, text)
    assert line.startswith("kanpan.toml:") and said in line
    assert "secret" not in line and "pw" not in line and "\n" not in line


def test_a_variable_of_the_environment_sets_a_key_and_the_stand_ins_are_none(tmp_path: Path) -> None:
    made = settings(tmp_path, "", KANPAN_FEEDS__TOTAL_S="7", KANPAN_FEED_HOSTS="http://127.0.0.1:1")
    assert made.total_s == 7


def test_one_server_stands_in_for_all_or_for_one() -> None:
    assert stand_ins("")("qt.gtimg.cn") is None
    everyone = stand_ins("http://127.0.0.1:8123/")
    assert everyone("qt.gtimg.cn") == "http://127.0.0.1:8123"
    some = stand_ins("qt.gtimg.cn=http://127.0.0.1:1, hq.sinajs.cn=http://[::1]:2")
    assert (some("qt.gtimg.cn"), some("hq.sinajs.cn"), some("push2.eastmoney.com")) == (
        "http://127.0.0.1:1",
        "http://[::1]:2",
        None,
    )


@pytest.mark.parametrize(
    "text",
    [
        "http://10.0.0.1:80",
        "http://192.168.1.4:80",
        "http://example.com:80",
        "http://localhost:80",
        "https://127.0.0.1:1",
        "http://127.0.0.1",
        "http://127.0.0.1@evil.example:80",
        "qt.gtimg.cn",
        "http://127.0.0.1:99999",
    ],
)
def test_only_addresses_of_this_machine_stand_in(text: str) -> None:
    with pytest.raises(ConfigError, match="KANPAN_FEED_HOSTS"):
        stand_ins(text)


@given(st.text(max_size=40))
def test_no_text_makes_a_stand_in_anything_but_loopback(text: str) -> None:
    try:
        resolve = stand_ins(text)
    except ConfigError:
        return
    base = resolve("qt.gtimg.cn")
    assert base is None or base.startswith(("http://127.", "http://[::1]"))


@pytest.mark.parametrize(
    ("host", "family"),
    [
        ("push2.eastmoney.com", "push2.eastmoney.com"),
        ("82.push2.eastmoney.com", "push2.eastmoney.com"),
        ("7.push2his.eastmoney.com", "push2his.eastmoney.com"),
        ("push2delay.eastmoney.com", "push2delay.eastmoney.com"),
        ("xpush2.eastmoney.com", "xpush2.eastmoney.com"),
        ("82.push2.eastmoney.com.example", "82.push2.eastmoney.com.example"),
    ],
)
def test_numbered_front_ends_stand_behind_one_wall(host: str, family: str) -> None:
    assert family_of(host) == family


def test_eastmoney_is_asked_once_in_a_second_or_more() -> None:
    pace = pace_of("push2.eastmoney.com")
    assert pace.gap_s >= 1.0 and pace.burst == 1 and pace.jitter_s > 0
