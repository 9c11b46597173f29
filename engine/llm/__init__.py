"""Models behind one protocol: providers, prompts, strict replies, cost."""

from engine.llm.evidence import Evidence, check_evidence, figures_of
from engine.llm.library import PromptLibrary
from engine.llm.model import Model, Prompt, Reply, Turn, Usage, continued, make_prompt
from engine.llm.offline import OfflineModel
from engine.llm.panel import Answer, Call, ask_and_parse, ask_panel
from engine.llm.parse import Parsed, parse_reply
from engine.llm.price import Price, Rates, cost, estimate
from engine.llm.prompts import CandidateRow, HoldingRow, PromptContext, PromptTemplate, render
from engine.llm.providers import ModelSpec, build_model
from engine.llm.schema import SCHEMA_ID, decision_schema

__all__ = [
    "SCHEMA_ID",
    "Answer",
    "Call",
    "CandidateRow",
    "Evidence",
    "HoldingRow",
    "Model",
    "ModelSpec",
    "OfflineModel",
    "Parsed",
    "Price",
    "Prompt",
    "PromptContext",
    "PromptLibrary",
    "PromptTemplate",
    "Rates",
    "Reply",
    "Turn",
    "Usage",
    "ask_and_parse",
    "ask_panel",
    "build_model",
    "check_evidence",
    "continued",
    "cost",
    "decision_schema",
    "estimate",
    "figures_of",
    "make_prompt",
    "parse_reply",
    "render",
]
