"""Policy sets are read whole or refused with every problem at its place."""

from __future__ import annotations

import re

import pytest

from mythos.engines.policy.document import load_policy_set, read_policy_document
from mythos.engines.policy.rule import rules_of
from mythos.errors import PolicyError
from mythos.values.outcome import Severity
from tests.engines.policy.scenes import RETAIL

GOOD = """\
policy_set: retail-care
version: 7
facts:
  confirmed: {once: user.confirm, since: cancel_order, within: 10m}
rules: |
  // Cancelling needs a yes.
  @id("cancel")
  @severity("critical")
  @explain("A yes, then a cancellation.")
  permit(principal, action == Action::"cancel_order", resource)
  when { context.past.confirmed };

  @id("no-refund") forbid(principal, action in [Action::"refund", Action::"pay"], resource);
"""


def refused(text: str) -> PolicyError:
    with pytest.raises(PolicyError) as caught:
        load_policy_set(text, source="p.yaml")
    return caught.value


def with_rules(*lines: str) -> str:
    body = "\n".join(f"  {line}" for line in lines)
    return f"policy_set: p\nversion: 1\nrules: |\n{body}\n"


def test_rules_carry_what_their_annotations_and_scope_say() -> None:
    cancel, refund = rules_of(load_policy_set(GOOD, source="p.yaml"))
    assert (cancel.id, cancel.effect, cancel.severity) == ("cancel", "permit", Severity.CRITICAL)
    assert (cancel.line, cancel.actions) == (2, frozenset({"cancel_order"}))
    assert cancel.explanation == "A yes, then a cancellation."
    assert set(cancel.use.facts) == {"confirmed"}
    assert (refund.severity, refund.actions) == (Severity.WARNING, frozenset({"refund", "pay"}))


def test_a_rule_is_kept_verbatim_without_the_comment_before_it() -> None:
    cancel, _ = rules_of(load_policy_set(GOOD, source="p.yaml"))
    assert cancel.text.startswith('@id("cancel")\n@severity')
    assert cancel.text.endswith("when { context.past.confirmed };")


def test_a_rule_is_placed_at_its_line_in_the_file() -> None:
    document = read_policy_document(GOOD, source="p.yaml")
    assert [document.places.rule(rule.line) for rule in document.rules] == [
        "p.yaml:7:3",
        "p.yaml:13:3",
    ]


def test_a_semicolon_or_comment_mark_in_a_string_ends_nothing() -> None:
    text = with_rules('@id("a") permit(principal, action, resource)', 'when { "; // x" == "y" };')
    assert len(rules_of(load_policy_set(text, source="p.yaml"))) == 1


@pytest.mark.parametrize(
    ("lines", "where", "message"),
    [
        (["permit(principal, action, resource);"], "p.yaml:4:3", "no @id"),
        (["", '@id("")', "permit(principal, action, resource);"], "p.yaml:5:3", "no @id"),
        (
            ['@id("a") permit(principal, action, resource);'] * 2,
            "p.yaml:5:3",
            "'a'.* is already the name of a rule above",
        ),
        (['@id("default") permit(principal, action, resource);'], "p.yaml:4:3", "reserved"),
        (['@id("a b") permit(principal, action, resource);'], "p.yaml:4:3", "no rule name"),
        (
            ['@id("a") @severity("fatal") permit(principal, action, resource);'],
            "p.yaml:4:3",
            "fatal",
        ),
        (
            ['@id("a")', "permit(principal == ?principal, action, resource);"],
            "p.yaml:5:23",
            "template",
        ),
        (
            ['@id("a") permit(principal, action, resource)', "when { 1 = 2 };"],
            "p.yaml:5:12",
            "rule 'a' is not Cedar",
        ),
        (['@id("a") permit(principal, action, resource)'], "p.yaml:4:3", "no closing ;"),
        (
            ["", '@id("a") permit(principal, action, resource) when { "x };'],
            "p.yaml:5:55",
            "no closing",
        ),
        (
            ['@id("a") permit(principal, action, resource)', "when { context.past.seen };"],
            "p.yaml:5:23",
            "context.past.seen, which `facts` does not declare",
        ),
        (
            ['@id("a") permit(principal, action, resource)', "when { context.pats.seen };"],
            "p.yaml:5:18",
            "no part 'pats'",
        ),
        (
            ['@id("a") permit(principal, action, resource) when { (context).past.x };'],
            "p.yaml:4:56",
            "as a whole",
        ),
        (
            ['@id("a") permit(principal, action, resource) when { context["p\\u{61}st"].x };'],
            "p.yaml:4:55",
            "as a whole",
        ),
        (
            ['@id("a") permit(principal, action, resource) when { context.past == {} };'],
            "p.yaml:4:63",
            "all facts at once",
        ),
        (
            [f'@id("a") permit(principal, action, resource) when {{ {"(" * 5000}1{")" * 5000} }};'],
            "p.yaml:4:3",
            "nests 5001 deep",
        ),
    ],
)
def test_a_bad_rule_is_refused_at_its_place(lines: list[str], where: str, message: str) -> None:
    error = refused(with_rules(*lines))
    assert error.where == where
    assert re.search(message, error.message)
    assert error.remedy


@pytest.mark.parametrize(
    ("fact", "message"),
    [
        ("{once: user.confirm, by: order_id}", "user.confirm has none"),
        ("{once: a, since: user.message, by: x}", "user.message has none"),
        ("{once: user.confirm, outcome: error}", "no outcome `error`"),
        ("{last: input.text, of: user.message}", "has no fields"),
        ("{sum: input, of: refund}", "needs one field"),
        ("{last: input, of: refund}", "is no value"),
        ("{sum: input.a, of: refund, count: attempts, outcome: error}", "contradict"),
        ("{once: refund, scope: agent}", "is kept 30 days"),
        ("{once: refund, scope: fleet, within: 31d}", "longer than history is kept"),
        ("{once: refund, where: 'input.a >'}", "is not Cedar"),
        ("{once: refund, where: 'context.licensed'}", "an event has no 'licensed'"),
        ("{once: refund, where: 'true } unless { false'}", "not one condition"),
        ("{once: refund, where: 'true }; permit(principal'}", "not one condition"),
        ("{once: refund, where: 'past.other'}", "reads past.other"),
        ("{once: refund, where: 'past.seen'}", "leads back to itself: seen → seen"),
        ("{once: a, scope: agent, within: 1d, where: 'past.seen'}", "needs events in order"),
    ],
)
def test_a_fact_that_nobody_could_keep_is_refused_at_its_line(fact: str, message: str) -> None:
    rule = "'@id(\"a\") permit(principal, action, resource);'"
    error = refused(f"policy_set: p\nversion: 1\nfacts:\n  seen: {fact}\nrules: {rule}\n")
    assert error.where == "p.yaml:4:3"
    assert message in str(error)
    assert error.remedy


def test_every_problem_is_told_at_once() -> None:
    text = with_rules(
        "permit(principal, action, resource);",
        '@id("b") forbid(principal, action, resource) when { 1 = 2 };',
    ).replace("version: 1\n", "version: 1\nfacts:\n  many: {last: input, of: refund}\n")
    message = str(refused(text))
    for place in ("p.yaml:4:3", "p.yaml:6:3", "p.yaml:7:57"):
        assert place in message


def test_rules_in_a_json_string_are_placed_at_the_word_as_it_is_written() -> None:
    rules = r'"// \ud83d\ude00 \u00e9\n permit(principal, action);"'
    text = f'{{"policy_set": "p", "version": 1,\n "rules": {rules}}}'
    assert refused(text).where == f"p.yaml:2:{text.splitlines()[1].index('permit') + 1}"


def test_rules_that_are_folded_are_placed_at_the_line_they_begin_on() -> None:
    text = "policy_set: p\nversion: 1\nrules: >\n  permit(principal,\n  action, resource);\n"
    assert refused(text).where == "p.yaml:3"


def test_a_misspelt_key_does_not_hide_what_is_wrong_with_the_rules() -> None:
    error = refused("policy_set: p\nversoin: 1\nrules: |\n  permit(principal, action, resource);\n")
    assert [one.where for one in error.each] == ["p.yaml:1:1", "p.yaml:2:1", "p.yaml:4:3"]
    assert all(one.remedy for one in error.each)


def test_an_unknown_key_is_refused_with_its_place() -> None:
    assert refused('policy_set: p\nversion: 1\nrule: ""\nrules: ""\n').where == "p.yaml:3:1"


@pytest.mark.parametrize("rules", ['""', "|\n  // nothing yet\n"])
def test_a_set_without_rules_would_allow_everything_and_is_refused(rules: str) -> None:
    error = refused(f"policy_set: p\nversion: 1\nrules: {rules}\n")
    assert (error.where, "there is no rule" in error.message) == ("p.yaml:3:8", True)
    assert "forbid" in error.remedy


def test_given_the_tools_then_one_reading_tells_what_is_wrong_with_text_and_tools() -> None:
    text = with_rules(
        "permit(principal, action, resource);",
        '@id("b") forbid(principal, action == Action::"refund", resource) '
        "when { context.input.nothing > 1 };",
    ).replace("version: 1\n", "version: 1\nfacts:\n  many: {count: refnd}\n")
    with pytest.raises(PolicyError) as caught:
        read_policy_document(
            text.replace("version: 1\n", "version: 1\ncovers: {tools: shop/retail}\n"),
            source="p.yaml",
            catalogues=[RETAIL],
        )
    told = str(caught.value)
    for part in ("no @id", "speaks of 'refnd'", "context.input.nothing,"):
        assert part in told
