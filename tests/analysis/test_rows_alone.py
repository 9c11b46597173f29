"""A share's running averages do not depend on how many others are computed with it."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from engine.analysis import indicators as ind


@given(st.integers(0, 10_000), st.integers(1, 5), st.integers(0, 40))
def test_a_share_alone_has_the_figures_it_has_among_many(seed: int, few: int, missing: int) -> None:
    random = np.random.default_rng(seed)
    close = 10 * np.exp(np.cumsum(random.normal(0, 0.02, (ind.FEW + 5, 90)), axis=1))
    for row in range(ind.FEW + 5):
        close[row, : (row * missing) % 90] = np.nan
    high, low = close * 1.01, close * 0.99
    for figure in (
        lambda part: ind.ema(close[part], 12),
        lambda part: ind.rsi(close[part], 14),
        lambda part: ind.macd(close[part]).signal,
        lambda part: ind.atr(high[part], low[part], close[part], 14),
    ):
        many, alone = figure(slice(None)), figure(slice(0, few))
        assert np.array_equal(many[:few], alone, equal_nan=True)
        assert not np.isnan(many[0, -1])
