"""Alerts from the outside: `kanpan alerts --test`, the [alerts] table, and an engine in its own process that tells somebody."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from engine.config import load_config
from engine.core.errors import ConfigError
from engine.core.journal import Severity
from engine.watching import routing_policy
from tests.alerts.mailboxes import Hook, Mailbox, listening, text_of
from tests.cli.console_command import kanpan, one_line


def configured(home: Path, *channels: str, more: str = "") -> Path:
    home.mkdir(mode=0o700, exist_ok=True)
    (home / "kanpan.toml").write_text(f"[alerts]\nchannels = {json.dumps(channels)}\n{more}")
    return home


def test_the_test_command_tries_every_channel_and_says_what_came_of_it(tmp_path: Path) -> None:
    pytest.importorskip("apprise")
    home, mailbox, hook = configured(tmp_path / "h", "log", "env:MAIL", "env:HOOK"), Mailbox(), Hook()
    hook.status = 500
    with listening(mailbox), listening(hook):
        result = kanpan(home, "alerts", "--test", "--json", env={"MAIL": mailbox.url, "HOOK": hook.url})
    outcomes = {item["channel"]: item["outcome"] for item in json.loads(result.stdout)}
    assert result.returncode == 3 and outcomes == {"log": "delivered", "env:MAIL": "delivered", "env:HOOK": "HTTP_500"}
    assert "A test: alerts reach you here" in text_of(mailbox.mails[0])
    assert "s3cr3t" not in result.stdout + result.stderr and not (home / "ledger.db").exists()


def test_the_test_command_without_a_channel_or_without_its_variable_is_one_line(tmp_path: Path) -> None:
    bare = kanpan(tmp_path, "alerts", "--test")
    assert bare.returncode == 2 and one_line(bare).startswith("kanpan: no channel to test")
    unset = kanpan(configured(tmp_path / "h", "env:NOPE"), "alerts", "--test")
    assert unset.returncode == 2 and "the variable NOPE is not set" in one_line(unset)


def test_an_engine_tells_a_mailbox_and_a_webhook_and_a_second_run_does_not_repeat_it(tmp_path: Path) -> None:
    pytest.importorskip("apprise")
    home, mailbox, hook = configured(tmp_path / "h", "env:MAIL", "env:HOOK", "stderr"), Mailbox(), Hook()
    with listening(mailbox), listening(hook):
        env = {"MAIL": mailbox.url, "HOOK": hook.url}
        run = kanpan(home, "--no-ui", "--json", "--cycles", "3", env=env)
        assert run.returncode == 0 and "[kanpan] WARNING demo: RISK_DENY" in run.stderr
        assert all(json.loads(line) for line in run.stdout.splitlines()), "an alert never mixes with the data"
        mails, posts = len(mailbox.mails), len(hook.posts)
        assert (
            mails >= 1 and posts >= 1 and "Risk denied" in text_of(mailbox.mails[0]) and "Risk denied" in hook.posts[0]["message"]
        )
        told = " ".join(text_of(mail) for mail in mailbox.mails)
        kanpan(home, "halt")
        kanpan(home, "--no-ui", "--cycles", "1", env=env)
        again = " ".join(text_of(mail) for mail in mailbox.mails[mails:])
    marks = [word for word in told.split() if word.startswith("#")]
    assert marks and not [mark for mark in marks if mark in again]
    assert not [path for path in home.rglob("*") if path.is_file() and b"s3cr3t" in path.read_bytes()]


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ('channels = ["mailto://me:pw@host"]', 'kanpan.toml:2 alerts.channels: each is "log"'),
        ('channels = ["log", "log"]', "kanpan.toml:2 alerts.channels: a channel is named twice"),
        ('quiet = "22-8"', 'kanpan.toml:2 alerts.quiet: must read "22:00-08:00"'),
        ("rate_per_minute = 0", "kanpan.toml:2 alerts.rate_per_minute"),
        ('min_severity = "loud"', "kanpan.toml:2 alerts.min_severity"),
        ("volume = 11", "kanpan.toml:2 alerts.volume: unknown key"),
    ],
)
def test_a_wrong_alerts_table_is_one_line_and_quotes_no_address(table: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "kanpan.toml").write_text(f"[alerts]\n{table}\n")
    with pytest.raises(ConfigError) as error:
        load_config(tmp_path / "kanpan.toml", {})
    assert str(error.value).startswith(said) and "pw@" not in str(error.value)


def test_the_table_becomes_the_routing_policy(tmp_path: Path) -> None:
    (tmp_path / "kanpan.toml").write_text(
        '[alerts]\nquiet = "22:00-08:00"\nmin_severity = "critical"\nrate_per_minute = 2\nescalate_after_s = 60\n'
    )
    policy = routing_policy(load_config(tmp_path / "kanpan.toml", {}).alerts)
    assert policy.quiet is not None and str(policy.quiet.begins) == "22:00:00"
    assert (policy.min_severity, policy.rate_per_minute, policy.escalate_after_s) == (Severity.CRITICAL, 2, 60)
