"""Policy sets of n rules all about one tool, in five shapes: the worst case of a proof.

Rule k is of shape k mod 5 with its own numbers and patterns, so nearly every rule decides
something alone; every tenth glob is another's, so a few decide nothing.
"""

from __future__ import annotations

from _questions import FACTS

from mythos.values.policy import PolicySet

TOOL = "tool_00"
ORDER = 'context.input.order_id like "A{n}-*"'
SHAPES = (
    ("permit", f"context.past.identified && {ORDER} && context.input.amount_cents <= {{n}}00"),
    ("forbid", f"{ORDER} && context.input.amount_cents > {{n}}7 && !context.past.confirmed"),
    ("permit", 'context.input.reason == "case {n}" && context.past.confirmed'),
    ("forbid", 'context.input.reason like "*x{glob}y*" && !context.past.escalated'),
    ("permit", 'principal == Agent::"clerk {n}" && context.input.amount_cents < {n}0'),
)


def crowd(n_rules: int) -> PolicySet:
    facts = {fact: {"once": f"tool_{number:02d}"} for number, fact in enumerate(FACTS)}
    rules = "\n".join(_rule(number) for number in range(n_rules))
    return PolicySet.model_validate(
        {"policy_set": "crowd", "version": 1, "facts": facts, "rules": rules}
    )


def _rule(number: int) -> str:
    effect, condition = SHAPES[number % len(SHAPES)]
    n = number // len(SHAPES) + 1
    told = condition.format(n=n, glob=n if n % 10 else n - 1)
    head = f'@id("r{number:04d}") {effect}(principal, action == Action::"{TOOL}", resource)'
    return f"{head} when {{ {told} }};"
