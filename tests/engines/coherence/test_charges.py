"""Charges: what nobody decides otherwise may still be denied more or less loudly."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mythos.engines.coherence.charges import LOUDEST, Charges, charges, joined
from mythos.engines.coherence.coherence import check_coherence
from mythos.engines.coherence.difference import compare
from mythos.engines.policy.compile import PolicyEngine
from mythos.engines.policy.identity import digest
from mythos.engines.policy.request import Decision, Request, Standing
from mythos.values.outcome import Severity
from mythos.values.policy import PolicySet
from tests.engines.policy.scenes import engine_of, forbid, permit, policy

CAP, HIGH = "context.input.amount_cents > 500", "context.input.amount_cents > 900"


def rules(*texts: str) -> PolicySet:
    return policy("p", "".join(texts))


def loud(severity: str, explanation: str = "") -> str:
    return f'@severity("{severity}")' + (f' @explain("{explanation}")' if explanation else "")


def compared(old: PolicySet, new: PolicySet) -> Charges:
    """The charges, of versions of which it was seen that they decide alike."""
    engine = engine_of(old, new)
    assert compare(engine, [digest(old)], [digest(new)]).verdict == "equal"
    return charges(engine, [digest(old)], [digest(new)])


def severity_of(decision: Decision) -> Severity | None:
    charged = [v.severity for v in decision.verdicts if v.standing is Standing.CHARGED]
    return min(charged, key=LOUDEST.index) if charged else None


ANY, OVER = permit("any", "refund"), forbid("cap", "refund", CAP)


@pytest.mark.parametrize(
    ("old", "new", "was", "now"),
    [
        (
            rules(ANY, forbid("cap", "refund", CAP, loud("critical"))),
            rules(ANY, forbid("cap", "refund", CAP, loud("warning"))),
            "critical",
            "warning",
        ),
        (  # one of two rules that deny is gone, and it was the louder one
            rules(
                ANY, forbid("cap", "refund", CAP), forbid("high", "refund", HIGH, loud("critical"))
            ),
            rules(ANY, forbid("cap", "refund", CAP)),
            "critical",
            "warning",
        ),
        (  # what no rule permits is as loud as the loudest permit
            rules(permit("some", "refund", f"!({CAP})", loud("critical"))),
            rules(permit("some", "refund", f"!({CAP})")),
            "critical",
            "warning",
        ),
        (
            rules(ANY, forbid("cap", "refund", CAP)),
            rules(ANY, forbid("cap", "refund", CAP, loud("info"))),
            "warning",
            "info",
        ),
    ],
)
def test_a_denial_that_is_quieter_is_told_with_a_call_and_back_it_is_louder(
    old: PolicySet, new: PolicySet, was: str, now: str
) -> None:
    (call,) = compared(old, new).calls
    assert (call.change, *call.severities) == ("quieter", was, now)
    assert not call.old.allowed
    assert not call.new.allowed
    (back,) = compared(new, old).calls
    assert (back.change, *back.severities) == ("louder", now, was)


def test_other_words_are_told_of_the_rule_and_change_no_charge() -> None:
    old = rules(ANY, forbid("cap", "refund", CAP, loud("critical", "At most 5.00.")))
    new = rules(ANY, forbid("cap", "refund", CAP, loud("critical", "Ask a person.")))
    found = compared(old, new)
    assert found.calls == ()
    (notes,) = found.rules
    assert (notes.old.explanation, notes.new.explanation) == ("At most 5.00.", "Ask a person.")


def test_a_severity_that_is_never_the_loudest_changes_no_charge() -> None:
    beside = forbid("cap", "refund", CAP, loud("critical"))
    old = rules(ANY, beside, forbid("high", "refund", HIGH))
    new = rules(ANY, beside, forbid("high", "refund", HIGH, loud("info")))
    found = compared(old, new)
    assert found.calls == ()
    assert [(each.policy_set, each.new.id) for each in found.rules] == [("p", "high")]


def test_versions_that_charge_alike_have_nothing_to_tell() -> None:
    assert compared(rules(ANY), rules(ANY, "// a comment\n")) == Charges()
    assert joined([]) == Charges()


CONDITIONS = ("true", CAP, HIGH, f"{CAP} && context.licensed")
severities = st.sampled_from([each.value for each in Severity])
a_rule = st.tuples(st.booleans(), st.sampled_from(CONDITIONS), severities)
GRID = [
    Request(agent="agent", tool="refund", arguments={"amount_cents": cents}, licensed=licensed)
    for cents, licensed in product((0, 600, 1_000), (False, True))
]


def written(some: Sequence[tuple[bool, str, str]]) -> PolicySet:
    texts = (
        (permit if permits else forbid)(f"r{n}", "refund", condition, loud(severity))
        for n, (permits, condition, severity) in enumerate(some)
    )
    return rules(*texts)


def asked(engine: PolicyEngine, request: Request, of: PolicySet) -> Severity | None:
    return severity_of(engine.decide(request, in_force=[digest(of)]))


@settings(max_examples=60)
@given(st.lists(a_rule, min_size=1, max_size=4), st.lists(a_rule, min_size=1, max_size=4))
def test_denials_are_louder_or_quieter_exactly_where_some_call_is_charged_so(
    one: list[tuple[bool, str, str]], other: list[tuple[bool, str, str]]
) -> None:
    old, new = written(one), written(other)
    engine = engine_of(old, new)
    pairs = [(asked(engine, each, old), asked(engine, each, new)) for each in GRID]
    wanted = {
        "quieter" if LOUDEST.index(was) < LOUDEST.index(now) else "louder"
        for was, now in pairs
        if was and now and was is not now
    }
    found = charges(engine, [digest(old)], [digest(new)])
    assert {each.change for each in found.calls} == wanted
    assert found.doubts == ()
    for each in found.calls:
        seen = (asked(engine, each.new.request, of) for of in (old, new))
        assert tuple(seen) == each.severities


@settings(max_examples=60)
@given(st.lists(a_rule, min_size=1, max_size=5))
def test_a_forbid_that_decides_nothing_still_names_what_is_charged_to_it(
    some: list[tuple[bool, str, str]],
) -> None:
    policy_set = written(some)
    engine = engine_of(policy_set)
    charged = set()
    for request in GRID:
        (verdict,) = engine.decide(request, in_force=[digest(policy_set)]).verdicts
        charged.add(verdict.rule if verdict.standing is Standing.CHARGED else "")
    for each in check_coherence([engine]).findings:
        if each.kind.value == "nullified":
            assert each.names is (each.obligation[2] in charged)
            assert ("still names the violation" in each.sentence) is each.names
