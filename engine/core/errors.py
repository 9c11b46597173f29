"""Errors that a person can act on, each with the exit code of the contract."""

from __future__ import annotations


class KanpanError(Exception):
    """Ours, expected, one plain line; `exit_code` follows the contract."""

    exit_code = 1


class ConfigError(KanpanError):
    """The command line or the configuration is wrong; the message says what and where."""

    exit_code = 2


class OutsideError(KanpanError):
    """A feed, a model or a broker failed after its retries."""

    exit_code = 3


class AlreadyRunning(KanpanError):
    """Another process holds this state directory."""

    exit_code = 4


class LedgerError(KanpanError):
    """The ledger cannot be trusted or cannot be written; trading stops."""


class DataError(KanpanError):
    """Market data is missing, corrupt or fails its checks."""


class RuleUnknown(KanpanError):
    """The rulebook does not cover this market, product or date; it refuses rather than guesses."""


class CalendarUnknown(RuleUnknown):
    """The trading calendar does not reach this date; the message says how to refresh it."""


class IllegalTransition(KanpanError):
    """A state machine was asked for a step its table does not allow."""
