"""The `kanpan` command: options, exit codes, and which face of the engine to show. Textual is imported only for the console."""

from __future__ import annotations

import argparse
import io
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING

import platformdirs

from engine.core.errors import ConfigError, KanpanError
from engine.state import State
from tui.arguments import one_line, parser, place_of

if TYPE_CHECKING:
    from engine.alerts import Speak
    from engine.config import Config
    from engine.engine import Engine

EXIT_INTERRUPTED = 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code of the contract and never shows a traceback for an error of ours."""
    arguments = parser().parse_args(argv)
    try:
        return _run(arguments)
    except KanpanError as error:
        sys.stderr.write(f"kanpan: {one_line(str(error))}\n")
        return error.exit_code
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except UnicodeEncodeError as error:
        sys.stderr.write(f"kanpan: {error.object[:80]!a} is not valid Unicode\n")
        return ConfigError.exit_code
    except BrokenPipeError:
        _deafen()
        return 0
    except OSError as error:
        _deafen()
        sys.stderr.write(f"kanpan: {one_line(str(error.filename or 'standard output'))}: {error.strerror}\n")
        return 1


def entry() -> None:
    """The console script: exits at once, because every thread that matters has ended by now."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # closed by whoever started us
            setattr(sys, name, os.fdopen(os.open(os.devnull, os.O_WRONLY), "w"))
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a terminal without Chinese shows an escape, never a traceback
    code = main()
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        _deafen()
    except OSError as error:
        _deafen()
        sys.stderr.write(f"kanpan: standard output: {error.strerror}\n")
        code = code or 1
    sys.stderr.flush()
    os._exit(code)


def _deafen() -> None:
    """Nobody reads standard output any more: what is still buffered goes nowhere."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _sets(variable: str) -> bool:
    """Whether an environment variable is meant for the configuration."""
    return variable.startswith("KANPAN_") and variable not in {"KANPAN_HOME", "KANPAN_CONFIG", "KANPAN_LANG"}


@dataclass(frozen=True, slots=True)
class Look:
    """How the console looks when nobody has said otherwise; the defaults are those of engine.config.Config."""

    theme: str = "dark"
    ascii: bool = False
    up_down: str = "auto"


class Settings:
    """What every command needs: where things are, what a person set, in which language to speak."""

    def __init__(self, arguments: argparse.Namespace, environ: Mapping[str, str]) -> None:
        home = getattr(arguments, "home", None) or environ.get("KANPAN_HOME") or platformdirs.user_data_dir("kanpan", False)
        self.home = place_of(home).absolute()
        chosen = getattr(arguments, "config", None) or environ.get("KANPAN_CONFIG")
        self.config_path = place_of(chosen) if chosen else self.home / "kanpan.toml"
        if chosen and not self.config_path.exists():
            raise ConfigError(f"{self.config_path}: no such file")
        self._process = environ
        # Nothing set can be nothing wrong: the console of a newcomer paints before the configuration room is imported.
        beside = self.config_path.parent / ".env"
        self.untouched = not (self.config_path.exists() or beside.exists() or any(_sets(name) for name in environ))
        if not self.untouched:
            _ = self.config
        self.as_json: bool = getattr(arguments, "json", False)
        self.language = self._language(getattr(arguments, "lang", None), environ)

    @cached_property
    def environ(self) -> Mapping[str, str]:
        """The process environment over the `.env` beside the configuration."""
        from engine.config import environment

        return environment(self.config_path, self._process)

    @cached_property
    def config(self) -> Config:
        """What a person set; raises ConfigError in one line."""
        from engine.config import load_config

        return load_config(self.config_path, self.environ)

    def look(self) -> Look:
        """How the console looks: of the configuration, or of none."""
        if self.untouched:
            return Look()
        colours = self.config.colours
        return Look(self.config.theme, self.config.ascii, "auto" if colours == "market" else colours)

    def use_calendars(self) -> None:
        """Let this process know the calendars that were kept here; the exchange's rules are imported only now."""
        from engine.exchange.calendar import reset_calendar_path

        reset_calendar_path(self.home / "calendars")

    def _language(self, asked: str | None, environ: Mapping[str, str]) -> str:
        configured = "" if self.untouched else self.config.language
        spoken = asked or environ.get("KANPAN_LANG") or configured or environ.get("LC_ALL") or environ.get("LANG", "")
        return "zh" if spoken.lower().startswith("zh") else "en"


def _run(arguments: argparse.Namespace) -> int:
    settings = Settings(arguments, os.environ)
    command = getattr(arguments, "command", None)
    if command is None:
        return _face(arguments, settings)
    from tui import verbs

    settings.use_calendars()
    return verbs.run(command, arguments, settings)


def _face(arguments: argparse.Namespace, settings: Settings) -> int:
    try:
        datetime.now(UTC).astimezone()
    except ValueError:
        raise ConfigError(f"environment TZ: {os.environ.get('TZ', '')!a} is no time zone") from None
    headless = arguments.no_ui or arguments.cycles is not None
    if not headless and not all(stream.isatty() for stream in (sys.stdin, sys.stdout, sys.stderr)):
        sys.stderr.write("kanpan: not a terminal, running without the console (--no-ui)\n")
        headless = True
    if not headless and os.environ.get("TERM", "") in ("", "dumb"):
        sys.stderr.write("kanpan: TERM cannot show a console, running without it (--no-ui)\n")
        headless = True
    return _headless(arguments, settings) if headless else _console(arguments, settings)


def _engine(
    arguments: argparse.Namespace, settings: Settings, state: State, streams: dict[str, Speak], speed: float | None
) -> Engine:
    """The engine of this command line; importing it costs more than painting the console, so that is done here."""
    from engine.watching import Voice
    from tui.building import build_engine
    from tui.i18n import load

    settings.use_calendars()
    return build_engine(
        settings,
        speed=arguments.speed if arguments.speed is not None else speed,
        cycles=arguments.cycles,
        only=arguments.desk or "",
        voice=Voice(streams, load(settings.language).code),
        state=state,
    )


def _headless(arguments: argparse.Namespace, settings: Settings) -> int:
    from tui import headless
    from tui.i18n import load

    streams: dict[str, Speak] = {"stderr": sys.stderr.write}
    if not settings.as_json:
        streams["stdout"] = sys.stdout.write
    engine = _engine(arguments, settings, State(), streams, 0.0)
    hangup_stops = settings.config.on_hangup != "continue-headless"
    return headless.run(engine, load(settings.language), as_json=settings.as_json, hangup_stops=hangup_stops)


def _console(arguments: argparse.Namespace, settings: Settings) -> int:
    """The console paints first; the engine is imported and started behind it."""
    from tui.app import KanpanApp
    from tui.late import LateDoor

    engines: list[Engine] = []

    def build(state: State) -> Engine:
        engines.append(_engine(arguments, settings, state, {}, None))
        return engines[-1]

    look = settings.look()
    door = LateDoor(build)
    app = KanpanApp(
        door,
        language=settings.language,
        theme=look.theme,
        ascii=look.ascii,
        readonly=arguments.readonly,
        up_down=look.up_down,
        on_ready=door.start,
    )
    try:
        app.run()
    finally:
        stopped = door.stop(3.0)
    if engines and engines[0].failed:
        sys.stderr.write(f"kanpan: {engines[0].failed}\n")
        return 1
    if not stopped:
        sys.stderr.write("kanpan: a thread did not end in time; the books are safe\n")
    return app.return_code or 0


if __name__ == "__main__":
    entry()
