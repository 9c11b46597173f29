"""The child process of local.py: one llama.cpp server on loopback, until standard input closes. Imports nothing of ours.

Usage: python llama_child.py GGUF PORT NAME CONTEXT_TOKENS THREADS; prints the address it listens on.
"""

from __future__ import annotations

import os
import sys


def serve(gguf: str, port: int, name: str, context_tokens: int, threads: int) -> None:
    """Serve `gguf` on 127.0.0.1 until whoever started us closes our standard input, or dies."""
    import xllamacpp

    settings = xllamacpp.CommonParams()
    settings.model.path = gguf
    settings.model_alias = {name}
    settings.hostnames = ["127.0.0.1"]
    settings.port = port
    settings.n_ctx = context_tokens
    settings.n_parallel = 1
    settings.cpuparams.n_threads = threads
    settings.cpuparams_batch.n_threads = threads
    settings.ui = False
    settings.endpoint_slots = False
    server = xllamacpp.Server(settings)
    sys.stdout.write(f"{server.listening_address}\n")
    sys.stdout.flush()
    sys.stdin.read()
    os._exit(0)  # whatever it is generating, nobody wants it any more


if __name__ == "__main__":
    serve(sys.argv[1], int(sys.argv[2]), sys.argv[3], int(sys.argv[4]), int(sys.argv[5]))
