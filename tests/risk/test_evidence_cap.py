"""What a model quotes without having been shown it keeps its decision small: the rule `evidence_cap`."""

from __future__ import annotations

from dataclasses import replace

from engine.core.decision import Intent, VerdictResult
from engine.risk import judge
from tests.risk.test_rules import FEES, OPEN, codes, holding, view, wants

BANK = "600000.SH"
CAPPED = replace(OPEN, evidence_cap_ppm=50_000)
INVENTED = replace(wants(BANK, 0.75), unverified=("99.9",))


def test_an_unverified_number_cuts_the_size_to_the_cap_exactly() -> None:
    ruling = judge(view(), CAPPED, [INVENTED], FEES)
    assert [(v.rule, v.code, v.result) for v in ruling.verdicts] == [("evidence_cap", "EVIDENCE_UNVERIFIED", VerdictResult.CLAMP)]
    assert [proposal.quantity for proposal in ruling.proposals] == [5_000]
    assert (ruling.verdicts[0].observed, ruling.verdicts[0].limit) == ("0.750000", "0.050000")


def test_what_is_borne_out_is_not_cut_and_neither_is_what_is_small_enough() -> None:
    assert codes(judge(view(), CAPPED, [wants(BANK, 0.75)], FEES)) == ["ALLOWED"]
    assert codes(judge(view(), CAPPED, [replace(wants(BANK, 0.05), unverified=("99.9",))], FEES)) == ["ALLOWED"]


def test_what_is_held_beyond_the_cap_is_not_added_to() -> None:
    ruling = judge(view({BANK: holding(BANK, 10_000)}), CAPPED, [replace(INVENTED, intent=Intent.ADD)], FEES)
    assert codes(ruling) == ["EVIDENCE_UNVERIFIED"] and ruling.proposals == ()


def test_an_exit_needs_no_evidence() -> None:
    leaving = replace(wants(BANK, 0, Intent.EXIT), unverified=("99.9",))
    assert codes(judge(view({BANK: holding(BANK, 10_000)}), CAPPED, [leaving], FEES)) == ["ALLOWED"]


def test_a_cap_of_nothing_is_off() -> None:
    assert codes(judge(view(), OPEN, [INVENTED], FEES)) == ["ALLOWED"]
