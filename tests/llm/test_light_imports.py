"""A desk without language models pays for none: the SDK and the HTTP client are imported by the first call, not by the room."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_the_room_imports_neither_the_sdk_nor_the_http_client():
    program = """
import sys
from engine.core.clock import SystemClock
from engine.llm import ModelSpec, build_model
build_model(ModelSpec("offline", provider="offline"), SystemClock())
print(sorted({"openai", "httpx", "httpx2", "xllamacpp", "textual", "rich"} & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT, timeout=60)
    assert done.stdout.strip() == "[]"
