"""Levels of facts against the history that the decisions use."""

from __future__ import annotations

import json
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import JsonValue

from mythos.engines.coherence.workflow.levels import TrackedFact, tracked
from mythos.engines.policy.document import load_policy_set
from mythos.engines.policy.facts.history import Asker
from mythos.engines.policy.facts.plan import plan_facts
from tests.engines.coherence.workflow.tales import (
    SECOND,
    SHOP,
    Call,
    Chapter,
    Tale,
    Words,
    chapters,
    facts,
    within,
)


def tale_of(declared: dict[str, JsonValue], *, literals: tuple[int, ...] = (2,)) -> Tale:
    rules = '@id("any") permit(principal, action, resource);'
    document = {"policy_set": "p", "version": 1, "facts": declared, "rules": rules}
    plans = plan_facts(load_policy_set(json.dumps(document), source="p.json"), SHOP)
    kept = {name: tracked(plan, literals, SHOP) for name, plan in plans.items()}
    return Tale(list(plans.values()), kept)


def the(tale: Tale) -> TrackedFact:
    (fact,) = tale.facts.values()
    return fact


@given(st.lists(facts(), min_size=1, max_size=8), chapters(), st.integers(1, 90))
def test_whatever_a_history_says_of_a_fact_lies_in_its_span(
    declared: list[JsonValue], told: list[Chapter], later_s: int
) -> None:
    tale = tale_of({f"f{n}": each for n, each in enumerate(declared)}).tell(told)
    for agent, key in product(("bot", "aid"), "ab"):
        asker = Asker(agent, "look", {"id": key}, frozenset(), (tale.now_s + later_s) * SECOND)
        for name, fact in tale.facts.items():
            known = tale.history.ask(fact.plan, asker)
            assert within(fact, tale.spans[name], known), (fact.plan, tale.spans[name], known)


@pytest.mark.parametrize(
    ("fact", "told", "span"),
    [
        ({"once": "look"}, [Call("look")], (1, 1)),
        ({"once": "look"}, [Call("look", ok=False)], (0, 0)),
        ({"once": "look", "outcome": "error"}, [Call("look", ok=False)], (1, 1)),
        ({"once": "look", "within": "5m"}, [Call("look")], (0, 1)),
        ({"once": "look", "by": "id"}, [Call("look")], (0, 1)),
        ({"once": "look", "by": "id"}, [Call("write")], (0, 0)),
        ({"once": "look", "since": "write", "by": "id"}, [Call("look"), Call("write")], (0, 1)),
        ({"once": "user.confirm", "since": "write"}, [Words(("user.confirm",))], (1, 1)),
        (
            {"once": "user.confirm", "since": "write"},
            [Words(("user.confirm",)), Call("write", ok=False)],
            (0, 0),
        ),
        ({"once": "data.read", "where": 'tool.trust == "untrusted"'}, [Call("look")], (0, 0)),
        ({"once": "data.read", "where": 'tool.trust == "untrusted"'}, [Call("browse")], (1, 1)),
        ({"once": "look", "where": "input.cents > 0"}, [Call("look")], (0, 1)),
        ({"count": "write"}, [Call("write"), Call("write", ok=False)], (1, 1)),
        ({"count": "write", "outcome": "any"}, [Call("write"), Call("write", ok=False)], (2, 2)),
        ({"count": "write", "by": "id"}, [Call("write"), Call("write")], (0, 2)),
        ({"count": "write"}, [Call("write")] * 7, (3, 3)),
        ({"sum": "input.cents", "of": "send"}, [Call("write")], (0, 0)),
        ({"sum": "input.cents", "of": "send"}, [Call("send")], (1, 1)),
        ({"last": "input.id", "of": "look"}, [Call("write")], (0, 0)),
        ({"last": "input.id", "of": "look"}, [Call("look")], (1, 1)),
        ({"once": "look", "scope": "agent", "within": "1d"}, [], (0, 1)),
    ],
)
def test_levels_are_as_sharp_as_the_declaration_allows(
    fact: dict[str, JsonValue], told: list[Chapter], span: tuple[int, int]
) -> None:
    assert tale_of({"f": fact}).tell(told).spans["f"] == span


def test_given_a_yes_said_in_words_that_are_a_message_then_a_message_undoes_it() -> None:
    """Both are told at one instant, and a fact holds only if its event is the later one."""
    tale = tale_of({"f": {"once": "user.confirm", "since": "user.message"}})
    tale.tell([Words(("user.message", "user.confirm"))])
    asker = Asker("bot", "look", {}, frozenset(), (tale.now_s + 1) * SECOND)
    assert tale.history.ask(the(tale).plan, asker) is False
    assert tale.spans["f"] == (0, 0)


def test_a_count_is_told_apart_up_to_one_more_than_the_rules_name_and_no_further_than_32() -> None:
    assert the(tale_of({"f": {"count": "look"}}, literals=(2, 5))).top == 6
    assert the(tale_of({"f": {"count": "look"}}, literals=(20_000,))).top == 32
    assert the(tale_of({"f": {"count": "look"}}, literals=())).top == 1
