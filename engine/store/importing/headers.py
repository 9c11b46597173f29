"""What vendors call their columns, and in which units and by which clock they count.

通达信 · 同花顺 · 东方财富 · 聚宽 · tushare · baostock · akshare · Binance · Yahoo ──► our field names. A header is looked up
without spaces, case and bracketed units; a unit that the header names (`成交量(手)`) is believed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from types import MappingProxyType

_NAMES: dict[str, tuple[str, ...]] = {
    "symbol": (
        *("symbol", "code", "ts_code", "thscode", "ticker", "instrument", "order_book_id", "s_info_windcode", "security"),
        *("代码", "股票代码", "证券代码", "品种代码", "合约代码", "合约", "交易对"),
    ),
    "date": (
        *("date", "day", "trade_date", "trading_day", "tradedate", "日期", "交易日期", "交易日"),
        *("timestamp", "datetime", "date_time", "bar_time", "交易时间", "日期时间"),
    ),
    "time": ("time", "时间"),
    "bar_end": ("bar_end", "end_time", "结束时间"),
    "bar_start": ("bar_start", "ts", "open_time", "opentime", "start_time", "candle_begin_time", "开始时间"),
    "open": ("open", "open_price", "开盘", "开盘价", "今开"),
    "high": ("high", "high_price", "最高", "最高价"),
    "low": ("low", "low_price", "最低", "最低价"),
    "close": ("close", "close_price", "last", "收盘", "收盘价", "最新价"),
    "volume": ("volume", "volume_shares", "vol", "成交量", "总手", "成交股数"),
    "amount": (
        *("amount", "money", "turnover_value", "total_turnover", "quote_volume", "quote_asset_volume", "quotevolume"),
        *("成交额", "成交金额", "金额", "总金额"),
    ),
    "pre_close": ("pre_close", "preclose", "prev_close", "昨收", "昨收价", "前收盘", "前收盘价", "前收"),
    "factor": ("adj_factor", "factor", "backadjfactor", "复权因子", "后复权因子"),
    "suspended": ("suspended", "paused", "停牌"),
    "trading": ("tradestatus", "trade_status", "交易状态"),
    "is_st": ("is_st", "isst", "是否st"),
    "name": ("name", "code_name", "股票名称", "证券名称", "名称", "证券简称", "股票简称"),
    "industry": ("industry", "industry_tushare", "行业", "所属行业"),
    "list_date": ("list_date", "ipodate", "listing_date", "上市日期", "上市时间"),
    "delist_date": ("delist_date", "outdate", "退市日期"),
    "listed": ("listed",),
    "rate": ("funding_rate", "fundingrate", "last_funding_rate", "资金费率"),
    "mark": ("mark_price", "markprice"),
    "interval_hours": ("funding_interval_hours",),
    "open_interest": ("open_interest", "openinterest", "sum_open_interest", "sumopeninterest", "持仓量"),
    "calc_time": ("calc_time", "fundingtime", "create_time"),
    "announced": ("announce_date", "ann_date", "notice_date", "pubdate", "公告日期", "公告日"),
    "report_date": ("report_date", "end_date", "statdate", "报告期", "报告日期"),
    "item": ("item", "field", "指标"),
    "value": ("value", "数值"),
    "record_date": ("record_date", "股权登记日", "登记日"),
    "ex_date": ("ex_date", "exdate", "除权除息日", "除息日"),
    "cash_per_10": ("cash_per_10", "派息", "每10股派息", "每10股派息(元)"),
    "bonus_per_10": ("bonus_per_10", "送股", "每10股送股"),
    "transfer_per_10": ("transfer_per_10", "转增", "每10股转增"),
}
FIELDS: Mapping[str, str] = MappingProxyType({alias: field for field, aliases in _NAMES.items() for alias in aliases})
LOTS = frozenset({"vol", "总手"})
"""Headers whose volume is counted in lots of 100 shares: tushare's `vol`, 同花顺's 总手. 东方财富 and akshare say 成交量."""
BINANCE_KLINES = (
    *("open_time", "open", "high", "low", "close", "volume", "close_time", "quote_volume", "count"),
    *("taker_buy_volume", "taker_buy_quote_volume", "ignore"),
)
"""The columns of Binance's public kline files, which came without a header until 2022 and do so still for spot."""
_BRACKETS = re.compile(r"[(（\[].*?[)）\]]")


def plain_header(header: str) -> str:
    """A header as it is looked up: no spaces, no byte-order mark, no bracketed unit, lower case."""
    return _BRACKETS.sub("", header).strip().strip("\ufeff\"' ").replace(" ", "").lower()


def fields_of(headers: Iterable[str], named: Mapping[str, str]) -> dict[str, str]:
    """Our field for each header that has one: as `named` by the person (field -> header), else by what vendors call it.

    The first header of a field wins; a header that the person named belongs to no other field.
    """
    chosen = {header: field for field, header in named.items()}
    taken = set(named)
    for header in headers:
        field = FIELDS.get(plain_header(header)) or FIELDS.get(header.strip().lower())
        if field is not None and field not in taken and header not in chosen:
            chosen[header] = field
            taken.add(field)
    return chosen


def counted_in_lots(header: str) -> bool | None:
    """Whether a volume header says lots (手), shares (股), or nothing (None)."""
    if "手" in header or plain_header(header) in LOTS:
        return True
    return False if "股" in header else None


def amount_unit(origin: Mapping[str, str]) -> int:
    """What an amount of 1 means, by the headers that fields came from: tushare counts thousands beside its `ts_code` and `vol`."""
    return 1_000 if (origin.get("symbol"), origin.get("volume")) == ("ts_code", "vol") else 1
