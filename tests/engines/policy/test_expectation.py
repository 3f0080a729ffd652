"""Expectations: what a policy set promises is tried as it is written, and nonsense is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mythos.engines.policy.check import check_against
from mythos.engines.policy.document import PolicyDocument, read_policy_document
from mythos.engines.policy.expectation import Tried, attempt, catalogue_of
from mythos.engines.policy.expectation_check import read_promise
from mythos.engines.policy.identity import digest
from mythos.errors import PolicyError
from mythos.values.policy import Expectation
from tests.engines.policy.scenes import RETAIL, engine_of

HEAD = """\
policy_set: p
version: 1
covers: {tools: shop/retail}
facts:
  confirmed: {once: user.confirm, since: refund}
  refunds: {count: refund}
  spent: {sum: input.amount_cents, of: refund}
  state: {last: output.state, of: get_order}
  fleet_wide: {count: refund, within: 1d, scope: fleet}
rules: |
  @id("pay") permit(principal, action == Action::"refund", resource) when {
    context.past.confirmed && context.past.refunds < 2
    && context.past.spent + context.input.amount_cents <= 500
    && !(context.past has state && context.past.state == "closed") };
  @id("asked") forbid(principal, action == Action::"refund", resource) unless { context.licensed };
  @id("sink") forbid(principal, action == Action::"refund", resource)
  when { context.sinks.untrusted || context.sinks.unknown };
  @id("late") forbid(principal, action == Action::"refund", resource)
  when { context.now > datetime("2026-01-01") || context.depth > 1 };
  @id("boss") forbid(principal == Agent::"intern", action, resource);
"""
FINE = "tool: refund, licensed: true, past: {confirmed: true}"
CLOSE = FINE.removesuffix("}")
ONE = "input: {amount_cents: 1}"


def read(*entries: str) -> PolicyDocument:
    listed = "".join(f"  - {{{entry}}}\n" for entry in entries)
    return read_policy_document(f"{HEAD}expect:\n{listed}", source="p.yaml")


def tried(request: str, wanted: str = "allow") -> Tried:
    document = read(f"name: n, decision: {wanted}, request: {{{request}}}")
    check_against(document.policy_set, [RETAIL], places=document.places)
    [entry] = document.policy_set.expect
    assert entry.request is not None
    assert entry.decision is not None
    assert catalogue_of(entry.request, document.policy_set, [RETAIL]) is RETAIL
    return attempt(
        entry.request,
        entry.decision,
        document.policy_set,
        digest=digest(document.policy_set),
        engine=engine_of(document.policy_set),
    )


def test_a_request_that_says_all_that_the_rule_wants_is_allowed() -> None:
    assert tried(f"{FINE}, arguments: {{amount_cents: 500}}").status == "passed"


@pytest.mark.parametrize(
    ("request_", "rule"),
    [
        ("tool: refund, licensed: true, arguments: {amount_cents: 1}", "default"),
        (f"{FINE}, arguments: {{amount_cents: 501}}", "default"),
        (
            f"{CLOSE}, refunds: 2}}, {ONE}",
            "default",
        ),
        (
            f"{CLOSE}, spent: 500}}, {ONE}",
            "default",
        ),
        (
            f"{CLOSE}, state: closed}}, {ONE}",
            "default",
        ),
        ("action: refund, facts: {confirmed: true}, input: {amount_cents: 1}", "asked"),
        (f"{FINE}, arguments: {{amount_cents: 1, to: X}}", "sink"),
        (f"{FINE}, arguments: {{amount_cents: 1, to: X}}, origins: {{to: untrusted}}", "sink"),
        (f"{FINE}, arguments: {{amount_cents: 1}}, now: 2026-06-01T00:00:00Z", "late"),
        (f"{FINE}, arguments: {{amount_cents: 1}}, depth: 2", "late"),
        (f"{FINE}, arguments: {{amount_cents: 1}}, agent: intern", "boss"),
    ],
)
def test_each_thing_that_a_request_says_or_leaves_out_counts(request_: str, rule: str) -> None:
    done = tried(request_, wanted="deny")
    assert done.answer is not None
    assert (done.status, done.answer.rules) == ("passed", (rule,))


def test_a_known_origin_and_an_absent_state_are_said_too() -> None:
    said = "tool: refund, licensed: true, past: {confirmed: true, state: null}"
    assert tried(f"{said}, arguments: {{amount_cents: 1, to: X}}, origin: {{to: user}}").status == (
        "passed"
    )


def test_another_decision_than_expected_fails_and_says_why() -> None:
    done = tried("tool: refund, licensed: true, arguments: {amount_cents: 1}")
    assert done.answer is not None
    assert (done.status, done.answer.word) == ("failed", "deny")
    assert "not given: confirmed" in done.why


def test_a_fact_that_only_the_monitor_knows_cannot_be_tried() -> None:
    done = tried("tool: refund, past: {fleet_wide: 3}, arguments: {amount_cents: 1}")
    assert (done.status, done.answer) == ("skipped", None)
    assert "only the monitor knows fleet_wide" in done.why


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ("name: a", "write `request` with `decision`"),
        ("name: a, request: {tool: refund}", "belong together"),
        ("name: a, decision: allow", "belong together"),
        ("name: a, request: {tool: refund}, decision: allow, never: deny", "stand apart"),
        ("name: a, request: {tool: refund}, decision: allow, when: 'true'", "stand apart"),
        ("name: a, never: allow, always: allow", "one of `never` and `always`"),
        ("name: a, never: maybe", "'maybe' is none of allow and deny"),
        ("name: a, request: {tol: refund}, decision: deny", "expect/0/request/tol"),
        ("name: a, request: {}, decision: deny", "expect/0/request/tool"),
        ("name: a, request: {tool: refund, now: 2026-01-01}, decision: deny", "request/now"),
        ("name: a, request: {tool: refund, depth: -1}, decision: deny", "request/depth"),
        ("name: a, request: {tool: refund, origins: {to: x}}, decision: deny", "origins/to"),
        ("name: a, never: allow, when: '1 = 2'", "not Cedar"),
        ("name: a, never: allow, when: 'true } unless { true'", "not one condition"),
        (
            "name: a, never: deny, when: 'true }; permit(principal, action, resource)'",
            "not one condition",
        ),
        ("name: a, never: allow, when: '\"x'", "no closing"),
        ("name: a, never: allow, when: 'context.pats.x'", "no part 'pats'"),
        ("name: a, never: allow, when: context.past.sen", "context.past.sen, which"),
        ("name: a, request: {tool: refund, past: {sen: true}}, decision: deny", "'sen' is not"),
        ("name: a, request: {tool: refund, past: {refunds: null}}, decision: deny", "never abs"),
        ("name: a, request: {tool: refund, input: {x: 0.12345}}, decision: deny", "decimal"),
        (
            "name: a, request: {tool: refund, input: {x: [{y: 1e-9}]}}, decision: deny",
            "four decimal",
        ),
        (
            "name: a, request: {tool: refund, input: {x: 9223372036854775808}}, decision: deny",
            "64 bits",
        ),
        ("name: a, request: {tool: refund, input: {x: 1e300}}, decision: deny", "64 bits"),
    ],
)
def test_a_malformed_entry_is_refused_at_its_line(entry: str, message: str) -> None:
    with pytest.raises(PolicyError) as caught:
        read(
            "name: fine, never: allow, when: 'context.past.confirmed'",
            entry.replace("expect/0", ""),
        )
    assert message.replace("expect/0", "expect/1") in caught.value.message
    line = len(HEAD.splitlines()) + 3
    assert caught.value.where.startswith(f"p.yaml:{line}:")
    assert caught.value.remedy


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ("request: {tool: refnd}, decision: deny", "no catalogue that is covered declares"),
        ("request: {tool: refund, input: {amount: 5}}, decision: deny", "argument amount is not"),
        ("request: {tool: refund, input: {}}, decision: deny", "amount_cents is missing"),
        (
            f"request: {{tool: refund, {ONE}, origins: {{note: user}}}}, decision: deny",
            "'note' is no sink",
        ),
        (
            f"request: {{tool: refund, {ONE}, past: {{refunds: many}}}}, decision: deny",
            "'refunds' is a Long: 'many' is no Long",
        ),
        ("never: allow, actions: [refund, refnd]", "declares the tool 'refnd'"),
        ("never: allow, when: 'context.input.amount_cents > 5'", "not found"),
        (
            "never: allow, actions: refund, when: 'context.input.amount > 5'",
            "`when` reads context.input.amount,",
        ),
        (
            "never: allow, when: 'context.input has amuont_cents'",
            "reads context.input.amuont_cents",
        ),
        (
            "never: allow, actions: get_order, when: 'context.input has amount_cents'",
            "reads context.input.amount_cents, which none of its tools can have",
        ),
        ("never: allow, when: 'context.past.refunds == true'", "expect 'a': the types"),
    ],
)
def test_an_entry_that_does_not_fit_the_tools_is_refused_at_its_line(
    entry: str, message: str
) -> None:
    document = read(f"name: a, {entry}")
    with pytest.raises(PolicyError) as caught:
        check_against(document.policy_set, [RETAIL], places=document.places)
    assert message in str(caught.value)
    assert caught.value.where.startswith(f"p.yaml:{len(HEAD.splitlines()) + 2}:")


def test_two_entries_with_one_name_are_refused() -> None:
    with pytest.raises(PolicyError, match="expect 'a': entry 1 has this name, and so has entry 2"):
        read("name: a, never: deny", "name: a, always: allow")


@given(st.text(min_size=1, max_size=30))
def test_no_condition_says_more_than_one_condition(text: str) -> None:
    """Whatever is written, it is one rule with one condition or it is refused."""
    rule, problems = read_promise(Expectation(name="a", never="allow", when=text))
    assert (rule is None) == bool(problems)
    if rule is not None:
        written = text.replace("\r\n", "\n").replace("\r", "\n")
        assert rule.text.endswith(f"when {{\n{written}\n}};")
