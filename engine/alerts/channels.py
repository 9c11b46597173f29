"""The ways out: the log file, the face's own streams, and any service that apprise knows by URL.

A channel is named in kanpan.toml by its kind (`log`, `stdout`, `stderr`) or by the variable that holds its address (`env:NAME`).
The address stays inside the channel: no name, error, record or log line carries any part of it.
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from engine.core.errors import ConfigError, OutsideError
from engine.core.journal import Severity

Speak = Callable[[str], object]
STREAMS = ("stdout", "stderr")
LOG_FILE = "alerts.log"
_STATUS = re.compile(r"\berror=(\d{3})\b")


class ChannelFailed(OutsideError):
    """A channel did not take a message; the text is a code such as HTTP_401, free of the address."""


class Channel(Protocol):
    """One way out. `send` returns when the other side has taken the message, or raises ChannelFailed."""

    @property
    def name(self) -> str: ...

    def send(self, title: str, body: str, severity: Severity) -> None: ...


class LogChannel:
    """Appends to `alerts.log` in the state directory, readable by its owner only, one paragraph a message."""

    name = "log"

    def __init__(self, home: Path) -> None:
        self._path = home / LOG_FILE

    def send(self, title: str, body: str, severity: Severity) -> None:
        """One line for the title, an indented one for each line of the body."""
        text = f"{title}\n" + "".join(f"  {line}\n" for line in body.splitlines())
        try:
            handle = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
            with os.fdopen(handle, "a", encoding="utf-8") as file:
                file.write(text)
        except OSError as error:
            raise ChannelFailed(f"LOG_{error.strerror or 'FAILED'}".upper().replace(" ", "_")) from None


class StreamChannel:
    """A stream that the face lends; a face that has none for us (the console owns its terminal) hears the alert in its panel."""

    def __init__(self, name: str, speak: Speak | None) -> None:
        self.name = name
        self._speak = speak

    def send(self, title: str, body: str, severity: Severity) -> None:
        """The title, and each line of the body after it."""
        if self._speak is None:
            return
        try:
            self._speak("".join(f"{line}\n" for line in (title, *(f"  {line}" for line in body.splitlines()))))
        except OSError as error:
            raise ChannelFailed(f"STREAM_{type(error).__name__}".upper()) from None


class AppriseChannel:
    """Every service of one variable: e-mail, DingTalk, WeCom, Telegram, a webhook and the rest, by apprise's URLs."""

    def __init__(self, name: str, urls: Sequence[str]) -> None:
        apprise = _apprise(name)
        self.name = name
        self._kinds = {
            Severity.INFO: apprise.NotifyType.INFO,
            Severity.WARNING: apprise.NotifyType.WARNING,
            Severity.CRITICAL: apprise.NotifyType.FAILURE,
        }
        self._text = apprise.NotifyFormat.TEXT
        self._capture = apprise.LogCapture
        self._room = apprise.Apprise(asset=apprise.AppriseAsset(app_id="kanpan", async_mode=False))
        for number, url in enumerate(urls, 1):
            if not self._room.add(url):
                raise ConfigError(f"alerts.channels {name}: address {number} of {len(urls)} is not one that apprise understands")

    def send(self, title: str, body: str, severity: Severity) -> None:
        """Hand it to every service of the variable; one that refuses makes the whole fail, and it is sent again."""
        with self._capture(level=logging.WARNING) as said:
            taken = self._room.notify(title=title, body=body, notify_type=self._kinds[severity], body_format=self._text)
            told = said.getvalue()
        if not taken:
            status = _STATUS.search(told)
            raise ChannelFailed(f"HTTP_{status[1]}" if status else "NOT_TAKEN")


def open_channels(
    names: Sequence[str], environ: Mapping[str, str], home: Path, streams: Mapping[str, Speak]
) -> tuple[Channel, ...]:
    """The channels of a configuration; raises ConfigError naming the variable or the extra that is missing, never a value."""
    return tuple(_open(name, environ, home, streams) for name in names)


def _open(name: str, environ: Mapping[str, str], home: Path, streams: Mapping[str, Speak]) -> Channel:
    if name == "log":
        return LogChannel(home)
    if name in STREAMS:
        return StreamChannel(name, streams.get(name))
    variable = name.removeprefix("env:")
    urls = environ.get(variable, "").split()
    if not urls:
        raise ConfigError(f"alerts.channels {name}: the variable {variable} is not set; export it or put it in .env")
    return AppriseChannel(name, urls)


def _apprise(name: str) -> Any:
    try:
        import apprise  # 0.3 s that only those who asked for it pay
    except ImportError:
        raise ConfigError(f"alerts.channels {name}: apprise is not installed; pip install 'kanpan[alerts]'") from None
    for logged in ("apprise", "urllib3"):  # nothing they say may reach a screen or a log unread: it holds addresses
        logger = logging.getLogger(logged)
        logger.propagate = False
        if not logger.handlers:
            logger.addHandler(logging.NullHandler())
    return apprise
