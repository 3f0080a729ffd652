"""Small catalogues, policy sets and runs that the policy tests share."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TypedDict, Unpack

from pydantic import JsonValue

from mythos.engines.policy.compile import PolicyEngine, compile_policies
from mythos.engines.policy.document import load_policy_set
from mythos.engines.policy.identity import digest
from mythos.engines.policy.rulings import Rulings, rulings_of
from mythos.values.event import Event, Json, Kind, Run
from mythos.values.outcome import Outcome, Ruling
from mythos.values.policy import PolicySet
from mythos.values.tools import ToolCatalogue

SECOND = 10**9
TRACE = "0af7651916cd43dd8448eb211c80319c"


def text(name: str, type_: str = "string") -> dict[str, JsonValue]:
    """A JSON Schema with one required property."""
    return {"type": "object", "properties": {name: {"type": type_}}, "required": [name]}


RETAIL = ToolCatalogue.model_validate(
    {
        "domain": "shop/retail",
        "tools": [
            {"name": "find_user", "parameters": text("email"), "effect": "read", "trusted": True},
            {"name": "get_order", "parameters": text("order_id"), "effect": "read"},
            {"name": "ask_user", "parameters": text("question"), "user": True},
            {"name": "cancel_order", "parameters": text("order_id"), "effect": "write"},
            {
                "name": "refund",
                "description": "Pay money back to a payment method.",
                "effect": "egress",
                "sinks": ["to"],
                "parameters": {
                    "type": "object",
                    "properties": {
                        "amount_cents": {"type": "integer"},
                        "to": {"type": "string"},
                        "note": {"type": "string"},
                    },
                    "required": ["amount_cents"],
                },
            },
        ],
    }
)


def opened(catalogue: ToolCatalogue, *tools: str) -> ToolCatalogue:
    """The catalogue where some tools take arguments that they do not declare."""
    document = catalogue.model_dump(mode="json")
    for tool in document["tools"]:
        if tool["name"] in tools:
            tool["parameters"]["additionalProperties"] = True
    return ToolCatalogue.model_validate(document)


def policy(name: str, rules: str, **more: JsonValue) -> PolicySet:
    """A policy set of these rules; `more` are other keys of the document."""
    document = {"policy_set": name, "version": 1, "rules": rules, **more}
    return load_policy_set(json.dumps(document), source=f"{name}.json")


def permit(rule: str, tool: str, condition: str = "true", notes: str = "") -> str:
    """A permit rule of one tool."""
    return _rule("permit", rule, tool, condition, notes)


def forbid(rule: str, tool: str, condition: str = "true", notes: str = "") -> str:
    """A forbid rule of one tool."""
    return _rule("forbid", rule, tool, condition, notes)


def _rule(effect: str, rule: str, tool: str, condition: str, notes: str) -> str:
    scope = f'action == Action::"{tool}"' if tool else "action"
    return f'@id("{rule}") {notes} {effect}(principal, {scope}, resource) when {{ {condition} }};\n'


class Details(TypedDict, total=False):
    """What a test may say of an event beyond its kind."""

    tool: str
    call_id: str
    arguments: dict[str, Json] | None
    output: Json
    output_captured: bool
    failed: bool
    user_texts: tuple[str, ...]
    verdict: str
    attributes: dict[str, Json]
    model: str
    tokens_in: int
    tokens_out: int


@dataclass
class Story:
    """A run told step by step, one second apart, judged by some policy sets."""

    agent: str = "clerk"
    now_s: int = 100
    events: list[Event] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._add(Kind.AGENT_RUN, ends=0)

    def _add(self, kind: Kind, *, ends: int = 1, **more: Unpack[Details]) -> Event:
        number = len(self.events) + 1
        event = Event(
            trace_id=TRACE,
            span_id=f"{number:016x}",
            parent_id="" if number == 1 else f"{1:016x}",
            kind=kind,
            name=kind.value,
            start_ns=self.now_s * SECOND,
            end_ns=(self.now_s + ends) * SECOND,
            agent=self.agent,
            **more,
        )
        self.events.append(event)
        self.now_s += max(ends, 1)
        return event

    def user(self, *texts: str) -> Story:
        """The user says something, which a model call carries."""
        self._add(Kind.MODEL_CALL, user_texts=texts)
        return self

    def answer(self, **more: Unpack[Details]) -> Story:
        """A model call about which something else is told."""
        self._add(Kind.MODEL_CALL, **more)
        return self

    def model(self) -> Story:
        """A model call that carries no words of the user."""
        self._add(Kind.MODEL_CALL)
        return self

    def call(
        self,
        tool: str,
        arguments: dict[str, Json] | None = None,
        *,
        output: Json = "done",
        failed: bool = False,
        call_id: str = "",
    ) -> Story:
        """A tool call with captured arguments and output."""
        self._add(
            Kind.TOOL_CALL,
            tool=tool,
            arguments=arguments or {},
            output=output,
            output_captured=True,
            failed=failed,
            call_id=call_id,
        )
        return self

    def blind_call(self, tool: str) -> Story:
        """A tool call of which nothing was captured."""
        self._add(Kind.TOOL_CALL, tool=tool)
        return self

    def denied(self, tool: str, **attributes: Json) -> Story:
        """A span that says an attempt was denied."""
        named = {key.replace("__", "."): value for key, value in attributes.items()}
        self._add(Kind.POLICY_DECISION, tool=tool, verdict="deny", attributes=named)
        return self

    @property
    def run(self) -> Run:
        """The run so far."""
        events = tuple(sorted(self.events, key=lambda each: (each.start_ns, each.span_id)))
        return Run(TRACE, self.events[0], events, ended_ns=self.now_s * SECOND)

    def judged(self, *sets: PolicySet, shadow: tuple[PolicySet, ...] = ()) -> Rulings:
        """Its rulings with these sets in force for every agent."""
        engine = engine_of(*sets, *shadow)
        in_force, shadows = tuple(map(digest, sets)), tuple(map(digest, shadow))
        return rulings_of(
            self.run, engine, sets_of=lambda _: in_force, shadows_of=lambda _: shadows
        )

    def outcomes(self, *sets: PolicySet) -> list[Outcome]:
        """The outcomes of all its rulings, in order."""
        return [ruling.outcome for ruling in self.judged(*sets).in_force]


def engine_of(*sets: PolicySet, catalogue: ToolCatalogue = RETAIL) -> PolicyEngine:
    """An engine for the retail catalogue."""
    return compile_policies(sets, catalogue)


def outcome_of(rulings: tuple[Ruling, ...], policy_set: PolicySet) -> Outcome:
    """The outcome of the one ruling of a policy set."""
    (ruling,) = [each for each in rulings if each.policy_set == policy_set.policy_set]
    return ruling.outcome
