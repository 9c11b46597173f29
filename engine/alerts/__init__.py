"""What a person must hear of, and through which channel: watching, routing, a durable outbox, and the thread that delivers."""

from engine.alerts.channels import Channel, ChannelFailed, Speak, open_channels
from engine.alerts.outbox import Outbox, Word, plain_words, trial_message
from engine.alerts.postman import Postman
from engine.alerts.routing import Message, Quiet, Raised, RoutingPolicy, Told, plan
from engine.alerts.watch import Condition, Readings, Watch, conditions, failures_in_a_row

__all__ = [
    "Channel",
    "ChannelFailed",
    "Condition",
    "Message",
    "Outbox",
    "Postman",
    "Quiet",
    "Raised",
    "Readings",
    "RoutingPolicy",
    "Speak",
    "Told",
    "Watch",
    "Word",
    "conditions",
    "failures_in_a_row",
    "open_channels",
    "plain_words",
    "plan",
    "trial_message",
]
