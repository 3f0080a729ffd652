"""Policy sets of n rules over 100 tools, and the same questions to both sides.

A rule is about one tool; rule k is about tool k mod 100 and of one of ten kinds, permits and
forbids over arguments and facts, none of which reads what another kind reads alone. The bare side
gets the rules as they stand, parsed once, with a schema as strict as ours.
"""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace

import cedarpy

from mythos.engines.policy.compile import PolicyEngine, compile_policies
from mythos.engines.policy.identity import digest
from mythos.engines.policy.request import Request
from mythos.engines.policy.schema import Kinds, request_schema
from mythos.values.policy import PolicySet
from mythos.values.tools import ToolCatalogue

ACTIONS = 100
QUESTIONS = 200
SEED = 7
FACTS = ("identified", "confirmed", "escalated")
KINDS = (
    ("permit", "when { context.past.identified && context.input.amount_cents <= 90000 }"),
    ("forbid", "when { context.input.amount_cents > 80000 && !context.past.confirmed }"),
    ("permit", 'when { context.input.reason like "refund *" && context.past.confirmed }'),
    ("forbid", 'when { context.input.reason == "test" } unless { context.past.escalated }'),
    ("permit", "when { context.input.express && context.input.amount_cents < 5000 }"),
    ("forbid", 'when { context.input.order_id like "X*" && !context.past.escalated }'),
    ("permit", 'when { ["gift", "loss"].contains(context.input.reason) }'),
    ("forbid", 'unless { context.past.identified || context.input.reason == "gift" }'),
    ("permit", 'when { principal == Agent::"clerk" && context.past.escalated }'),
    ("forbid", "when { context.input.express && context.input.amount_cents > 70000 }"),
)
REASONS = ("gift", "loss", "test", "refund of a parcel", "the customer asked for it")

NOTHING = cedarpy.Entities.from_json_str("[]")


def catalogue() -> ToolCatalogue:
    parameters = {
        "type": "object",
        "properties": {
            "order_id": {"type": "string"},
            "amount_cents": {"type": "integer"},
            "reason": {"type": "string"},
            "express": {"type": "boolean"},
        },
        "required": ["order_id", "amount_cents", "reason", "express"],
    }
    tools = [
        {"name": f"tool_{n:02d}", "effect": "write", "parameters": parameters}
        for n in range(ACTIONS)
    ]
    return ToolCatalogue.model_validate({"domain": "desk", "tools": tools})


def rules_of(n_rules: int) -> str:
    return "\n".join(_rule(number) for number in range(n_rules))


def _rule(number: int) -> str:
    effect, condition = KINDS[number // ACTIONS % len(KINDS)]
    action = f'action == Action::"tool_{number % ACTIONS:02d}"'
    return f'@id("r{number:04d}") {effect}(principal, {action}, resource) {condition};'


def policy_set(n_rules: int) -> PolicySet:
    facts = {fact: {"once": f"tool_{number:02d}"} for number, fact in enumerate(FACTS)}
    return PolicySet.model_validate(
        {"policy_set": "desk", "version": 1, "facts": facts, "rules": rules_of(n_rules)}
    )


def requests(n_rules: int) -> list[Request]:
    """Questions about the tools that have rules, in an order that does not help a cache."""
    tools = min(n_rules, ACTIONS)
    chance = random.Random(SEED)
    made = [
        Request(
            agent="clerk" if chance.random() < 0.5 else "guest",
            tool=f"tool_{number % tools:02d}",
            arguments={
                "order_id": f"{chance.choice('#X')}{chance.randrange(10**6)}",
                "amount_cents": chance.randrange(100_000),
                "reason": chance.choice(REASONS),
                "express": chance.random() < 0.3,
            },
            facts={"": {fact: chance.random() < 0.6 for fact in FACTS}},
        )
        for number in range(QUESTIONS)
    ]
    chance.shuffle(made)
    return made


@dataclass(frozen=True, slots=True)
class Desk:
    """One policy set ready on both sides, and the questions to it."""

    engine: PolicyEngine
    name: str
    asked: Sequence[Request]
    plain: Sequence[dict[str, object]]
    schema: cedarpy.Schema
    everything: cedarpy.PolicySet
    by_tool: dict[str, cedarpy.PolicySet]

    def ours(self) -> list[bool]:
        """What MythOS says to each question."""
        force = frozenset({self.name})
        return [self.engine.decide(each, in_force=force).allowed for each in self.asked]

    def bare(self) -> list[bool]:
        """What plain Cedar says to each, given every rule."""
        return [_ask(each, self.everything, self.schema) for each in self.plain]

    def sliced(self) -> list[bool]:
        """What plain Cedar says to each, given the rules about its tool alone."""
        pairs = zip(self.plain, self.asked, strict=True)
        return [_ask(plain, self.by_tool[each.tool], self.schema) for plain, each in pairs]

    def unchecked(self) -> list[bool]:
        """The same, without a check that the question fits a schema."""
        pairs = zip(self.plain, self.asked, strict=True)
        return [_ask(plain, self.by_tool[each.tool], None) for plain, each in pairs]


def _ask(plain: dict[str, object], rules: cedarpy.PolicySet, schema: cedarpy.Schema | None) -> bool:
    answer = cedarpy.is_authorized(plain, rules, NOTHING, schema)
    return answer.decision is cedarpy.Decision.Allow


def desk(n_rules: int) -> Desk:
    """A desk whose sides were seen to agree on every question, and not to give one answer only."""
    tools, rules = catalogue(), policy_set(n_rules)
    name = digest(rules)
    asked = [replace(each, facts={name: each.facts[""]}) for each in requests(n_rules)]
    past: Kinds = dict.fromkeys(FACTS, ("Boolean", False))
    made = Desk(
        engine=compile_policies([rules], tools),
        name=name,
        asked=asked,
        plain=[_plain(each, name) for each in asked],
        schema=cedarpy.Schema.from_json_str(json.dumps(request_schema(tools, {"past": past}))),
        everything=cedarpy.PolicySet.from_str(rules.rules),
        by_tool={
            f"tool_{tool:02d}": cedarpy.PolicySet.from_str(
                "\n".join(_rule(number) for number in range(tool, n_rules, ACTIONS))
            )
            for tool in range(ACTIONS)
        },
    )
    answers = made.ours()
    assert answers == made.bare() == made.sliced() == made.unchecked()
    assert len(set(answers)) == 2
    return made


def _plain(request: Request, name: str) -> dict[str, object]:
    """A question as one who uses Cedar alone would put it."""
    return {
        "principal": {"type": "Agent", "id": request.agent},
        "action": {"type": "Action", "id": request.tool},
        "resource": {"type": "Tool", "id": request.tool},
        "context": {"input": request.arguments, "past": request.facts[name]},
    }
