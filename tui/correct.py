"""`kanpan correct`: what is otherwise than the books say, booked as an adjusting entry once a person has confirmed it."""

from __future__ import annotations

import argparse
import json
import sys
from datetime import date
from decimal import InvalidOperation
from typing import TYPE_CHECKING

from engine.brokers.correcting import cash_corrected, holding_corrected
from engine.core.bookkeeping import Adjusted
from engine.core.clock import SystemClock
from engine.core.errors import ConfigError
from engine.core.journal import Noted
from engine.core.text import safe_text
from engine.core.units import Units, plain, to_units
from engine.reports.record import units_of
from engine.store import Ledger
from tui.table import table
from tui.verbs import desk_of, print_line

if TYPE_CHECKING:
    from engine.store import Books
    from tui.cli import Settings


def run(arguments: argparse.Namespace, settings: Settings) -> int:
    """Show what would be written, have it confirmed, write it. Raises AlreadyRunning while an engine holds the books."""
    desk = desk_of(arguments, settings)
    if not (settings.home / "ledger.db").exists():
        raise ConfigError(f"nothing has run yet in {settings.home}")
    if (arguments.cash is None) == (arguments.holding is None):
        raise ConfigError("say either --cash AMOUNT or --holding SYMBOL QUANTITY")
    ledger = Ledger.open(settings.home, clock=SystemClock())
    try:
        with ledger.reader() as view:
            if not any(book.desk == desk for book in view.desks()):
                raise ConfigError(f"desk {desk} has not run yet in {settings.home}")
            units = units_of(view, desk)
            record = _record(view, desk, arguments, units)
        if not settings.as_json:
            sys.stdout.write(table([{"account": one.account, "amount": plain(one.amount, units.money)} for one in record.postings]))
        if not _confirmed(desk, arguments):
            print_line("nothing was written")
            return 1
        by = (("adjustment", record.adjustment_id), ("reason", record.reason))
        ledger.write([record, Noted(desk, "BOOKS_CORRECTED", by)], key=record.adjustment_id)
    finally:
        ledger.close()
    answer = {"desk": desk, "adjustment": record.adjustment_id, "reason": record.reason}
    print_line(json.dumps(answer, ensure_ascii=False) if settings.as_json else f"{desk}: {record.adjustment_id} written")
    return 0


def _record(view: Books, desk: str, arguments: argparse.Namespace, units: Units) -> Adjusted:
    reason = safe_text(arguments.reason, limit=200, one_line=True)
    name = f"{desk}:correction:{len(view.adjustments(desk)) + 1}"
    try:
        if arguments.cash is not None:
            amount = to_units(arguments.cash, units.money)
            if not amount:
                raise ValueError("nothing to correct")
            return cash_corrected(desk, name, amount, reason)
        symbol, quantity = arguments.holding
        account = view.account(desk)
        position = account.positions.get(symbol)
        mark = to_units(arguments.price, units.price) if arguments.price else position.mark if position else 0
        if not mark and to_units(quantity, units.quantity) > (position.quantity if position else 0):
            raise ValueError(f"{symbol}: say at which price with --price, the books know none")
        curve = view.equity(desk, limit=1)
        day = curve[-1].trading_day if curve else date.min
        return holding_corrected(account, name, symbol, to_units(quantity, units.quantity), mark, units, day, reason)
    except InvalidOperation:
        raise ConfigError("an amount, a quantity or a price is not a number") from None
    except ValueError as error:
        raise ConfigError(str(error)) from None


def _confirmed(desk: str, arguments: argparse.Namespace) -> bool:
    """A person's yes: the option, or the desk's name typed at the terminal."""
    if arguments.yes:
        return True
    if not sys.stdin.isatty():
        raise ConfigError("nobody is here to confirm it; say --yes")
    sys.stdout.write(f"Write this into the books of {desk}? Type {desk} to confirm: ")
    sys.stdout.flush()
    return sys.stdin.readline().strip() == desk
