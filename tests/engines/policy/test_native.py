"""Native evaluation says what Cedar says: rule by rule on random ones, and as whole decisions."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import cedarpy
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import JsonValue

from mythos.adapters.baseline import baseline_policy_set
from mythos.engines.coherence.shown import Stand
from mythos.engines.policy.compile import PolicyEngine, compile_policies
from mythos.engines.policy.course import Course
from mythos.engines.policy.document import read_policy_document
from mythos.engines.policy.native.runtime import like
from mythos.engines.policy.native.translate import matcher_of
from mythos.engines.policy.request import Request
from mythos.engines.policy.rule import read_rules
from mythos.engines.policy.signals import Signals
from mythos.values.event import Json
from mythos.values.policy import PolicySet
from mythos.values.tools import ToolCatalogue
from tests.engines.coherence.random_rules import CATALOGUE, RuleMaker, compiled
from tests.engines.policy.native_oracle import Count, check_seed, slice_of
from tests.engines.policy.random_calls import RandomCalls
from tests.engines.policy.scenes import RETAIL, forbid, permit, policy
from tests.engines.policy.test_baseline_scenes import LIBRARY

ROOT = Path(__file__).parents[3]
SETS = Path(__file__).parent / "sets"
CARE = ROOT / "examples" / "retail-care"
BASELINE = baseline_policy_set()


@pytest.mark.parametrize("first", range(0, 120, 30))
def test_a_random_rule_matches_and_errs_as_cedar_says(first: int) -> None:
    count = Count()
    for seed in range(first, first + 30):
        check_seed(seed, count)
    assert count.mismatches == []
    assert count.checks >= 200
    assert min(count.matched, count.errors) > 0


def test_rules_with_constructs_that_have_no_translation_agree_too() -> None:
    count = Count()
    for seed in range(40):
        check_seed(seed, count, rules=RuleMaker)
    assert count.mismatches == []
    assert min(count.checks, count.left) > 0


def read(path: Path) -> PolicySet:
    return read_policy_document(path.read_text("utf-8"), source=path.name).policy_set


def agree(engine: PolicyEngine, n_calls: int) -> Counter[bool]:
    """Hold whole decisions against Cedar's; how many allow and how many deny."""
    calls = RandomCalls(7, engine)
    seen: Counter[bool] = Counter()
    for _ in range(n_calls):
        request = calls.call()
        ours = engine.decide(request, in_force=engine.policy_sets)
        assert ours == engine.in_cedar.decide(request, in_force=engine.policy_sets), request
        seen[ours.allowed] += 1
    return seen


def natives(engine: PolicyEngine) -> float:
    """The share of the catalogue's tools about which Cedar need not be asked."""
    names = [tool.name for tool in engine.catalogue.tools]
    slices = [engine.rules_about(name, in_force=engine.policy_sets) for name in names]
    return sum(bool(each and each.full.matcher) for each in slices) / len(names)


def test_the_baseline_decides_alike() -> None:
    engine = compile_policies([BASELINE], LIBRARY)
    assert natives(engine) == 1
    assert min(agree(engine, 300).values()) > 0


def test_the_sets_of_the_example_decide_alike() -> None:
    (tools,) = CARE.glob("tools/*.json")
    catalogue = ToolCatalogue.model_validate_json(tools.read_text("utf-8"))
    sets = [read(path) for path in sorted(CARE.glob("policies/*.yaml"))]
    engine = compile_policies([*sets, BASELINE], catalogue)
    assert natives(engine) == 1
    assert min(agree(engine, 300).values()) > 0


@pytest.mark.parametrize("desk", ["retail", "airline"])
def test_the_sets_of_the_service_desks_decide_alike(desk: str, shared: Path) -> None:
    tools = (shared / "data/agents/domains" / f"tau_{desk}.json").read_text("utf-8")
    catalogue = ToolCatalogue.model_validate_json(tools)
    engine = compile_policies([read(SETS / f"tau_{desk}.yaml")], catalogue)
    assert natives(engine) > 0.5
    assert min(agree(engine, 300).values()) > 0


TEXTS = st.text("ab*\n\0é\u0301日", max_size=8)


@given(TEXTS, st.lists(TEXTS, min_size=2, max_size=5))
def test_a_pattern_matches_as_in_cedar(text: str, parts: list[str]) -> None:
    pattern = "*".join(part.replace("*", "\\*") for part in parts).replace("\0", "\\0")
    answer = cedarpy.is_authorized(
        {
            "principal": 'Agent::"a"',
            "action": 'Action::"a"',
            "resource": 'Tool::"a"',
            "context": orjson.dumps({"text": text}).decode(),
        },
        f'permit(principal, action, resource) when {{ context.text like "{pattern}" }};',
        "[]",
    )
    assert not answer.diagnostics.errors
    assert like(text, tuple(parts)) is (answer.decision is cedarpy.Decision.Allow)


@pytest.mark.parametrize(
    "condition",
    [
        "context.input.flag == 1",
        "context.input.amount == true",
        "context.input.name == 1",
        "[1, true].contains(context.input.amount)",
        "context.input.sizes.contains(context.input.flag)",
        "context.input.tags == context.input.sizes",
        "[].contains(context.input.amount)",
        "(if context.input.flag then 1 else true) == 1",
        'context.input.price.lessThan(decimal("1.0"))',
        'context.now < datetime("2026-01-01")',
        'ip("10.0.0.1").isLoopback()',
        "context.input.place == context.input.place",
        "context.input has nothing",
        'principal.hasTag("a")',
        "resource in principal",
        "context.input.flag && context.input.amount",
        "context.input.name < 3",
        'context.input.amount like "*"',
    ],
)
def test_what_is_not_understood_exactly_is_left_to_cedar(condition: str) -> None:
    rules = f'@id("r") permit(principal, action, resource) when {{ {condition} }};'
    assert slice_of(compiled(rules), native=True).full.matcher is None


def test_a_rule_that_nests_too_deep_is_left_to_cedar() -> None:
    condition = " && ".join(["context.input.flag"] * 500)
    rules = f'@id("r") permit(principal, action, resource) when {{ {condition} }};'
    assert slice_of(compiled(rules), native=True).full.matcher is None


def test_an_operator_of_a_later_cedar_is_left_to_cedar() -> None:
    (rule,), _ = read_rules('@id("r") permit(principal, action, resource) when { true };')
    context: dict[str, JsonValue] = {"type": "Record", "attributes": {}}
    assert matcher_of([], [(rule.tree, "past")], tool="act", context=context)
    bodies: list[JsonValue] = [
        {"new": {"left": {"Value": 1}}},
        {"Value": None},
        {"Var": "new"},
        [],
        {},
    ]
    for body in bodies:
        tree = {**rule.tree, "conditions": [{"kind": "when", "body": body}]}
        assert matcher_of([], [(tree, "past")], tool="act", context=context) is None


def test_a_rule_that_errs_is_told_in_cedars_words() -> None:
    rules = policy(
        "sums",
        permit("all", "") + forbid("big", "act", "context.input.amount * 4 > 9"),
    )
    engine = compile_policies([rules], CATALOGUE)
    assert natives(engine) == 1
    arguments: dict[str, Json] = {
        "amount": 2**62,
        "price": 1,
        "name": "",
        "flag": True,
        "tags": [],
        "sizes": [],
    }
    decision = engine.decide(Request("a", "act", arguments), in_force=engine.policy_sets)
    assert not decision.allowed
    assert "overflow" in decision.verdicts[0].why


@pytest.mark.parametrize("tokens", [2**63, 2**64, 2**200])
def test_a_count_that_leaves_64_bits_is_never_compared(tokens: int) -> None:
    rules = policy("budget", permit("few", "", "context.run.tokens < 9223372036854775807"))
    engine = compile_policies([rules], RETAIL)
    course = Signals(course=Course(tokens=tokens))
    request = Request("a", "find_user", {"email": "a@post.example"}, signals=course)
    (verdict,) = engine.decide(request, in_force=engine.policy_sets).verdicts
    assert "the request cannot be evaluated" in verdict.why


def test_witnesses_are_put_to_cedar_itself() -> None:
    engine = compile_policies([BASELINE], LIBRARY)
    stand = Stand(engine, "post_letter", tuple(engine.policy_sets))
    assert stand._engine is engine.in_cedar
    assert natives(engine.in_cedar) == 0
