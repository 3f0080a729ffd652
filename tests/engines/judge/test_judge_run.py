"""One closed run is judged by the sets of its agent, and by nothing else."""

from __future__ import annotations

import pytest

from mythos.engines.judge.judgement import judge_attempts, judge_run
from mythos.engines.judge.rulebook import make_rulebook
from mythos.engines.policy.blocked import DeniedAttempt
from mythos.errors import AgentError
from mythos.values.event import Json
from mythos.values.outcome import Outcome, Ruling, Severity
from tests.engines.judge.desk import (
    SECOND,
    START_S,
    Talk,
    agents,
    asked,
    catalogues,
    identified,
    policies,
    policy_digest,
    proper_return,
    refunded,
    returned,
    rulebook,
    workflows,
)

UPHELD, VIOLATED = Outcome.UPHELD, Outcome.VIOLATED
BLOCKED, UNDECIDABLE = Outcome.BLOCKED, Outcome.UNDECIDABLE


def _attempt(tool: str = "issue_refund", *, at_s: float = START_S + 30) -> DeniedAttempt:
    ruling = Ruling(
        policy_set="care-rules",
        digest=policy_digest("care-rules"),
        span_id="asked-1",
        agent="refunds",
        tool=tool,
        start_ns=int(at_s * SECOND),
        outcome=BLOCKED,
        rule="explicit-yes",
        severity=Severity.CRITICAL,
    )
    arguments: dict[str, Json] = {
        "order_id": "O-0002",
        "amount_cents": 1_000,
        "payment_method": "card-0002",
    }
    return DeniedAttempt("refunds", tool, "", arguments, int(at_s * SECOND), (ruling,))


def test_a_run_by_the_book_is_upheld_by_every_set_and_bears_no_risk() -> None:
    judged = proper_return().judged()
    assert {ruling.outcome for ruling in judged.rulings} == {UPHELD}
    assert judged.conformance is not None
    assert judged.conformance.workflow.document.name == "return-order"
    assert judged.conformance.alignment.cost == 0
    assert judged.risk == 0.0


def test_each_action_is_ruled_on_by_both_sets_in_force() -> None:
    judged = proper_return().judged()
    assert len(judged.rulings) == 6 * 2
    assert {ruling.policy_set for ruling in judged.rulings} == {"care-rules", "refund-rules"}


def test_a_write_without_a_yes_is_violated_and_charged_to_its_rule_alone() -> None:
    judged = returned(identified()).judged()
    (broken,) = [one for one in judged.rulings if one.outcome is VIOLATED]
    assert (broken.policy_set, broken.rule) == ("care-rules", "explicit-yes")
    assert broken.severity is Severity.CRITICAL
    assert judged.risk > 0.5


def test_one_yes_pays_for_one_write() -> None:
    judged = refunded(returned(asked(identified()))).judged()
    assert [one.tool for one in judged.rulings if one.outcome is VIOLATED] == ["issue_refund"]


def test_a_refused_question_is_no_yes() -> None:
    judged = returned(asked(identified(), "No, keep it.")).judged()
    assert judged.count(VIOLATED) == 1


def test_a_call_that_failed_was_executed_all_the_same() -> None:
    talk = identified().call("return_order", {"order_id": "O-2", "item_ids": []}, failed=True)
    assert talk.judged().count(VIOLATED) == 1


def test_a_call_whose_arguments_were_not_captured_is_undecidable_never_upheld() -> None:
    judged = asked(identified()).call("issue_refund").judged()
    found = {one.policy_set: one.outcome for one in judged.rulings if one.tool == "issue_refund"}
    assert found["refund-rules"] is UNDECIDABLE
    assert UPHELD not in {one.outcome for one in judged.rulings if one.tool == "issue_refund"}
    assert judged.risk > 0


def test_a_tool_that_no_catalogue_declares_is_denied_by_every_set() -> None:
    judged = identified().call("wire_money", {"to": "me"}).judged()
    found = [one for one in judged.rulings if one.tool == "wire_money"]
    assert {one.rule for one in found} == {"undeclared_tool"}
    assert {one.outcome for one in found} == {VIOLATED}
    assert len(found) == 2


def test_a_denial_that_was_obeyed_is_blocked_and_no_risk() -> None:
    judged = returned(asked(identified())).judged(None, _attempt())
    (blocked,) = [one for one in judged.rulings if one.outcome is BLOCKED]
    assert blocked.tool == "issue_refund"
    assert judged.asked["asked-1"] is not None
    assert judged.count(VIOLATED) == 0


def test_a_denial_that_was_ignored_is_violated_and_not_blocked() -> None:
    judged = refunded(returned(asked(identified()))).judged(None, _attempt(at_s=START_S))
    assert judged.count(BLOCKED) == 0
    assert judged.count(VIOLATED) == 1


def test_an_agent_that_no_document_describes_is_decided_by_every_set() -> None:
    judged = returned(identified(agent="stranger")).judged()
    assert {one.policy_set for one in judged.rulings} == {"care-rules", "refund-rules"}
    assert judged.count(VIOLATED) == 1


def test_a_set_in_shadow_is_judged_apart_and_enters_no_risk() -> None:
    book = make_rulebook((), catalogues(), (), shadow=policies())
    judged = judge_run(returned(identified()).run, book)
    assert judged.rulings == ()
    assert VIOLATED in {one.outcome for one in judged.shadow}
    assert judged.risk == 0.0


def test_an_agent_may_name_a_set_that_is_in_shadow_without_putting_it_in_force() -> None:
    book = make_rulebook((), catalogues(), workflows(), shadow=policies(), agents=agents())
    assert book.in_force("refunds") == ()


def test_a_set_given_in_force_and_in_shadow_is_in_force() -> None:
    book = make_rulebook(policies(), catalogues(), (), shadow=policies())
    assert not book.shadow
    assert len(book.in_force("anyone")) == 2


def test_an_agent_that_names_a_set_which_is_not_there_is_refused() -> None:
    with pytest.raises(AgentError, match="names the policy set 'care-rules', which is not there"):
        make_rulebook((), catalogues(), workflows(), agents=agents())
    with pytest.raises(AgentError, match="names the workflow"):
        make_rulebook(policies(), catalogues(), (), agents=agents())


def test_without_a_catalogue_every_call_is_undecidable() -> None:
    book = make_rulebook(policies(), (), workflows())
    judged = judge_run(proper_return().run, book)
    assert judged.catalogue is None
    assert {one.outcome for one in judged.rulings} == {UNDECIDABLE}
    assert len(judged.rulings) == 6 * 2


def test_without_a_catalogue_the_workflow_is_still_aligned() -> None:
    book = make_rulebook(policies(), (), workflows(), agents=())
    judged = judge_run(proper_return().run, book)
    assert judged.conformance is not None
    assert judged.conformance.alignment.cost == 0


def test_the_service_name_chooses_the_catalogue() -> None:
    assert proper_return(service="retail-care").judged().catalogue is not None
    only_one_fits = proper_return(service="somewhere-else").judged()
    assert only_one_fits.catalogue is not None
    assert only_one_fits.catalogue.domain == "retail-care"


def test_a_skipped_question_costs_its_weight() -> None:
    judged = returned(identified()).judged()
    assert judged.conformance is not None
    assert judged.conformance.alignment.cost == 5
    assert [(m.kind, m.label) for m in judged.conformance.alignment.deviations] == [
        ("skip", "confirm")
    ]


def test_a_run_that_names_its_workflow_is_held_to_that_one() -> None:
    talk = proper_return()
    talk.span("note", {"mythos.workflow": "cancel-order@1"})
    judged = talk.judged()
    assert judged.conformance is not None
    assert judged.conformance.workflow.document.name == "cancel-order"
    assert judged.conformance.alignment.cost > 0


def test_a_run_that_names_an_unknown_workflow_has_none() -> None:
    talk = proper_return()
    talk.span("note", {"mythos.workflow": "never-written"})
    judged = talk.judged()
    assert judged.conformance is None
    assert judged.stray == "never-written"


def test_an_agent_without_workflows_has_no_alignment() -> None:
    talk = identified(agent="triage").call("hand_over", {"desk": "refunds", "summary": "-"})
    judged = talk.judged()
    assert judged.conformance is None
    assert judged.stray == ""
    assert judged.risk == 0.0


def test_model_calls_are_never_extra_and_other_calls_are() -> None:
    talk = proper_return().user("thanks").call("hand_over", {"desk": "orders", "summary": "-"})
    judged = talk.judged()
    assert judged.conformance is not None
    assert [m.label for m in judged.conformance.alignment.deviations] == ["hand_over"]


def test_a_call_told_twice_is_one_step() -> None:
    """Frameworks wrap a call in a span of their own; the inner telling must not look extra."""
    talk = asked(identified())
    talk.call("return_order", {"order_id": "O-0002", "item_ids": ["I-1"]}, call_id="c1")
    outer = talk.spans[-1]
    spans = talk.whole()
    inner = outer.__class__(
        trace_id=outer.trace_id,
        span_id="00000000000000ff",
        parent_id=outer.span_id,
        name="tools/call return_order",
        start_ns=outer.start_ns + 1,
        end_ns=outer.end_ns - 1,
        attributes={**outer.attributes, "mcp.method.name": "tools/call"},
        resource=outer.resource,
    )
    from mythos.engines.telemetry.runs import assemble

    (run,) = assemble([*spans, inner])
    judged = judge_run(run, rulebook())
    assert judged.conformance is not None
    assert judged.conformance.alignment.cost == 0


def test_a_lone_call_without_an_agent_is_a_step_of_its_own_run() -> None:
    talk = Talk(agent="")
    talk.call("cancel_order", {"order_id": "O-1", "reason": "-"})
    from mythos.engines.telemetry.runs import assemble

    (run,) = assemble(talk.spans)
    judged = judge_run(run, make_rulebook(policies(), catalogues(), workflows()))
    assert judged.count(VIOLATED) == 1
    assert judged.conformance is not None
    assert "cancel" in judged.conformance.labels


def test_denials_of_which_no_span_came_are_blocked_actions_without_a_run() -> None:
    judged = judge_attempts("ab" * 16, [_attempt()])
    assert [one.outcome for one in judged.rulings] == [BLOCKED]
    assert judged.conformance is None
    assert not judged.observed
    assert judged.risk == 0.0
