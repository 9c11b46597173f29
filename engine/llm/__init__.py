"""Models behind one protocol: providers, prompts, strict replies, cost."""

from engine.llm.evidence import Evidence, check_evidence, check_view, figures_of
from engine.llm.library import PromptLibrary, shipped
from engine.llm.margin_tables import FundingRow, MarginContext, PerpRow
from engine.llm.model import Model, Prompt, Reply, Turn, Usage, continued, make_prompt
from engine.llm.offline import OfflineModel
from engine.llm.panel import Answer, Call, Deaf, Judged, Listener, Silence, ask_panel, ask_side_by_side
from engine.llm.parse import OUTRIGHT, Parsed, Range, parse_reply, parse_within
from engine.llm.price import Price, Rates, cost, estimate
from engine.llm.prompts import CandidateRow, HoldingRow, PromptContext, PromptTemplate, TemplateOf, builtin, render
from engine.llm.providers import ModelSpec, build_model
from engine.llm.schema import CHANNEL_ID, SCHEMA_ID, channel_schema, decision_schema
from engine.llm.views import ParsedViews, parse_views

__all__ = [
    "CHANNEL_ID",
    "OUTRIGHT",
    "SCHEMA_ID",
    "Answer",
    "Call",
    "CandidateRow",
    "Deaf",
    "Evidence",
    "FundingRow",
    "HoldingRow",
    "Judged",
    "Listener",
    "MarginContext",
    "Model",
    "ModelSpec",
    "OfflineModel",
    "Parsed",
    "ParsedViews",
    "PerpRow",
    "Price",
    "Prompt",
    "PromptContext",
    "PromptLibrary",
    "PromptTemplate",
    "Range",
    "Rates",
    "Reply",
    "Silence",
    "TemplateOf",
    "Turn",
    "Usage",
    "ask_panel",
    "ask_side_by_side",
    "build_model",
    "builtin",
    "channel_schema",
    "check_evidence",
    "check_view",
    "continued",
    "cost",
    "decision_schema",
    "estimate",
    "figures_of",
    "make_prompt",
    "parse_reply",
    "parse_views",
    "parse_within",
    "render",
    "shipped",
]
