"""What a desk works with when its configuration was changed under its books: they go on, or the change is refused by name.

books (market, holdings, open orders) + universe ──► the instruments of the desk
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from engine.core.errors import ConfigError
from engine.core.ids import SHADOW_MARK
from engine.core.instrument import Instrument
from engine.core.journal import Noted
from engine.core.units import UNITS, Market, plain
from engine.cycle.mandate import Equipment, Mandate
from engine.store import Books
from engine.store.views import DeskBook

SHOWN = 5


def opened_as(books: Books, desk: str, market: Market) -> DeskBook | None:
    """How the desk was opened, None before; raises ConfigError where that was for another market: no account changes its money."""
    found = next((book for book in books.desks() if book.desk == desk), None)
    if found is not None and found.market != market.value:
        raise ConfigError(
            f"desk.{desk}.market: the books of {desk} are {found.market} in {found.currency}; "
            f"give the {market.value} desk another name, or another --home"
        )
    return found


def held_by(books: Books, desk: str) -> tuple[str, ...]:
    """What the desk and its shadows hold or have an open order in, by symbol, whatever their universe is by now."""
    family = [book.desk for book in books.desks() if book.desk == desk or book.desk.startswith(f"{desk}{SHADOW_MARK}")]
    held = {symbol for own in family for symbol in (*books.positions(own), *books.perps(own))}
    return tuple(sorted(held | {item.order.instrument for own in family for item in books.open_orders(own)}))


def left_behind(books: Books, named: Collection[str]) -> dict[str, tuple[str, ...]]:
    """What desks hold that no configuration names any more, by desk: nobody values, protects or sells it."""
    gone = [book.desk for book in books.desks() if book.desk not in named]
    found = {desk: tuple(sorted((*books.positions(desk), *books.perps(desk)))) for desk in gone}
    return {desk: held for desk, held in found.items() if held and SHADOW_MARK not in desk}


def instruments_of(mandate: Mandate, equipment: Equipment) -> dict[str, Instrument]:
    """The universe, and what is still held outside of it: that is valued, protected and may be sold, as ever.

    Raises ConfigError for a name of either that the tape does not know.
    """
    tape = equipment.tape
    listed = {item.symbol: item for item in tape.instruments()}
    wanted = set(mandate.symbols) or set(listed)
    if unknown := sorted(wanted - set(listed)):
        raise ConfigError(f"desk.{mandate.desk}.universe.symbols: {tape.source} has no {_some(unknown)}")
    with equipment.ledger.reader() as books:
        held = held_by(books, mandate.desk)
        _same_kind(books, mandate)
    if lost := sorted(set(held) - set(listed)):
        raise ConfigError(
            f"desk.{mandate.desk}.feed: its books hold {_some(lost)}, of which {tape.source} tells nothing; "
            "go on with a feed that does, or give this desk another name"
        )
    return {symbol: item for symbol, item in listed.items() if symbol in wanted or symbol in held}


def _same_kind(books: Books, mandate: Mandate) -> None:
    """Raises ConfigError where the books hold on margin what the desk would now buy outright, or the other way round."""
    perps, owned = books.perps(mandate.desk), books.positions(mandate.desk)
    if mandate.perps is None and perps:
        raise ConfigError(
            f"desk.{mandate.desk}.perps: its books hold perpetuals ({_some(sorted(perps))}); keep the table to close them"
        )
    if mandate.perps is not None and owned:
        raise ConfigError(f"desk.{mandate.desk}.perps: its books hold {_some(sorted(owned))} bought outright; sell them first")


def cash_stands(mandate: Mandate, opened_with: int) -> Sequence[Noted]:
    """Said once where `cash` was changed after the account was opened: the books go on with what they have."""
    if opened_with == mandate.cash:
        return ()
    money = UNITS[mandate.market].money
    told = (("configured", plain(mandate.cash, money)), ("opened", plain(opened_with, money)))
    return [Noted(mandate.desk, "CASH_STANDS", told)]


def told(desk: str, held: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """How a log says what a desk left behind."""
    return (("left", desk), ("count", str(len(held))), ("instruments", _some(held)))


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:SHOWN]) + (" …" if len(names) > SHOWN else "")
