"""Random calls of any catalogue's tools, with what may be known of them and what may not."""

from __future__ import annotations

import re
from random import Random

from mythos.engines.policy.compile import PolicyEngine
from mythos.engines.policy.course import Course
from mythos.engines.policy.facts.kind import FactKind
from mythos.engines.policy.facts.known import ABSENT, FactValue, Known, OneOf
from mythos.engines.policy.facts.plan import FactPlan
from mythos.engines.policy.request import ANY_ORIGIN, Origin, Request
from mythos.engines.policy.shape import Shape, arguments_shape
from mythos.engines.policy.signals import Signals
from mythos.values.event import Json
from mythos.values.tools import Tool

_LITERAL = re.compile(r'"([^"\\]*)"')
_NUMBER = re.compile(r"\b[0-9]+\b")
_TEXTS = ["", "a", "é", "日本\n", "\ud800", "x" * 300]
_WHOLES: list[Json] = [0, 1, -1, 5, 100, 2**63 - 1, -(2**63), 2**63, True, 5.0, 2.5]


class RandomCalls:
    """Makes calls from the literals that the rules name, seldom with arguments that do not fit."""

    def __init__(self, seed: int, engine: PolicyEngine) -> None:
        self._random = Random(seed)
        self._engine = engine
        text = "\n".join(each.rules for each in engine.policy_sets.values())
        self._texts: list[str] = [*_LITERAL.findall(text), *_TEXTS]
        self._wholes: list[Json] = [*(int(n) for n in _NUMBER.findall(text)), *_WHOLES]

    def call(self) -> Request:
        """A request about some tool of the catalogue."""
        choose = self._random.choice
        tool = choose(self._engine.catalogue.tools)
        arguments = self._record(arguments_shape(tool.parameters))
        return Request(
            agent=choose(["agent", "clerk", "é", "\ud800", *self._texts]),
            tool=tool.name,
            arguments=None if self._seldom() else arguments,
            facts={
                each.digest: {name: self._fact(plan) for name, plan in each.plans.items()}
                for each in self._engine.compiled
            },
            licensed=choose([True, False, None]),
            origins=self._origins(tool),
            hidden=frozenset(arguments) if self._seldom() else frozenset(),
            now_ns=choose([0, 1_767_270_600, 253_402_300_799]) * 10**9,
            depth=choose([0, 1, 9, None]),
            signals=self._signals(),
        )

    def _seldom(self) -> bool:
        return self._random.random() < 0.05

    def _record(self, shape: Shape) -> dict[str, Json]:
        fields = (shape.fields or {}).items()
        return {
            name: self._value(inner)
            for name, inner in fields
            if not (inner.optional and self._random.random() < 0.4) and not self._seldom()
        }

    def _value(self, shape: Shape) -> Json:
        choose = self._random.choice
        if self._seldom():
            misfit: Json = choose([None, "5", True, [], {}, 1])
            return misfit
        match shape.kind:
            case "String":
                return choose(self._texts)
            case "Long" | "decimal":
                return choose(self._wholes)
            case "Boolean":
                return choose([True, False])
            case "Set":
                assert shape.element
                return [self._value(shape.element) for _ in range(self._random.randrange(3))]
            case _:
                return self._record(shape)

    def _fact(self, plan: FactPlan) -> Known:
        sure = self._sure(plan.kind)
        absent = [ABSENT] if plan.form == "last" else []
        unsure: list[Known] = [None, OneOf((sure, self._sure(plan.kind)))]
        return self._random.choice([sure] * 6 + absent + unsure)

    def _sure(self, kind: FactKind) -> FactValue:
        values: dict[FactKind, list[FactValue]] = {
            "Boolean": [True, False],
            "Long": [0, 1, 2, 5, 100_000, 2**63 - 1],
            "String": [each for each in self._texts if each.isprintable()],
            "decimal": [{"__extn": {"fn": "decimal", "arg": "1.5000"}}],
            "datetime": [{"__extn": {"fn": "datetime", "arg": "2026-01-01"}}],
        }
        value: FactValue = self._random.choice(values[kind])
        return value

    def _origins(self, tool: Tool) -> dict[str, frozenset[Origin]]:
        some: list[frozenset[Origin]] = [frozenset({each}) for each in Origin]
        return {
            sink: self._random.choice([*some, ANY_ORIGIN])
            for sink in tool.sinks
            if self._random.random() < 0.8
        }

    def _signals(self) -> Signals:
        choose = self._random.choice
        links = {"https://a.example": frozenset({choose([*Origin])})}
        return Signals(
            deletion=choose([True, False, None]),
            elsewhere=choose([True, False, None]),
            referred=choose([True, False, None]),
            links=choose([{}, links, None]),
            course=Course(
                calls=choose([0, 50]),
                repeats=choose([0, 9, 10, None]),
                tokens=choose([0, 2_000_001, 2**63]),
                model_changed=choose([True, False]),
                tools_changed=choose([True, False]),
            ),
            untrusted=choose([True, False]),
        )
