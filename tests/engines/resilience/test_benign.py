"""A benign mark silences one kind of call, and changes nothing else."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import JsonValue

from mythos.engines.evidence.policy import OutcomeCounts, PolicyBody, RunCounts
from mythos.engines.evidence.row import EvidenceRow
from mythos.engines.evidence.sample import Sample, Samples
from mythos.engines.resilience.benign import BenignMark, covering
from mythos.engines.resilience.moment import written
from mythos.values.outcome import Outcome, Severity
from mythos.values.reading import Flag, Reading
from tests.engines.resilience.scenes import NOON_S, OBSERVED, ONE, SET, hour, read, row

WEEK = ONE + timedelta(days=7)
MARK = BenignMark(
    id="7",
    agent="payments",
    policy_set=SET,
    rule="cap",
    tool="send_money",
    until=WEEK,
    by="ada",
    why="the yearly audit payment",
    arguments={"amount": 900},
)
CALL = Sample(
    span_id="s1",
    trace_id="t1",
    tool="send_money",
    agent="payments",
    at=NOON_S + 5,
    outcome=Outcome.VIOLATED,
    rule="cap",
    severity=Severity.CRITICAL,
    arguments={"amount": 900, "to": "auditor"},
)


def broke(*calls: Sample, counted: int | None = None, cell: int = NOON_S) -> EvidenceRow:
    counts: dict[str, OutcomeCounts] = {}
    for call in calls:
        there = counts.get(call.rule, OutcomeCounts())
        counts[call.rule] = there + OutcomeCounts(violated=1)
    if counted is not None:
        counts[calls[0].rule] = OutcomeCounts(violated=counted)
    loud = dict.fromkeys(counts, Severity.CRITICAL)
    body = PolicyBody(counts, loud, RunCounts(violated=1), Samples.of(calls))
    return row("policy", body, subject=SET, agent="name:payments", cell=cell)


def reading(
    *rows: EvidenceRow,
    marks: tuple[BenignMark, ...] = (MARK,),
    as_of: datetime = ONE,
    previous_flags: tuple[Flag, ...] = (),
) -> Reading:
    facts = replace(OBSERVED, benign=marks)
    seen = hour(active=1, bad=1)
    return read(seen, *rows, facts=facts, as_of=as_of, previous_flags=previous_flags)


def test_a_marked_call_is_a_flag_that_says_until_when_by_whom_and_why() -> None:
    [flag] = reading(broke(CALL)).flags
    assert (flag.code, flag.severity, flag.state) == ("POLICY_VIOLATION", "critical", "benign")
    [note] = flag.benign
    assert (note.until, note.by, note.why) == (written(WEEK), "ada", "the yearly audit payment")


def test_a_mark_changes_no_number_and_no_evidence() -> None:
    with_mark, without = reading(broke(CALL)), reading(broke(CALL), marks=())
    assert with_mark.resilience == without.resilience
    assert with_mark.components == without.components
    assert with_mark.evidence_digest == without.evidence_digest


def test_a_critical_flag_that_was_marked_makes_no_state_but_is_named_in_its_reason() -> None:
    assert reading(broke(CALL), marks=()).state == "CRITICAL"
    marked = reading(broke(CALL))
    assert marked.state != "CRITICAL"
    assert marked.state != "HEALTHY"
    assert f"1 critical flag marked benign until {written(WEEK)}" in marked.reason


@pytest.mark.parametrize(
    "other",
    [
        {"agent": "clerk"},
        {"rule": "origin"},
        {"tool": "schedule_transfer"},
        {"arguments": {"amount": 901, "to": "auditor"}},
        {"arguments": {"amount": "900"}},
        {"arguments": {"amount": True}},
        {"arguments": {"to": "auditor"}},
        {"arguments": None},
        {"outcome": Outcome.BLOCKED},
    ],
    ids=str,
)
def test_a_mark_covers_nothing_beside_its_scope(other: dict[str, Any]) -> None:
    assert MARK.covers(CALL, policy_set=SET)
    assert not MARK.covers(replace(CALL, **other), policy_set=SET)


def test_a_mark_does_not_cover_another_version_of_the_set() -> None:
    assert not MARK.covers(CALL, policy_set="sha256:" + "6" * 64)


def test_a_mark_hides_no_other_rule() -> None:
    other = replace(CALL, span_id="s2", rule="origin")
    states = {flag.subject: flag.state for flag in reading(broke(CALL, other)).flags}
    assert states == {
        "eu-pay-07/payments/payments-guard/cap": "benign",
        "eu-pay-07/payments/payments-guard/origin": "firing",
    }


def test_a_call_of_the_same_rule_that_no_mark_covers_fires_alone() -> None:
    other = replace(CALL, span_id="s2", at=NOON_S + 9, arguments={"amount": 5_000})
    [flag] = reading(broke(CALL, other)).flags
    assert (flag.state, flag.value, flag.benign) == ("firing", 1, ())
    assert [ref.ref for ref in flag.evidence] == ["t1/s2"]


def test_a_call_that_was_counted_but_not_kept_is_never_covered() -> None:
    [flag] = reading(broke(CALL, counted=3)).flags
    assert (flag.state, flag.value) == ("firing", 2)


def test_without_its_mark_a_flag_fires_again() -> None:
    marked = reading(broke(CALL)).flags
    [again] = reading(broke(CALL), marks=(), previous_flags=marked).flags
    assert (again.state, again.benign) == ("firing", ())


def test_a_flag_whose_evidence_left_the_window_stays_benign_as_long_as_its_mark() -> None:
    marked = reading(broke(CALL)).flags
    later = ONE + timedelta(days=40)
    kept = reading(previous_flags=marked, as_of=later).flags
    woken = reading(previous_flags=marked, as_of=later, marks=()).flags
    assert [flag.state for flag in kept] == ["benign"]
    assert [flag.state for flag in woken] == ["firing"]


def test_a_flag_that_fires_becomes_benign_when_it_is_marked() -> None:
    firing = reading(broke(CALL), marks=()).flags
    [flag] = reading(broke(CALL), previous_flags=firing).flags
    assert (flag.state, flag.since) == ("benign", firing[0].since)


def test_of_two_marks_the_one_that_lasts_longer_covers() -> None:
    shorter = replace(MARK, id="8", until=ONE)
    found = covering((shorter, MARK), CALL, policy_set=SET)
    assert found is MARK


VALUES = st.one_of(st.integers(-3, 3), st.booleans(), st.sampled_from(["", "0", "1"]), st.none())


@given(
    marked=st.dictionaries(st.sampled_from("abc"), VALUES, min_size=1),
    sent=st.dictionaries(st.sampled_from("abc"), VALUES),
)
def test_a_mark_covers_exactly_the_calls_that_send_its_values(
    marked: dict[str, JsonValue], sent: dict[str, JsonValue]
) -> None:
    mark = replace(MARK, arguments=marked)
    same = all(
        name in sent and (type(sent[name]), sent[name]) == (type(value), value)
        for name, value in marked.items()
    )
    assert mark.covers(replace(CALL, arguments=sent), policy_set=SET) == same
