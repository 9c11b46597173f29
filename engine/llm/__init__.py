"""Models behind one protocol: providers, prompts, strict replies, cost."""

from engine.llm.model import Model, Prompt, Reply, Turn, Usage, continued, make_prompt
from engine.llm.offline import OfflineModel
from engine.llm.parse import Parsed, parse_reply
from engine.llm.prompts import CandidateRow, HoldingRow, PromptContext, render
from engine.llm.schema import SCHEMA_ID, decision_schema

__all__ = [
    "SCHEMA_ID",
    "CandidateRow",
    "HoldingRow",
    "Model",
    "OfflineModel",
    "Parsed",
    "Prompt",
    "PromptContext",
    "Reply",
    "Turn",
    "Usage",
    "continued",
    "decision_schema",
    "make_prompt",
    "parse_reply",
    "render",
]
