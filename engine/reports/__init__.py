"""What the ledger can tell, as plain data for scripts and screens."""

from engine.reports.record import (
    account_record,
    alert_record,
    cycle_line,
    cycle_record,
    fill_record,
    order_record,
    position_records,
)

__all__ = ["account_record", "alert_record", "cycle_line", "cycle_record", "fill_record", "order_record", "position_records"]
