"""Which steps of a run a workflow speaks of, and under which label."""

from __future__ import annotations

from mythos.engines.conformance import compile_blueprint
from mythos.engines.conformance.steps import Labeller, Step, labels_of
from mythos.values.workflow import bare_workflow
from tests.engines.conformance.strategies import Tree, act, block

PLAN: Tree = {"act": "plan", "match": {"gen_ai.agent.name": "planner"}}
WORKFLOW = bare_workflow(block("seq", PLAN, act("search"), {"opt": act("notify")}))


def test_a_step_without_match_is_found_by_the_name_of_its_tool_or_agent() -> None:
    steps = [Step("search", "tool"), Step("notify", "agent")]
    assert labels_of(WORKFLOW, steps) == ["search", "notify"]


def test_a_step_with_match_is_found_by_its_attributes_whatever_its_kind() -> None:
    attributes = {"gen_ai.agent.name": "planner", "more": 1}
    steps = [Step("chat", "model", attributes), Step("x", "other", attributes)]
    assert labels_of(WORKFLOW, steps) == ["plan", "plan"]


def test_other_tools_and_agents_are_extra_and_the_rest_is_dropped() -> None:
    steps = [
        *(Step("delete", "tool"), Step("chat", "model"), Step("helper", "agent")),
        *(Step("search", "other"), Step("", "tool")),
    ]
    assert labels_of(WORKFLOW, steps) == ["delete", "helper", "tool"]


def test_the_name_of_an_act_does_not_stand_in_for_the_attributes_it_asks_for() -> None:
    labels = labels_of(WORKFLOW, [Step("plan", "tool"), Step("search", "tool")])
    assert labels == ["tool:plan", "search"]
    kinds = [move.kind for move in compile_blueprint(WORKFLOW).align(labels).moves]
    assert kinds == ["extra", "skip", "match"]


def test_true_is_not_one() -> None:
    workflow = bare_workflow({"act": "retry", "match": {"attempt": 1}})
    steps = [Step("a", "tool", {"attempt": True}), Step("a", "tool", {"attempt": 1})]
    assert labels_of(workflow, steps) == ["a", "retry"]


def test_the_closest_match_wins_wherever_it_stands() -> None:
    wide: Tree = {"act": "any", "match": {"x": 1}}
    close: Tree = {"act": "close", "match": {"x": 1, "y": 2}}
    step = Step("t", "tool", {"x": 1, "y": 2})
    for children in ((wide, close), (close, wide)):
        assert labels_of(bare_workflow(block("and", *children)), [step]) == ["close"]


def test_labels_know_the_step_they_stand_for() -> None:
    steps = [Step("chat", "model"), Step("search", "tool")]
    assert list(Labeller(WORKFLOW).numbered(steps)) == [(1, "search")]
