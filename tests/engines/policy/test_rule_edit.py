"""Edits of rules as text: the rest of the text stays, and the edit means what it says."""

from __future__ import annotations

import cedarpy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mythos.engines.policy.rule import Rule, rules_of
from mythos.engines.policy.rule_edit import (
    apart_from,
    clauses_of,
    with_body,
    with_clause,
    with_rule,
    without_rule,
)
from mythos.values.policy import PolicySet

TEXT = """\
// The desk.

// Anyone may look.
@id("look") @when("always")
permit (principal, action == Action::"get_order", resource);

@id("cap")
forbid (principal, action == Action::"refund", resource)
when { context.input.amount_cents > 500 } // more than that
unless { "a } when { b" == context.input.why };
@id("last") permit (principal, action, resource);
"""


def policy_set(rules: str = TEXT) -> PolicySet:
    return PolicySet(policy_set="p", version=1, rules=rules)


def rule(name: str, rules: str = TEXT) -> Rule:
    return next(each for each in rules_of(policy_set(rules)) if each.id == name)


def ids(edited: PolicySet) -> list[str]:
    return [each.id for each in rules_of(edited)]


def test_a_rule_goes_with_its_own_comment_and_the_others_stay_verbatim() -> None:
    edited = without_rule(policy_set(), rule("look"))
    assert edited.rules.startswith('// The desk.\n\n@id("cap")\n')
    assert "Anyone" not in edited.rules
    assert edited.rules.endswith(TEXT.partition('@id("cap")')[2])


@pytest.mark.parametrize("name", ["look", "cap", "last"])
def test_each_rule_can_go_alone(name: str) -> None:
    left = [each for each in ("look", "cap", "last") if each != name]
    assert ids(without_rule(policy_set(), rule(name))) == left


def test_a_rule_on_one_line_with_another_can_go() -> None:
    scope = "(principal, action, resource)"
    line = f'@id("a") permit {scope}; @id("b") permit {scope};'
    assert ids(without_rule(policy_set(line), rule("a", line))) == ["b"]
    assert ids(without_rule(policy_set(line), rule("b", line))) == ["a"]


def test_clauses_are_those_of_the_rule_and_no_annotation_or_string() -> None:
    found = [(each.word, TEXT[each.start : each.end].strip()) for each in clauses_of(rule("cap"))]
    assert found == [
        ("when", "context.input.amount_cents > 500"),
        ("unless", '"a } when { b" == context.input.why'),
    ]
    assert clauses_of(rule("look")) == ()


def test_a_clause_is_added_at_the_end_and_around_a_body() -> None:
    edited = with_clause(policy_set(), rule("cap"), "unless { principal.x }")
    assert "== context.input.why }\nunless { principal.x };" in edited.rules
    (when, _) = clauses_of(rule("cap"))
    edited = with_body(policy_set(), when, "a || (", ")")
    assert "when { a || (context.input.amount_cents > 500) } // more" in edited.rules


def test_a_comment_at_the_end_of_a_body_swallows_nothing() -> None:
    text = '@id("a") permit (principal, action, resource) when { context.licensed // yes\n};'
    (when,) = clauses_of(rule("a", text))
    edited = with_body(policy_set(text), when, "true && (", ")")
    assert edited.rules.endswith("when { true && (context.licensed // yes\n)\n};")


def test_a_rule_is_added_at_the_end() -> None:
    more = '@id("more") forbid (principal, action, resource);'
    assert ids(with_rule(policy_set(), more)) == ["look", "cap", "last", "more"]
    assert with_rule(policy_set(""), more).rules == f"{more}\n"


@pytest.mark.parametrize(
    ("condition", "clause"),
    [
        ("!context.past.confirmed", "when { context.past.confirmed }"),
        ("!(a && b)", "when { a && b }"),
        ("!(a) && !(b)", "unless { !(a) && !(b) }"),
        ("!a == b", "unless { !a == b }"),
        ("!x.contains(a || b)", "when { x.contains(a || b) }"),
        ("a > 3", "unless { a > 3 }"),
        ("a // why", "unless {\n  a // why\n}"),
    ],
)
def test_the_shortest_clause_that_keeps_a_rule_apart(condition: str, clause: str) -> None:
    assert apart_from(condition) == clause


NAMES = ("context.a", "context.b")
BOOLEANS = st.recursive(
    st.sampled_from(NAMES),
    lambda inner: st.one_of(
        inner.map("!{}".format),
        inner.map("({})".format),
        st.tuples(inner, st.sampled_from(["&&", "||"]), inner).map(
            "({0[0]}) {0[1]} ({0[2]})".format
        ),
        st.tuples(inner, inner).map("({0[0]}) == ({0[1]})".format),
    ),
    max_leaves=5,
)


@given(BOOLEANS, st.booleans(), st.booleans())
def test_kept_apart_it_matches_exactly_where_the_condition_does_not_hold(
    condition: str, a: bool, b: bool
) -> None:
    def allowed(clause: str) -> bool:
        request = {
            "principal": 'A::"a"',
            "action": 'Action::"a"',
            "resource": 'A::"r"',
            "context": {"a": a, "b": b},
        }
        answer = cedarpy.is_authorized(
            request, f"permit (principal, action, resource) {clause};", []
        )
        assert not answer.diagnostics.errors
        return answer.allowed

    assert allowed(apart_from(condition)) is not allowed(f"when {{ {condition} }}")
