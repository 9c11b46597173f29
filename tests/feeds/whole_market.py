"""The made-up A-share market at its real size: 5,500 names, whose pages are made once every few seconds, not once a request."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

from feed_market import PAGE_CAP, FeedMarket, _em, _page
from feed_server import Behaviour, Exchange
from made_prices import Share

NAMES = 5_500
PREFIXES = ("600", "601", "603", "688", "000", "002", "300", "301", "920")
INDUSTRIES = ("银行", "半导体", "电池", "化工", "保险", "酿酒行业", "软件开发", "电力行业")
FRESH = timedelta(seconds=5)


def listed(count: int = NAMES) -> list[Share]:
    """`count` shares over every board, no two of the first fifty alike in price."""
    shares = []
    for place in range(count):
        prefix = PREFIXES[place % len(PREFIXES)]
        code = f"{prefix}{place // len(PREFIXES):03d}"
        home = {"6": "SH", "9": "BJ"}.get(code[0], "SZ")
        shares.append(Share(f"{code}.{home}", f"样本{place}", 500 + place * 37 % 20_000, INDUSTRIES[place % 8], date(2015, 1, 5)))
    return shares


class WholeMarket(FeedMarket):
    """A FeedMarket that tells a page of thousands of names as fast as a vendor does."""

    def __init__(self, clock: Callable[[], datetime], count: int = NAMES) -> None:
        super().__init__(clock, listed(count))
        self._made = datetime.min.replace(tzinfo=UTC)
        self._pages: dict[str, bytes] = {}

    def eastmoney_pages(self) -> Behaviour:
        """The lists from pages made at most FRESH ago, everything else as ever."""
        plain = super().eastmoney()

        def answer(exchange: Exchange) -> None:
            asked = exchange.seen.params
            if not exchange.seen.path.endswith("/clist/get") or asked["fid"] != "f12":
                plain(exchange)
                return
            exchange.send(self._page_of(asked["pn"]))

        return answer

    def hosts(self) -> dict[str, Behaviour]:
        """Each host and how it answers on a good day."""
        hosts = super().hosts()
        paged = self.eastmoney_pages()
        return {host: paged if host.endswith("eastmoney.com") else behaviour for host, behaviour in hosts.items()}

    def _page_of(self, number: str) -> bytes:
        now = self.prices.clock()
        if number == "1" and now - self._made > FRESH:
            self._made = now
            rows = sorted((self._em_row(share) for share in self.shares.values()), key=lambda row: str(row["f12"]))
            parts = [rows[begin : begin + PAGE_CAP] for begin in range(0, len(rows), PAGE_CAP)]
            self._pages = {str(place): _em(_page(part, len(rows))) for place, part in enumerate(parts, 1)}
        return self._pages.get(number) or _em(None)
