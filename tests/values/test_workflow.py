"""Workflow documents: what is read, what is refused, and which documents are the same."""

from __future__ import annotations

import json
import random
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import JsonValue

from mythos.errors import WorkflowError
from mythos.values.workflow import (
    Weights,
    bare_workflow,
    canonical,
    load_workflow,
    workflow_digest,
    workflow_of,
)

EXAMPLE = """
schema: mythos.ritual/1
name: refund
steps:
  seq:
    - act: plan
      match: {gen_ai.operation.name: invoke_agent, retries: 2}
    - loop:
        do: {xor: [{act: search}, {and: [{act: read}, {act: test}]}]}
        redo: {act: review}
        max: 8
    - loop: [{act: ask}, {tau: true}]
    - map: {do: {act: call_worker}, min: 1, max: 16}
    - opt: {act: notify}
    - graph:
        nodes: {a: {act: draft}, b: {act: approve}}
        start: [a]
        edges: [[a, b], [b, a]]
        ends: [b]
weights: {default: 1, approve: {skip: 5}, call_worker: {extra: 0}}
order: {by: start, skew_ms: 5}
"""

Tree = dict[str, JsonValue]
acts = st.sampled_from("abcd").map(lambda label: cast("Tree", {"act": label}))
leaves = acts | st.just(cast("Tree", {"tau": True}))


def _operators(inner: st.SearchStrategy[Tree]) -> st.SearchStrategy[Tree]:
    lists = st.lists(inner, min_size=1, max_size=3)
    many = st.tuples(st.sampled_from(["seq", "xor", "and"]), lists).map(lambda kv: {kv[0]: kv[1]})
    loops = st.tuples(inner, inner).map(lambda pair: {"loop": list(pair)})
    return cast("st.SearchStrategy[Tree]", many | loops | inner.map(lambda tree: {"opt": tree}))


trees = st.recursive(leaves, _operators, max_leaves=8)


def rearranged(tree: Tree, pick: random.Random) -> Tree:
    """The same meaning, written in another way."""
    ((kind, inner),) = tree.items()
    if kind in ("act", "tau"):
        return tree
    if kind == "opt":
        child = rearranged(cast("Tree", inner), pick)
        return pick.choice([{"opt": child}, {"xor": [{"tau": True}, child]}])
    children = [rearranged(child, pick) for child in cast("list[Tree]", inner)]
    if kind == "loop":
        do, redo = children
        return pick.choice([{"loop": [do, redo]}, {"loop": {"do": do, "redo": redo}}])
    if kind in ("xor", "and"):
        pick.shuffle(children)
    if kind == "xor":
        children.append(children[0])
    if kind in ("seq", "and"):
        children.insert(pick.randrange(len(children) + 1), {"tau": True})
    cut = pick.randrange(len(children))
    nested: list[JsonValue] = [{kind: cast("JsonValue", children[cut:])}]
    return {kind: [*cast("list[JsonValue]", children[:cut]), *nested]}


def test_a_workflow_prints_the_form_it_was_read_from() -> None:
    workflow = load_workflow(EXAMPLE, source="refund.yaml")
    printed = workflow.model_dump(mode="json")
    again = workflow_of(printed, source="again")
    assert again == workflow
    assert again.model_dump(mode="json") == printed
    assert printed["steps"]["seq"][2] == {"loop": [{"act": "ask"}, {"tau": True}]}
    assert load_workflow(json.dumps(printed), source="refund.json") == workflow


def test_weights_fall_back_to_the_default() -> None:
    weights = load_workflow(EXAMPLE, source="refund.yaml").weights
    assert (weights.skip_of("approve"), weights.extra_of("approve")) == (5, 1)
    assert (weights.skip_of("call_worker"), weights.extra_of("call_worker")) == (1, 0)
    assert Weights(default=3).extra_of("anything") == 3


@pytest.mark.parametrize(
    ("right", "wrong", "where", "message"),
    [
        ("{act: read}", "{atc: read}", "9:42", "steps/seq/1/loop/do/xor/1/and/0: A block must"),
        ("{act: read}", "plan", "9:42", "steps/seq/1/loop/do/xor/1/and/0: A block must"),
        ("{act: read}", "{act: 5}", "9:48", "and/0/act: 5 is a number here, and a text belongs"),
        ("{act: notify}", "{seq: []}", "14:18", "steps/seq/4/opt/seq: expected 1 to 4096 blocks"),
        ("skip: 5", "skip: 10", "20:39", "weights/approve/skip: 10 is here, at most 9 belongs"),
        ("skip: 5", "skp: 5", "20:33", "weights/approve/skp: this key is unknown here"),
        ("default: 1", "default: true", "20:20", "weights/default: true is a truth value here"),
        ("ends: [b]", "ends: [c]", "16:9", "steps/seq/5/graph: no node is called 'c'"),
        ("min: 1", "min: 17", "13:12", "steps/seq/3/map: min=17 is more than max=16"),
        ("skew_ms: 5", "skew_ms: 60001", "21:29", "order/skew_ms: "),
        ("max: 8", "max: 0", "11:14", "steps/seq/1/loop/max: "),
        ("name: refund", "version: 1", "2:1", "name: this key is missing"),
        ("name: refund", "name: refund\nname: r", "4:1", "'name' was already given at line 3"),
        (
            "mythos.ritual/1",
            "mythos.ritual/2",
            "2:9",
            "schema: 'mythos.ritual/2' is not mythos.ritual/1",
        ),
    ],
)
def test_a_wrong_part_is_named_with_its_place(
    right: str, wrong: str, where: str, message: str
) -> None:
    assert right in EXAMPLE
    with pytest.raises(WorkflowError, match=message) as caught:
        load_workflow(EXAMPLE.replace(right, wrong), source="refund.yaml")
    assert caught.value.where == f"refund.yaml:{where}"
    assert caught.value.remedy


def test_too_many_steps_are_refused() -> None:
    half: Tree = {"seq": [{"act": "a"}] * 2049}
    with pytest.raises(WorkflowError, match="steps/seq/1/seq/2047: there are more than 4096"):
        bare_workflow({"seq": [half, half]})


def test_too_deep_a_nesting_is_refused() -> None:
    tree: Tree = {"act": "a"}
    for _ in range(70):
        tree = {"opt": tree}
    with pytest.raises(WorkflowError, match="deeper than 64") as caught:
        bare_workflow({"seq": [{"act": "a"}, tree]})
    assert caught.value.message.startswith("steps/seq/1/opt/opt/")


def test_the_step_too_many_is_named_with_its_line_and_whatever_its_node_is_called() -> None:
    half: Tree = {"xor": [{"act": f"a{i}"} for i in range(4_096)]}
    graph: Tree = {
        "graph": {"nodes": {"9/x": half, "1": {"act": "b"}}, "start": ["1"], "ends": ["9/x"]}
    }
    with pytest.raises(WorkflowError, match="steps/graph/nodes/1: there are more than 4096 steps"):
        bare_workflow(graph)
    head = "schema: mythos.ritual/1\nname: w\nsteps:\n  seq:\n  - act: b\n  - seq:\n"
    text = head + "\n".join(f"    - act: a{i}" for i in range(4_096)) + "\n"
    with pytest.raises(WorkflowError, match="steps/seq/1/seq/4095") as caught:
        load_workflow(text, source="w.yaml")
    assert caught.value.where == "w.yaml:4102:7"


@given(trees, st.randoms(use_true_random=False))
def test_documents_that_differ_by_the_laws_alone_have_one_digest(
    tree: Tree, pick: random.Random
) -> None:
    one, other = bare_workflow(tree), bare_workflow(rearranged(tree, pick))
    assert canonical(one) == canonical(other)
    assert workflow_digest(one) == workflow_digest(other)


@given(trees)
def test_the_canonical_form_is_a_workflow_and_its_own_canonical_form(tree: Tree) -> None:
    form = canonical(bare_workflow(tree))
    assert canonical(workflow_of(form, source="form")) == form


def test_the_order_of_a_sequence_is_part_of_the_digest() -> None:
    ab: Tree = {"seq": [{"act": "a"}, {"act": "b"}]}
    ba: Tree = {"seq": [{"act": "b"}, {"act": "a"}]}
    assert workflow_digest(bare_workflow(ab)) != workflow_digest(bare_workflow(ba))


def test_defaults_that_are_written_out_do_not_change_the_digest() -> None:
    short: Tree = {"schema": "mythos.ritual/1", "name": "w", "steps": {"act": "a"}}
    long: Tree = short | {
        "version": 1,
        "critical": False,
        "extra": "count",
        "weights": {"default": 1, "a": {"skip": 1, "extra": 1}, "b": {}},
        "order": {"by": "start", "skew_ms": 0},
    }
    assert canonical(workflow_of(long, source="long")) == canonical(
        workflow_of(short, source="short")
    )
    heavier = workflow_of(short | {"weights": {"a": {"skip": 2}}}, source="heavier")
    assert workflow_digest(heavier) != workflow_digest(workflow_of(short, source="short"))


def test_the_canonical_form_of_the_example() -> None:
    assert canonical(load_workflow(EXAMPLE, source="refund.yaml")) == {
        "schema": "mythos.ritual/1",
        "name": "refund",
        "steps": {
            "seq": [
                {"act": "plan", "match": {"gen_ai.operation.name": "invoke_agent", "retries": 2}},
                {
                    "loop": {
                        "do": {
                            "xor": [{"act": "search"}, {"and": [{"act": "read"}, {"act": "test"}]}]
                        },
                        "redo": {"act": "review"},
                        "max": 8,
                    }
                },
                {"loop": {"do": {"act": "ask"}}},
                {"map": {"do": {"act": "call_worker"}, "max": 16}},
                {"opt": {"act": "notify"}},
                {
                    "graph": {
                        "nodes": {"a": {"act": "draft"}, "b": {"act": "approve"}},
                        "start": ["a"],
                        "edges": [["a", "b"], ["b", "a"]],
                        "ends": ["b"],
                    }
                },
            ]
        },
        "weights": {"approve": {"skip": 5}, "call_worker": {"extra": 0}},
        "order": {"skew_ms": 5},
    }
