"""Steps that a workflow is missing: found from the facts in the way, and proved by a new check."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import JsonValue

from mythos.engines.coherence.workflow.check import check_workflow
from mythos.engines.coherence.workflow.document_edit import edited_text
from mythos.engines.coherence.workflow.inserted import moved, with_steps
from mythos.engines.coherence.workflow.suggest import AddedSteps, suggested_steps
from mythos.values.block import Act, Block, inner_blocks
from mythos.values.workflow import Workflow, bare_workflow, load_workflow
from tests.engines.coherence.workflow.test_planted import acts, care, workflow


def suggested(made: Workflow) -> tuple[AddedSteps, ...]:
    engine = care()
    return suggested_steps(made, engine, check_workflow(made, engine))


def test_the_question_that_is_missing_before_a_write_is_suggested() -> None:
    (added,) = suggested(
        workflow(acts("ask_customer", "refund_order", "refund_order", "close_case"))
    )
    assert added.steps == ({"act": "ask_customer"},)
    assert added.before.step.path == "steps/seq/1/xor/0/seq/2/act"
    assert added.resolves == ("steps/seq/1/xor/0/seq/2/act", "steps/seq/1/xor/0/seq/3/act")
    assert added.verdict.can_finish
    assert "before refund_order" in added.sentence
    assert "care/confirmed to be true" in added.sentence
    again = check_workflow(added.workflow, care())
    assert {each.status for each in again.steps} <= {"reachable", "sometimes blocked"}


def test_two_facts_in_the_way_need_two_steps() -> None:
    made = bare_workflow(acts("close_case", "refund_order", "ask_customer"))
    (added,) = suggested(made)
    assert added.steps == ({"act": "find_customer"}, {"act": "ask_customer"})


def test_a_step_is_written_as_the_workflow_writes_it_already() -> None:
    ask: JsonValue = {"act": "yes?", "match": {"gen_ai.tool.name": "ask_customer"}}
    refund: JsonValue = {"act": "refund_order"}
    made = bare_workflow({"seq": [{"act": "find_customer"}, ask, refund, refund]})
    assert [each.steps for each in suggested(made)] == [(ask,)]


@pytest.mark.parametrize(
    "made",
    [
        bare_workflow(acts("ask_customer", "cancel_order")),  # no reason will do
        bare_workflow(acts("read_page", "send_mail")),  # nothing makes a read undone
        bare_workflow(acts("find_customer", "ask_customer", "refund_order")),  # nothing to mend
    ],
)
def test_where_no_step_would_do_none_is_suggested(made: Workflow) -> None:
    assert suggested(made) == ()


TEXT = """\
schema: mythos.ritual/1
name: refunds
steps:
  seq:
    - act: find_customer  # who
    - act: ask_customer
    - act: refund_order
    # again
    - act: refund_order
"""


def test_the_patch_is_one_line_in_its_place() -> None:
    (added,) = suggested(load_workflow(TEXT, source="w.yaml"))
    step = '    - {"act": "ask_customer"}\n'
    head, _, tail = TEXT.partition("    # again\n")
    assert edited_text(TEXT, added, source="w.yaml") == f"{head}    # again\n{step}{tail}"


def test_a_step_that_shares_its_line_has_no_patch() -> None:
    flow = TEXT.partition("steps:")[0] + (
        "steps: {seq: [{act: find_customer}, {act: ask_customer}, "
        "{act: refund_order}, {act: refund_order}]}\n"
    )
    (added,) = suggested(load_workflow(flow, source="w.yaml"))
    assert edited_text(flow, added, source="w.yaml") == ""


LABELS = st.sampled_from(["a", "b", "c", "d/e"])
TREES = st.recursive(
    LABELS.map(lambda label: {"act": label}),
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3).map(lambda each: {"seq": each}),
        st.lists(inner, min_size=1, max_size=3).map(lambda each: {"xor": each}),
        st.lists(inner, min_size=1, max_size=2).map(lambda each: {"and": each}),
        st.tuples(inner, inner).map(lambda each: {"loop": [*each]}),
        inner.map(lambda each: {"loop": {"do": each, "max": 3}}),
        inner.map(lambda each: {"opt": each}),
        inner.map(lambda each: {"map": {"do": each, "max": 2}}),
        st.tuples(inner, inner).map(
            lambda each: {
                "graph": {
                    "nodes": {"n": each[0], "m/0": each[1]},
                    "start": ["n"],
                    "edges": [["n", "m/0"]],
                    "ends": ["m/0"],
                }
            }
        ),
    ),
    max_leaves=6,
)


def leaves(block: Block, path: str = "steps") -> dict[str, Act]:
    if isinstance(block, Act):
        return {f"{path}/act": block}
    inner = inner_blocks(block).items()
    return {at: act for key, child in inner for at, act in leaves(child, f"{path}/{key}").items()}


@given(TREES, st.data(), st.integers(1, 3))
def test_every_step_stands_where_it_is_said_to_stand_after(
    tree: JsonValue, data: st.DataObject, n_steps: int
) -> None:
    made = bare_workflow(tree)
    before = leaves(made.steps)
    target = data.draw(st.sampled_from(sorted(before)))
    new: list[JsonValue] = [{"act": f"new {n}"} for n in range(n_steps)]
    after = leaves(with_steps(made, target, new).steps)
    assert {moved(path, target, n_steps): act for path, act in before.items()} == {
        path: act for path, act in after.items() if not act.act.startswith("new")
    }
    assert sum(act.act.startswith("new") for act in after.values()) == n_steps
    place = list(after).index(moved(target, target, n_steps))
    assert [each.act for each in list(after.values())[place - n_steps : place]] == [
        f"new {n}" for n in range(n_steps)
    ]
