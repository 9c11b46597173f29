"""What may be said to `kanpan` on its command line: the commands, their options and the bounds of what they take."""

from __future__ import annotations

import argparse
import difflib
import re
import sys
from pathlib import Path
from typing import NoReturn

from engine.core.errors import ConfigError
from engine.core.text import safe_text
from tui.data_arguments import TEXT as DATA_TEXT
from tui.data_arguments import add_data_arguments


def one_line(message: str) -> str:
    """A complaint as it may be written to a terminal, whatever the words that it repeats were."""
    return safe_text(message, limit=2_000, one_line=True)


def place_of(text: str) -> Path:
    """A path as a person writes it, `~` and all. Raises ConfigError for the home of nobody."""
    try:
        return Path(text).expanduser()
    except RuntimeError:
        raise ConfigError(f"{text}: there is no such user") from None


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one line, as every other error does."""

    def error(self, message: str) -> NoReturn:
        self.exit(ConfigError.exit_code, f"kanpan: {one_line(_plainer(message))}; see {self.prog} --help\n")


def _plainer(message: str) -> str:
    """What argparse says of a word that is none of its choices, with the one that was probably meant in place of a long list."""
    found = _NO_CHOICE.fullmatch(message)
    if found is None:
        return message
    choices = re.findall(r"'([^']*)'", found["choices"])
    near = difflib.get_close_matches(found["word"], choices, n=1, cutoff=0.5)
    if near:
        return f"{found['what']}: no {found['word']!r}; did you mean {near[0]!r}?"
    return f"{found['what']}: no {found['word']!r}" + (f"; there are: {', '.join(choices)}" if len(choices) <= _FEW else "")


_NO_CHOICE = re.compile(r"argument (?P<what>[^:]+): invalid choice: '(?P<word>.*)' \(choose from (?P<choices>.*)\)")
_FEW = 12


def parser() -> argparse.ArgumentParser:
    """The whole command line; what is said wrongly ends the process with the exit code of a ConfigError."""
    shared = _Parser(add_help=False, argument_default=argparse.SUPPRESS)
    shared.add_argument("--home", metavar="DIR", help="state directory (default: $KANPAN_HOME, else the user data directory)")
    shared.add_argument("--config", metavar="FILE", help="configuration (default: HOME/kanpan.toml)")
    shared.add_argument("--lang", choices=("en", "zh"), help="language (default: from LANG)")
    shared.add_argument("--json", action="store_true", help="print data as JSON and nothing else")
    line = _Parser(
        prog="kanpan",
        description="A trading console for the terminal: language models propose, rules dispose. Without a command: the console.",
        parents=[shared],
    )
    line.add_argument("--version", action=_Version, nargs=0, help="say which version this is")
    line.add_argument("--no-ui", action="store_true", help="the same engine without a console, one line per event")
    line.add_argument(
        "--cycles", type=_count, metavar="N", help="stop after N cycles and once their orders are done (implies --no-ui)"
    )
    line.add_argument("--desk", metavar="D", help="only this desk")
    line.add_argument("--speed", type=_speed, metavar="X", help="replay X market seconds in a second, 0 as fast as it can")
    line.add_argument("--readonly", action="store_true", help="a console whose keys only look")
    commands = line.add_subparsers(dest="command", metavar="COMMAND")

    def add(name: str, text: str) -> argparse.ArgumentParser:
        return commands.add_parser(name, help=text, description=text, parents=[shared])

    init = add("init", "write a commented kanpan.toml")
    init.add_argument("--preset", default="demo", choices=("demo", "local", "deepseek", "ashare", "crypto-fusion", "us", "perp"))
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
        listing.add_argument("--limit", type=_count, default=50, metavar="N", help="at most N of them (default: 50)")
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
    why.add_argument("symbol", metavar="SYMBOL", help="600519.SH, or 600519 where only one name of the desk is so called")
    why.add_argument("desk_name", nargs="?", metavar="DESK")
    why.add_argument("--limit", type=_count, default=5, metavar="N", help="the newest N cycles that decided on it (default: 5)")
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
    return line


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
