"""The arguments of `kanpan data`, apart from what carries it out, so that the command line stays quick to start."""

from __future__ import annotations

import argparse

SYNCED = ("calendars", "bars", "securities", "funding", "open-interest", "ex-rights", "fundamentals")
MARKETS = ("ashare", "us", "crypto")
INTERVALS = ("1m", "3m", "5m", "15m", "30m", "1h", "2h", "4h", "8h", "1d")
TEXT = "market data: sync from the sources, list what is kept, check it, import files of the usual vendors"
EPILOG = """
kanpan data sync calendars                       the A-share calendar, as far as the exchange has published it
kanpan data sync bars --market crypto --symbols BTCUSDT,ETHUSDT --interval 4h --from 2025-01-01
kanpan data sync securities --market ashare
kanpan data list | check
kanpan data import bars.csv --market ashare --map close=收盘价 --resample 15m
"""


def add_data_arguments(data: argparse.ArgumentParser) -> None:
    """Give the parser of `kanpan data` its arguments."""
    data.formatter_class = argparse.RawDescriptionHelpFormatter
    data.epilog = EPILOG
    data.add_argument("action", choices=("sync", "list", "check", "import"))
    data.add_argument("what", nargs="*", metavar="WHAT", help=f"sync: one of {', '.join(SYNCED)}; import: files")
    data.add_argument("--market", choices=MARKETS, help="the market (default: what the symbols say; list and check: all)")
    data.add_argument("--symbols", metavar="A,B", help="sync: these names (default: all that the store knows to be listed)")
    data.add_argument("--interval", choices=INTERVALS, help="the bars' interval (sync: 1d; import: what the file's times say)")
    data.add_argument("--from", dest="first", metavar="DAY", help="sync: first trading day (default: 400 days back, 30 under 1d)")
    data.add_argument("--to", dest="last", metavar="DAY", help="sync: last trading day (default: the last that has closed)")
    data.add_argument("--feed", metavar="A,B", help="sync: sources in order (default: those of the market)")
    data.add_argument("--symbol", metavar="S", help="import: the symbol of a file that does not name it")
    data.add_argument("--map", action="append", default=[], metavar="FIELD=HEADER", help="import: what a column is called")
    data.add_argument("--resample", action="append", default=[], choices=INTERVALS, help="import: longer bars of complete groups")
    data.add_argument("--basis", default="raw", metavar="WORD", help="import: how prices are adjusted, such as split+dividend")
    data.add_argument("--stamp", choices=("start", "end"), help="import: which end of a bar its time names")
    data.add_argument("--volume", choices=("shares", "lots"), help="import: what a volume of 1 means")
    data.add_argument("--amount-factor", type=int, metavar="N", help="import: what an amount of 1 means, such as 1000 or 10000")
    data.add_argument("--board", choices=("spot", "perp"), help="import: what crypto pairs are (default: spot)")
    data.add_argument("--as-of", metavar="DAY", help="import: the day on which a list of securities was drawn up")
    data.add_argument("--taxonomy", default="", metavar="WORD", help="import: whose industries a list names")
    data.add_argument("--source", metavar="NAME", help="import: who the data is from (default: the file's name)")
