"""Coherence of policy sets: what is found, what it costs, and what is remembered of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import JsonValue

from mythos.adapters.verdict_folder import VerdictFolder
from mythos.engines.coherence.coherence import Coherence, check_coherence
from mythos.engines.coherence.environment import request_environment
from mythos.engines.coherence.finding import (
    UNDECIDED_WEIGHT,
    WEIGHT,
    CoherenceFinding,
    FindingKind,
    Gravity,
    coherence_of,
)
from mythos.engines.coherence.memory import NO_MEMORY, Memory, Notebook
from mythos.engines.coherence.shown import Witness
from mythos.engines.policy.compile import PolicyEngine, compile_policies
from mythos.engines.policy.identity import digest
from mythos.values.policy import PolicySet
from tests.engines.coherence.cedar import verdict
from tests.engines.coherence.random_rules import CATALOGUE
from tests.engines.policy.scenes import RETAIL, engine_of, forbid, permit, policy

FACTS: JsonValue = {"confirmed": {"once": "user.confirm"}, "refunds": {"count": "refund"}}
CAP = "context.input.amount_cents > 500"
OVERFLOWS = "context.input.amount_cents + 1 > 0"
PRODUCT = "context.input.amount_cents * context.past.refunds > 7"


def rules(*texts: str, name: str = "p", **more: JsonValue) -> PolicySet:
    return policy(name, "".join(texts), facts=FACTS, **more)


def checked(*sets: PolicySet, memory: Memory = NO_MEMORY) -> Coherence:
    return check_coherence([engine_of(*sets)], memory=memory)


def found(result: Coherence) -> set[tuple[str, str]]:
    return {(each.kind.value, each.obligation[2]) for each in result.findings}


def replayed(seen: Witness, policy_set: PolicySet, engine: PolicyEngine) -> None:
    """Ask Cedar of every rule by itself, past all of our engine."""
    tool = next(each for each in RETAIL.tools if each.name == seen.request.tool)
    environment = request_environment(tool, engine.compiled, RETAIL)
    answers = {
        judged.rule.id: (judged.rule.permits, *verdict(judged.rule, seen.request, environment))
        for judged in environment.rules
    }
    permitted = {name for name, (permits, holds, _) in answers.items() if permits and holds}
    denied = {name for name, (permits, *said) in answers.items() if not permits and any(said)}
    assert {rule for _, rule in seen.permitted_by} == permitted
    assert {rule for _, rule in seen.denied_by} == denied
    assert {rule for (_, rule), _ in seen.failed} == {n for n, a in answers.items() if a[2]}
    assert seen.allowed is (bool(permitted) and not denied)
    assert {owner for owner, _ in (*seen.permitted_by, *seen.denied_by)} <= {digest(policy_set)}


PLANTED: list[tuple[PolicySet, set[tuple[str, str]]]] = [
    (rules(permit("any", "refund"), forbid("cap", "refund", CAP)), {("override", "cap")}),
    (
        rules(permit("any", "refund"), forbid("never", "refund", f"{CAP} && !({CAP})")),
        {("nullified", "never")},
    ),
    (
        rules(permit("any", "refund"), permit("small", "refund", f"!({CAP})")),
        {("nullified", "small")},
    ),
    (
        rules(permit("some", "refund", CAP), forbid("all", "refund")),
        {("nullified", "some"), ("override", "all")},
    ),
    (
        rules(permit("look", "get_order"), forbid("cap", "refund", CAP)),
        {("nullified", "cap")},
    ),
    (rules(permit("more", "refund", OVERFLOWS)), {("error risk", "more")}),
    (
        rules(permit("any", "refund"), forbid("less", "refund", f"!({OVERFLOWS})")),
        {("fail-open risk", "less"), ("override", "less")},
    ),
    (
        rules(
            permit("any", "refund"),
            expect=[{"name": "asked", "never": "allow", "when": "!context.past.confirmed"}],
        ),
        {("broken promise", "asked")},
    ),
    (
        rules(
            permit("any", "refund"),
            expect=[{"name": "idle", "never": "allow", "when": f"{CAP} && !({CAP})"}],
        ),
        {("nullified", "idle")},
    ),
    (rules(permit("fine", "refund", "context.past.confirmed")), set()),
]


@pytest.mark.parametrize(("policy_set", "planted"), PLANTED)
def test_what_was_planted_is_found_and_nothing_else_and_cedar_says_the_same_of_each_call(
    policy_set: PolicySet, planted: set[tuple[str, str]]
) -> None:
    engine = engine_of(policy_set)
    result = check_coherence([engine])
    assert found(result) == planted
    shown = {"override", "error risk", "fail-open risk", "broken promise"}
    for each in result.findings:
        assert bool(each.witness) is (each.kind.value in shown)
        if each.witness:
            replayed(each.witness, policy_set, engine)


def test_a_forbid_that_fails_is_shown_by_a_call_that_makes_it_fail() -> None:
    policy_set, _ = PLANTED[6]
    (risk,) = [e for e in checked(policy_set).findings if e.kind is FindingKind.FAIL_OPEN]
    assert risk.witness is not None
    assert risk.witness.request.arguments is not None
    assert risk.witness.request.arguments["amount_cents"] == 2**63 - 1
    assert not risk.witness.allowed


def test_what_hangs_on_an_untranslatable_rule_is_undecided_and_the_rest_is_not() -> None:
    result = checked(
        rules(
            permit("any", "refund"),
            forbid("product", "refund", PRODUCT),
            permit("look", "get_order"),
            forbid("looked", "get_order", "context.past.confirmed"),
            expect=[
                {"name": "refunds", "always": "allow", "actions": "refund"},
                {"name": "orders", "never": "deny", "actions": "get_order"},
            ],
        )
    )
    undecided = {
        each.obligation[::2] for each in result.findings if each.kind is FindingKind.UNDECIDED
    }
    assert undecided == {
        ("decides", "product"),
        ("evaluates", "product"),
        ("promise", "refunds"),
    }
    assert {("override", "looked"), ("broken promise", "orders")} < found(result)
    assert all(
        "two unknown numbers" in each.sentence for each in result.findings if not each.witness
    )


@pytest.mark.parametrize(
    "condition",
    [
        'context.input.tags == ["a"]',
        "context.input has more && context.input.tags.containsAll(context.input.more)",
        "context.input has more && context.input.tags == context.input.more",
        '["a", "b"].containsAll(context.input.tags)',
        "context.input.amount * context.input.amount > 7",
        'ip("10.0.0.1").isInRange(ip("10.0.0.0/8"))',
    ],
)
def test_an_operator_without_exact_translation_is_undecided_unless_cedar_shows_it(
    condition: str,
) -> None:
    policy_set = policy("p", permit("any", "act") + forbid("hard", "act", condition))
    result = check_coherence([compile_policies([policy_set], CATALOGUE)])
    told = {each.obligation[::2]: each for each in result.findings}
    assert told["evaluates", "hard"].kind is FindingKind.UNDECIDED
    decides = told["decides", "hard"]
    assert decides.kind in {FindingKind.UNDECIDED, FindingKind.OVERRIDE}
    if decides.witness:
        assert [rule for _, rule in decides.witness.denied_by] == ["hard"]
    else:
        assert "exactly" in decides.sentence


def test_a_promise_that_another_set_breaks_is_found_where_both_are_in_force() -> None:
    promising = rules(
        permit("any", "refund"), expect=[{"name": "open", "always": "allow", "actions": "refund"}]
    )
    other = rules(forbid("cap", "refund", CAP), name="q")
    assert not checked(promising).has_errors
    assert ("broken promise", "open") in found(checked(promising, other))


FINDINGS = st.lists(
    st.builds(
        lambda kind, name: CoherenceFinding(kind, ("decides", "p", name), ""),
        st.sampled_from(FindingKind),
        st.sampled_from("abcd"),
    ),
    max_size=8,
)


def test_coherence_does_not_hang_on_the_order_of_the_findings() -> None:
    kinds = dict.fromkeys("abc", FindingKind.NULLIFIED) | {"d": FindingKind.BROKEN_PROMISE}
    costs = [CoherenceFinding(kind, ("decides", "p", n), "") for n, kind in kinds.items()]
    assert coherence_of(costs, 4) == coherence_of(costs[::-1], 4)


@given(FINDINGS, st.integers(4, 20))
def test_coherence_is_one_minus_the_weighted_share_of_obligations(
    findings: list[CoherenceFinding], n_obligations: int
) -> None:
    weights = {
        FindingKind.OVERRIDE: 0.0, FindingKind.NULLIFIED: 0.2, FindingKind.ERROR_RISK: 0.2,
        FindingKind.UNDECIDED: 0.5, FindingKind.BROKEN_PROMISE: 1.0, FindingKind.FAIL_OPEN: 1.0,
    }  # fmt: skip
    cost = sum(
        max((weights[each.kind] for each in findings if each.obligation[2] == name), default=0.0)
        for name in "abcd"
    )
    value = coherence_of(findings, n_obligations)
    assert value == pytest.approx(1 - cost / n_obligations)
    assert 0.0 <= value <= 1.0
    assert coherence_of(findings[1:], n_obligations) >= value


def test_rules_are_two_obligations_and_promises_one() -> None:
    result = checked(
        rules(
            permit("any", "refund"),
            forbid("less", "refund", f"!({OVERFLOWS})"),
            forbid("never", "refund", f"{CAP} && !({CAP})"),
            expect=[{"name": "asked", "never": "allow", "when": "!context.past.confirmed"}],
        )
    )
    assert result.n_obligations == 2 * 3 + 1
    costs = WEIGHT[Gravity.ERROR] * 2 + WEIGHT[Gravity.WARNING]
    assert result.coherence == pytest.approx(1 - costs / 7)
    assert result.has_errors
    assert UNDECIDED_WEIGHT == 0.5


def test_nothing_to_check_is_coherent() -> None:
    assert check_coherence([]) == Coherence((), 0)
    assert check_coherence([]).coherence == 1.0


CACHED = (permit("any", "refund"), forbid("cap", "refund", CAP), permit("look", "get_order"))


def test_given_a_memory_then_an_edit_of_one_rule_proves_its_tools_and_no_others() -> None:
    memory = Notebook(NO_MEMORY)
    first = checked(rules(*CACHED), memory=memory)
    again = checked(rules(*CACHED), memory=memory)
    assert (first.n_proved, first.n_recalled) == (5, 0)
    assert (again.n_proved, again.n_recalled) == (0, 5)
    assert again.findings == first.findings
    raised = rules(CACHED[0], forbid("cap", "refund", CAP.replace("500", "900")), CACHED[2])
    edited = checked(raised, memory=memory)
    assert (edited.n_proved, edited.n_recalled) == (1, 4)
    assert edited.findings == checked(raised).findings
    everywhere = checked(rules(*CACHED, permit("all", "")), memory=memory)
    assert (everywhere.n_proved, everywhere.n_recalled) == (5, 0)


def test_a_witness_in_the_year_9999_is_kept_and_recalled() -> None:
    end = 'context.now >= datetime("9999-12-01")'
    late = rules(permit("any", "refund"), forbid("late", "refund", end))
    memory = Notebook(NO_MEMORY)
    first, again = checked(late, memory=memory), checked(late, memory=memory)
    assert [each.kind for each in first.findings] == [FindingKind.OVERRIDE]
    assert again.findings == first.findings
    assert again.n_proved == 0


def test_given_a_memory_then_an_edit_elsewhere_in_the_document_proves_nothing() -> None:
    memory = Notebook(NO_MEMORY)
    checked(rules(*CACHED), memory=memory)
    renamed = rules(*CACHED, name="q")
    again = checked(renamed, memory=memory)
    assert again.n_proved == 0
    assert again.findings == checked(renamed).findings


class Edited(Notebook):
    """A memory whose entries somebody edits before they are read."""

    def __init__(self, behind: Memory, edit: Callable[[Any], object]) -> None:
        super().__init__(behind)
        self._edit = edit

    def get(self, key: str) -> bytes | None:
        kept = super().get(key)
        if kept is None:
            return None
        entry = json.loads(kept)
        self._edit(entry)
        return json.dumps(entry).encode()


def amount(entry: Any, cents: int) -> None:  # noqa: ANN401 - JSON
    for _, _, role in entry["roles"]:
        if role["overridden"]:
            role["overridden"]["arguments"]["amount_cents"] = cents


@pytest.mark.parametrize(
    "edit",
    [
        lambda entry: amount(entry, 3),
        lambda entry: entry.pop("roles"),
        lambda entry: entry["roles"].append([7, "x", {}]),
        lambda entry: entry["roles"].append("x"),
        lambda entry: [role.update(hologram=1) for _, _, role in entry["roles"]],
    ],
)
def test_a_recalled_verdict_that_does_not_read_or_replay_is_proved_anew(
    edit: Callable[[Any], object],
) -> None:
    memory = Notebook(NO_MEMORY)
    first = checked(rules(*CACHED), memory=memory)
    again = checked(rules(*CACHED), memory=Edited(memory, edit))
    assert again.n_proved >= 1
    assert again.findings == first.findings


BROKEN = rules(
    *CACHED,
    expect=[
        {"name": "asked", "never": "allow", "when": "!context.past.confirmed", "actions": "refund"}
    ],
)


@pytest.mark.parametrize(
    ("told", "instead"),
    [
        (b'"broken"', b'"kept"'),
        (b'"alone":true', b'"alone":false'),
        (b'"acts":true', b'"acts":false'),
        (b'"doubt":""', b'"doubt":"no"'),
    ],
)
def test_a_tampered_verdict_never_changes_what_is_found(
    tmp_path: Path, told: bytes, instead: bytes
) -> None:
    memory = VerdictFolder(tmp_path, b"secret")
    first = checked(BROKEN, memory=memory)
    assert first.has_errors
    tampered = 0
    for file in tmp_path.iterdir():
        kept = file.read_bytes()
        tampered += told in kept
        file.write_bytes(kept.replace(told, instead))
    again = checked(BROKEN, memory=memory)
    assert tampered
    assert again.n_proved == tampered
    assert again.findings == first.findings


def test_verdicts_that_changed_places_are_proved_anew(tmp_path: Path) -> None:
    memory = VerdictFolder(tmp_path, b"secret")
    first = checked(BROKEN, memory=memory)
    files = sorted(tmp_path.iterdir())
    contents = [file.read_bytes() for file in files]
    for file, content in zip(files, contents[1:] + contents[:1], strict=True):
        file.write_bytes(content)
    again = checked(BROKEN, memory=memory)
    assert (again.n_proved, again.findings) == (len(files), first.findings)
