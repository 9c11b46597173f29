"""Eastmoney (东方财富): quotes, rankings, lists, bars, distributions and figures of A-shares; unofficial, and quick to ban.

quotes(symbols) ──► ulist in batches of 100     quotes(()) ──► clist page by page     bars ──► kline     the rest ──► datacenter
One request at a time; the fetcher paces them. Hosts are constants below, so that a ladder can hold one source a front end.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

import polars as pl

from engine.feeds import eastmoney_bars, eastmoney_fundamentals
from engine.feeds.eastmoney_lists import (
    BOARD_FIELDS,
    QUOTE_FIELDS,
    SECURITY_FIELDS,
    SOURCE,
    Page,
    board_table,
    parse_page,
    raw_quotes,
    security_table,
)
from engine.feeds.fields import Ranking
from engine.feeds.quote_rows import batched, quote_table
from engine.feeds.source import Fault, FeedError, Fetch, Request, passing

LIST_HOST = "push2.eastmoney.com"
DELAYED_HOST = "push2delay.eastmoney.com"
"""The delayed twin: lists and quotes, but its klines are always empty."""
NUMBERED = (82, 17, 29, 79, 91, 2, 5, 7, 15, 16, 23, 28, 31, 33, 39, 40, 48, 68, 69, 70, 72, 80, 81, 88, 95)
LIST_HOSTS = (LIST_HOST, *(f"{number}.{LIST_HOST}" for number in NUMBERED), DELAYED_HOST)
BAR_HOST = "push2his.eastmoney.com"
BAR_HOSTS = (BAR_HOST, *(f"{number}.{BAR_HOST}" for number in (7, 33, 63, 77, 91)))
HEADERS = {"User-Agent": "Mozilla/5.0 (kanpan)", "Referer": "https://quote.eastmoney.com/", "Accept": "*/*"}
SHARES = "m:0 t:6,m:0 t:80,m:1 t:2,m:1 t:23,m:0 t:81 s:2048"
"""The filter of every A-share and Beijing share."""
BOARDS = "m:90 t:2 f:!50"
BATCH = 100
"""Symbols in one ulist request, and rows on a clist page: the server gives no more (since March 2025)."""
MAX_PAGES = 200
RANKINGS: dict[Ranking, str] = {"amount": "f6", "volume": "f5", "turnover": "f8", "change": "f3"}
CONTROL = "1.000001"
"""The secid that always exists (上证指数): when it is unknown too, the answer means a throttle, not a wrong symbol."""
_MARKETS = {"SH": "1", "SZ": "0", "BJ": "0"}
_CLIST, _ULIST = "/api/qt/clist/get", "/api/qt/ulist.np/get"


@dataclass(frozen=True, slots=True)
class Eastmoney:
    """A QuoteSource, BarSource and SecuritySource on one pair of front ends."""

    list_host: str = LIST_HOST
    bar_host: str = BAR_HOST
    name: str = SOURCE
    batch: int = BATCH

    def quotes(self, fetch: Fetch, symbols: Sequence[str], now: datetime) -> pl.DataFrame:
        """QUOTE_TABLE of `symbols`, or of every A-share when there are none (a crawl of some 56 pages). Raises FeedError.

        A symbol that it does not quote is missing from the table; it is for the ladder to say how many may be.
        """
        if not symbols:
            arrived = passing(fetch, now)
            return self._whole(self._crawl(fetch, SHARES, "f12", QUOTE_FIELDS, descending=False), arrived())
        return batched(self, fetch, symbols, now)

    def ranking(self, fetch: Fetch, by: Ranking, top: int, now: datetime) -> pl.DataFrame:
        """QUOTE_TABLE of the `top` shares by `by` (amount, volume, turnover or change), sorted by symbol. Raises FeedError."""
        arrived = passing(fetch, now)
        field = RANKINGS[by]
        wanted = -(-top // BATCH)
        pages = [parse_page(fetch(self.name, self._page_request(SHARES, field, QUOTE_FIELDS, 1, descending=True)))]
        for number in range(2, wanted + 1):
            if len(pages) * BATCH >= pages[0].total:
                break
            pages.append(parse_page(fetch(self.name, self._page_request(SHARES, field, QUOTE_FIELDS, number, descending=True))))
        best = pl.concat([page.rows for page in pages]).unique(["f12", "f13"], keep="first", maintain_order=True).head(top)
        return quote_table(self.name, raw_quotes(best), arrived())

    def securities(self, fetch: Fetch, now: datetime) -> pl.DataFrame:
        """SECURITY_TABLE of every A-share, with Eastmoney's industries. Raises FeedError."""
        return security_table(self._crawl(fetch, SHARES, "f12", SECURITY_FIELDS, descending=False), now)

    def boards(self, fetch: Fetch) -> pl.DataFrame:
        """BOARD_TABLE: the industry boards and how far each moved today. Raises FeedError."""
        return board_table(self._crawl(fetch, BOARDS, "f12", BOARD_FIELDS, descending=False))

    def bars(self, fetch: Fetch, symbol: str, interval: str, first: date, last: date, now: datetime) -> pl.DataFrame:
        """BAR_SCHEMA, raw prices, closed bars only; intervals 1m 5m 15m 30m 1h 1d. Raises FeedError."""
        request = eastmoney_bars.request(self.bar_host, HEADERS, secid(symbol), interval, first, last)
        body = fetch(self.name, request)
        return eastmoney_bars.parse(body, symbol, interval, first, last, now)

    def ex_rights(self, fetch: Fetch, since: date) -> pl.DataFrame:
        """EX_RIGHT_TABLE of every distribution with an ex-date on or after `since`. Raises FeedError."""
        return eastmoney_fundamentals.ex_rights(fetch, since)

    def fundamentals(self, fetch: Fetch, report_date: date) -> pl.DataFrame:
        """FUNDAMENTAL_TABLE of every share's report for the quarter ending on `report_date`. Raises FeedError."""
        return eastmoney_fundamentals.fundamentals(fetch, report_date)

    def quotes_request(self, symbols: Sequence[str]) -> Request:
        """The batch request for at most BATCH symbols."""
        secids = ",".join(secid(symbol) for symbol in symbols)
        params = (("secids", secids), ("fields", QUOTE_FIELDS), ("fltt", "2"), ("invt", "2"))
        return Request(self.list_host, _ULIST, params, HEADERS)

    def parse_quotes(self, body: bytes, now: datetime, *, asked: Sequence[str] = ()) -> pl.DataFrame:
        """QUOTE_TABLE of a batch or of one page; `asked` keeps these symbols only. Raises FeedError."""
        return quote_table(self.name, raw_quotes(parse_page(body).rows), now, asked=asked)

    def _whole(self, rows: pl.DataFrame, now: datetime) -> pl.DataFrame:
        return quote_table(self.name, raw_quotes(rows), now)

    def _crawl(self, fetch: Fetch, which: str, by: str, fields: str, *, descending: bool) -> pl.DataFrame:
        """Every page of a list; a row met twice while the list moved counts once. Raises FeedError(INCOMPLETE) below 90 %."""
        request = self._page_request(which, by, fields, 1, descending=descending)
        opening = parse_page(fetch(self.name, request))
        size = opening.rows.height
        pages: list[Page] = [opening]
        for number in range(2, min(-(-opening.total // size), MAX_PAGES) + 1):
            pages.append(parse_page(fetch(self.name, self._page_request(which, by, fields, number, descending=descending))))
        rows = pl.concat([page.rows for page in pages]).unique(["f12", "f13"], keep="last", maintain_order=True)
        if rows.height * 10 < opening.total * 9:
            raise FeedError(self.name, Fault.INCOMPLETE, f"{rows.height} of {opening.total} rows in {len(pages)} pages")
        return rows

    def _page_request(self, which: str, by: str, fields: str, number: int, *, descending: bool) -> Request:
        order = (("po", "1" if descending else "0"), ("fid", by))
        paging = (("pn", str(number)), ("pz", str(BATCH)), ("np", "1"))
        return Request(
            self.list_host, _CLIST, (*paging, *order, ("fltt", "2"), ("invt", "2"), ("fs", which), ("fields", fields)), HEADERS
        )


def secid(symbol: str) -> str:
    """Eastmoney's name of an A-share, fund or index: 1. for Shanghai, 0. for Shenzhen and Beijing.

    Raises FeedError(UNKNOWN_SYMBOL) for a symbol of another market.
    """
    code, _, home = symbol.rpartition(".")
    market = _MARKETS.get(home)
    if market is None:
        raise FeedError(SOURCE, Fault.UNKNOWN_SYMBOL, f"{symbol} does not end in .SH, .SZ or .BJ")
    return f"{market}.{code}"
