"""Policy sets as plain Cedar and back: the same rules byte for byte, and a pair Cedar accepts."""

from __future__ import annotations

import cedarpy
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mythos.engines.policy.cedar_file import (
    cedar_schema,
    cedar_text,
    line_before,
    read_cedar_file,
    with_ids,
)
from mythos.engines.policy.document import load_policy_set
from mythos.engines.policy.identity import digest
from mythos.engines.policy.rule import read_rules
from mythos.engines.policy.written import written
from mythos.errors import PolicyError
from mythos.values.in_words import SET_NAME
from mythos.values.policy import Covers, Expectation, Once, PolicySet
from mythos.values.source import read_document, validated
from mythos.values.tools import ToolCatalogue
from tests.engines.policy.scenes import RETAIL, forbid, permit, policy

FULL = policy(
    "shop refunds",
    "// Money.\n\n"
    + permit("pay", "refund", "context.past.yes && context.past.n < 2")
    + forbid("cap", "refund", "context.past has state && context.input.amount_cents > 5"),
    facts={
        "yes": {"once": "user.confirm", "since": "refund"},
        "n": {"count": "refund", "scope": "agent", "within": "1d"},
        "state": {"last": "output.state", "of": "get_order"},
    },
    covers={"tools": ["shop/retail", "shop/other"]},
    critical=True,
    expect=[{"name": "no", "request": {"tool": "refund", "past": {"n": 2}}, "decision": "deny"}],
)


def reimported(policy_set: PolicySet) -> PolicySet:
    file = read_cedar_file(cedar_text(policy_set, [RETAIL]), source="a.cedar")
    return PolicySet.model_validate({**file.head, "rules": file.rules})


def test_an_exported_policy_set_comes_back_as_it_was() -> None:
    assert reimported(FULL) == FULL
    assert digest(reimported(FULL)) == digest(FULL)


@given(
    st.sampled_from(["", "//! a\n", "//! policy set x\n//! ---\n", "\n\n", "// \u2028é\t😀\n"]),
    st.sampled_from(["", "\n", "\n\n", "  ", "// end"]),
)
def test_rules_come_back_byte_for_byte_whatever_stands_around_them(head: str, tail: str) -> None:
    rules = f"{head}{forbid('a', 'refund')}{tail}"
    back = reimported(policy("p", rules))
    assert back.rules.encode() == rules.encode()


def test_cedars_own_validator_accepts_the_exported_pair() -> None:
    schema = orjson.dumps(cedar_schema(FULL, [RETAIL])).decode()
    result = cedarpy.validate_policies(cedar_text(FULL, [RETAIL]), schema)
    assert (result.validation_passed, list(result.errors)) == (True, [])
    typo = cedar_text(FULL, [RETAIL]).replace("amount_cents", "amount")
    assert not cedarpy.validate_policies(typo, schema).validation_passed


def test_the_header_says_what_a_plain_engine_must_supply() -> None:
    text = cedar_text(FULL, [RETAIL])
    assert "//!   context.past.n (Long): " in text
    assert "//!   context.input\n" in text
    assert "It only forbids" not in text
    assert "It only forbids" in cedar_text(policy("g", forbid("a", "refund")), [RETAIL])


def header_of(catalogue: ToolCatalogue, policy_set: PolicySet = FULL) -> str:
    return cedar_text(policy_set, [catalogue]).partition("//! document: ")[0]


def test_the_header_says_what_a_plain_engine_does_not_enforce() -> None:
    text = header_of(RETAIL)
    assert "MythOS denies calls of undeclared tools, and those whose arguments are of" in text
    assert "MythOS keeps context.past itself" in text
    assert "context.past" not in header_of(RETAIL, policy("g", forbid("a", "refund")))
    assert "beyond these bounds" not in text
    assert "beyond these bounds" in header_of(BOUNDED)


BOUNDED = ToolCatalogue.model_validate(
    {
        "domain": "shop/bounded",
        "tools": [
            {
                "name": name,
                "parameters": {
                    "type": "object",
                    "properties": {
                        "amount": {"type": "integer", "minimum": 1, "exclusiveMaximum": 501},
                        "share": {"type": "number", "maximum": 0.5, "multipleOf": 0.05},
                        "mode": {"enum": ["r", "r\nw"]},
                        "to": {
                            "type": "array",
                            "maxItems": 3,
                            "uniqueItems": True,
                            "items": {"type": "string", "minLength": 2},
                        },
                        "inner": {
                            "type": "object",
                            "properties": {"flag": {"type": "boolean", "const": True}},
                        },
                        "note": {"type": "string"},
                    },
                },
            }
            for name in ("refund", "unspoken_of")
        ],
    }
)


def test_the_header_names_each_bound_of_the_tools_that_rules_are_about() -> None:
    lines = header_of(BOUNDED).splitlines()
    assert [line for line in lines if line.startswith("//!     ")] == [
        "//!     refund amount: at least 1, at most 500",
        "//!     refund share: at most 0.5, a multiple of 0.05",
        '//!     refund mode: one of ["r","r\\nw"]',
        "//!     refund to: at most 3 items, no item twice",
        "//!     refund to[]: at least 2 characters",
        "//!     refund inner.flag: one of [true]",
    ]


def test_tools_of_several_catalogues_are_in_one_schema_unless_they_contradict() -> None:
    other = ToolCatalogue.model_validate({"domain": "shop/other", "tools": [{"name": "mail"}]})
    both = cedar_schema(FULL, [RETAIL, other])
    assert {"mail", "refund"} <= both[""]["actions"].keys()  # type: ignore[index,call-overload,union-attr]
    clash = ToolCatalogue.model_validate({"domain": "shop/other", "tools": [{"name": "refund"}]})
    with pytest.raises(PolicyError, match="declare the tool 'refund' in two ways"):
        cedar_schema(FULL, [RETAIL, clash])


PLAIN = """\
// Who may pay.
permit(principal, action == Action::"refund", resource);
  // Indented.
  permit(principal, action in [Action::"refund", Action::"b"], resource);
@id("forbid-any") forbid(principal, action, resource); forbid(principal, action, resource);
"""


def test_rules_without_an_id_get_one_and_nothing_else_changes() -> None:
    text, named = with_ids(PLAIN)
    assert [(each.line, each.id) for each in named] == [
        (2, "permit-refund"),
        (4, "permit-refund-2"),
        (5, "forbid-any-2"),
    ]
    assert text == (
        "// Who may pay.\n"
        '@id("permit-refund")\npermit(principal, action == Action::"refund", resource);\n'
        "  // Indented.\n"
        '  @id("permit-refund-2")\n'
        '  permit(principal, action in [Action::"refund", Action::"b"], resource);\n'
        '@id("forbid-any") forbid(principal, action, resource); '
        '@id("forbid-any-2") forbid(principal, action, resource);\n'
    )
    assert with_ids(text) == (text, ())
    assert len(read_rules(text)[0]) == 4


def test_a_line_of_the_new_text_is_told_by_its_old_number() -> None:
    text, named = with_ids(PLAIN)
    old, new = PLAIN.splitlines(), text.splitlines()
    for number, line in enumerate(new, start=1):
        before = old[line_before(number, named) - 1]
        assert line.strip() in before or line.strip().startswith("@id(")


def test_what_is_no_cedar_stays_as_it_is() -> None:
    assert with_ids("permit(nobody);") == ("permit(nobody);", ())


@pytest.mark.parametrize("broken", ["{", "[]", '"x"', "7", "{}", "", '{"a": 1}\n//! document: {}'])
def test_a_header_whose_document_cannot_be_read_is_refused_at_its_line(broken: str) -> None:
    text = f"//! policy set x, version 1\n//! document: {broken}\n//! ---\n{PLAIN}"
    with pytest.raises(PolicyError, match="cannot be read") as caught:
        read_cedar_file(text, source="a.cedar")
    assert caught.value.where == f"a.cedar:{2 + broken.count(chr(10))}"
    assert "take the file from the export again" in caught.value.remedy


@pytest.mark.parametrize("end", ["", "//! --\n", "//! --- \n", "//!---\n"])
def test_a_header_whose_end_is_gone_is_refused(end: str) -> None:
    whole = cedar_text(FULL, [RETAIL])
    with pytest.raises(PolicyError, match="cannot be read"):
        read_cedar_file(whole.replace("//! ---\n", end, 1), source="a.cedar")


def test_what_tells_of_no_document_is_a_comment() -> None:
    text = f"//! policy set x, version 1\n//! ---\n{PLAIN}"
    file = read_cedar_file(text, source="a.cedar")
    assert (file.rules, file.head, file.first_line) == (text, {}, 1)


_TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=30)


_NAME = st.from_regex(SET_NAME, fullmatch=True).filter(lambda name: len(name) <= 150)


@given(_NAME, st.one_of(_TEXT, st.text(" \n\tx#:|\r", max_size=12)), _TEXT)
def test_what_is_written_is_read_as_the_same_policy_set(name: str, rules: str, word: str) -> None:
    policy_set = PolicySet(
        policy_set=name,
        version=3,
        covers=Covers(tools=(word, "b")),
        facts={"f": Once(once=word, since=("a", word))},
        rules=rules,
        expect=(Expectation(name=word, never="allow", when=word),),
    )
    document = read_document(written(policy_set), source="p.yaml")
    assert validated(PolicySet, document, PolicyError) == policy_set


def test_rules_are_written_as_a_block_where_one_can_hold_them() -> None:
    text = written(FULL)
    assert "rules: |\n  // Money.\n\n  @id" in text
    assert load_policy_set(text, source="p.yaml") == FULL
