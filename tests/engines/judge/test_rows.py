"""What a judged run adds to the evidence, and in which cell."""

from __future__ import annotations

import time
from dataclasses import replace
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from mythos.engines.evidence.action import ActionBody
from mythos.engines.evidence.policy import OutcomeCounts, PolicyBody, RunCounts
from mythos.engines.evidence.row import EvidenceRow, digest_of_rows, from_wire, merge, to_wire
from mythos.engines.evidence.time import TimeBody
from mythos.engines.evidence.window import bit_at, cell_of
from mythos.engines.evidence.workflow import WorkflowBody
from mythos.engines.judge.judgement import judge_attempts, judge_run
from mythos.engines.judge.rows import Place, rows_of
from mythos.engines.judge.rulebook import make_rulebook
from mythos.engines.policy.blocked import DeniedAttempt
from mythos.engines.telemetry.open_runs import OpenRuns
from mythos.values.outcome import Outcome, Ruling, Severity
from tests.engines.judge.desk import (
    PLACE,
    SECOND,
    START_S,
    Talk,
    agent_digest,
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


def _policy(rows: list[EvidenceRow], name: str = "care-rules") -> dict[int, PolicyBody]:
    """The policy rows of one set by cell."""
    found = {}
    for row in rows:
        if row.key.kind == "policy" and row.key.subject == policy_digest(name):
            assert isinstance(row.body, PolicyBody)
            found[row.key.cell] = row.body
    return found


def _time(rows: list[EvidenceRow]) -> dict[int, TimeBody]:
    return {row.key.cell: row.body for row in rows if isinstance(row.body, TimeBody)}


def _denied(at_s: int, *, span: str = "asked-1", tool: str = "issue_refund") -> DeniedAttempt:
    ruling = Ruling(
        policy_set="care-rules",
        digest=policy_digest("care-rules"),
        span_id=span,
        agent="refunds",
        tool=tool,
        start_ns=at_s * SECOND,
        outcome=Outcome.BLOCKED,
        rule="explicit-yes",
        severity=Severity.CRITICAL,
    )
    return DeniedAttempt("refunds", tool, "", {"order_id": "O-2"}, at_s * SECOND, (ruling,))


def test_outcomes_are_counted_in_the_cell_of_the_action_and_the_run_where_it_ended() -> None:
    rows = refunded(asked(returned(asked(identified())).wait(120))).rows()
    cells = _policy(rows)
    first, last = START_S, START_S + 120
    assert set(cells) == {first, last}
    assert cells[first].outcomes == OutcomeCounts(upheld=4)
    assert cells[first].runs == RunCounts()
    assert cells[last].outcomes == OutcomeCounts(upheld=2)
    assert cells[last].runs == RunCounts(clean=1)


def test_a_run_counts_once_under_a_set_violated_before_undecidable() -> None:
    talk = returned(identified())
    talk.call("issue_refund")
    assert _policy(talk.rows())[START_S].runs == RunCounts(violated=1)
    blind = asked(identified()).call("issue_refund")
    assert _policy(blind.rows(), "refund-rules")[START_S].runs == RunCounts(undecidable=1)


def test_rows_name_an_agent_by_the_digest_of_its_document() -> None:
    refs = {row.key.agent for row in proper_return().rows() if row.key.kind != "time"}
    assert refs == {agent_digest("refunds")}


def test_rows_name_an_unknown_agent_by_its_name() -> None:
    refs = {row.key.agent for row in identified(agent="stranger").rows() if row.key.agent}
    assert refs == {"name:stranger"}


def test_every_governed_action_is_one_of_its_tool_whatever_the_number_of_sets() -> None:
    rows = refunded(returned(asked(identified()))).rows()
    actions = {row.key.subject: row.body for row in rows if row.key.kind == "action"}
    assert actions["return_order"] == ActionBody(n=1, x=0)
    assert actions["issue_refund"] == ActionBody(n=1, x=1)


def test_the_cell_of_a_violation_is_active_and_bad() -> None:
    rows = returned(identified().wait(60)).rows()
    body = _time(rows)[START_S]
    assert body.active == 0b11
    assert body.bad == 0b10
    assert body.unknown == 0


def test_the_cell_of_an_undecidable_call_is_active_and_unknown() -> None:
    body = _time(asked(identified()).wait(60).call("issue_refund").rows())[START_S]
    assert body.active == 0b11
    assert body.unknown == 0b10
    assert body.bad == 0


def test_time_rows_belong_to_the_hour_of_the_action() -> None:
    rows = refunded(asked(returned(asked(identified())).wait(3_600))).rows()
    assert set(_time(rows)) == {START_S, START_S + 3_600}


def test_an_action_just_before_a_cell_ends_is_in_that_cell() -> None:
    """A float of Unix seconds cannot tell 59.9999999 from 60."""
    talk = identified()
    late = replace(talk.spans[-1], start_ns=(START_S + 60) * SECOND - 1)
    talk.spans[-1] = late
    talk.now_s = START_S + 61
    assert _time(talk.rows())[START_S].active == 0b1


def test_a_blocked_attempt_is_counted_but_makes_no_cell_active() -> None:
    talk = returned(asked(identified()))
    judged = judge_run(talk.run, rulebook(), attempts=[_denied(START_S + 120)])
    rows = rows_of(judged, PLACE, agent_ref=rulebook().agent_ref)
    assert _policy(rows)[START_S + 120].outcomes == OutcomeCounts(blocked=1)
    assert _time(rows)[START_S].active == 0b1
    blocked = [row for row in rows if row.key.subject == "issue_refund"]
    assert blocked[0].body == ActionBody(n=1, x=1)


def test_each_blocked_attempt_keeps_a_sample_with_what_was_asked() -> None:
    talk = returned(asked(identified()))
    attempts = [_denied(START_S + 30, span="asked-1"), _denied(START_S + 31, span="asked-2")]
    judged = judge_run(talk.run, rulebook(), attempts=attempts)
    rows = rows_of(judged, PLACE, agent_ref=rulebook().agent_ref)
    kept = [s for s in _policy(rows)[START_S].samples.violating if s.tool == "issue_refund"]
    assert {sample.span_id for sample in kept} == {"asked-1", "asked-2"}
    assert {sample.arguments["order_id"] for sample in kept if sample.arguments} == {"O-2"}


def test_denials_without_a_run_count_no_run_and_no_workflow() -> None:
    judged = judge_attempts("ab" * 16, [_denied(START_S)])
    rows = rows_of(judged, PLACE, agent_ref=rulebook().agent_ref)
    assert {row.key.kind for row in rows} == {"policy", "action"}
    assert _policy(rows)[START_S].runs == RunCounts()
    assert _policy(rows)[START_S].outcomes == OutcomeCounts(blocked=1)


def test_a_shadow_set_gives_rows_of_its_own_kind_and_nothing_else() -> None:
    book = make_rulebook((), catalogues(), (), shadow=policies())
    rows = returned(identified()).rows(book)
    assert {row.key.kind for row in rows} == {"shadow"}


def test_the_workflow_row_is_the_outermost_agents_where_the_run_ended() -> None:
    rows = refunded(asked(returned(asked(identified())).wait(120))).rows()
    (row,) = [row for row in rows if row.key.kind == "workflow"]
    assert row.key.cell == START_S + 120
    assert row.key.agent == agent_digest("refunds")
    assert isinstance(row.body, WorkflowBody)
    assert (row.body.summary.runs, row.body.summary.fitting) == (1, 1)
    assert row.body.summary.tokens_in == 100


def test_a_sample_of_a_violation_shows_what_the_user_had_said() -> None:
    body = _policy(returned(identified()).rows())[START_S]
    (sample,) = body.samples.violating
    assert sample.rule == "explicit-yes"
    assert sample.arguments == {"order_id": "O-0002", "item_ids": ["I-1"]}
    assert sample.missing == ("confirmed",)
    assert [step.text for step in sample.steps if step.text] == ["I want to return order O-0002"]
    assert sample.steps[-1].name == "return_order"


def test_an_alignment_keeps_the_span_and_the_time_of_each_move_that_was_made() -> None:
    talk = returned(identified().call("get_order", {"order_id": "O-0002"}, failed=True))
    rows = talk.call("wire_money", {"to": "me"}).rows()
    (row,) = [from_wire(to_wire(row)) for row in rows if row.key.kind == "workflow"]
    assert isinstance(row.body, WorkflowBody)
    (sample,) = row.body.samples.violating
    assert (sample.span_id, sample.outcome) == (f"{1:016x}", Outcome.VIOLATED)
    assert sample.why == "cost 7, fitness 0.462"
    told = [(s.kind, s.name, s.text, s.span_id[-1:], s.at_ms, s.failed) for s in sample.steps]
    assert told == [
        ("match", "identify", "find_customer_by_email", "3", 1_000, False),
        ("match", "read-order", "get_order", "4", 2_000, False),
        ("extra", "read-order", "get_order", "5", 3_000, True),
        ("skip", "confirm", None, "", 0, False),
        ("match", "return", "return_order", "6", 4_000, False),
        ("extra", "wire_money", None, "7", 5_000, False),
    ]


def test_concurrent_moves_keep_their_own_spans_in_the_best_order() -> None:
    talk = asked(identified())
    question = talk.spans[-1]
    begun = question.start_ns + SECOND // 4
    talk = returned(talk)
    talk.spans[-1] = replace(talk.spans[-1], start_ns=begun, end_ns=begun + SECOND)
    talk.spans[-2] = replace(question, start_ns=begun + 1, end_ns=begun + SECOND)
    (row,) = [row for row in talk.rows() if row.key.kind == "workflow"]
    assert isinstance(row.body, WorkflowBody)
    (sample,) = row.body.samples.clean
    told = [(step.name, step.span_id[-1], step.at_ms) for step in sample.steps[-2:]]
    assert told == [("confirm", "5", 3_250), ("return", "6", 3_250)]


@given(order=st.permutations(range(8)), cuts=st.sets(st.integers(1, 7)))
def test_evidence_bytes_do_not_depend_on_order_or_batches(order: list[int], cuts: set[int]) -> None:
    spans = refunded(returned(asked(identified()))).whole()
    assert len(spans) == 8 - 1
    shuffled = [spans[i] for i in order if i < len(spans)]
    open_runs = OpenRuns()
    edges = [0, *sorted(cuts), len(shuffled)]
    for first, last in pairwise(edges):
        open_runs.add(shuffled[first:last], now_ns=(START_S + 60) * SECOND)
    (run,) = open_runs.due(
        (START_S + 120) * SECOND, close_grace_ns=SECOND, run_timeout_ns=900 * SECOND
    )
    rows = rows_of(judge_run(run, rulebook()), PLACE, agent_ref=rulebook().agent_ref)
    assert digest_of_rows(rows) == digest_of_rows(refunded(returned(asked(identified()))).rows())


def test_every_row_survives_the_wire() -> None:
    rows = returned(identified()).call("wire_money", {"to": "me"}).rows()
    assert [from_wire(to_wire(row)) for row in rows] == rows


def test_hostile_names_neither_break_rows_nor_share_one() -> None:
    """An agent chooses the names of its tools: none may stop the judge or hide in another's row."""
    names = ["x" * 5_000, "x" * 5_000 + "y", "two\nlines", "z" * 301]
    talk = identified(agent="evil\nagent" + "e" * 500)
    for name in names:
        talk.call(name, {})
    rows = talk.rows()
    assert [from_wire(to_wire(row)) for row in rows] == rows
    subjects = {row.key.subject for row in rows if row.key.kind == "action"}
    assert len(subjects) == 2 + len(names)


def test_a_run_of_many_invented_tools_still_fits_a_workflow_row() -> None:
    talk = Talk(agent="refunds")
    for number in range(3_000):
        talk.call(f"invented_{number}", {})
    (row,) = [row for row in talk.rows() if row.key.kind == "workflow"]
    assert from_wire(to_wire(row)) == row
    assert isinstance(row.body, WorkflowBody)
    assert "skip:confirm" in row.body.summary.dev_runs


def test_a_hostile_argument_cannot_swell_a_row() -> None:
    talk = identified()
    talk.call("return_order", {"order_id": "A" * 10**6, "item_ids": ["B" * 3_000] * 300, "n": 1})
    body = _policy(talk.rows())[START_S]
    (sample,) = body.samples.violating
    assert sample.arguments is not None
    assert str(sample.arguments["order_id"]).startswith("AAAA")
    assert len(str(sample.to_json())) < 20_000


def test_judging_stays_linear_in_the_length_of_a_run() -> None:
    """Two thousand denied calls in one run are rows within seconds, not minutes."""
    talk = identified()
    for _ in range(2_000):
        talk.call("cancel_order", {"order_id": "O-1", "reason": "-"})
    run = talk.run
    judged = judge_run(run, rulebook())
    began = time.process_time()
    rows = rows_of(judged, PLACE, agent_ref=rulebook().agent_ref)
    assert time.process_time() - began < 5
    assert sum(b.outcomes.violated for b in _policy(rows).values()) == 2_000


def test_cells_may_be_a_second_wide() -> None:
    place = Place("n", "e", "", 1)
    rows = returned(identified()).rows(None, place)
    body = _time(rows)[START_S]
    assert body.cell_s == 1
    assert body.bad == bit_at(START_S + 3, 1)
    assert set(_policy(rows)) == {cell_of(START_S + second, 1) for second in (1, 2, 3, 4)}


def test_the_rulebook_of_the_example_governs_its_three_agents() -> None:
    assert set(rulebook().agents) == {"orders", "refunds", "triage"}
    assert [w.document.name for w in rulebook().workflows_of("orders")] == ["cancel-order"]
    assert rulebook().workflows_of("triage") == ()
    assert {w.document.name for w in rulebook().workflows_of("nobody")} == {
        w.name for w in workflows()
    }


def test_a_run_without_spans_of_a_set_adds_no_run_to_it() -> None:
    talk = Talk().user("hello")
    rows = talk.rows()
    assert {row.key.kind for row in rows} == {"workflow"}
    assert proper_return().rows() != rows


def test_unknown_workflows_share_one_row_that_scores_nothing_and_shows_their_names() -> None:
    rows = []
    for number in range(20):
        talk = identified(trace=f"{number + 1:032x}")
        talk.span("note", {"gen_ai.workflow.name": f"job {number}"})
        rows += talk.rows()
    [row] = [one for one in merge(rows) if one.key.kind == "workflow"]
    assert (row.key.subject, row.key.agent) == ("", agent_digest("refunds"))
    assert isinstance(row.body, WorkflowBody)
    summary = row.body.summary
    assert (summary.runs, summary.inexact, summary.cost_sum, summary.denom_sum) == (20, 20, 0, 0)
    assert {sample.rule for sample in row.body.samples.clean} <= {f"job {n}" for n in range(20)}
    assert from_wire(to_wire(row)) == row
