"""A synthetic A-share market from a seed: sectors that move together, shares under the real ticks and limits, day after day.

seed ──► listing (boards by code, sectors, ST, new listings) ──► session by session: gap + 5-minute path ──► daily arrays
Whole numbers throughout, so that a seed gives the same market on every machine: prices in 1e-4 CNY, returns in ppm, quantities in
shares. Nothing here is real: every name begins with 模拟 (simulated). Limits and ticks come from engine.exchange.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import date

import numpy as np
import numpy.typing as npt

from engine.core.errors import DataError
from engine.core.instrument import Board
from engine.core.units import PPM, Market
from engine.exchange import calendar
from engine.exchange.limits import band
from engine.feeds.sim_listing import MOST_NAMES, SECTORS, TICK, Whole, listing

Mask = npt.NDArray[np.bool_]

BARS = 48
"""Five-minute bars of a session."""
_FREE_BAND = (2_000_000, 500_000)
"""How far a simulated share may move in a session without limits: our choice, not a rule."""
_HISTORY_STEPS = 8
_MARKET_PPM, _SECTOR_PPM = 9_000, 8_000
_SUSPENDED_PPM, _LONGEST_SUSPENSION = 1_200, 10
_JUMP_PPM, _AGAIN_PPM = 14_000, 380_000
"""How often a share gets news in a session; how often one that closed at its upper limit opens there again (连板)."""
_AUCTION_SHARE = 15_000


@dataclass(frozen=True, slots=True, eq=False)
class Session:
    """One session of every name, rows as Names. `steps` holds price after the opening auction and after each bar; a row of
    a name that does not trade repeats its reference price with no volume. `limit_up` and `limit_down` are 0 without limits.
    """

    reference: Whole
    limit_up: Whole
    limit_down: Whole
    trades: Mask
    suspended: Mask
    steps: Whole
    high: Whole
    low: Whole
    volume: Whole
    auction: Whole
    closing: Whole

    @property
    def amount(self) -> Whole:
        """Turnover of each bar in money units: its volume at the middle of its four prices."""
        middle: Whole = (self.steps[:, :-1] + self.steps[:, 1:] + self.high + self.low) // 4
        return middle * self.volume


class SimMarket:
    """All of a simulated market. `days` are `history` sessions before `start` and the `sessions` from it that are played."""

    def __init__(self, *, seed: int, size: int, start: date, sessions: int, history: int) -> None:
        if not 1 <= size <= MOST_NAMES:
            raise DataError(f"sim: {size} names; between 1 and {MOST_NAMES} are possible")
        self._seed = seed
        self.history = history
        self.days = _days(start, sessions, history)
        self.names = listing(_generator(seed, 0), size, self.days, history)
        boards = list(Board)
        self._kind = np.array([2 * boards.index(item.board) + item.special_treatment for item in self.names.instruments])
        count, length = size, len(self.days)
        shape = (count, length)
        self.reference, self.open, self.high, self.low, self.close, self.volume, self.amount = (
            np.zeros(shape, dtype=np.int64) for _ in range(7)
        )
        self.trades = np.zeros(shape, dtype=np.bool_)
        self._left = np.zeros(shape, dtype=np.int64)
        self._at_limit = np.zeros(shape, dtype=np.bool_)
        for place in range(length):
            self._live(place)

    def session(self, place: int) -> Session:
        """The session of `days[place]` again, with its path; the same every time."""
        listed = self.names.listed_at <= place
        first = self.names.listed_at == place
        before = self.close[:, place - 1] if place else self.names.price
        reference = np.where(first | ~listed, self.names.price, before)
        left = self._left[:, place - 1] if place else np.zeros_like(reference)
        again = self._at_limit[:, place - 1] if place else np.zeros_like(listed)
        steps = BARS if place >= self.history else _HISTORY_STEPS
        rng = _generator(self._seed, place + 1)
        begins = (rng.integers(0, PPM, len(reference)) < _SUSPENDED_PPM) & ~first
        suspended = listed & ((left > 1) | ((left <= 0) & begins))
        trades = listed & ~suspended
        up, down = self._bands(place)
        limit_up, limit_down = _limit(reference, up), _limit(reference, -down)
        free = up == 0
        top = np.where(free, reference * (PPM + _FREE_BAND[0]) // PPM // TICK * TICK, limit_up)
        floor = np.where(free, reference * (PPM - _FREE_BAND[1]) // PPM // TICK * TICK, limit_down)
        floor = np.maximum(floor, TICK)
        path = self._returns(rng, steps, reference, np.where(free, 200_000, up), first, again)
        latent = (reference[:, None] * (PPM + path) // PPM + TICK // 2) // TICK * TICK
        price = np.clip(latent, floor[:, None], top[:, None])
        price = np.where(trades[:, None], price, reference[:, None])
        high, low = _ranges(rng, price, floor, top, trades)
        volume, auction, closing = self._volumes(rng, price, top, floor, trades)
        return Session(
            reference=reference,
            limit_up=np.where(free, 0, limit_up),
            limit_down=np.where(free, 0, limit_down),
            trades=trades,
            suspended=suspended,
            steps=price,
            high=high,
            low=low,
            volume=volume,
            auction=auction,
            closing=closing,
        )

    def _live(self, place: int) -> None:
        """Enter a session into the daily arrays."""
        day = self.session(place)
        opened, close = day.steps[:, 0], day.steps[:, -1]
        self.reference[:, place], self.open[:, place], self.close[:, place] = day.reference, opened, close
        self.high[:, place] = np.maximum(day.high.max(axis=1), opened)
        self.low[:, place] = np.minimum(day.low.min(axis=1), opened)
        self.volume[:, place] = day.volume.sum(axis=1) + day.auction + day.closing
        self.amount[:, place] = day.amount.sum(axis=1) + day.auction * opened + day.closing * close
        self.trades[:, place] = day.trades
        self._at_limit[:, place] = day.trades & (day.limit_up > 0) & (close == day.limit_up)
        before = self._left[:, place - 1] if place else np.zeros_like(close)
        length = 1 + _generator(self._seed, -place - 1).integers(0, _LONGEST_SUSPENSION, len(close))
        self._left[:, place] = np.where(day.suspended, np.where(before > 1, before - 1, length), 0)

    def _bands(self, place: int) -> tuple[Whole, Whole]:
        """How far each name may move, in ppm; zero without limits. The exchange is asked once for each kind of name."""
        listed = np.clip(place - self.names.listed_at + 1, 1, 6)
        kinds, rows, kind_of = np.unique(self._kind * 10 + listed, return_index=True, return_inverse=True)
        instruments = self.names.instruments
        bands = [
            band(instruments[row], self.days[place], sessions_listed=int(kind) % 10)
            for kind, row in zip(kinds.tolist(), rows.tolist(), strict=True)
        ]
        up, down = (np.array([pair[side] for pair in bands], dtype=np.int64)[kind_of] for side in (0, 1))
        return up, down

    def _returns(self, rng: np.random.Generator, steps: int, reference: Whole, up: Whole, first: Mask, again: Mask) -> Whole:
        """Where the path stands after the opening and after each bar, in ppm of the reference, before the limits cut it."""
        names, count = self.names, len(reference)
        step = math.isqrt((steps + 4) * PPM)  # 1,000 × the square root; the gap weighs as much as four steps
        gap = np.ones(steps + 1, dtype=np.int64)
        gap[0] = 2
        market = _noise(rng, (1, steps + 1)) * _MARKET_PPM
        sector = _noise(rng, (len(SECTORS), steps + 1)) * _SECTOR_PPM
        own = _noise(rng, (count, steps + 1)) * names.volatility[:, None]
        common = (market + sector)[names.sector] * names.beta[:, None] // PPM
        moves = (common + own) * gap // step
        pull = np.clip((names.price - reference) * 15_000 // reference, -15_000, 15_000)
        moves[:, 0] += pull
        news = rng.integers(0, PPM, count) < _JUMP_PPM
        size = up * rng.integers(400, 1_700, count) // 1_000 * (1 - 2 * rng.integers(0, 5, count) // 3)
        when = rng.integers(0, steps + 1, count)
        streak = again & (rng.integers(0, PPM, count) < _AGAIN_PPM)
        jump = np.where(streak, up * 3 // 2, np.where(news, size, 0))
        jump = np.where(first, rng.integers(200_000, 1_200_000, count), jump)
        when = np.where(streak | first, 0, when)
        moves[np.arange(count), when] += jump
        path: Whole = moves.cumsum(axis=1)
        return path

    def _volumes(
        self, rng: np.random.Generator, price: Whole, top: Whole, floor: Whole, trades: Mask
    ) -> tuple[Whole, Whole, Whole]:
        """Shares of each bar, of the opening and of the closing auction; little trades where the price is sealed at a limit."""
        count, steps = price.shape[0], price.shape[1] - 1
        shape = _smile(steps)
        moved = np.abs(price[:, 1:] - price[:, :1]) * 10 * PPM // price[:, :1]
        noise = rng.integers(400, 1_600, (count, steps))
        wanted = self.names.volume[:, None] * shape // PPM * noise // 1_000
        wanted = wanted * (PPM + moved) // PPM
        edge = (price == top[:, None]) | (price == floor[:, None])
        sealed = edge[:, 1:] & edge[:, :-1]
        wanted = np.where(sealed, wanted // 20, wanted)
        volume = np.where(trades[:, None], np.maximum(wanted // 100, 1) * 100, 0)
        ends = self.names.volume * _AUCTION_SHARE // PPM * rng.integers(500, 1_500, count) // 1_000
        auction = np.where(trades, np.maximum(ends // 100, 1) * 100, 0)
        closing = np.where(trades, np.maximum(ends // (20 * 100 * edge[:, -1] + 100), 1) * 100, 0)
        return volume, auction, closing


def _days(start: date, sessions: int, history: int) -> tuple[date, ...]:
    """Sessions of the A-share calendar. Raises CalendarUnknown beyond the years it knows."""
    known = calendar(Market.ASHARE)
    day = start if known.is_session(start) else known.next_session(start)
    before: list[date] = []
    earlier = day
    for _ in range(history):
        earlier = known.previous_session(earlier)
        before.append(earlier)
    played = [day]
    while len(played) < sessions:
        played.append(known.next_session(played[-1]))
    return (*reversed(before), *played)


def _limit(reference: Whole, ppm: Whole) -> Whole:
    """engine.exchange.limits.limits_around over a column: rounded half up to the tick, a tick away at least."""
    limit = (2 * reference * (PPM + ppm) + PPM * TICK) // (2 * PPM * TICK) * TICK
    nearest = reference + np.sign(ppm) * TICK
    moved = np.where(ppm > 0, np.maximum(limit, nearest), np.minimum(limit, nearest))
    least: Whole = np.maximum(moved, TICK)
    return least


def _ranges(rng: np.random.Generator, price: Whole, floor: Whole, top: Whole, trades: Mask) -> tuple[Whole, Whole]:
    """High and low of each bar: its ends and a few ticks beyond, within the limits."""
    before, after = price[:, :-1], price[:, 1:]
    reach = np.maximum(before * 1_500 // PPM // TICK, 1)
    more, less = (rng.integers(0, 1_000, after.shape) * reach // 500 * TICK * trades[:, None] for _ in range(2))
    return np.minimum(np.maximum(before, after) + more, np.maximum(top[:, None], after)), np.maximum(
        np.minimum(before, after) - less, np.minimum(floor[:, None], after)
    )


def _smile(steps: int) -> Whole:
    """The share of a day's volume in each bar, in ppm: much at both ends, little at noon."""
    place = np.arange(steps, dtype=np.int64)
    weight = 10 + (2 * place - steps + 1) ** 2 * 30 // max(1, (steps - 1) ** 2)
    share: Whole = weight * PPM // int(weight.sum())
    return share


def _noise(rng: np.random.Generator, shape: tuple[int, int]) -> Whole:
    """Bell-shaped whole numbers with a standard deviation of 1,000: four uniform draws, so that no float is involved."""
    drawn: Whole = rng.integers(-866, 867, (4, *shape)).sum(axis=0)
    return drawn


def _generator(seed: int, part: int) -> np.random.Generator:
    """A stream of its own for every part of the market."""
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, part + 1_000_000])))
