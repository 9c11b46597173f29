"""Keys: not in a detail, a text, a log or a repr, and never sent to whom nobody vouches for."""

from __future__ import annotations

import logging
import shutil
import ssl
import subprocess
import threading
import time
from pathlib import Path

import pytest

from engine.llm import ModelSpec, wire
from tests.llm.fake_llm_server import drips, fails, hangs, says, serving
from tests.llm.test_openai_model import KEY, PROMPT, REPLY, ask, model, raw

# --- keys ------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "echo",
    [
        f"Incorrect API key provided: {KEY}",
        f"Incorrect API key provided: {KEY[:12]}********{KEY[-4:]}",
        f"header was 'Authorization: Bearer {KEY}'",
        f"{KEY[3:20]}",
    ],
)
def test_a_key_echoed_by_the_endpoint_is_not_passed_on(echo: str):
    with serving(fails(401, echo)) as server:
        reply = ask(model(server))
    assert reply.outcome == "error:401"
    assert not any(KEY[at : at + 8] in reply.detail for at in range(len(KEY) - 7))


def test_a_key_spoken_in_the_reply_is_hidden_even_when_cut_in_pieces():
    pieces: list[str] = []
    with serving(says(f"your key is {KEY}, sk-", size=3)) as server:
        reply = ask(model(server), pieces=pieces)
    assert KEY not in "".join(pieces) and KEY not in reply.text
    assert "".join(pieces).startswith("your key is [redacted], ")


def test_words_that_merely_look_like_a_key_are_the_models_own():
    text = '{"decisions":[]} sk-like-12345678 Bearer bonds, token-economics'
    with serving(says(text)) as server:
        assert ask(model(server)).text == text
        assert ask(model(server, api_key="none")).text == text


def test_nothing_a_traceback_prints_holds_the_key():
    with serving(says(REPLY)) as server:
        one = model(server)
        spec = ModelSpec("m", base_url=server.base_url, model="x", api_key=KEY)
    assert KEY not in repr(one) and KEY not in repr(spec) and KEY not in repr(one._endpoint)


def test_nothing_is_logged_that_holds_the_key(caplog: pytest.LogCaptureFixture):
    with caplog.at_level(logging.DEBUG), serving(fails(401, f"bad key {KEY}")) as server:
        ask(model(server))
    assert caplog.records and KEY not in caplog.text


def test_half_a_character_does_not_travel():
    raw_event = 'data: {"choices":[{"delta":{"content":"a\\ud800b"},"finish_reason":"stop"}]}\n\n'
    with serving(raw(raw_event)) as server:
        assert ask(model(server)).text == "a?b"


# --- TLS -------------------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for 127.0.0.1 that nobody trusts, with its key, in one file."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    folder = tmp_path_factory.mktemp("tls")
    subject = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    make = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-days",
        "2",
        "-keyout",
        "key.pem",
        "-out",
        "cert.pem",
        *subject,
    ]
    subprocess.run(make, cwd=folder, check=True, capture_output=True)
    both = folder / "both.pem"
    both.write_text((folder / "key.pem").read_text() + (folder / "cert.pem").read_text())
    return both


def test_an_untrusted_certificate_is_refused_before_the_key_is_sent(certificate: Path):
    with serving(says(REPLY), certificate=certificate) as server:
        reply = ask(model(server, timeout_s=1.0))
        assert reply.outcome == "error:CONNECTION" and "certificate" in reply.detail.lower()
        assert server.requests == []


@pytest.mark.parametrize("behaviour", [hangs, drips])
def test_a_cancel_is_heard_at_once_over_tls_too(behaviour, certificate: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(wire, "_trusting", lambda: ssl.create_default_context(cafile=str(certificate)))
    stop = threading.Event()
    with serving(says(REPLY), behaviour, certificate=certificate) as server:
        one = model(server, name="tls")
        assert ask(one).outcome == "ok"
        threading.Timer(0.3, stop.set).start()
        start = time.monotonic()
        reply = one.ask(PROMPT, deadline_s=20, on_text=lambda _: None, cancelled=stop)
        assert reply.outcome == "cancelled" and time.monotonic() - start < 0.3 + 0.25
        until = time.monotonic() + 2
        while time.monotonic() < until and any(thread.name == "llm-tls" for thread in threading.enumerate()):
            time.sleep(0.01)
        assert not any(thread.name == "llm-tls" for thread in threading.enumerate())
