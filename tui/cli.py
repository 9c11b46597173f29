"""The `kanpan` command: options, exit codes, and which face of the engine to show. Textual is imported only for the console."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import platformdirs

from engine.core.clock import SystemClock
from engine.core.errors import ConfigError, KanpanError
from engine.state import State
from tui.data_arguments import TEXT as DATA_TEXT
from tui.data_arguments import add_data_arguments

if TYPE_CHECKING:
    from engine.alerts import Speak
    from engine.config import Config
    from engine.engine import Engine

EXIT_INTERRUPTED = 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code of the contract and never shows a traceback for an error of ours."""
    arguments = _parser().parse_args(argv)
    try:
        return _run(arguments)
    except KanpanError as error:
        sys.stderr.write(f"kanpan: {error}\n")
        return error.exit_code
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        _deafen()
        return 0
    except OSError as error:
        _deafen()
        sys.stderr.write(f"kanpan: {error.filename or 'standard output'}: {error.strerror}\n")
        return 1


def entry() -> None:
    """The console script: exits at once, because every thread that matters has ended by now."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # closed by whoever started us
            setattr(sys, name, os.fdopen(os.open(os.devnull, os.O_WRONLY), "w"))
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
        try:
            self.home = Path(home).expanduser().absolute()
        except RuntimeError:
            raise ConfigError(f"--home {home}: there is no such user") from None
        chosen = getattr(arguments, "config", None) or environ.get("KANPAN_CONFIG")
        self.config_path = Path(chosen).expanduser() if chosen else self.home / "kanpan.toml"
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
    """The engine of this command line; importing it costs more than painting the console, so it is imported here."""
    from engine.engine import Engine
    from engine.watching import Voice
    from tui.i18n import load

    settings.use_calendars()
    return Engine(
        settings.config,
        settings.home,
        clock=SystemClock(),
        environ=settings.environ,
        language=settings.language,
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


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one line, as every other error does."""

    def error(self, message: str) -> NoReturn:
        self.exit(ConfigError.exit_code, f"kanpan: {message}; see {self.prog} --help\n")


def _parser() -> argparse.ArgumentParser:
    shared = _Parser(add_help=False, argument_default=argparse.SUPPRESS)
    shared.add_argument("--home", metavar="DIR", help="state directory (default: $KANPAN_HOME, else the user data directory)")
    shared.add_argument("--config", metavar="FILE", help="configuration (default: HOME/kanpan.toml)")
    shared.add_argument("--lang", choices=("en", "zh"), help="language (default: from LANG)")
    shared.add_argument("--json", action="store_true", help="print data as JSON and nothing else")
    parser = _Parser(
        prog="kanpan",
        description="A trading console for the terminal: language models propose, rules dispose. Without a command: the console.",
        parents=[shared],
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="say which version this is")
    parser.add_argument("--no-ui", action="store_true", help="the same engine without a console, one line per event")
    parser.add_argument(
        "--cycles", type=_count, metavar="N", help="stop after N cycles and once their orders are done (implies --no-ui)"
    )
    parser.add_argument("--desk", metavar="D", help="only this desk")
    parser.add_argument("--speed", type=_speed, metavar="X", help="replay X market seconds in a second, 0 as fast as it can")
    parser.add_argument("--readonly", action="store_true", help="a console whose keys only look")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")

    def add(name: str, text: str) -> argparse.ArgumentParser:
        return commands.add_parser(name, help=text, description=text, parents=[shared])

    init = add("init", "write a commented kanpan.toml")
    init.add_argument("--preset", default="demo", choices=("demo", "local", "deepseek", "ashare", "crypto-fusion", "us"))
    doctor = add("doctor", "check configuration, keys, calendars, data, ledger, terminal and models; say how to mend each")
    doctor.add_argument("--feeds", action="store_true", help="ask every live source for one price too")
    cycle = add("cycle", "one cycle now; prints the cycle record")
    cycle.add_argument("desk_name", nargs="?", metavar="DESK")
    for name, text in (
        ("cycles", "history of cycles, newest first"),
        ("orders", "orders, newest first"),
        ("fills", "executions, newest first"),
        ("positions", "holdings"),
        ("account", "cash, equity, gains"),
        ("alerts", "alerts, newest first"),
    ):
        listing = add(name, text)
        listing.add_argument("desk_name", nargs="?", metavar="DESK")
        listing.add_argument("--limit", type=_count, default=50)
        if name == "alerts":
            listing.add_argument("--test", action="store_true", help="send a test alert through every channel")
    show = add("show", "one cycle whole: snapshot, prompts, replies, verdicts, orders")
    show.add_argument("cycle_id", metavar="CYCLE", help="a cycle id, a unique part of one, or `last`")
    add_data_arguments(add("data", DATA_TEXT))
    replay = add("replay", "compute past cycles again from what they froze; exit 1 and a diff when anything differs")
    replay.add_argument("cycle_id", nargs="?", metavar="CYCLE")
    replay.add_argument("--all", action="store_true", dest="every", help="every cycle of the desk")
    replay.add_argument("--desk", dest="desk_name", metavar="DESK")
    rerun = add("rerun", "the same snapshot put to another model or prompt; trades nothing")
    rerun.add_argument("cycle_id", metavar="CYCLE")
    rerun.add_argument("--model", metavar="M")
    rerun.add_argument("--prompt", metavar="P")
    prompts = add(
        "prompts", "prompt templates (of the language --lang): the built-in and your own, every version kept, one in force"
    )
    prompts.add_argument("action", choices=("list", "show", "diff", "save", "activate"))
    prompts.add_argument("what", nargs="?", default="", metavar="ID|FILE", help="a template's id; for save, a file with a template")
    prompts.add_argument("number", nargs="?", type=int, metavar="N", help="a version; 0 is the built-in one")
    prompts.add_argument("--from", dest="before", type=int, metavar="N", help="diff: the older version (default: the built-in one)")
    prompts.add_argument("--to", dest="after", type=int, metavar="N", help="diff: the newer version (default: the newest)")
    why = add("why", "the chain behind a position: evidence, reply, verdicts, orders, outcome")
    why.add_argument("symbol", metavar="SYMBOL")
    why.add_argument("desk_name", nargs="?", metavar="DESK")
    why.add_argument("--limit", type=_count, default=5)
    for name, place, text in (
        ("export", "FILE", "the whole state directory as one archive, also beside a running engine; keys and .env stay behind"),
        ("import", "FILE", "open an exported archive as the new state directory --home DIR"),
        ("backup", "DIR", "a sound copy of the ledger in a new directory, also beside a running engine"),
    ):
        add(name, text).add_argument("place", metavar=place)
    written = add("strategies", "the rules that a desk's models wrote, and how the acceptance gate ruled on them")
    written.add_argument("desk_name", nargs="?", metavar="DESK")
    written.add_argument("--verify", action="store_true", help="run the gate again; exit 1 where it rules otherwise")
    tested = add("backtest", "a desk's strategy over history with its own cycle, rules and fees; models outside are never asked")
    tested.add_argument("desk_name", nargs="?", metavar="DESK")
    tested.add_argument("--strategy", metavar="NAME", help="instead: equal, momentum, random, hold, or rules:N, the N-th written")
    tested.add_argument("--from", dest="first", metavar="DAY", help="first session (default: the replay's first)")
    tested.add_argument("--to", dest="last", metavar="DAY", help="last session (default: the replay's last)")
    tested.add_argument("--against", action="store_true", help="beside the four baselines; the one by lot trades as much")
    report = add("report", "reports from the ledger; --risk: what each rule blocked or cut, and what that made or lost")
    report.add_argument("desk_name", nargs="?", metavar="DESK")
    report.add_argument("--risk", action="store_true", help="replay the desk with each rule left out in turn")
    report.add_argument("--from", dest="first", metavar="DAY", help="first session (default: the desk's first)")
    report.add_argument("--to", dest="last", metavar="DAY", help="last session (default: the desk's last)")
    ranked = add("league", "the desk, its shadows and the market side by side, with intervals, calibration and costs")
    ranked.add_argument("desk_name", nargs="?", metavar="DESK")
    flatten = add("flatten", "sell what may be sold, and list what may not; no model is asked")
    flatten.add_argument("desk_name", nargs="?", metavar="DESK")
    correct = add(
        "correct", "book what is otherwise than the books say, as an adjusting entry that a person confirms; no engine may run"
    )
    correct.add_argument("desk_name", metavar="DESK")
    correct.add_argument("--cash", metavar="AMOUNT", help="so much more cash is there; less with a minus (--cash=-12.50)")
    correct.add_argument("--holding", nargs=2, metavar=("SYMBOL", "QUANTITY"), help="so much is held of it")
    correct.add_argument(
        "--price", metavar="PRICE", help="what is held beyond the books cost so much each (default: its last mark)"
    )
    correct.add_argument("--reason", required=True, metavar="TEXT")
    correct.add_argument("--yes", action="store_true", help="confirm without being asked")
    halt = add("halt", "no order leaves the desk any more, or any desk where none is named; also from another process")
    halt.add_argument("desk_name", nargs="?", metavar="DESK")
    halt.add_argument("--reason", default="")
    for name, text in (
        ("resume", "let a halted or paused desk trade again, or all of them where none is named"),
        ("pause", "let the schedule rest; cycles by hand still run"),
    ):
        verb = add(name, text)
        verb.add_argument("desk_name", nargs="?", metavar="DESK")
    for name, text in (
        ("approve", "let an order that waits for a person leave"),
        ("refuse", "let it not"),
        ("amend", "let it leave for less"),
    ):
        word = add(name, text)
        word.add_argument("order_id", metavar="ORDER", help="its id, or a beginning that only it has")
        if name == "amend":
            word.add_argument("quantity", metavar="QUANTITY", help="less than the order is for")
        word.add_argument("--desk", dest="desk_name", metavar="DESK")
    return parser


def _count(text: str) -> int:
    try:
        number = int(text)
    except ValueError:
        number = 0
    if not 1 <= number <= 1_000_000:
        raise argparse.ArgumentTypeError("must be between 1 and 1000000")
    return number


def _speed(text: str) -> float:
    try:
        speed = float(text)
    except ValueError:
        speed = -1.0
    if not 0 <= speed <= 1_000_000:
        raise argparse.ArgumentTypeError("must be between 0 and 1000000")
    return speed


class _Version(argparse.Action):
    """Looks the version up only when it is asked for: that costs more than the rest of the command line."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        sys.stdout.write(f"kanpan {_version()}\n")
        parser.exit()


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("kanpan")
    except PackageNotFoundError:
        return "from source"


if __name__ == "__main__":
    entry()
