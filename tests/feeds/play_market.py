"""The made-up A-share market on loopback, to play with by hand.

`PYTHONPATH=tests/feeds python -m tests.feeds.play_market --port 8123`, and a console with KANPAN_FEED_HOSTS=http://127.0.0.1:8123.
Then type: `fail HOST HOW`, `heal HOST`, `heal all`, `hosts`, `quit`. HOW is one of reset, hang, html, empty, drip, future, units,
zero, half, or a status such as 403 or 502.
"""

from __future__ import annotations

import argparse
import sys
from datetime import datetime, timedelta

from feed_market import FeedMarket, every_second, from_tomorrow, price_of_nothing, shares_for_lots
from feed_server import Behaviour, FeedServer, drips, hangs, html_page, plays, reset_at_once, status

from engine.core.clock import SystemClock


def main() -> int:
    """Serve until standard input ends."""
    parser = argparse.ArgumentParser(description="a made-up A-share market on loopback")
    parser.add_argument("--port", type=int, default=8123)
    parser.add_argument("--at", metavar="ISO", help="the market's time when it begins, e.g. 2026-11-20T10:00+08:00 (default: now)")
    arguments = parser.parse_args()
    clock = SystemClock()
    shift = datetime.fromisoformat(arguments.at) - clock.now() if arguments.at else timedelta(0)
    market = FeedMarket(lambda: clock.now() + shift)
    server = FeedServer(arguments.port)
    market.install(server)
    print(f"KANPAN_FEED_HOSTS={server.base_url}", flush=True)
    for line in sys.stdin:
        words = line.split()
        if words == ["quit"]:
            break
        print(_obey(words, market, server), flush=True)
    server.close()
    return 0


def _obey(words: list[str], market: FeedMarket, server: FeedServer) -> str:
    match words:
        case ["hosts"]:
            return "\n".join(f"{host}: asked {len(server.asked(host))} times" for host in market.hosts())
        case ["heal", "all"]:
            market.install(server)
        case ["heal", host] if host in market.hosts():
            server.set(host, market.hosts()[host])
        case ["fail", host, how] if (behaviour := _behaviour(how, market)) is not None:
            server.set(host, behaviour)
        case _:
            return __doc__ or ""
    return "done"


def _behaviour(how: str, market: FeedMarket) -> Behaviour | None:
    if how.isdigit():
        return status(int(how))
    spoils = {"future": from_tomorrow, "units": shares_for_lots, "zero": price_of_nothing, "half": every_second}
    if how in spoils:
        return market.eastmoney(spoils[how])
    plain = {"reset": reset_at_once(), "hang": hangs(), "html": html_page(), "empty": plays(b""), "drip": drips(b"x" * 10_000)}
    return plain.get(how)


if __name__ == "__main__":
    raise SystemExit(main())
