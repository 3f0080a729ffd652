"""Steps that a workflow is missing: found from the facts in the way, and proved by a new check."""

from __future__ import annotations

import json

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from pydantic import JsonValue

from mythos.engines.coherence.workflow.check import check_workflow
from mythos.engines.coherence.workflow.document_edit import edited_text
from mythos.engines.coherence.workflow.inserted import moved, with_steps
from mythos.engines.coherence.workflow.steps import WorkflowStep
from mythos.engines.coherence.workflow.suggest import AddedSteps, suggested_steps
from mythos.engines.coherence.workflow.verdict import StepVerdict, WorkflowVerdict
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
    wanted = f"{head}    # again\n{step}{tail}".replace("steps:", "version: 2\nsteps:")
    assert edited_text(TEXT, added, source="w.yaml") == wanted
    third = TEXT.replace("steps:", "version: 3 # third\nsteps:")
    (added,) = suggested(load_workflow(third, source="w.yaml"))
    assert "\nversion: 4 # third\n" in edited_text(third, added, source="w.yaml")


HEAD = "schema: mythos.ritual/1\nname: refunds\nversion: 1\n"
BLOCK = (
    """\
  - loop:
      do:
        act: refund_order  # one
        # until
        match: {gen_ai.tool.name: refund_order}
      redo: {tau: true}
""",
    """\
  - loop:
      do:
        seq:
          - {"act": "find_customer"}
          - act: refund_order  # one
            # until
            match: {gen_ai.tool.name: refund_order}
      redo: {tau: true}
""",
)
FLOW = (
    "  - loop: [{act: refund_order}, {tau: true}]\n",
    '  - loop: [{"seq": [{"act": "find_customer"}, {act: refund_order}]}, {tau: true}]\n',
)
ITEM = (
    """\
  - loop:
    - act: refund_order
    - {tau: true}
""",
    """\
  - loop:
    - seq:
        - {"act": "find_customer"}
        - act: refund_order
    - {tau: true}
""",
)


@pytest.mark.parametrize(("loop", "wanted"), [BLOCK, FLOW, ITEM])
def test_a_step_that_is_repeated_is_wrapped_with_what_it_was_missing(
    loop: str, wanted: str
) -> None:
    before = f"{HEAD}steps:\n  seq:\n  - act: ask_customer\n"
    (added,) = suggested(load_workflow(before + loop, source="w.yaml"))
    made = edited_text(before + loop, added, source="w.yaml")
    assert made == before.replace("version: 1", "version: 2") + wanted


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


def layouts(document: JsonValue) -> st.SearchStrategy[tuple[str, str]]:
    """The ways to write a document down, each with the name of a file that holds it."""
    return st.sampled_from(
        [
            (yaml.safe_dump(document, sort_keys=False), "w.yaml"),
            (yaml.safe_dump(document, sort_keys=True, indent=4), "w.yaml"),
            (yaml.safe_dump(document, default_flow_style=None, sort_keys=False), "w.yaml"),
            (yaml.safe_dump(document, default_flow_style=True, width=40), "w.yaml"),
            (json.dumps(document), "w.json"),
            (json.dumps(document, indent=2), "w.json"),
            (yaml.safe_dump(document).replace("\n", "\r\n"), "w.yaml"),
        ]
    )


@given(TREES, st.data(), st.integers(1, 2), st.sampled_from([None, 1, 9]))
def test_there_is_a_patch_for_every_step_however_the_workflow_is_written(
    tree: JsonValue, data: st.DataObject, n_steps: int, version: int | None
) -> None:
    document: dict[str, JsonValue] = {"schema": "mythos.ritual/1", "name": "w"}
    document |= {} if version is None else {"version": version}
    text, source = data.draw(layouts({**document, "steps": tree}))
    original = load_workflow(text, source=source)
    target = data.draw(st.sampled_from(sorted(leaves(original.steps))))
    steps: tuple[JsonValue, ...] = tuple({"act": f"new {n}"} for n in range(n_steps))
    verdict = WorkflowVerdict("w", "shop", can_finish=None)
    before = StepVerdict(WorkflowStep(target, "a"), "never permitted")
    made = with_steps(original, target, steps)
    added = AddedSteps(original, before, steps, made, verdict, (target,))
    edited = edited_text(text, added, source=source)
    assert load_workflow(edited, source=source) == made
    assert made.version == (version or 1) + 1


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
