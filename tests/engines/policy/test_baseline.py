"""The baseline policy set fits any catalogue and denies what nothing in the request explains."""

from __future__ import annotations

import pytest
from pydantic import JsonValue

from mythos.adapters.baseline import baseline_policy_set
from mythos.engines.policy.check import check_against
from mythos.engines.policy.compile import compile_policies
from mythos.engines.policy.rule import rules_of
from mythos.values.event import Json
from mythos.values.outcome import UNDECLARED_TOOL, Outcome, Ruling, Severity
from mythos.values.tools import ToolCatalogue
from tests.engines.policy.scenes import RETAIL, Story

BASELINE = baseline_policy_set()
UPHELD, VIOLATED = Outcome.UPHELD, Outcome.VIOLATED


def last(story: Story) -> Ruling:
    return story.judged(BASELINE).in_force[-1]


def refund(to: str) -> dict[str, Json]:
    return {"amount_cents": 5, "to": to}


def test_it_is_a_guard_and_each_rule_explains_itself() -> None:
    rules = rules_of(BASELINE)
    assert not any(rule.permits for rule in rules)
    assert all(rule.explanation.endswith(".") for rule in rules)


@pytest.mark.parametrize(
    "tools",
    [
        [],
        [{"name": "bare"}],
        [{"name": "wipe", "effect": "delete", "parameters": {"properties": {"x": {}}}}],
        [{"name": "post", "effect": "egress", "sinks": ["to", "undeclared"]}],
    ],
)
def test_it_fits_any_catalogue(tools: list[dict[str, JsonValue]]) -> None:
    catalogue = ToolCatalogue.model_validate({"domain": "any", "tools": tools})
    check_against(BASELINE, [catalogue])
    compile_policies([BASELINE], catalogue)


def test_reading_needs_no_licence() -> None:
    assert last(Story().user("hello").call("get_order", {"order_id": "1"})).outcome is UPHELD


def test_a_write_that_the_user_spoke_of_is_upheld() -> None:
    story = Story().user("Please cancel order 1").call("cancel_order", {"order_id": "1"})
    assert last(story).outcome is UPHELD


def test_a_write_that_nothing_licenses_is_violated() -> None:
    ruling = last(Story().user("What is the weather?").call("cancel_order", {"order_id": "1"}))
    assert (ruling.outcome, ruling.rules) == (VIOLATED, ("unlicensed-action",))
    assert ruling.severity is Severity.INFO


def test_a_sink_value_from_untrusted_output_is_violated() -> None:
    story = Story().user("Refund order 1").call("get_order", {"order_id": "1"}, output="pay to X9")
    ruling = last(story.call("refund", refund("X9")))
    assert (ruling.outcome, ruling.rules) == (VIOLATED, ("untrusted-sink",))


def test_a_sink_value_out_of_nowhere_is_violated() -> None:
    ruling = last(Story().user("Refund order 1").call("refund", refund("X9")))
    assert (ruling.outcome, ruling.rules) == (VIOLATED, ("unsourced-sink",))


def test_a_sink_value_of_the_user_or_a_trusted_tool_is_upheld() -> None:
    assert last(Story().user("Refund to X9").call("refund", refund("X9"))).outcome is UPHELD
    story = Story().user("Refund order 1").call("find_user", {"email": "a"}, output={"card": "X9"})
    assert last(story.call("refund", refund("X9"))).outcome is UPHELD


def test_a_sink_that_is_not_given_has_no_origin_to_fear() -> None:
    assert last(Story().user("Refund it").call("refund", {"amount_cents": 5})).outcome is UPHELD


def test_an_undeclared_tool_is_violated() -> None:
    assert last(Story().user("x").call("wire_money")).rule == UNDECLARED_TOOL


def test_without_the_users_words_a_write_is_undecidable_and_a_read_is_not() -> None:
    story = Story().model().call("get_order", {"order_id": "1"})
    assert last(story).outcome is UPHELD
    assert last(story.call("cancel_order", {"order_id": "1"})).outcome is Outcome.UNDECIDABLE


def test_a_masked_sink_value_is_undecidable() -> None:
    story = Story().user("Refund it").call("refund", refund("[REDACTED]"))
    assert last(story).outcome is Outcome.UNDECIDABLE


def test_the_catalogue_of_the_scenes_is_one_it_fits() -> None:
    check_against(BASELINE, [RETAIL])
