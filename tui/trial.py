"""`kanpan alerts --test`: one test alert through every channel, now, and what each said; nothing is written to the ledger."""

from __future__ import annotations

import json
import sys
import time
from typing import TYPE_CHECKING

from engine.alerts import ChannelFailed, Outbox, open_channels, trial_message
from engine.core.clock import SystemClock
from engine.core.errors import ConfigError, OutsideError
from tui.i18n import load

if TYPE_CHECKING:
    from tui.cli import Settings


def try_channels(settings: Settings) -> int:
    """0 when every channel took it, 3 when one did not; raises ConfigError where there is no channel or one cannot be opened."""
    names = settings.config.alerts.channels
    if not names:
        raise ConfigError('no channel to test: set alerts.channels in kanpan.toml, e.g. channels = ["log", "env:ALERT_URL"]')
    settings.home.mkdir(mode=0o700, parents=True, exist_ok=True)
    streams = {"stderr": sys.stderr.write} if settings.as_json else {"stderr": sys.stderr.write, "stdout": sys.stdout.write}
    outbox, clock, failed = Outbox(load(settings.language).code), SystemClock(), False
    results: list[dict[str, str | int]] = []
    for channel in open_channels(names, settings.environ, settings.home, streams):
        message = trial_message(channel.name, clock.now())
        title, body = outbox.words(message)
        began = time.monotonic()
        try:
            channel.send(title, body, message.severity)
            said = "delivered"
        except ChannelFailed as error:
            said, failed = str(error), True
        took_ms = int((time.monotonic() - began) * 1_000)
        results.append({"channel": channel.name, "outcome": said, "ms": took_ms})
        if not settings.as_json:
            sys.stdout.write(f"{channel.name}: {said} ({took_ms} ms)\n")
    if settings.as_json:
        sys.stdout.write(json.dumps(results) + "\n")
    return OutsideError.exit_code if failed else 0
