"""Suggested changes: each cures what it says, does to all calls what it says, and no more."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import JsonValue

from mythos.engines.coherence.coherence import Coherence, check_coherence
from mythos.engines.coherence.difference import compare
from mythos.engines.coherence.finding import FindingKind, Gravity
from mythos.engines.coherence.memory import NO_MEMORY, Notebook
from mythos.engines.coherence.suggest.change import MAY, ChangeKind
from mythos.engines.coherence.suggest.suggest import Suggested, Suggestion, suggested_changes
from mythos.engines.policy.compile import compile_policies
from mythos.engines.policy.identity import digest
from mythos.values.policy import PolicySet
from tests.engines.policy.scenes import RETAIL, engine_of, forbid, permit, policy

FACTS: JsonValue = {
    "confirmed": {"once": "user.confirm", "since": "refund"},
    "refunds": {"count": "refund"},
    "spent": {"sum": "input.amount_cents", "of": "refund"},
}
PAY = permit("pay", "refund")
LOOK = permit("look", "get_order")
UNASKED: dict[str, JsonValue] = {
    "name": "no unasked refund",
    "never": "allow",
    "when": "!context.past.confirmed",
    "actions": "refund",
}


def desk(
    *rules: str, expect: tuple[dict[str, JsonValue], ...] = (), name: str = "desk"
) -> PolicySet:
    return policy(name, "".join(rules), facts=FACTS, expect=list(expect))


def checked(*sets: PolicySet) -> tuple[Coherence, Suggested]:
    engine, memory = engine_of(*sets), Notebook(NO_MEMORY)
    result = check_coherence([engine], memory=memory)
    return result, suggested_changes([engine], result, memory=memory)


def only(*sets: PolicySet) -> Suggestion:
    _, found = checked(*sets)
    (suggestion,) = found.suggestions
    return suggestion


def rules_after(suggestion: Suggestion) -> str:
    (edited,) = suggestion.after.values()
    return edited.rules


def test_a_dropped_rule_that_named_violations_says_so() -> None:
    low = forbid("low", "refund", "context.input.amount_cents < 0")
    lower = forbid("lower", "refund", "context.input.amount_cents < -9", '@severity("info")')
    quiet = only(desk(PAY, low, lower))
    assert quiet.change.sentence.endswith("no call is decided otherwise without it")
    named = only(desk(PAY, low, lower.replace("info", "warning").replace("lower", "a-lower")))
    assert named.change.sentence.endswith("though violations that it names are charged otherwise")


def test_a_coherent_set_needs_no_change() -> None:
    result, found = checked(desk(LOOK, permit("pay", "refund", "context.past.confirmed")))
    assert result.coherence == 1
    assert found == Suggested()


def test_of_two_rules_that_do_one_thing_the_later_goes() -> None:
    suggestion = only(desk(LOOK, permit("again", "get_order")))
    assert suggestion.change.kind is ChangeKind.DROP
    assert [rule for _, rule in suggestion.change.rules] == ["again"]
    assert suggestion.difference.verdict == "equal"
    assert rules_after(suggestion) == LOOK
    assert len(suggestion.resolves) == 2  # each was needless while the other was there
    assert suggestion.coherence == 1


def test_the_only_rule_of_a_set_is_never_dropped() -> None:
    low = "context.input.amount_cents < 0"
    result, found = checked(
        desk(PAY, forbid("low", "refund", low)), desk(forbid("lower", "refund", low), name="alone")
    )
    nullified = {key[1] for each in result.findings for key in each.rules}
    assert {"low", "lower"} <= nullified
    dropped = [rule for each in found.suggestions for _, rule in each.change.rules]
    assert dropped == ["low"]


def test_a_promise_is_kept_by_a_clause_on_the_rule_that_breaks_it() -> None:
    suggestion = only(desk(PAY, expect=(UNASKED,)))
    assert suggestion.change.kind is ChangeKind.TIGHTEN
    assert "when { context.past.confirmed };" in rules_after(suggestion)
    assert suggestion.difference.verdict == "tightened"
    assert all(call.old.allowed and not call.new.allowed for call in suggestion.difference.calls)


def test_a_promise_that_two_rules_break_is_kept_by_one_more_rule() -> None:
    more = permit("small", "refund", "context.input.amount_cents < 100")
    cheap = permit("large", "refund", "context.input.amount_cents > 50")
    suggestion = only(desk(more, cheap, expect=(UNASKED,)))
    assert suggestion.change.kind is ChangeKind.ADD
    assert [rule for _, rule in suggestion.change.added] == ["keeps-no-unasked-refund"]
    assert suggestion.difference.verdict == "tightened"


def test_a_promise_that_another_set_breaks_is_kept_where_it_was_made() -> None:
    ours, theirs = desk(LOOK, expect=(UNASKED,)), desk(PAY, name="theirs")
    suggestion = only(ours, theirs)
    assert list(suggestion.after) == [digest(ours)]
    assert suggestion.change.kind is ChangeKind.ADD


def test_a_promised_call_is_let_through_by_each_rule_that_denies_it() -> None:
    promise: dict[str, JsonValue] = {
        "name": "look",
        "always": "allow",
        "when": "context.licensed",
        "actions": "get_order",
    }
    deep = forbid("deep", "", "context.depth > 3")
    odd = forbid("odd", "get_order", 'context.input.order_id == "x"')
    suggestion = only(desk(LOOK, deep, odd, PAY, expect=(promise,)))
    assert suggestion.change.kind is ChangeKind.LOOSEN
    assert {rule for _, rule in suggestion.change.rules} == {"deep", "odd"}
    assert suggestion.difference.verdict == "loosened"
    assert {call.new.request.tool for call in suggestion.difference.calls} == {"get_order"}


def test_what_no_rule_permits_is_promised_by_a_permit() -> None:
    promise: dict[str, JsonValue] = {"name": "Look!", "always": "allow", "actions": "get_order"}
    suggestion = only(desk(PAY, expect=(promise,)))
    assert suggestion.change.kind is ChangeKind.ADD
    assert '@id("keeps-look")\npermit (principal, action == Action::"get_order"' in rules_after(
        suggestion
    )
    assert suggestion.difference.verdict == "loosened"


@pytest.mark.parametrize(
    ("rule", "written"),
    [
        (
            forbid("cap", "refund", "context.past.refunds * 10000 > 500"),
            "context.past.refunds > 1000000000000 || (context.past.refunds * 10000 > 500)",
        ),
        (
            permit("few", "get_order", "context.depth * 100000 < 30"),
            "!(context.depth > 1000000000000) && (context.depth * 100000 < 30)",
        ),
    ],
)
def test_a_rule_that_can_overflow_says_what_it_decides_beyond_a_bound(
    rule: str, written: str
) -> None:
    result, found = checked(desk(PAY, rule))
    assert {FindingKind.FAIL_OPEN, FindingKind.ERROR_RISK} & {f.kind for f in result.findings}
    (suggestion,) = found.suggestions
    assert suggestion.change.kind is ChangeKind.BOUND
    assert written in rules_after(suggestion)
    assert suggestion.difference.verdict == "equal"


def test_nothing_is_offered_where_only_worse_is_to_be_had() -> None:
    """An `expect` request pins the very call that the promise forbids."""
    request: JsonValue = {"tool": "refund", "arguments": {"amount_cents": 1}}
    pinned: dict[str, JsonValue] = {"name": "pinned", "request": request, "decision": "allow"}
    _, found = checked(desk(PAY, expect=(UNASKED, pinned)))
    assert found.suggestions == ()


def test_findings_beyond_the_first_are_counted() -> None:
    needless = [permit(f"r{n}", "get_order", "context.depth > 1") for n in range(25)]
    _, found = checked(desk(LOOK, *needless))
    assert found.n_untried == 5
    assert len(found.suggestions) == 20


CONDITIONS = st.sampled_from(
    [
        "true",
        "context.past.confirmed",
        "!context.past.confirmed",
        "context.past.refunds > 2",
        "context.depth > 3",
        "context.depth < 2",
        "context.past.refunds * 1000000 > 5",
    ]
)
TOOLS = st.sampled_from(["", "get_order", "cancel_order"])
RULES = st.lists(st.tuples(st.booleans(), TOOLS, CONDITIONS), min_size=1, max_size=5)
PROMISES = st.lists(
    st.tuples(
        st.sampled_from(["never", "always"]),
        CONDITIONS,
        st.sampled_from(["get_order", "cancel_order"]),
    ),
    max_size=2,
)


@settings(max_examples=15, suppress_health_check=[HealthCheck.too_slow])
@given(RULES, PROMISES)
def test_whatever_is_offered_stands_a_check_from_scratch(
    rules: list[tuple[bool, str, str]], promises: list[tuple[str, str, str]]
) -> None:
    texts = [
        (permit if permits else forbid)(f"r{n}", tool, condition)
        for n, (permits, tool, condition) in enumerate(rules)
        if "refunds *" not in condition or tool == "cancel_order"
    ]
    if not texts:
        return
    expect: tuple[dict[str, JsonValue], ...] = tuple(
        {"name": f"p{n}", word: "allow", "when": condition, "actions": tool}
        for n, (word, condition, tool) in enumerate(promises)
    )
    before = desk(*texts, expect=expect)
    result, found = checked(before)
    for suggestion in found.suggestions:
        (after,) = suggestion.after.values()
        again = check_coherence([compile_policies([after], RETAIL)])
        left = {(each.obligation[0], each.obligation[2]) for each in again.findings if each.weight}
        gone = {(each.obligation[0], each.obligation[2]) for each in suggestion.resolves}
        assert gone
        assert not gone & left
        assert again.coherence == suggestion.coherence
        new = left - {(f.obligation[0], f.obligation[2]) for f in result.findings if f.weight}
        assert new <= {(f.obligation[0], f.obligation[2]) for f in suggestion.raises}
        assert all(each.gravity is Gravity.WARNING for each in suggestion.raises)
        both = compile_policies([before, after], RETAIL)
        verdict = compare(both, [digest(before)], [digest(after)]).verdict
        assert verdict == suggestion.difference.verdict
        assert verdict in MAY[suggestion.change.kind]
