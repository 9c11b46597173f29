"""A small A-share market that speaks as the vendors do: the same shares and prices in the bodies of every host, by a clock.

FeedMarket(clock).install(server) ──► push2, numbered and delayed hosts, push2his, qt.gtimg.cn, hq.sinajs.cn, the three exchanges
Prices are made up, smooth and within their limits; a share prints from 09:25 on and its last print is that of 15:00.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

from feed_server import Behaviour, Exchange, FeedServer
from made_prices import MINUTES, SHARES, MadeBar, MadePrices, Share, path

PAGE_CAP = 100

Rows = list[dict[str, Any]]
Spoil = Callable[[Rows], Rows]


class FeedMarket:
    """Bodies of every A-share vendor at `clock()`, an aware instant."""

    def __init__(self, clock: Callable[[], datetime], shares: Iterable[Share] = SHARES) -> None:
        self.prices = MadePrices(clock, shares)
        self.shares = self.prices.shares

    def install(self, server: FeedServer) -> None:
        """Have `server` play every host of this market."""
        for host, behaviour in self.hosts().items():
            server.set(host, behaviour)

    def hosts(self) -> dict[str, Behaviour]:
        """Each host and how it answers on a good day."""
        lists = ("push2.eastmoney.com", "82.push2.eastmoney.com", "17.push2.eastmoney.com", "push2delay.eastmoney.com")
        return {
            **dict.fromkeys((*lists, "push2his.eastmoney.com", "33.push2his.eastmoney.com"), self.eastmoney()),
            **dict.fromkeys(("qt.gtimg.cn", "proxy.finance.qq.com", "ifzq.gtimg.cn"), self.tencent),
            **dict.fromkeys(("hq.sinajs.cn", "vip.stock.finance.sina.com.cn"), self.sina),
            "query.sse.com.cn": self.sse,
            "www.szse.cn": self.szse,
            "www.bse.cn": self.bse,
        }

    def eastmoney(self, spoil: Spoil = lambda rows: rows) -> Behaviour:
        """Eastmoney's lists, batches and klines; `spoil` has the rows of every body before they leave."""

        def answer(exchange: Exchange) -> None:
            asked = exchange.seen.params
            if exchange.seen.path.endswith("/kline/get"):
                exchange.send(_em(self._klines(asked)))
                return
            if "secids" in asked:
                wanted = set(asked["secids"].split(","))
                chosen = [share for share in self.shares.values() if share.secid in wanted]
                rows = [self._em_row(share) for share in chosen]
                exchange.send(_em(_page(spoil(rows), len(rows)) if rows else None))
                return
            rows = sorted((self._em_row(share) for share in self.shares.values()), key=lambda row: str(row[asked["fid"]]))
            begin = (int(asked["pn"]) - 1) * PAGE_CAP
            page = rows[begin : begin + min(PAGE_CAP, int(asked["pz"]))]
            exchange.send(_em(_page(spoil(page), len(rows)) if page else None))

        return answer

    def tencent(self, exchange: Exchange) -> None:
        """Tencent's quotes and bars."""
        path, asked = exchange.seen.path, exchange.seen.params
        if path.startswith("/q="):
            keys = path.removeprefix("/q=").split(",")
            lines = [self._tencent_line(share) for share in self._by_key(keys)]
            exchange.send("".join(lines or ['v_pv_none_match="1";\n']).encode("gbk"))
            return
        key, kind, first, last = asked["param"].split(",")[:4]
        share = next(iter(self._by_key([key])), None)
        if share is None:
            exchange.send(b'{"code":0,"msg":"","data":[]}')
            return
        if kind == "day":
            made = self.prices.bars(share, MINUTES, date.fromisoformat(first), date.fromisoformat(last))
            rows = [[str(bar.ends.date()), *_tencent_bar(bar), {}, "0.1", f"{bar.amount / 1e6:.2f}"] for bar in made]
        else:
            made = self.prices.bars(share, int(kind.removeprefix("m")), self._back(40), self.prices.today())
            rows = [[f"{bar.ends:%Y%m%d%H%M}", *_tencent_bar(bar), {}, "0.1"] for bar in made[-320:]]
        exchange.send(json.dumps({"code": 0, "msg": "", "data": {key: {kind: rows}}}).encode())

    def sina(self, exchange: Exchange) -> None:
        """Sina's quotes and bars."""
        path, asked = exchange.seen.path, exchange.seen.params
        if path.startswith("/list="):
            keys = path.removeprefix("/list=").split(",")
            known = {share.key: share for share in self._by_key(keys)}
            lines = [f'var hq_str_{key}="{self._sina_line(known[key]) if key in known else ""}";\n' for key in keys]
            exchange.send("".join(lines).encode("gbk"))
            return
        share = next(iter(self._by_key([asked["symbol"]])), None)
        if share is None:
            exchange.send(b"null")
            return
        scale = int(asked["scale"])
        stamp = "%Y-%m-%d" if scale == MINUTES else "%Y-%m-%d %H:%M:00"
        names = ("day", "open", "high", "low", "close", "volume")
        made = self.prices.bars(share, scale, self._back(60), self.prices.today())[-1_023:]
        told = [(bar.ends.strftime(stamp), *_yuan(bar.open, bar.high, bar.low, bar.close), str(bar.volume)) for bar in made]
        exchange.send(json.dumps([dict(zip(names, row, strict=True)) for row in told]).encode())

    def sse(self, exchange: Exchange) -> None:
        """Shanghai's list."""
        star = exchange.seen.params["STOCK_TYPE"] == "8"
        chosen = [share for share in self._of("SH") if share.code.startswith("688") == star]
        rows = [
            {
                "A_STOCK_CODE": share.code,
                "SEC_NAME_CN": share.name,
                "CSRC_CODE_DESC": share.industry,
                "LIST_DATE": f"{share.list_day:%Y%m%d}",
            }
            for share in chosen
        ]
        exchange.send(json.dumps({"pageHelp": {"total": len(rows)}, "result": rows}).encode())

    def szse(self, exchange: Exchange) -> None:
        """Shenzhen's list, twenty rows a page."""
        chosen, page = self._of("SZ"), int(exchange.seen.params["PAGENO"])
        rows = [
            {
                "agdm": share.code,
                "agjc": f"<a href='x'>{share.name}</a>",
                "agssrq": str(share.list_day),
                "sshymc": f"J {share.industry}",
            }
            for share in chosen[(page - 1) * 20 : page * 20]
        ]
        about = {"pagecount": -(-len(chosen) // 20), "recordcount": len(chosen)}
        exchange.send(json.dumps([{"metadata": about, "data": rows}]).encode())

    def bse(self, exchange: Exchange) -> None:
        """Beijing's list, twenty rows a page."""
        chosen, page = self._of("BJ"), int(exchange.seen.form["page"])
        rows = [
            {"xxzqdm": share.code, "xxzqjc": share.name, "xxhyzl": share.industry, "fxssrq": f"{share.list_day:%Y%m%d}"}
            for share in chosen[page * 20 : (page + 1) * 20]
        ]
        whole = {"content": rows, "totalPages": -(-len(chosen) // 20), "totalElements": len(chosen)}
        exchange.send(f"null([{json.dumps(whole)}])".encode())

    def _back(self, days: int) -> date:
        return self.prices.today() - timedelta(days=days)

    def _em_row(self, share: Share) -> dict[str, Any]:
        told = self.prices.quote(share)
        figures = {"f2": told.last, "f6": told.amount, "f15": told.high, "f16": told.low, "f17": told.open}
        printed = told.volume > 0
        return {
            **{name: value / 100 if printed else "-" for name, value in figures.items()},
            "f5": told.volume // 100 if printed else "-",
            "f8": 0.35 if printed else "-",
            "f12": share.code,
            "f13": int(share.secid[0]),
            "f14": share.name,
            "f18": told.pre_close / 100,
            "f21": share.base * 10_000_000,
            "f26": int(f"{share.list_day:%Y%m%d}"),
            "f100": share.industry,
            "f124": int(told.at.timestamp()),
        }

    def _klines(self, asked: dict[str, str]) -> dict[str, Any] | None:
        share = next((share for share in self.shares.values() if share.secid == asked["secid"]), None)
        if share is None:
            return None
        step = MINUTES if asked["klt"] == "101" else int(asked["klt"])
        first, last = (datetime.strptime(asked[name], "%Y%m%d").replace(tzinfo=UTC).date() for name in ("beg", "end"))
        stamp = "%Y-%m-%d" if step == MINUTES else "%Y-%m-%d %H:%M"
        lines, before = [], 0
        for bar in self.prices.bars(share, step, first, last):
            change = bar.close - (before or path(share, bar.ends.date())[0])
            prices = _yuan(bar.open, bar.close, bar.high, bar.low)
            figures = (*prices, str(bar.volume // 100), f"{bar.amount / 100:.2f}", "0.50", "0.10", f"{change / 100:.2f}", "0.20")
            lines.append(",".join((bar.ends.strftime(stamp), *figures)))
            before = bar.close
        about = {"code": share.code, "market": int(share.secid[0]), "name": share.name, "decimal": 2}
        return {**about, "dktotal": 5_000, "klines": lines}

    def _tencent_line(self, share: Share) -> str:
        told = self.prices.quote(share)
        fields = ["0"] * 88
        last, high, low, opened, before = _yuan(told.last, told.high, told.low, told.open, told.pre_close)
        lots, amount = told.volume // 100, told.amount / 100
        fields[0:8] = ["1", share.name, share.code, last, before, opened, str(lots), "0"]
        fields[9:11] = fields[19:21] = [last, "100" if told.volume else "0"]
        fields[30] = f"{told.at:%Y%m%d%H%M%S}"
        fields[33:38] = [high, low, f"{last}/{lots}/{amount:.0f}", str(lots), f"{amount / 1e4:.0f}"]
        fields[38], fields[44], fields[45] = "0.35", "100.00", "120.00"
        fields[47:49] = _yuan(round(told.pre_close * 1.1), round(told.pre_close * 0.9))
        return f'v_{share.key}="{"~".join(fields)}";\n'

    def _sina_line(self, share: Share) -> str:
        told = self.prices.quote(share)
        fields = ["0"] * 33
        fields[0] = share.name
        fields[1:8] = _yuan(told.open, told.pre_close, told.last, told.high, told.low, told.last, told.last)
        fields[8:11] = [str(told.volume), f"{told.amount / 100:.3f}", "10000" if told.volume else "0"]
        fields[20] = fields[10]
        fields[30:33] = [f"{told.at:%Y-%m-%d}", f"{told.at:%H:%M:%S}", "00"]
        return ",".join(fields)

    def _by_key(self, keys: Sequence[str]) -> list[Share]:
        wanted = set(keys)
        return [share for share in self.shares.values() if share.key in wanted]

    def _of(self, home: str) -> list[Share]:
        return [share for share in self.shares.values() if share.symbol.endswith(home)]


def _em(data: dict[str, Any] | None) -> bytes:
    return json.dumps({"rc": 0, "rt": 6, "svr": 1, "lt": 1, "full": 1, "dlmkts": "", "data": data}, ensure_ascii=False).encode()


def _page(rows: Rows, total: int) -> dict[str, Any]:
    return {"total": max(total, len(rows)), "diff": rows}


def _yuan(*fen: int) -> tuple[str, ...]:
    return tuple(f"{value / 100:.2f}" for value in fen)


def _tencent_bar(bar: MadeBar) -> tuple[str, ...]:
    return (*_yuan(bar.open, bar.close, bar.high, bar.low), str(bar.volume // 100))


def price_of_nothing(rows: Rows) -> Rows:
    """Every price is 0 though there is volume."""
    return [{**row, "f2": 0, "f15": 0, "f16": 0, "f17": 0} for row in rows]


def from_tomorrow(rows: Rows) -> Rows:
    """Every row is stamped a day ahead."""
    return [{**row, "f124": row["f124"] + 86_400} for row in rows]


def shares_for_lots(rows: Rows) -> Rows:
    """Volume in shares where lots belong."""
    return [{**row, "f5": row["f5"] * 100} for row in rows]


def twice_and_shuffled(rows: Rows) -> Rows:
    """Every row twice, the other way round."""
    return [*rows[::-1], *rows]


def two_prices(rows: Rows) -> Rows:
    """One code twice with different prices."""
    return [*rows, {**rows[0], "f2": rows[0]["f2"] + 1}]


def every_second(rows: Rows) -> Rows:
    """Half of the rows, without a word."""
    return rows[::2]
