"""Expectations: what a policy set promises is tried as it is written, and nonsense is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mythos.engines.policy.check import check_against
from mythos.engines.policy.document import (
    PolicyDocument,
    load_policy_set,
    read_policy_document,
)
from mythos.engines.policy.expectation import Tried, attempt, catalogue_of
from mythos.engines.policy.expectation_check import read_promise
from mythos.engines.policy.identity import digest
from mythos.engines.policy.written import written
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


SIGNALS = """\
policy_set: signals
version: 1
covers: {tools: shop/retail}
facts:
  paid: {last: output.paid, of: get_order, type: decimal}
  cents: {last: output.cents, of: get_order, type: integer}
rules: |
  @id("any") permit(principal, action, resource);
  @id("loop") forbid(principal, action, resource) when { context.repeats >= 10 };
  @id("late") forbid(principal, action, resource) when { context.run.calls > 5 };
  @id("dear") forbid(principal, action, resource) when { context.run.tokens > 1000000 };
  @id("model") forbid(principal, action, resource) when { context.run.model_changed };
  @id("tools") forbid(principal, action, resource) when { context.run.tools_changed };
  @id("dirty") forbid(principal, action, resource) when { context.run.untrusted };
  @id("gone") forbid(principal, action, resource) when { context.asked.deletion };
  @id("else") forbid(principal, action, resource) when { context.asked.elsewhere };
  @id("link") forbid(principal, action, resource) when { context.links.unknown };
  @id("seen") forbid(principal, action, resource) when { context.links.user };
  @id("strange") forbid(principal, action, resource) unless { context.sinks.referred };
  @id("large") forbid(principal, action == Action::"refund", resource)
  when { context.input.amount_cents > 9007199254740993 };
  @id("owed") forbid(principal, action, resource)
  when { context.past has cents && context.past.cents == 9007199254740993 };
  @id("much") forbid(principal, action, resource)
  when { context.past has paid && context.past.paid.greaterThan(decimal("922337203685477.0")) };
"""


def signalled(request: str) -> PolicyDocument:
    entry = f"name: n, decision: deny, request: {{tool: refund, {request}}}"
    return read_policy_document(
        f"{SIGNALS}expect:\n  - {{{entry}}}\n", source="p.yaml", catalogues=[RETAIL]
    )


@pytest.mark.parametrize(
    ("request_", "rule"),
    [
        ("repeats: 10", "loop"),
        ("repeats: 9", ""),
        ("run: {calls: 6}", "late"),
        ("run: {calls: 5, tokens: 1000000}", ""),
        ("run: {tokens: 1000001}", "dear"),
        ("run: {model_changed: true}", "model"),
        ("run: {tools_changed: true}", "tools"),
        ("run: {untrusted: true}", "dirty"),
        ("asked: {deletion: true}", "gone"),
        ("asked: {elsewhere: true}", "else"),
        ("links: {unknown: true}", "link"),
        ("links: {user: true}", "seen"),
        ("links: {trusted: true, untrusted: true}", ""),
        ("sinks: {referred: true}", ""),
        ("input: {amount_cents: 1, to: X}", "strange"),
        ("input: {amount_cents: 1, to: X}, sinks: {referred: false}", "strange"),
        ("input: {amount_cents: 1, to: X}, sinks: {referred: true}", ""),
        ("input: {amount_cents: 1, to: X}, origins: {to: user}", ""),
        ('input: {amount_cents: "9007199254740994"}', "large"),
        ("input: {amount_cents: 9007199254740991}", ""),
        ('past: {cents: "9007199254740993"}', "owed"),
        ('past: {cents: "9007199254740994"}', ""),
        ('past: {paid: "922337203685477.5807"}', "much"),
        ('past: {paid: "922337203685477.0"}', ""),
        ("past: {paid: 922337203685477.5}", "much"),
    ],
)
def test_each_signal_and_large_number_that_a_request_says_counts(request_: str, rule: str) -> None:
    given = request_ if "input" in request_ else f"{request_}, {ONE}"
    document = signalled(given)
    [entry] = document.policy_set.expect
    assert entry.request is not None
    done = attempt(
        entry.request,
        "deny" if rule else "allow",
        document.policy_set,
        digest=digest(document.policy_set),
        engine=engine_of(document.policy_set),
    )
    assert (done.status, done.answer and done.answer.rules) == ("passed", (rule or "any",))
    again = load_policy_set(written(document.policy_set), source="p.yaml")
    assert (again, digest(again)) == (document.policy_set, digest(document.policy_set))


@pytest.mark.parametrize(
    ("request_", "message", "remedy"),
    [
        ("run: {cals: 1}", "request/run/cals", "spelling"),
        ("run: {calls: -1}", "request/run/calls", ""),
        ("run: {calls: true}", "request/run/calls", ""),
        ("run: {tokens: 1e9}", "request/run/tokens", ""),
        ("run: 3", "request/run", ""),
        ("repeats: 1000000000000001", "request/repeats", ""),
        ("asked: {deletion: 1}", "asked/deletion", ""),
        ("asked: {delete: true}", "asked/delete", ""),
        ("links: {strange: true}", "links/strange", ""),
        ("links: [user]", "request/links", ""),
        ("sinks: {untrusted: true}", "sinks/untrusted", ""),
        ("sinks: {referred: false}", "`referred` is true of a call without", "origins"),
        ("input: {amount_cents: 9007199254740993}", "every reader", '"9007199254740993"'),
        ("past: {cents: 9007199254740993}", "every reader", '"9007199254740993"'),
        ('input: {amount_cents: "500"}', "amount_cents is no Long", ""),
        ('input: {amount_cents: "9223372036854775808"}', "amount_cents", ""),
        ('past: {cents: "500"}', "'cents' is a Long", ""),
        ("past: {cents: 500.0}", "'cents' is a Long: 500.0 is no Long", "write 500"),
        ("past: {cents: 1.5}", "'cents' is a Long: 1.5 is no Long", "correct"),
        ("past: {cents: true}", "'cents' is a Long: true is no Long", "correct"),
        ('past: {paid: "5,00"}', "'paid' is a decimal", ""),
        ('past: {paid: "922337203685477.5808"}', "does not fit in 64 bits", ""),
    ],
)
def test_a_signal_or_number_that_is_none_is_refused_at_its_place(
    request_: str, message: str, remedy: str
) -> None:
    given = request_ if "input" in request_ else f"{request_}, {ONE}"
    with pytest.raises(PolicyError) as caught:
        signalled(given)
    line = len(SIGNALS.splitlines()) + 2
    assert message in caught.value.message
    assert remedy in caught.value.remedy
    assert caught.value.remedy
    assert caught.value.where.startswith(f"p.yaml:{line}:")
    assert int(caught.value.where.rpartition(":")[2]) > len("  - {name: n, ")


@pytest.mark.parametrize(
    "request_",
    [
        f"{ONE}, past: {{cents: {10**20}}}",
        f"{ONE}, past: {{paid: 0.12345}}",
        f"input: {{amount_cents: {10**20}}}",
    ],
)
def test_a_number_that_cedar_cannot_say_is_told_once(request_: str) -> None:
    with pytest.raises(PolicyError) as caught:
        signalled(request_)
    assert len(caught.value.each) == 1


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
