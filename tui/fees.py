"""Records of orders and executions for a table: fees in money and in coin stand in one column."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

Json = dict[str, Any]


def with_fees_told(records: Iterable[Json]) -> list[Json]:
    """The same records with `fees` as people read them (`0.000012 BTC`), without the two keys that scripts read."""
    told = []
    for record in records:
        row = {name: value for name, value in record.items() if name not in ("fee_quantity", "fee_coin")}
        if record.get("fee_coin"):
            coin = f"{record['fee_quantity']} {record['fee_coin']}"
            row["fees"] = f"{record['fees']} + {coin}" if float(record["fees"]) else coin
        told.append(row)
    return told
