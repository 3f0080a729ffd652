"""What the product rules out never happens: against every run of small workflows."""

from __future__ import annotations

import json

from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import JsonValue

from mythos.engines.coherence.workflow.check import check_workflow
from mythos.engines.policy.compile import compile_policies
from mythos.engines.policy.document import load_policy_set
from mythos.values.block import Block
from mythos.values.policy import PolicySet
from mythos.values.workflow import Workflow, bare_workflow
from tests.engines.coherence.workflow.runs import Runs, words
from tests.engines.coherence.workflow.tales import SHOP

LONGEST = 3
FACTS: dict[str, JsonValue] = {
    "looked": {"once": "look"},
    "keyed": {"once": "look", "by": "id"},
    "fresh": {"once": "look", "since": "write", "within": "3s"},
    "agreed": {"once": "user.confirm", "since": ["write", "send"]},
    "heard": {"once": "user.message"},
    "broke": {"once": ["look", "write"], "outcome": "error"},
    "tainted": {"once": "data.read", "where": 'tool.trust == "untrusted"'},
    "big": {"once": "write", "where": "input.cents > 5"},
    "writes": {"count": "write"},
    "tries": {"count": ["write", "send"], "outcome": "any", "by": "id"},
    "spent": {"sum": "input.cents", "of": "send"},
    "seen": {"last": "input.id", "of": "look"},
}
TRUTHS = ("looked", "keyed", "fresh", "agreed", "heard", "broke", "tainted", "big")
TESTS = (
    *(f"context.past.{name}" for name in TRUTHS),
    *(f"!context.past.{name}" for name in TRUTHS),
    "context.past.writes < 1",
    "context.past.writes == 2",
    "context.past.tries >= 1",
    "context.past.spent + context.input.cents > 9",
    "context.past.spent == 0",
    "context.past has seen",
    "context.past has seen && context.past.seen == context.input.id",
    'context.input.id == "a"',
    "context.input.cents > 5",
)


GUARDED = ("look", "write", "send")


@st.composite
def rules(draw: st.DrawFn) -> str:
    """Few conditions, so that they meet: one for each of three tools; what else there is, is free.

    Some are permits, some are forbids beside a permit.
    """
    tests = draw(st.lists(st.sampled_from(TESTS), min_size=1, max_size=2, unique=True))
    made = []
    for tool in GUARDED:
        test = " && ".join(draw(st.lists(st.sampled_from(tests), max_size=2, unique=True)))
        scope = f'principal, action == Action::"{tool}", resource'
        if draw(st.booleans()):
            made.append(f'@id("{tool}") permit({scope}) when {{ {test or "true"} }};')
        else:
            made.append(f'@id("{tool}") permit({scope});')
            made.append(f'@id("no-{tool}") forbid({scope}) when {{ {test or "false"} }};')
    made += [
        f'@id("{tool}") permit(principal, action == Action::"{tool}", resource);'
        for tool in ("browse", "ask")
    ]
    return "\n".join(made)


def sets() -> st.SearchStrategy[list[PolicySet]]:
    """One or two policy sets that share their declarations."""
    return st.lists(rules(), min_size=1, max_size=2).map(
        lambda texts: [
            load_policy_set(
                json.dumps({"policy_set": f"p{n}", "version": 1, "facts": FACTS, "rules": text}),
                source="p.json",
            )
            for n, text in enumerate(texts)
        ]
    )


def blocks() -> st.SearchStrategy[JsonValue]:
    """Small workflows of every operator."""
    labels = ("look", "look", "write", "write", "send", "browse", "ask", "user.confirm")
    acts: st.SearchStrategy[JsonValue] = st.sampled_from(labels).map(lambda name: {"act": name})

    def larger(inner: st.SearchStrategy[JsonValue]) -> st.SearchStrategy[JsonValue]:
        some = st.lists(inner, min_size=2, max_size=3)
        two = st.lists(inner, min_size=2, max_size=2)
        return st.one_of(
            some.map(lambda each: {"seq": each}),
            some.map(lambda each: {"seq": each}),
            some.map(lambda each: {"xor": each}),
            two.map(lambda each: {"and": each}),
            inner.map(lambda each: {"opt": each}),
            two.map(lambda each: {"loop": each}),
        )

    return st.recursive(acts, larger, max_leaves=4)


def asks(block: Block) -> bool:
    text = block.model_dump_json()
    return '"ask"' in text or "user.confirm" in text


@settings(max_examples=40)
@given(sets(), blocks())
def test_a_step_that_some_run_takes_is_never_called_impossible(
    given_sets: list[PolicySet], steps: JsonValue
) -> None:
    workflow: Workflow = bare_workflow(steps)
    engine = compile_policies(given_sets, SHOP)
    every = words(workflow.steps, LONGEST)
    runs = Runs(engine, asks(workflow.steps)).walk(every)
    verdict = check_workflow(workflow, engine)
    ruled_out = {
        step.step.path
        for step in verdict.steps
        if step.status in {"never permitted", "behind a blocked step"}
    }
    assert not ruled_out & runs.permitted, (ruled_out, runs.permitted, steps)
    assert verdict.can_finish is not False or not runs.finished
    for step in verdict.steps:
        if step.permitted:
            assert engine.decide(step.permitted, in_force=engine.policy_sets).allowed
        if step.status == "never permitted":
            assert step.denial is not None
            assert not engine.decide(step.denial.request, in_force=engine.policy_sets).allowed
