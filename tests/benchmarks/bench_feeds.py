"""Measure the adapters: `python tests/benchmarks/bench_feeds.py`; medians on this machine.

The bodies are clist answers of 5,500 rows: one with the twelve fields of the recorded page, one with the fifteen of a crawl.
Parsing means everything from bytes to QUOTE_TABLE: JSON, exact integers, boards, duplicates, units, times.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from engine.feeds.bar_rows import bar_table
from engine.feeds.eastmoney import Eastmoney
from engine.feeds.eastmoney_bars import raw_bars
from engine.feeds.eastmoney_lists import QUOTE_FIELDS, parse_page, raw_quotes
from engine.feeds.quote_rows import quote_table
from engine.feeds.sina import Sina
from engine.feeds.tencent import Tencent

SHARES = 5_500
NOW = datetime(2026, 7, 7, 8, 0, tzinfo=UTC)
PREFIXES = ("600", "601", "603", "688", "000", "002", "300", "301", "920")


def measure(name: str, work: Callable[[], object], *, times: int) -> None:
    """Print the median and the best of `times` runs, in milliseconds."""
    work()
    taken = []
    for _ in range(times):
        before = time.perf_counter()
        work()
        taken.append((time.perf_counter() - before) * 1e3)
    print(f"{name:<58} {statistics.median(taken):9.2f} ms   best {min(taken):9.2f} ms")


def codes() -> list[str]:
    """5,500 codes over every board, in the order of a crawl (fid=f12)."""
    every = [f"{prefix}{number:03d}" for number in range(1000) for prefix in PREFIXES]
    return sorted(every[:SHARES])


RECORDED_FIELDS = ("f2", "f3", "f5", "f6", "f8", "f12", "f14", "f15", "f16", "f17", "f18", "f124")
CRAWLED_FIELDS = tuple(QUOTE_FIELDS.split(","))


def clist(fields: Sequence[str]) -> bytes:
    """A whole market in one body with `fields`, one share in fifty suspended."""
    rows = []
    for place, code in enumerate(codes()):
        cents = 200 + place * 7 % 20_000
        last, lots = cents / 100, 1_000 + place % 90_000
        row = {"f2": last, "f5": lots, "f6": float(cents * lots) + 0.05, "f8": 0.41, "f12": code, "f13": int(code[0] == "6")}
        row |= {"f14": "万  科Ａ", "f15": last, "f16": last, "f17": last, "f18": last, "f21": 203_000_000_000, "f26": 19_910_403}
        row |= {"f100": "房地产开发", "f124": 1783409697}
        if place % 50 == 0:
            row |= dict.fromkeys(("f2", "f5", "f6", "f15", "f16", "f17"), "-")
        rows.append({name: row.get(name, -0.29) for name in fields})
    body = {"rc": 0, "rt": 6, "svr": 1, "lt": 1, "full": 1, "data": {"total": SHARES, "diff": rows}}
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()


def tencent_lines(count: int) -> bytes:
    """Lines of 88 fields in the shape of the recorded ones."""
    lines = []
    for code in codes()[:count]:
        fields = [""] * 88
        values = {1: "样本", 2: code, 3: "10.00", 4: "9.95", 5: "10.00", 6: "1000", 9: "9.99", 10: "7", 19: "10.01", 20: "8"}
        values |= {30: "20260707150003", 33: "10.20", 34: "9.90", 35: "10.00/1000/1000000", 37: "100", 38: "0.50"}
        values |= {44: "50.00", 45: "60.00", 47: "10.95", 48: "8.96"}
        for place, value in values.items():
            fields[place] = value
        home = {"6": "sh", "9": "bj"}.get(code[0], "sz")
        lines.append(f'v_{home}{code}="{"~".join(fields)}";')
    return "\n".join(lines).encode("gb18030")


def sina_lines(count: int) -> bytes:
    """Lines of 33 fields in the shape of the recorded one."""
    text = "样本,10.000,9.950,10.000,10.200,9.900,9.990,10.010,100000,1000000.000" + ",700,9.990" * 10 + ",2026-07-07,15:00:03,00"
    home = {"6": "sh", "9": "bj"}
    return "\n".join(f'var hq_str_{home.get(code[0], "sz")}{code}="{text}";' for code in codes()[:count]).encode("gb18030")


def klines(count: int) -> bytes:
    """Daily bars in the shape of the recorded ones."""
    days = [date.fromordinal(date(2026, 7, 6).toordinal() - n) for n in range(count)]
    rows = [f"{day},6.11,6.18,6.28,6.10,842743,521829495.00,2.96,1.64,0.10,1.03" for day in reversed(days)]
    return json.dumps({"rc": 0, "data": {"code": "600000", "dktotal": count, "klines": rows}}).encode()


def main() -> None:
    """Print every figure."""
    source = Eastmoney()
    short_body, body = clist(RECORDED_FIELDS), clist(CRAWLED_FIELDS)
    assert source.parse_quotes(body, NOW).height == source.parse_quotes(short_body, NOW).height == SHARES
    print(f"clist bodies of {SHARES:,} rows: {len(short_body):,} and {len(body):,} bytes")
    measure("Eastmoney: bytes to QUOTE_TABLE, recorded fields", lambda: source.parse_quotes(short_body, NOW), times=41)
    rows = parse_page(body).rows
    measure("Eastmoney: bytes to QUOTE_TABLE, crawled fields", lambda: source.parse_quotes(body, NOW), times=41)
    measure("  of it: bytes to numbers", lambda: parse_page(body), times=41)
    measure("  of it: numbers to checked integers", lambda: quote_table("eastmoney", raw_quotes(rows), NOW), times=41)
    lines, short = tencent_lines(SHARES), sina_lines(SHARES)
    measure("Tencent: lines to QUOTE_TABLE, 5,500 rows", lambda: Tencent().parse_quotes(lines, NOW), times=11)
    measure("Sina: lines to QUOTE_TABLE, 5,500 rows", lambda: Sina().parse_quotes(short, NOW), times=11)
    history = klines(5_000)
    span = (date(2000, 1, 1), date(2026, 12, 31))
    measure("Eastmoney: klines to BAR_SCHEMA, 5,000 days", lambda: bars_of(history, span), times=11)


def bars_of(body: bytes, span: tuple[date, date]) -> object:
    """One parse of a history."""
    return bar_table("eastmoney", raw_bars(body, "600000"), "600000.SH", "1d", *span, NOW)


if __name__ == "__main__":
    main()
