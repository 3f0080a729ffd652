"""Audits take about a twentieth of a host's time, and no longer wait where something is wrong."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mythos.engines.memory.pace import LONGEST_PAUSE_S, PAUSE, QUICK_S, AuditPace

SLOW = st.floats(QUICK_S, 1_000)
COSTS = st.lists(SLOW, min_size=1, max_size=4)
BEATS_S = st.sampled_from([1, 3, 60, 600])


def _audited(pace: AuditPace, log: str, *, at_s: float, took_s: float, sound: bool = True) -> float:
    pace.taken(log, began_s=at_s, ended_s=at_s + took_s, sound=sound)
    return at_s + took_s


def _due(pace: AuditPace, log: str, now_s: float) -> bool:
    return pace.due(log, suspicious=False, now_s=now_s)


@given(COSTS, BEATS_S)
def test_slow_audits_of_a_host_take_a_twentieth_of_its_time(
    costs: list[float], beat_s: int
) -> None:
    pace, now_s, audits_s = AuditPace(), 0.0, 0.0
    for _ in range(300):
        began_s = now_s
        for number, cost in enumerate(costs):
            if _due(pace, str(number), now_s):
                now_s = _audited(pace, str(number), at_s=now_s, took_s=cost)
                audits_s += cost
        now_s = max(now_s, began_s + beat_s)
    first = sum(costs)
    assert audits_s <= 2 * first + (now_s - first) / (PAUSE + 1) * 1.001


@given(SLOW, st.floats(0.01, 0.99))
def test_an_audit_is_due_when_nineteen_times_its_duration_has_passed(
    took_s: float, share: float
) -> None:
    pace = AuditPace()
    ended_s = _audited(pace, "log", at_s=1_000, took_s=took_s)
    pause_s = pace.pause_s("log")
    assert abs(pause_s - min(19 * took_s, LONGEST_PAUSE_S)) < 1e-6
    assert not _due(pace, "log", ended_s + share * pause_s)
    assert _due(pace, "log", ended_s + 1.001 * pause_s)


@given(SLOW)
def test_what_is_suspicious_or_was_wrong_or_never_seen_is_due_at_once(took_s: float) -> None:
    pace = AuditPace()
    assert _due(pace, "log", 0)
    ended_s = _audited(pace, "log", at_s=0, took_s=took_s)
    assert not _due(pace, "log", ended_s)
    assert pace.due("log", suspicious=True, now_s=ended_s)
    pace.forget("log")
    assert _due(pace, "log", ended_s)
    ended_s = _audited(pace, "log", at_s=ended_s, took_s=took_s, sound=False)
    assert _due(pace, "log", ended_s)
    assert pace.pause_s("log") == 0


def test_a_quick_audit_is_always_due_and_slows_no_other() -> None:
    pace = AuditPace()
    _audited(pace, "quick", at_s=0, took_s=0.4)
    _audited(pace, "slow", at_s=0, took_s=10)
    assert _due(pace, "quick", 0.4)
    assert (pace.pause_s("quick"), pace.pause_s("slow")) == (0, 190)


def test_the_longest_pause_is_a_day() -> None:
    pace = AuditPace()
    ended_s = _audited(pace, "log", at_s=0, took_s=50_000)
    assert _due(pace, "log", ended_s + 86_400)


def test_a_log_that_is_kept_no_more_slows_no_other() -> None:
    pace = AuditPace()
    for log in ("one", "other"):
        _audited(pace, log, at_s=0, took_s=10)
    assert pace.pause_s("one") == 380
    pace.keep_only({"one"})
    assert (pace.pause_s("one"), pace.took_s("one"), pace.took_s("other")) == (190, 10, None)
