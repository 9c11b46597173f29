"""Alerts reach a real mailbox and a real webhook, once, also after a restart; a secret is seen by nobody else."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from engine.alerts import ChannelFailed, Postman, RoutingPolicy, open_channels, plain_words
from engine.alerts.channels import Channel, LogChannel
from engine.core.bookkeeping import DeskOpened, Posting
from engine.core.clock import SimulatedClock, SystemClock
from engine.core.errors import ConfigError
from engine.core.journal import AlertRaised, Record, Severity
from engine.core.person import AlertAcknowledged, AlertDelivered, AlertUndelivered
from engine.store import Ledger
from tests.alerts.mailboxes import Hook, Mailbox, listening, text_of

DESK = DeskOpened("demo", "ashare", "CNY", 100, (Posting("cash", 100), Posting("capital", -100)))
POLICY = RoutingPolicy(escalate_after_s=0)


def loss(name: str = "demo:LOSS", severity: Severity = Severity.CRITICAL) -> AlertRaised:
    return AlertRaised(name, "demo", severity, "LOSS_LIMIT", (("observed", "0.051"), ("limit", "0.05")))


class Refusing:
    """A channel that refuses so many times."""

    name = "env:SHAKY"

    def __init__(self, times: int) -> None:
        self.left = times
        self.taken: list[str] = []

    def send(self, title: str, body: str, severity: Severity) -> None:
        self.left -= 1
        if self.left >= 0:
            raise ChannelFailed("HTTP_503")
        self.taken.append(body)


@contextmanager
def ledger_at(home: Path) -> Iterator[Ledger]:
    home.chmod(0o700)
    ledger = Ledger.open(home, clock=SystemClock())
    try:
        if not ledger.head.seq:
            ledger.write([DESK])
        yield ledger
    finally:
        ledger.close()


def postman(ledger: Ledger, channels: Sequence[Channel], policy: RoutingPolicy = POLICY) -> tuple[Postman, list[Record]]:
    seen: list[Record] = []
    who = Postman(
        ledger, channels, policy, clock=SystemClock(), word=plain_words, recorded=lambda desk, records: seen.extend(records)
    )
    return who, seen


def test_alerts_reach_a_mailbox_and_a_webhook(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("apprise")
    mailbox, hook = Mailbox(), Hook()
    with listening(mailbox), listening(hook), ledger_at(tmp_path) as ledger:
        environ = {"MAIL": mailbox.url, "HOOK": hook.url}
        channels = open_channels(("env:MAIL", "env:HOOK", "log"), environ, tmp_path, {})
        ledger.write([loss()])
        who, seen = postman(ledger, channels)
        assert who.round() == 3 and who.round() == 0
    (mail,) = mailbox.mails
    assert mail["Subject"] == "[kanpan] CRITICAL demo: LOSS_LIMIT" and "observed=0.051" in text_of(mail)
    (post,) = hook.posts
    assert post["type"] == "failure" and "limit=0.05" in post["message"] and post["path"] == "/hook/s3cr3t-t0ken"
    assert (tmp_path / "alerts.log").read_text().startswith("[kanpan] CRITICAL") and (
        tmp_path / "alerts.log"
    ).stat().st_mode & 0o77 == 0
    assert {record.channel for record in seen if isinstance(record, AlertDelivered)} == {"env:MAIL", "env:HOOK", "log"}
    kept = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert b"s3cr3t" not in kept and "s3cr3t" not in "".join(capfd.readouterr())


def test_after_a_restart_what_was_delivered_is_not_and_what_was_not_is(tmp_path: Path) -> None:
    with ledger_at(tmp_path) as ledger:
        ledger.write([loss()])
        first = Refusing(0)
        assert postman(ledger, [first])[0].round() == 1
        ledger.write([loss("demo:OTHER")])
    with ledger_at(tmp_path) as ledger:
        second, fresh = Refusing(0), LogChannel(tmp_path)
        assert postman(ledger, [second, fresh])[0].round() == 2
    assert "#" in first.taken[0] and [len(body.splitlines()) for body in second.taken] == [1]
    assert len((tmp_path / "alerts.log").read_text().splitlines()) == 3, "the new channel is told both"


def test_a_crash_between_sending_and_recording_tells_it_twice_under_the_same_mark(tmp_path: Path) -> None:
    class Dies(Refusing):
        def send(self, title: str, body: str, severity: Severity) -> None:
            super().send(title, body, severity)
            raise KeyboardInterrupt

    with ledger_at(tmp_path) as ledger:
        ledger.write([loss()])
        dying, next_one = Dies(0), Refusing(0)
        with pytest.raises(KeyboardInterrupt):
            postman(ledger, [dying])[0].round()
        assert postman(ledger, [next_one])[0].round() == 1
    assert dying.taken == next_one.taken and " #" in dying.taken[0]


def test_a_channel_that_refuses_is_written_down_once_and_tried_again_later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [1_000.0]
    monkeypatch.setattr("engine.alerts.postman.time.monotonic", lambda: now[0])
    with ledger_at(tmp_path) as ledger:
        ledger.write([loss()])
        shaky = Refusing(3)
        who, seen = postman(ledger, [shaky, LogChannel(tmp_path)])
        assert who.round() == 1, "the channel beside it is not held up"
        tries = []
        for _ in range(40):
            now[0] += 0.5
            left = shaky.left
            who.round()
            if shaky.left != left:
                tries.append(now[0] - 1_000)
    assert tries == [1.0, 3.0, 7.0] and len(shaky.taken) == 1
    assert [record for record in seen if isinstance(record, AlertUndelivered)] == [
        AlertUndelivered("demo", "env:SHAKY", "HTTP_503", 1)
    ]


def test_acknowledging_stops_an_alert_that_waits(tmp_path: Path) -> None:
    with ledger_at(tmp_path) as ledger:
        ledger.write([loss(), AlertAcknowledged("demo:LOSS", "person")])
        assert postman(ledger, [LogChannel(tmp_path)])[0].round() == 0


def test_the_thread_delivers_by_itself_and_what_is_raised_last_still_leaves(tmp_path: Path) -> None:
    with ledger_at(tmp_path) as ledger:
        box = Refusing(0)
        who, _ = postman(ledger, [box])
        who.start()
        ledger.write([loss("one")])
        give_up = time.monotonic() + 5
        while not box.taken and time.monotonic() < give_up:
            time.sleep(0.01)
        ledger.write([loss("two")])
        assert who.stop(3.0) and len(box.taken) == 2 and not who.failed


def test_a_service_that_refuses_says_why_without_its_address(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    pytest.importorskip("apprise")
    hook, mailbox = Hook(), Mailbox()
    hook.status = 401
    mailbox.refusing.set()
    with listening(hook), listening(mailbox), caplog.at_level(logging.DEBUG):
        channels = open_channels(("env:HOOK", "env:MAIL"), {"HOOK": hook.url, "MAIL": mailbox.url}, tmp_path, {})
        with pytest.raises(ChannelFailed, match="HTTP_401"):
            channels[0].send("t", "b", Severity.INFO)
        with pytest.raises(ChannelFailed, match="NOT_TAKEN"):
            channels[1].send("t", "b", Severity.INFO)
    assert "s3cr3t" not in caplog.text and hook.tried == 1


@pytest.mark.parametrize(
    ("environ", "said"),
    [
        ({}, "alerts.channels env:HOOK: the variable HOOK is not set; export it or put it in .env"),
        ({"HOOK": "nonsense://s3cr3t"}, "alerts.channels env:HOOK: address 1 of 1 is not one that apprise understands"),
    ],
)
def test_what_is_missing_is_named_and_what_is_secret_is_not(environ: dict[str, str], said: str, tmp_path: Path) -> None:
    pytest.importorskip("apprise")
    with pytest.raises(ConfigError, match=f"^{said}$"):
        open_channels(("env:HOOK",), environ, tmp_path, {})


def test_a_stream_is_lent_by_the_face(tmp_path: Path) -> None:
    said: list[str] = []
    lent, missing = open_channels(("stderr", "stdout"), {}, tmp_path, {"stderr": said.append})
    lent.send("title", "one\ntwo", Severity.INFO)
    missing.send("title", "nobody hears it", Severity.INFO)
    assert said == ["title\n  one\n  two\n"]


def test_a_storm_of_a_thousand_alerts_is_one_message(tmp_path: Path) -> None:
    with ledger_at(tmp_path) as ledger:
        ledger.write([loss(f"demo:{n}") for n in range(300)])
        box = Refusing(0)
        who, _ = postman(ledger, [box])
        assert who.round() == 1
    assert len(box.taken[0].splitlines()) == 21 and box.taken[0].endswith("... 280 more: kanpan alerts")


def test_nothing_is_read_again_while_the_ledger_stands_still(tmp_path: Path) -> None:
    clock = SimulatedClock(datetime(2026, 11, 21, tzinfo=UTC))
    home = tmp_path / "h"
    with Ledger.open(home, clock=clock) as ledger:
        ledger.write([DESK])
        who = Postman(ledger, [LogChannel(home)], POLICY, clock=clock, word=plain_words, recorded=lambda desk, records: None)
        assert who.round() == 0
        (home / "ledger.db").rename(home / "elsewhere")
        assert who.round() == 0, "a look without news opens no file"
        (home / "elsewhere").rename(home / "ledger.db")
