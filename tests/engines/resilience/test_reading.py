"""A whole reading: states in their order, flags with their proof, laws over any evidence."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mythos.engines.evidence.policy import OutcomeCounts, PolicyBody
from mythos.engines.evidence.row import EvidenceRow, RowKey, roll_up
from mythos.engines.evidence.sample import Sample, Samples
from mythos.engines.evidence.time import TimeBody
from mythos.engines.evidence.window import bit_range
from mythos.engines.resilience.facts import Fork, Mismatch, NodeFacts
from mythos.engines.resilience.presence import Presence
from mythos.engines.resilience.reading import read_node
from mythos.errors import EvidenceError
from mythos.values.outcome import Outcome, Severity
from tests.engines.resilience.scenes import (
    NOON,
    NOON_S,
    OBSERVED,
    ONE,
    SET,
    audit,
    calls,
    codes,
    hour,
    part,
    read,
    row,
    ruled,
)

FULL = bit_range(0, 60)
CLEAN = (hour(active=FULL), calls(600, 0))
BEATING = replace(OBSERVED, presence=Presence(newest_beat=ONE))
WITH_MEMORY = replace(OBSERVED, applies_memory=True)


def test_a_node_with_an_hour_of_clean_calls_is_healthy() -> None:
    reading = read(*CLEAN)
    assert reading.state == "HEALTHY"
    assert reading.resilience.mid == pytest.approx(1.0)
    assert reading.resilience.low == pytest.approx(0.976, abs=0.001)
    assert reading.coverage == 0.4
    assert reading.observed_only
    assert (reading.actions, reading.as_of) == (600, "2026-11-22T13:00:00Z")


def test_a_node_without_any_evidence_is_idle_and_never_healthy() -> None:
    reading = read()
    assert (reading.state, reading.resilience.mid) == ("IDLE", None)
    assert reading.unknown_components == ("codex_uptime_index", "outcome_entropy")


def test_a_critical_flag_comes_before_every_other_state() -> None:
    broken = ruled(OutcomeCounts(violated=1), severity=Severity.CRITICAL)
    reading = read(*CLEAN, broken, facts=replace(BEATING, presence=Presence(newest_beat=NOON)))
    assert reading.state == "CRITICAL"
    assert reading.reason == (
        "POLICY_VIOLATION: eu-pay-07/payments/payments-guard/recipient_origin"
    )
    assert codes(reading) == ["POLICY_VIOLATION", "NODE_SILENT"]


def test_an_overdue_beat_is_silent_and_lowers_only_the_lower_bound() -> None:
    late = replace(BEATING, presence=Presence(newest_beat=NOON + timedelta(minutes=30)))
    half = (hour(active=bit_range(0, 30)), calls(600, 0))
    silent = read(*half, facts=late)
    assert silent.state == "SILENT"
    assert silent.reason == "last heard 1800 s ago"
    assert silent.resilience.mid == pytest.approx(1.0)
    assert silent.resilience.low < read(*half).resilience.low


def test_a_node_that_never_beat_is_silent_since_its_enrolment() -> None:
    assert read(*CLEAN, facts=NodeFacts()).reason == "no beat has arrived yet"
    fresh = NodeFacts(presence=Presence(enrolled_at=ONE - timedelta(seconds=100)))
    assert read(*CLEAN, facts=fresh).state != "SILENT"


def test_a_beat_is_overdue_only_after_three_intervals() -> None:
    due = replace(OBSERVED, presence=Presence(newest_beat=ONE - timedelta(seconds=180)))
    assert read(*CLEAN, facts=due).state == "HEALTHY"
    late = replace(OBSERVED, presence=Presence(newest_beat=ONE - timedelta(seconds=181)))
    assert read(*CLEAN, facts=late).state == "SILENT"


def test_undecidable_cells_alone_make_a_node_blind_and_it_says_what_to_switch_on() -> None:
    lacking = Sample(
        "s", "t", "send", "payments", NOON_S, Outcome.UNDECIDABLE, "r", missing=("to",)
    )
    body = PolicyBody({"r": OutcomeCounts(undecidable=60)}, samples=Samples.of([lacking]))
    unseen = row("policy", body, subject=SET, agent="name:payments")
    reading = read(hour(active=FULL, unknown=FULL), calls(60, 0), unseen)
    assert reading.state == "BLIND"
    assert "60 of 60 active cells undecidable" in reading.reason
    assert "missing: to" in reading.reason
    assert codes(reading) == ["EVIDENCE_BLIND"]


def test_a_low_bound_held_down_by_undecidable_cells_is_blind() -> None:
    reading = read(hour(active=FULL, unknown=bit_range(10, 60)), calls(60, 0))
    assert reading.resilience.mid == pytest.approx(1.0)
    assert reading.state == "BLIND"


def test_undecidable_cells_do_not_excuse_a_score_below_target() -> None:
    unseen = [hour(cell=NOON_S - n * 3_600, active=FULL, unknown=FULL) for n in (1, 2, 3, 4)]
    reading = read(hour(active=bit_range(0, 10), bad=0b1111), *unseen, calls(600, 0))
    assert reading.resilience.mid == pytest.approx(0.6**0.75)
    assert reading.state == "DEGRADED"


def test_a_covered_node_that_did_nothing_is_idle() -> None:
    reading = read(hour(covered=FULL), facts=BEATING)
    assert (reading.state, reading.reason) == ("IDLE", "no governed action in the window")


def test_a_part_without_evidence_makes_a_working_node_unknown() -> None:
    reading = read(*CLEAN, facts=WITH_MEMORY)
    assert (reading.state, reading.reason) == ("UNKNOWN", "no evidence of memory integrity")
    assert reading.unknown_components == ("memory_integrity_score",)


def test_too_few_runs_say_how_many_more() -> None:
    reading = read(*CLEAN, facts=replace(OBSERVED, applies_workflow=True))
    assert reading.reason == "workflow match needs 5 more finished runs"


def test_a_mid_below_target_is_degraded_and_names_the_costliest_part() -> None:
    reading = read(hour(active=FULL, bad=bit_range(0, 40)), calls(600, 0))
    assert reading.state == "DEGRADED"
    assert reading.reason.endswith("100% of the loss is policy compliance")


def test_a_lower_bound_below_target_is_at_risk() -> None:
    reading = read(hour(active=0b1111), calls(600, 0))
    assert reading.state == "AT_RISK"
    assert codes(reading) == ["EVIDENCE_LOW"]


def test_a_violation_cites_its_spans_and_keeps_its_first_and_last_time() -> None:
    sample = Sample(
        "s1", "t1", "send", "payments", NOON_S + 70, Outcome.VIOLATED, "recipient_origin"
    )
    body = PolicyBody({"recipient_origin": OutcomeCounts(violated=2)}, samples=Samples.of([sample]))
    rows = [
        row("policy", body, subject=SET, agent="name:payments", cell=NOON_S + 60),
        ruled(OutcomeCounts(violated=1)),
    ]
    [flag] = [one for one in read(*CLEAN, *rows).flags if one.code == "POLICY_VIOLATION"]
    assert (flag.value, flag.severity, flag.probability) == (3, "warning", 1.0)
    assert (flag.since, flag.last_seen) == ("2026-11-22T12:00:00Z", "2026-11-22T12:01:10Z")
    assert [ref.ref for ref in flag.evidence] == ["t1/s1"]
    assert "stop payments on eu-pay-07" in flag.suggested_action


def test_rolling_rows_up_does_not_fire_a_resolved_flag_again() -> None:
    rows = [*CLEAN, ruled(OutcomeCounts(violated=1), severity=Severity.CRITICAL, cell=NOON_S + 300)]
    [first] = [one for one in read(*rows).flags if one.severity == "critical"]
    resolved = first.model_copy(update={"state": "resolved"})
    rolled = roll_up(rows, width_s=86_400)
    assert read(*rolled, previous_flags=(resolved,)).state != "CRITICAL"


def test_blocked_calls_raise_no_violation() -> None:
    assert "POLICY_VIOLATION" not in codes(read(*CLEAN, ruled(OutcomeCounts(blocked=5))))


def test_shadow_sets_enter_nothing() -> None:
    seen = ruled(OutcomeCounts(violated=5), severity=Severity.CRITICAL)
    shadow = EvidenceRow(replace(seen.key, kind="shadow"), seen.body)
    assert read(*CLEAN, shadow) == read(*CLEAN)


def test_an_altered_memory_is_critical_and_names_the_keys() -> None:
    found = audit(ok=9, altered=1, missing=1, keys={"payees/a": "altered", "payees/b": "missing"})
    reading = read(*CLEAN, found, facts=WITH_MEMORY)
    assert reading.state == "CRITICAL"
    assert codes(reading) == ["MEMORY_ALTERED", "MEMORY_MISSING"]
    assert [ref.ref for ref in reading.flags[0].evidence] == ["payees/a"]
    assert part(reading, "memory_integrity_score").mid == pytest.approx(9 / 11)


def test_tampering_is_flagged_even_where_memory_does_not_score() -> None:
    reading = read(*CLEAN, audit(ok=9, altered=1))
    assert (reading.state, codes(reading)) == ("CRITICAL", ["MEMORY_ALTERED"])
    assert reading.resilience.mid == pytest.approx(1.0)


def test_a_log_that_does_not_prove_its_past_makes_the_score_zero() -> None:
    reading = read(*CLEAN, audit(ok=9, proof_failed=True), facts=WITH_MEMORY)
    assert codes(reading) == ["MEMORY_LOG_FORK"]
    assert reading.resilience.mid == reading.resilience.high == 0.0


def test_an_old_audit_still_stands_in_a_short_window() -> None:
    old = audit(ok=9, audited_at=NOON_S - 7_200)
    old = EvidenceRow(replace(old.key, cell=NOON_S - 7_200), old.body)
    reading = read(*CLEAN, old, facts=WITH_MEMORY, window_s=3_600)
    assert part(reading, "memory_integrity_score").mid == 1.0


@pytest.mark.parametrize(("age_s", "raised"), [(90_000, []), (90_001, ["MEMORY_AUDIT_OVERDUE"])])
def test_a_node_that_beats_without_auditing_is_flagged(age_s: int, raised: list[str]) -> None:
    beating = replace(BEATING, applies_memory=True)
    old = audit(ok=9, audited_at=int(ONE.timestamp()) - age_s)
    assert codes(read(*CLEAN, old, facts=beating)) == raised


def test_a_log_that_was_never_audited_is_not_overdue() -> None:
    never = audit(ok=0, audited_at=0)
    assert "MEMORY_AUDIT_OVERDUE" not in codes(read(*CLEAN, never, facts=BEATING))


def test_an_evidence_fork_is_critical() -> None:
    facts = replace(OBSERVED, forks=(Fork("k/e/7", "sha256:" + "a" * 64, NOON),))
    reading = read(*CLEAN, facts=facts)
    assert (reading.state, codes(reading)) == ("CRITICAL", ["EVIDENCE_FORK"])


@pytest.mark.parametrize(("seconds", "raised"), [(300, []), (301, ["BUNDLE_DIGEST_MISMATCH"])])
def test_a_bundle_that_is_not_the_assigned_one_has_300_s_of_grace(
    seconds: int, raised: list[str]
) -> None:
    since = ONE - timedelta(seconds=seconds)
    facts = replace(OBSERVED, mismatch=Mismatch("sha256:" + "a" * 64, "sha256:" + "b" * 64, since))
    assert codes(read(*CLEAN, facts=facts)) == raised


def test_rows_of_other_nodes_are_left_out() -> None:
    other = EvidenceRow(replace(CLEAN[0].key, node="eu-pay-08"), CLEAN[0].body)
    assert read(*CLEAN, other) == read(*CLEAN)


def test_rows_of_an_earlier_enrolment_are_left_out() -> None:
    other = EvidenceRow(replace(CLEAN[0].key, environment="staging"), CLEAN[0].body)
    assert read(*CLEAN, other) == read(*CLEAN)


def test_the_window_begins_no_earlier_than_the_first_evidence() -> None:
    reading = read(hour(active=FULL), calls(600, 0), facts=BEATING)
    assert part(reading, "codex_uptime_index").detail["uncovered_s"] == 0
    longer = replace(BEATING, first_evidence=NOON - timedelta(hours=1))
    reading = read(hour(active=FULL), calls(600, 0), facts=longer)
    assert part(reading, "codex_uptime_index").detail["uncovered_s"] == 3_600


def test_a_moment_without_a_zone_is_refused() -> None:
    naive = datetime(2026, 11, 22, 12)  # noqa: DTZ001 - the fault under test
    with pytest.raises(EvidenceError, match="no time zone"):
        read(as_of=naive)


def test_an_empty_window_is_refused() -> None:
    with pytest.raises(EvidenceError, match="is empty"):
        read(window_s=0)


BITS = st.integers(0, FULL)


@st.composite
def evidence(draw: st.DrawFn) -> list[EvidenceRow]:
    n = draw(st.integers(0, 50))
    kept = [hour(active=draw(BITS), bad=draw(BITS), unknown=draw(BITS), covered=draw(BITS))]
    kept += [calls(n, draw(st.integers(0, n)), tool=draw(st.sampled_from("ab")))]
    if draw(st.booleans()):
        kept.append(audit(ok=draw(st.integers(0, 9)), altered=draw(st.integers(0, 2))))
    return kept[draw(st.integers(0, 2)) :] if draw(st.booleans()) else kept


@given(evidence(), st.booleans())
def test_any_reading_is_bounded_explained_and_honest(rows: list[EvidenceRow], memory: bool) -> None:
    reading = read(*rows, facts=replace(BEATING, applies_memory=memory))
    bounds = reading.resilience
    assert 0 <= bounds.low <= bounds.high <= 1
    shares = [one.share for one in reading.components if one.share is not None]
    assert not shares or sum(shares) == pytest.approx(1)
    if bounds.mid is None or not rows:
        assert reading.state != "HEALTHY"
    if reading.state == "HEALTHY":
        assert bounds.low >= reading.target


@given(evidence())
def test_the_order_and_the_splitting_of_rows_change_nothing(rows: list[EvidenceRow]) -> None:
    assert read(*reversed(rows)) == read(*rows)


@given(evidence(), st.integers(0, 59))
def test_one_more_violated_call_never_raises_mid_or_low(
    rows: list[EvidenceRow], minute: int
) -> None:
    bit = 1 << minute
    worse = [*rows, hour(active=bit, bad=bit), calls(1, 1, tool="a")]
    before, after = read(*rows).resilience, read(*worse).resilience
    assert before.mid is None or (after.mid or 0) <= before.mid + 1e-9
    assert before.mid is None or after.low <= before.low + 1e-9


@given(evidence())
def test_one_more_blocked_call_never_raises_the_score(rows: list[EvidenceRow]) -> None:
    before, after = read(*rows).resilience, read(*rows, calls(1, 1, tool="a")).resilience
    assert before.mid is None or (after.mid or 0) <= before.mid + 1e-9


def test_given_an_hour_row_when_read_then_the_window_begins_at_its_first_cell_seen() -> None:
    hour = 1_800_000_000 // 3_600 * 3_600
    bits = ((1 << 60) - 1) << 3_000
    row = EvidenceRow(
        RowKey("n", "e", "", "", "time", "", hour, 3_600),
        TimeBody(cell_s=1, active=bits, covered=bits),
    )
    as_of = datetime.fromtimestamp(hour + 3_060, UTC)
    reading = read_node(
        [row],
        node="n",
        environment="e",
        as_of=as_of,
        facts=NodeFacts(presence=Presence(heartbeat_s=1, newest_beat=as_of)),
    )
    uptime = next(part for part in reading.components if part.name == "codex_uptime_index")
    assert uptime.detail["uncovered_s"] == 0
    assert uptime.low > 0.9
