"""What a policy page says of kept calls under another version: never more than was kept."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import JsonValue

from mythos.engines.evidence.sample import Sample
from mythos.engines.policy.document import load_policy_set
from mythos.engines.policy.identity import digest
from mythos.server.policies.pages.backtest import BacktestShown, backtest_of
from mythos.server.policies.pages.facts import CallFact, PolicyFact
from mythos.values.outcome import Outcome, Severity
from mythos.values.tools import ToolCatalogue
from tests.server.fleet import EXAMPLE

SET = load_policy_set((EXAMPLE / "policies/care-rules.yaml").read_text("utf-8"), source="care")
OLD = PolicyFact(digest(SET), SET)
TOOLS = ToolCatalogue.model_validate_json((EXAMPLE / "tools/retail-care.json").read_bytes())
REFUND: dict[str, JsonValue] = {
    "order_id": "W-1042",
    "amount_cents": 4950,
    "payment_method": "gift card",
}


def version(old: str, new: str) -> PolicyFact:
    """Version 2, with one text of the rules in place of another."""
    assert old in SET.rules
    changed = {"version": 2, "rules": SET.rules.replace(old, new)}
    return PolicyFact("sha256:2", SET.model_copy(update=changed))


def kept(outcome: Outcome, **more: Any) -> Sample:  # noqa: ANN401 - fields of a sample
    """A refund that version 1 judged."""
    denied = outcome is not Outcome.UPHELD
    rule = "explicit-yes" if denied else "confirmed-write"
    usual = Sample(
        span_id="1" * 16,
        trace_id="2" * 32,
        tool="issue_refund",
        agent="refunds",
        at=int(datetime(2026, 11, 29, tzinfo=UTC).timestamp()),
        outcome=outcome,
        rule=rule,
        rules=(rule,),
        severity=Severity.CRITICAL,
        arguments=dict(REFUND),
        missing=("confirmed",) if denied else (),
    )
    return replace(usual, **more)


def tried(sample: Sample, new: PolicyFact) -> BacktestShown:
    return backtest_of(OLD, new, [CallFact("n", "eu", "enforce", sample, OLD.digest)], TOOLS)


OTHER_TOOL = version("when { context.past.identified };", "when { true };")
UNASKED = version("when { context.past.identified && context.past.confirmed }", "when { true }")
CAPPED = version(
    "unless { context.past.confirmed };",
    "unless { context.past.confirmed };\n"
    '@id("cap") forbid (principal, action == Action::"issue_refund", resource)\n'
    "when { context.input.amount_cents > 1000 };",
)
BY_RUN = version("unless { context.past.confirmed }", "when { context.run.untrusted }")


@pytest.mark.parametrize("outcome", [Outcome.UPHELD, Outcome.VIOLATED, Outcome.BLOCKED])
def test_a_call_whose_rules_did_not_change_is_the_same_whatever_was_kept_of_it(
    outcome: Outcome,
) -> None:
    assert tried(kept(outcome, arguments=None), OTHER_TOOL) == BacktestShown(calls=1, same=1)


def test_what_the_first_version_allowed_tells_the_facts_that_the_second_reads() -> None:
    found = tried(kept(Outcome.UPHELD), UNASKED)
    assert (found.same, found.decidable) == (1, 1)


def test_an_allowed_call_that_the_new_version_forbids_is_newly_blocked() -> None:
    found = tried(kept(Outcome.UPHELD), CAPPED)
    assert found.now_blocked == 1
    assert found.changed[0].rules == ("cap",)


def test_a_small_refund_stays_allowed_under_the_same_rule() -> None:
    assert tried(kept(Outcome.UPHELD, arguments={**REFUND, "amount_cents": 900}), CAPPED).same == 1


@pytest.mark.parametrize("value", ["[masked]", "•••• 1042", "4950…", "… (900 bytes of JSON)"])
def test_a_value_that_was_masked_or_cut_is_not_taken_for_the_argument(value: str) -> None:
    found = tried(kept(Outcome.UPHELD, arguments={**REFUND, "amount_cents": value}), CAPPED)
    assert found.reasons == (("masked: argument amount_cents", 1),)


def test_a_call_without_its_arguments_says_so() -> None:
    found = tried(kept(Outcome.UPHELD, arguments=None), CAPPED)
    assert found.reasons == (("the arguments of the call were not captured", 1),)


def test_what_the_run_had_shown_is_not_taken_for_nothing() -> None:
    found = tried(kept(Outcome.UPHELD), BY_RUN)
    assert found.reasons == (("not kept: what the run had shown before the call", 1),)


def test_a_fact_that_the_versions_declare_otherwise_is_open() -> None:
    facts = {**SET.facts, "confirmed": SET.facts["identified"]}
    other = PolicyFact("sha256:2", SET.model_copy(update={"version": 2, "facts": facts}))
    assert tried(kept(Outcome.VIOLATED), other).undecidable == 1


def test_a_call_kept_under_the_new_version_tells_what_the_old_one_would_have_said() -> None:
    sample = kept(Outcome.UPHELD, rules=("confirmed-write",))
    new = digest(CAPPED.policy_set)
    small = replace(sample, arguments={**REFUND, "amount_cents": 900})
    found = backtest_of(OLD, CAPPED, [CallFact("n", "eu", "enforce", small, new)], TOOLS)
    assert (found.same, found.undecidable) == (1, 0)


def test_a_denied_call_that_a_further_fact_decides_names_that_fact() -> None:
    new = version(
        "when { context.past.identified && context.past.confirmed }",
        "when { context.past.identified }",
    )
    rules = new.policy_set.rules.replace("unless { context.past.confirmed }", "when { false }")
    new = replace(new, policy_set=new.policy_set.model_copy(update={"rules": rules}))
    found = tried(kept(Outcome.VIOLATED), new)
    assert found.reasons == (("not kept: whether identified held", 1),)


def test_without_a_catalogue_nothing_is_tried() -> None:
    call = CallFact("n", "eu", "enforce", kept(Outcome.UPHELD))
    assert backtest_of(OLD, UNASKED, [call], None).problem
