"""Audits take about a twentieth of a processor, and wait a minute at most where harm is known."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mythos.engines.memory.pace import (
    CHEAP_S,
    LONGEST_DOUBT_S,
    LONGEST_PAUSE_S,
    PAUSE,
    AuditPace,
)

DEAR = st.floats(CHEAP_S, 1_000)
COSTS = st.lists(DEAR, min_size=1, max_size=4)
BEATS_S = st.sampled_from([1, 3, 60, 600])


def _audited(pace: AuditPace, log: str, *, at_s: float, cost_s: float, sound: bool = True) -> float:
    """Audit for as long as it costs; returns when that ended."""
    pace.taken(log, ended_s=at_s + cost_s, cost_s=cost_s, sound=sound)
    return at_s + cost_s


def _due(pace: AuditPace, log: str, now_s: float) -> bool:
    return pace.due(log, suspicious=False, now_s=now_s)


@given(COSTS, BEATS_S)
def test_dear_audits_of_a_host_take_a_twentieth_of_a_processor(
    costs: list[float], beat_s: int
) -> None:
    pace, now_s, audits_s = AuditPace(), 0.0, 0.0
    for _ in range(300):
        began_s = now_s
        for number, cost in enumerate(costs):
            if _due(pace, str(number), now_s):
                now_s = _audited(pace, str(number), at_s=now_s, cost_s=cost)
                audits_s += cost
        now_s = max(now_s, began_s + beat_s)
    first = sum(costs)
    assert audits_s <= 2 * first + (now_s - first) / (PAUSE + 1) * 1.001


@given(DEAR, st.floats(0.01, 0.99))
def test_an_audit_is_due_when_nineteen_times_its_cost_has_passed(
    cost_s: float, share: float
) -> None:
    pace = AuditPace()
    ended_s = _audited(pace, "log", at_s=1_000, cost_s=cost_s)
    pause_s = pace.pause_s("log")
    assert abs(pause_s - min(19 * cost_s, LONGEST_PAUSE_S)) < 1e-6
    assert not _due(pace, "log", ended_s + share * pause_s)
    assert _due(pace, "log", ended_s + 1.001 * pause_s)


@given(DEAR)
def test_what_is_suspicious_or_never_seen_is_due_at_once(cost_s: float) -> None:
    pace = AuditPace()
    assert _due(pace, "log", 0)
    ended_s = _audited(pace, "log", at_s=0, cost_s=cost_s)
    assert not _due(pace, "log", ended_s)
    assert pace.due("log", suspicious=True, now_s=ended_s)


@given(DEAR, st.floats(0.01, 0.99), st.booleans())
def test_what_was_wrong_is_due_when_as_long_as_its_audit_has_passed(
    cost_s: float, share: float, suspicious: bool
) -> None:
    pace = AuditPace()
    ended_s = _audited(pace, "log", at_s=1_000, cost_s=cost_s, sound=False)
    pause_s = pace.pause_s("log")
    assert pause_s == min(cost_s, LONGEST_DOUBT_S)
    assert not pace.due("log", suspicious=suspicious, now_s=ended_s + share * pause_s)
    assert _due(pace, "log", ended_s + 1.001 * pause_s)


@given(st.lists(st.floats(CHEAP_S, 8), min_size=1, max_size=4), BEATS_S)
def test_audits_of_what_is_wrong_leave_half_of_a_processor(costs: list[float], beat_s: int) -> None:
    pace, now_s, audits_s = AuditPace(), 0.0, 0.0
    for _ in range(300):
        began_s = now_s
        for number, cost in enumerate(costs):
            if _due(pace, str(number), now_s):
                now_s = _audited(pace, str(number), at_s=now_s, cost_s=cost, sound=False)
                audits_s += cost
        now_s = max(now_s, began_s + beat_s)
    assert audits_s <= sum(costs) * 2 + now_s / 2 * 1.001


@given(DEAR)
def test_a_sound_log_of_which_a_proof_fails_is_due_as_one_that_is_wrong(cost_s: float) -> None:
    pace = AuditPace()
    ended_s = _audited(pace, "log", at_s=0, cost_s=cost_s)
    pace.doubt("log")
    pace.doubt("other")
    assert not pace.due("log", suspicious=True, now_s=ended_s)
    assert _due(pace, "log", ended_s + 1.001 * LONGEST_DOUBT_S)


def test_a_cheap_audit_is_always_due_and_slows_no_other() -> None:
    pace = AuditPace()
    _audited(pace, "cheap", at_s=0, cost_s=0.4)
    _audited(pace, "dear", at_s=0, cost_s=10)
    assert _due(pace, "cheap", 0.4)
    assert (pace.pause_s("cheap"), pace.pause_s("dear")) == (0, 190)


def test_the_longest_pause_is_a_day() -> None:
    pace = AuditPace()
    ended_s = _audited(pace, "log", at_s=0, cost_s=50_000)
    assert _due(pace, "log", ended_s + 86_400)


def test_a_log_that_is_kept_no_more_slows_no_other() -> None:
    pace = AuditPace()
    for log in ("one", "other"):
        _audited(pace, log, at_s=0, cost_s=10)
    assert pace.pause_s("one") == 380
    pace.keep_only({"one"})
    assert (pace.pause_s("one"), pace.cost_s("one"), pace.cost_s("other")) == (190, 10, 0)
