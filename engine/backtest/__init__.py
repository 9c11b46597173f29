"""The desk's own cycle over history, and what it was worth."""

from engine.backtest.gate import try_strategy
from engine.backtest.result import Close, Figures, Result, measure, result_record
from engine.backtest.run import backtest
from engine.backtest.trades import Trade, round_trips

__all__ = ["Close", "Figures", "Result", "Trade", "backtest", "measure", "result_record", "round_trips", "try_strategy"]
