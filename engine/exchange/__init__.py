"""What a market permits and charges, by date: pure rules, and the one matching kernel."""

from engine.exchange.boards import Exchange, NameFlags, Product, board_of, exchange_of, name_flags, product_of, symbol_of
from engine.exchange.booking import (
    Booking,
    BookingRefused,
    apply_booking,
    book_fill,
    book_flow,
    conserved,
    new_account,
    open_account,
)
from engine.exchange.calendar import Calendar, Session, calendar, sessions_listed
from engine.exchange.corporate import CorporateAction, book_dividend, book_sale_tax, dividend_tax, ex_reference
from engine.exchange.fees import NOTHING_CHARGED, Charged, FeeSchedule, charged_by, fees, worst_case_cost
from engine.exchange.limits import PriceLimits, cage_base, price_cage, price_limits
from engine.exchange.lots import floor_quantity, on_tick, order_maximum, quantity_problem, tick_at, tick_of, to_tick
from engine.exchange.sessions import Phase, accepts_cancels, accepts_orders
from engine.exchange.settlement import settles_on

__all__ = [
    "NOTHING_CHARGED",
    "Booking",
    "BookingRefused",
    "Calendar",
    "Charged",
    "CorporateAction",
    "Exchange",
    "FeeSchedule",
    "NameFlags",
    "Phase",
    "PriceLimits",
    "Product",
    "Session",
    "accepts_cancels",
    "accepts_orders",
    "apply_booking",
    "board_of",
    "book_dividend",
    "book_fill",
    "book_flow",
    "book_sale_tax",
    "cage_base",
    "calendar",
    "charged_by",
    "conserved",
    "dividend_tax",
    "ex_reference",
    "exchange_of",
    "fees",
    "floor_quantity",
    "name_flags",
    "new_account",
    "on_tick",
    "open_account",
    "order_maximum",
    "price_cage",
    "price_limits",
    "product_of",
    "quantity_problem",
    "sessions_listed",
    "settles_on",
    "symbol_of",
    "tick_at",
    "tick_of",
    "to_tick",
    "worst_case_cost",
]
