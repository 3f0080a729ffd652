"""Policy bodies count outcomes by rule and keep the loudest severity."""

from __future__ import annotations

from mythos.engines.evidence.policy import OutcomeCounts, PolicyBody, RunCounts
from mythos.values.outcome import Severity


def test_counts_of_one_rule_add_up() -> None:
    one = PolicyBody(
        {"r": OutcomeCounts(upheld=2, violated=1)}, runs=RunCounts(clean=1, violated=1)
    )
    two = PolicyBody({"r": OutcomeCounts(upheld=1), "s": OutcomeCounts(blocked=4)})
    both = one + two
    assert both.rules == {
        "r": OutcomeCounts(upheld=3, violated=1),
        "s": OutcomeCounts(blocked=4),
    }
    assert both.outcomes == OutcomeCounts(upheld=3, violated=1, blocked=4)
    assert both.runs.total == 2


def test_the_loudest_severity_of_a_rule_stands() -> None:
    quiet = PolicyBody(severities={"r": Severity.INFO, "s": Severity.INFO})
    loud = PolicyBody(severities={"r": Severity.CRITICAL})
    assert (quiet + loud).severity("r") is Severity.CRITICAL
    assert (quiet + loud).severity("s") is Severity.INFO


def test_a_rule_without_a_severity_warns() -> None:
    assert PolicyBody().severity("r") is Severity.WARNING
