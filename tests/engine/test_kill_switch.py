"""The kill switch from a second process while a model call hangs: the cycle ends at once and no order leaves, whatever was said.

`python tests/engine/test_kill_switch.py 20` prints how long after the HALT file a model call was given up, and how long after it a
reply that came too late was denied.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from engine.commands import halt_file
from engine.core.journal import CycleState
from engine.core.order import OrderStatus
from engine.store import CycleHistory, books
from tests.cli.console_command import kanpan, started
from tests.llm.fake_llm_server import Behaviour, FakeServer, Request, hangs, serving

BUY = {"intent": "open", "target_weight": 0.2, "confidence": 0.9, "stop_loss": None, "take_profit": None, "reasoning": "buy"}
WISHES = json.dumps({"decisions": [{"instrument": name, **BUY, "sources": []} for name in ("000338.SZ", "601318.SH", "000778.SZ")]})


def says_yes_after_the_halt(home: Path) -> Behaviour:
    """A model that answers the moment the HALT file is there: the worst moment for an order."""

    def behave(request: Request) -> None:
        while not halt_file(home).exists() and not request.gone.wait(0.001):
            pass
        request.stream(WISHES, size=10_000)

    return behave


@contextmanager
def asking(home: Path, behaviour: Behaviour) -> Iterator[tuple[subprocess.Popen[str], FakeServer]]:
    """An engine in its own process, in the middle of a model call."""
    with serving(behaviour) as server:
        home.mkdir(mode=0o700)
        model = f'[model.far]\nbase_url = "{server.base_url}"\nmodel = "m"\ntimeout_s = 60\n'
        model = f'[model.far]\nbase_url = "{server.base_url}"\nmodel = "m"\ntimeout_s = 60\n'
        (home / "kanpan.toml").write_text(f'[desk.demo]\nmodels = ["far"]\ndeadline_s = 60\n{model}')
        child = started(home, "--no-ui", "--json")
        try:
            give_up = time.monotonic() + 20
            while not server.requests:
                assert time.monotonic() < give_up and child.poll() is None
                time.sleep(0.005)
            yield child, server
        finally:
            child.terminate()
            child.communicate(timeout=10)


def ended(home: Path) -> CycleHistory:
    """The first cycle, once it is over."""
    give_up = time.monotonic() + 20
    while time.monotonic() < give_up:
        with books(home) as view:
            name = view.cycles("demo", limit=100)[-1].cycle_id
            history = view.cycle(name)
        if history is not None and history.cycle.state in {CycleState.ABSTAINED, CycleState.FAILED, CycleState.COMPLETED}:
            return history
        time.sleep(0.01)
    raise AssertionError("the cycle never ended")


def after_halt_ms(home: Path, history: CycleHistory, state: CycleState) -> float:
    """From the HALT file to the durable row of `state`, by the machine's own clock."""
    touched = datetime.fromtimestamp(halt_file(home).stat().st_mtime, UTC)
    reached = next(step.at for step in history.steps if step.state is state)
    return (reached - touched).total_seconds() * 1_000


def hanging_call(home: Path) -> float:
    """Milliseconds from the HALT file to the end of a cycle whose model would have hung for a minute."""
    with asking(home, hangs):
        assert kanpan(home, "halt", "--reason", "enough").returncode == 0
        history = ended(home)
        with books(home) as view:
            assert view.orders("demo") == () and view.trading_state("demo").state.value == "HALTED"
    assert history.cycle.state is CycleState.ABSTAINED
    return after_halt_ms(home, history, CycleState.ABSTAINED)


def late_yes(home: Path) -> float:
    """Milliseconds from the HALT file to the last denial, when the model says buy in the very moment of the halt."""
    with asking(home, says_yes_after_the_halt(home)):
        assert kanpan(home, "halt").returncode == 0
        history = ended(home)
        with books(home) as view:
            orders, verdicts = view.orders("demo"), view.verdicts(history.cycle.cycle_id)
    assert not [item for item in orders if item.status is not OrderStatus.DENIED], "an order left after the halt"
    if history.cycle.state is CycleState.ABSTAINED:  # the call was given up before the reply was read
        return after_halt_ms(home, history, CycleState.ABSTAINED)
    assert verdicts is not None and {verdict.code for verdict in verdicts.verdicts} | {item.code for item in orders} >= {
        "STATE_HALTED"
    }
    return after_halt_ms(home, history, CycleState.EXECUTING)


def test_a_hanging_model_call_is_given_up_and_nothing_leaves(tmp_path: Path) -> None:
    assert hanging_call(tmp_path / "h") < 2_000, "generous: the machine may be busy; run this file for the figure"


def test_a_reply_in_the_moment_of_the_halt_buys_nothing(tmp_path: Path) -> None:
    assert late_yes(tmp_path / "h") < 2_000


def test_the_file_alone_is_enough_and_is_written_down(tmp_path: Path) -> None:
    home = tmp_path / "h"
    with asking(home, hangs):
        halt_file(home).touch()
        assert ended(home).cycle.state is CycleState.ABSTAINED
        with books(home) as view:
            standing = view.trading_state("demo")
        assert (standing.state.value, standing.reason, standing.by) == ("HALTED", "HALT file", "person")
        halt_file(home).unlink()
        time.sleep(0.3)
        with books(home) as view:
            assert view.trading_state("demo").state.value == "HALTED", "taking the file away is not a person's resume"
        assert kanpan(home, "resume").returncode == 0


if __name__ == "__main__":
    for what in (hanging_call, late_yes):
        taken = []
        for _ in range(int(sys.argv[1]) if len(sys.argv) > 1 else 10):
            with TemporaryDirectory() as folder:
                taken.append(what(Path(folder) / "h"))
        taken.sort()
        print(f"{what.__name__}: median {taken[len(taken) // 2]:.0f} ms, worst {taken[-1]:.0f} ms of {len(taken)}")
