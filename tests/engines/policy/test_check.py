"""A policy set must fit the tools it governs; what does not is named by rule and line."""

from __future__ import annotations

import pytest

from mythos.engines.policy.check import check_against
from mythos.engines.policy.compile import compile_policies
from mythos.engines.policy.document import read_policy_document
from mythos.errors import PolicyError
from mythos.values.tools import ToolCatalogue
from tests.engines.policy.scenes import RETAIL, forbid, permit, policy

OTHER = ToolCatalogue.model_validate(
    {"domain": "shop/mail", "tools": [{"name": "send_mail", "effect": "egress"}]}
)


def checked(*lines: str, covers: str = "shop/retail", facts: str = "{}") -> PolicyError:
    body = "\n".join(f"  {line}" for line in lines)
    head = f"policy_set: p\nversion: 1\ncovers: {{tools: {covers}}}\nfacts: {facts}\n"
    document = read_policy_document(f"{head}rules: |\n{body}\n", source="p.yaml")
    with pytest.raises(PolicyError) as caught:
        check_against(document.policy_set, [RETAIL, OTHER], places=document.places)
    return caught.value


@pytest.mark.parametrize(
    ("rule", "word", "message"),
    [
        (permit("a", "canel_order"), '"canel_order"', "names the tool 'canel_order'"),
        (permit("a", "refund", "context.input.amount > 5"), "amount", "context.input.amount,"),
        (permit("a", "refund", "context.input has noote"), "noote", "none of its tools can have"),
        (
            permit("a", "refund", 'context.input has "noote"'),
            '"noote"',
            "none of its tools can have",
        ),
        (permit("a", "refund", 'decimal("1.00001") == decimal("1.0")'), '"1.0000', "1.00001"),
        (permit("a", "refund", 'context.now > datetime("2026-13-01")'), '"2026', "2026-13-01"),
        (permit("a", "refund", 'context.input.amount_cents == "5"'), "@", "rule 'a'"),
        (permit("a", "refund", 'context.input.note == "x"'), "note", "optional attribute"),
        (permit("a", "", 'context.input.order_id == "x"'), "order_id", "`input.order_id`"),
        (forbid("a", "refund", "context.licensed > 3"), "@", "rule 'a'"),
    ],
)
def test_an_ill_typed_rule_is_refused_at_its_word(rule: str, word: str, message: str) -> None:
    error = checked("", rule.strip())
    assert message in error.message
    assert error.where == f"p.yaml:7:{rule.index(word) + 3}"
    assert error.remedy


def test_unknown_tools_in_facts_are_refused_at_the_fact() -> None:
    error = checked(forbid("a", ""), facts="{done: {once: cancel, since: user.message}}")
    assert (error.where, "'cancel'" in error.message) == ("p.yaml:4:9", True)


def test_a_set_that_covers_no_given_catalogue_is_refused() -> None:
    assert "covers shop/toys" in checked(forbid("a", ""), covers="shop/toys").message


def test_an_optional_argument_may_be_read_after_a_test_for_it() -> None:
    rule = forbid("a", "", 'context.input has note && context.input.note == "x"')
    check_against(policy("p", rule), [RETAIL])


def test_a_set_that_covers_several_catalogues_may_name_tools_of_each() -> None:
    rules = permit("a", "send_mail") + permit("b", "get_order")
    rules += (
        '@id("c") forbid(principal, action in [Action::"refund", Action::"send_mail"], resource);'
    )
    everywhere = policy("p", rules)
    check_against(everywhere, [RETAIL, OTHER])
    compile_policies([everywhere], RETAIL)
    compile_policies([everywhere], OTHER)


def test_a_set_for_one_catalogue_is_checked_whole_when_it_is_compiled() -> None:
    typo = policy("p", permit("a", "send_mail"), covers={"tools": "shop/retail"})
    with pytest.raises(PolicyError, match="send_mail") as caught:
        compile_policies([typo], RETAIL)
    assert caught.value.where == "policy set p, rules:1:47"


def test_the_service_form_of_a_domain_names_the_catalogue_too() -> None:
    check_against(policy("p", permit("a", "refund"), covers={"tools": "shop-retail"}), [RETAIL])
