"""Flags keep their identity from one reading to the next."""

from __future__ import annotations

from datetime import timedelta

from mythos.engines.resilience.carry import carry
from mythos.engines.resilience.catalogue import CATALOGUE, FlagSeverity
from mythos.engines.resilience.finding import Finding, Scene, fingerprint
from mythos.engines.resilience.moment import written
from mythos.values.reading import EvidenceRef, Flag, FlagState
from tests.engines.resilience.scenes import NOON, ONE


def flag(
    severity: FlagSeverity = "warning",
    *,
    state: FlagState = "firing",
    hours: float = 0,
    code: str = "POLICY_VIOLATION",
) -> Flag:
    words = dict.fromkeys(("agent", "rule", "node", "workflow", "since", "changes"), "payments")
    at = NOON + timedelta(hours=hours)
    finding = Finding(code, "n/payments/r", words, severity=severity)
    found = finding.flag(Scene(node="n", as_of=at, window_s=60))
    return found.model_copy(update={"state": state})


def test_a_finding_that_lasts_keeps_its_since_and_its_acknowledgement() -> None:
    [kept] = carry([flag(state="acknowledged")], [flag(hours=1)], at=ONE)
    assert kept.state == "acknowledged"
    assert (kept.since, kept.last_seen) == (written(NOON), written(ONE))


def test_a_warning_resolves_once_its_condition_is_gone_for_24_h() -> None:
    almost = NOON + timedelta(hours=23, minutes=59)
    [lingering] = carry([flag()], [], at=almost)
    assert lingering.state == "firing"
    [over] = carry([lingering], [], at=NOON + timedelta(hours=24))
    assert over.state == "resolved"
    assert carry([over], [], at=NOON + timedelta(hours=25)) == []


def test_a_critical_flag_stays_until_an_operator_resolves_it() -> None:
    year = NOON + timedelta(days=365)
    [kept] = carry([flag("critical")], [], at=year)
    assert kept.state == "firing"
    assert carry([flag("critical", state="resolved")], [], at=year) == []


def test_a_critical_flag_does_not_fade_into_a_warning() -> None:
    [kept] = carry([flag("critical")], [flag("warning", hours=1)], at=ONE)
    assert kept.severity == "critical"


def test_what_an_operator_resolved_fires_again_only_on_newer_evidence() -> None:
    resolved = flag("critical", state="resolved")
    assert carry([resolved], [flag("critical")], at=ONE) == [resolved]
    [again] = carry([resolved], [flag("critical", hours=1)], at=ONE)
    assert (again.state, again.since) == ("firing", written(ONE))


def test_an_acknowledged_warning_that_turns_critical_fires() -> None:
    [louder] = carry([flag(state="acknowledged")], [flag("critical", hours=1)], at=ONE)
    assert (louder.severity, louder.state) == ("critical", "firing")


def test_what_was_found_beside_a_baseline_ends_when_that_is_withdrawn() -> None:
    beside = EvidenceRef(kind="baseline", ref="7")
    drifted = flag(code="WORKFLOW_DRIFT").model_copy(update={"evidence": (beside,)})
    other = flag()
    ended, kept = carry([drifted, other], [], at=ONE, withdrawn={"7"}, marks=())[::-1]
    assert (ended.code, ended.state) == ("WORKFLOW_DRIFT", "resolved")
    assert kept.state == "firing"
    assert carry([drifted], [], at=ONE, withdrawn={"8"})[0].state == "firing"
    [again] = carry([ended], [flag(code="WORKFLOW_DRIFT", hours=1)], at=ONE, withdrawn={"7"})
    assert again.state == "firing"


def test_information_goes_with_its_condition() -> None:
    assert carry([flag("info")], [], at=ONE) == []


def test_the_loudest_flag_comes_first() -> None:
    quiet = flag("info", code="EVIDENCE_LOW")
    loud = flag("critical")
    assert carry([], [quiet, loud], at=ONE) == [loud, quiet]


def test_the_fingerprint_is_sha_256_of_code_and_subject() -> None:
    # printf 'A|b' | sha256sum
    known = "8faf3a54091ae26d54986a001d093bd3884ca813f0bf0cd6cc62e30c246caf27"
    assert fingerprint("A", "b") == known


def test_every_catalogue_entry_says_what_to_do() -> None:
    assert all(kind.suggested_action.endswith(".") for kind in CATALOGUE.values())
    assert {kind.code for kind in CATALOGUE.values() if kind.severity == "critical"} == {
        "MEMORY_ALTERED",
        "MEMORY_LOG_FORK",
        "BUNDLE_DIGEST_MISMATCH",
        "NODE_IDENTITY_MISMATCH",
        "EVIDENCE_FORK",
    }
