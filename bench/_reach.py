"""A workflow of 50 steps under rules that read 6 facts: which of its steps can any run take?

The steps are 25 choices of two tools, one after the other. The first choices make the facts or do
not, so every valuation of them is met by what comes later; each later tool reads three of them,
the last one all six. Two steps are planted that no run can take, one for each reason there is.
"""

from __future__ import annotations

from _questions import catalogue
from pydantic import JsonValue
from rows import Row, cpu_seconds

from mythos.engines.coherence.workflow.check import check_workflow
from mythos.engines.coherence.workflow.verdict import WorkflowVerdict
from mythos.engines.policy.compile import compile_policies
from mythos.values.policy import PolicySet
from mythos.values.workflow import Workflow, bare_workflow

CHOICES = 25
STEPS = 2 * CHOICES
FACTS: dict[str, JsonValue] = {
    "identified": {"once": "tool_00"},
    "verified": {"once": "tool_02"},
    "looked": {"once": "tool_04", "since": "tool_49"},
    "changes": {"count": "tool_06"},
    "order": {"last": "input.order_id", "of": "tool_08"},
    "confirmed": {"once": "user.confirm"},
}
TESTS = (
    "context.past.identified",
    "context.past.verified",
    "!context.past.looked",
    "context.past.changes < 1",
    "context.past has order && context.past.order == context.input.order_id",
    "context.past.confirmed",
)
NEVER = {
    "tool_41": "context.past.changes >= 2",  # one step can make one
    "tool_45": 'context.input.reason == "a" && context.input.reason like "b*"',
}


def rows() -> list[Row]:
    """Raises AssertionError if another step than the planted ones is called impossible."""
    flow, engine = workflow(), compile_policies([policy_set()], catalogue())
    seen: list[WorkflowVerdict] = []
    taken_s = cpu_seconds(lambda: seen.append(check_workflow(flow, engine)))
    name = f"workflow of {STEPS} steps under {len(FACTS)} facts"
    impossible = {each.step.tool for each in seen[0].steps if each.status == "never permitted"}
    assert impossible == NEVER.keys()
    assert seen[0].can_finish
    return [
        Row(name, taken_s, "CPU-s", goal="<= 2"),
        Row("its states of steps and facts", seen[0].n_states, "states"),
        Row("its questions to the solver", seen[0].n_queries, "questions"),
    ]


def workflow() -> Workflow:
    choices: list[JsonValue] = [
        {"xor": [{"act": f"tool_{number:02d}"}, {"act": f"tool_{number + 1:02d}"}]}
        for number in range(0, STEPS, 2)
    ]
    return bare_workflow({"seq": choices}, name="desk")


def policy_set() -> PolicySet:
    rules = "\n".join(_rule(number) for number in range(STEPS))
    return PolicySet.model_validate(
        {"policy_set": "desk", "version": 1, "facts": FACTS, "rules": rules}
    )


def _rule(number: int) -> str:
    tool = f"tool_{number:02d}"
    first = number < 2 * len(FACTS)
    read = [TESTS[(number + each) % len(TESTS)] for each in range(3)]
    told = "true" if first else " || ".join(f"({each})" for each in read)
    if number == STEPS - 1:
        told = " || ".join(f"({each})" for each in TESTS)
    told = NEVER.get(tool, told)
    scope = f'principal, action == Action::"{tool}", resource'
    return f'@id("{tool}") permit({scope}) when {{ {told} }};'
