"""Random typed rules and random requests about one tool that has an argument of every kind."""

from __future__ import annotations

from random import Random

from pydantic import JsonValue

from mythos.engines.coherence.environment import RequestEnvironment, request_environment
from mythos.engines.policy.course import Course
from mythos.engines.policy.facts.kind import kinds_of
from mythos.engines.policy.facts.known import ABSENT, FactValue
from mythos.engines.policy.facts.plan import plan_facts
from mythos.engines.policy.identity import digest
from mythos.engines.policy.request import Origin, Request
from mythos.engines.policy.rule import rules_of
from mythos.engines.policy.signals import Signals
from mythos.engines.policy.slice import CompiledSet
from mythos.values.event import Json
from mythos.values.policy import PolicySet
from mythos.values.tools import ToolCatalogue

FACTS: dict[str, JsonValue] = {
    "asked": {"once": "user.confirm"},
    "calls": {"count": "act"},
    "spent": {"sum": "input.amount", "of": "act"},
    "paid": {"sum": "input.price", "of": "act"},
    "who": {"last": "input.name", "of": "act"},
    "size": {"last": "input.amount", "of": "act"},
    "seen": {"last": "output.at", "of": "act", "type": "datetime"},
}
_TEXTS = {"type": "array", "items": {"type": "string"}}
CATALOGUE = ToolCatalogue.model_validate(
    {
        "domain": "random",
        "tools": [
            {
                "name": "act",
                "effect": "egress",
                "sinks": ["name", "to"],
                "parameters": {
                    "type": "object",
                    "properties": {
                        "amount": {"type": "integer"},
                        "extra": {"type": "integer"},
                        "price": {"type": "number"},
                        "name": {"type": "string"},
                        "to": {"type": "string"},
                        "flag": {"type": "boolean"},
                        "tags": _TEXTS,
                        "more": _TEXTS,
                        "sizes": {"type": "array", "items": {"type": "integer"}},
                        "place": {
                            "type": "object",
                            "properties": {
                                "city": {"type": "string"},
                                "zip": {"type": "string"},
                                "floor": {"type": "integer"},
                            },
                            "required": ["city", "floor"],
                        },
                    },
                    "required": ["amount", "price", "name", "flag", "tags", "sizes"],
                },
            }
        ],
    }
)
WORDS = ["", "a", "ab", "abc", "b@x.example", "user", "trusted", "zz", "a*b"]
NUMBERS = [0, 1, 2, 7, -1, 100, 2**62, 2**63 - 1, -(2**63)]
PRICES = ["0.0", "1.5", "-2.25", "100.0", "0.0001"]
TIMES = ["2026-01-01", "2026-01-01T12:30:00Z", "1999-12-31T23:59:59.999Z", "9999-12-31"]
SPANS = ["1h", "-1d2h", "90m", "1ms", "3650000d"]
GLOBS = ["a*", "*b", "*@x.example", "*a*b*", "a\\*b", "", "*", "user*", "*er", "ab*c"]

_GUARDS = {
    "context.input.extra": "context.input has extra",
    "context.input.to": "context.input has to",
    "context.input.more": "context.input has more",
    "context.input.place.city": "context.input has place",
    "context.input.place.floor": "context.input has place.floor",
    "context.input.place.zip": "context.input has place.zip",
    "context.past.who": "context.past has who",
    "context.past.size": "context.past has size",
    "context.past.seen": "context.past has seen",
    "context.origin.to": "context.origin has to",
    "context.origin.name": "context.origin has name",
}
_LONGS = [
    "context.input.amount", "context.input.extra", "context.input.place.floor",
    "context.past.calls", "context.past.spent", "context.past.size", "context.depth",
    "context.repeats", "context.run.tokens",
]  # fmt: skip
_WORDS = [
    "context.input.name", "context.input.to", "context.input.place.city",
    "context.input.place.zip", "context.past.who", "context.origin.to", "context.origin.name",
    "context.tool.effect",
]  # fmt: skip
_FLAGS = [
    "context.input.flag", "context.past.asked", "context.licensed", "context.sinks.user",
    "context.sinks.untrusted", "context.tool.consequential", "context.sinks.referred",
    "context.asked.deletion", "context.links.unknown", "context.run.untrusted",
]  # fmt: skip


class RuleMaker:
    """Writes random conditions; most optional attributes are guarded, a few are not."""

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)

    def rule(self, name: str = "r") -> str:
        """One rule with a random scope and condition."""
        choose = self._random.choice
        effect = choose(["permit", "forbid"])
        scope = choose(
            [
                "principal, action, resource",
                'principal == Agent::"a", action == Action::"act", resource',
                'principal in Agent::"ab", action in [Action::"act"], resource is Tool',
                'principal is Agent, action, resource == Tool::"act"',
                'principal is Agent in Agent::"a", action, resource in Tool::"other"',
            ]
        )
        clauses = "".join(
            f" {choose(['when', 'when', 'unless'])} {{ {self.truth(3)} }}"
            for _ in range(choose([1, 1, 1, 2]))
        )
        return f'@id("{name}") {effect}({scope}){clauses};'

    def truth(self, depth: int) -> str:  # noqa: PLR0911 - a line a form
        """A condition."""
        choose = self._random.choice
        if depth <= 0:
            return self._leaf()
        inner = depth - 1
        kind = self._random.randrange(12)
        if kind < 3:
            return f"({self.truth(inner)} && {self.truth(inner)})"
        if kind < 6:
            return f"({self.truth(inner)} || {self.truth(inner)})"
        if kind == 6:
            return f"!({self.truth(inner)})"
        if kind == 7:
            return f"(if {self.truth(inner)} then {self.truth(inner)} else {self.truth(inner)})"
        if kind == 8:
            return f"({self.truth(0)}) {choose(['==', '!='])} ({self.truth(0)})"
        return self._leaf()

    def _leaf(self) -> str:
        leaves = [
            self._compared, self._worded, self._listed, self._priced, self._timed, self._flagged,
            self._entity, self._set, self._record,
        ]  # fmt: skip
        text = self._random.choice(leaves)()
        if self._random.random() < 0.9:
            needed = [guard for path, guard in _GUARDS.items() if path in text]
            return "(" + " && ".join([*needed, text]) + ")"
        return f"({text})"

    def _flagged(self) -> str:
        return self._random.choice([*_FLAGS, *_GUARDS.values(), "true", "false"])

    def _long(self, depth: int = 2) -> str:
        choose = self._random.choice
        kind = self._random.randrange(8) if depth else 0
        if kind < 3:
            return choose(_LONGS)
        if kind == 3:
            return str(choose(NUMBERS[:6]) if depth else choose(NUMBERS))
        if kind == 4:
            return f"({self._long(depth - 1)} * {choose(['2', '3', '-1', '100'])})"
        if kind == 5:
            return f"-({self._long(depth - 1)})"
        if kind == 6:
            then, other = self._long(depth - 1), self._long(depth - 1)
            return f"(if {self._flagged()} then {then} else {other})"
        return f"({self._long(depth - 1)} {choose(['+', '-'])} {self._long(depth - 1)})"

    def _compared(self) -> str:
        sign = self._random.choice(["<", "<=", ">", ">=", "==", "!="])
        return f"{self._long()} {sign} {self._long()}"

    def _word(self) -> str:
        choose = self._random.choice
        if self._random.random() < 0.15:
            return f'(if {self._flagged()} then {choose(_WORDS)} else "{choose(WORDS)}")'
        return choose(_WORDS) if self._random.random() < 0.75 else f'"{choose(WORDS)}"'

    def _worded(self) -> str:
        choose = self._random.choice
        if self._random.random() < 0.5:
            return f'{self._word()} like "{choose(GLOBS)}"'
        return f"{self._word()} {choose(['==', '!='])} {self._word()}"

    def _listed(self) -> str:
        words = ", ".join(self._word() for _ in range(self._random.randrange(1, 4)))
        return f"[{words}].contains({self._word()})"

    def _set(self) -> str:
        choose = self._random.choice
        if self._random.random() < 0.3:
            numbers = f"[{choose(NUMBERS)}, {self._long(0)}]"
            return choose(
                [
                    f"context.input.sizes.contains({self._long(1)})",
                    f"context.input.sizes.containsAny({numbers})",
                    f"context.input.sizes.containsAll({numbers})",
                    "context.input.sizes.isEmpty()",
                ]
            )
        group = choose(["context.input.tags", "context.input.more"])
        words = f"[{self._word()}, {self._word()}]"
        return choose(
            [
                f"{group}.contains({self._word()})",
                f"{group}.containsAny({words})",
                f"{group}.containsAll({words})",
                f"{words}.containsAny({group})",
                f"{group}.isEmpty()",
            ]
        )

    def _priced(self) -> str:
        choose = self._random.choice
        two = [f'decimal("{choose(PRICES)}")', choose(["context.input.price", "context.past.paid"])]
        self._random.shuffle(two)
        if self._random.random() < 0.2:
            return f"{two[0]} == {two[1]}"
        sign = choose(["lessThan", "lessThanOrEqual", "greaterThan", "greaterThanOrEqual"])
        return f"{two[0]}.{sign}({two[1]})"

    def _timed(self) -> str:
        choose = self._random.choice
        moment = choose(["context.now", "context.past.seen", f'datetime("{choose(TIMES)}")'])
        other = choose(["context.now", "context.past.seen", f'datetime("{choose(TIMES)}")'])
        span = f'duration("{choose(SPANS)}")'
        unit = choose(["toDays", "toHours", "toMinutes", "toSeconds", "toMilliseconds"])
        return choose(
            [
                f"{moment} < {other}",
                f"{moment}.offset({span}) >= {other}",
                f"{moment}.durationSince({other}) <= {span}",
                f"{moment}.durationSince({other}).{unit}() > {choose(NUMBERS[:6])}",
                f"{moment}.toDate() == {other}.toDate()",
                f"{moment}.toTime() > {span}",
            ]
        )

    def _entity(self) -> str:
        return self._random.choice(
            [
                'principal == Agent::"a"',
                'principal in [Agent::"ab", Agent::"abc"]',
                'principal is Agent in Agent::"abc"',
                "principal is Tool",
                'action in [Action::"act", Action::"other"]',
                'resource == Tool::"act"',
                "principal has name",
            ]
        )

    def _record(self) -> str:
        first, second = self._word(), self._long(0)
        pair = f"{{city: {first}, floor: {second}}}"
        return self._random.choice(
            [f"context.input.place == {pair}", f'{{a: {first}}} == {{a: "ab"}}']
        )


class RequestMaker:
    """Makes random requests that fit the tool, often with the values that rules name."""

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)

    def request(self, owner: CompiledSet) -> Request:
        """A request of which everything is known."""
        choose, sometimes = self._random.choice, self._random.random
        arguments: dict[str, Json] = {
            "amount": self._number(), "price": float(choose(PRICES)), "name": self._word(),
            "flag": choose([True, False]),
            "tags": [self._word() for _ in range(choose([0, 1, 2]))],
            "sizes": [self._number() for _ in range(choose([0, 1, 2]))],
        }  # fmt: skip
        if sometimes() < 0.5:
            arguments["extra"] = self._number()
        if sometimes() < 0.5:
            arguments["to"] = self._word()
        if sometimes() < 0.5:
            arguments["more"] = [self._word() for _ in range(choose([0, 1, 2]))]
        if sometimes() < 0.5:
            place: dict[str, Json] = {"city": self._word(), "floor": self._number()}
            arguments["place"] = place | ({"zip": self._word()} if sometimes() < 0.5 else {})
        facts: dict[str, FactValue] = {
            "asked": choose([True, False]),
            "calls": choose([0, 1, 2, 7]),
            "spent": self._number(),
            "paid": _extension("decimal", choose(PRICES)),
            "who": choose([ABSENT, self._word()]),
            "size": choose([ABSENT, self._number()]),
            "seen": choose([ABSENT, _extension("datetime", choose(TIMES))]),
        }
        if not facts["calls"]:
            facts |= _NEVER_CALLED
        return Request(
            agent=choose(["a", "ab", "abc", "zz"]),
            tool="act",
            arguments=arguments,
            facts={owner.digest: facts},
            licensed=choose([True, False]),
            origins={
                sink: frozenset({choose(list(Origin))})
                for sink in ("name", "to")
                if arguments.get(sink)
            },
            now_ns=choose([0, 1_767_225_600, 1_767_270_600, 253_402_300_799]) * 10**9,
            depth=choose([0, 1, 3]),
            signals=self._signals(),
        )

    def _signals(self) -> Signals:
        choose = self._random.choice
        return Signals(
            deletion=choose([True, False]),
            elsewhere=choose([True, False]),
            referred=choose([True, False]),
            links={f"https://{o}.example": frozenset({o}) for o in Origin if choose([True, False])},
            course=Course(calls=7, repeats=choose([0, 1, 7]), tokens=choose([0, 100])),
            untrusted=choose([True, False]),
        )

    def _word(self) -> str:
        return self._random.choice([*WORDS, *WORDS, "axb", "qb", "x@x.example"])

    def _number(self) -> int:
        return self._random.choice([*NUMBERS, 3, 8, 99, 101])


def _extension(name: str, argument: str) -> dict[str, JsonValue]:
    return {"__extn": {"fn": name, "arg": argument}}


_NEVER_CALLED: dict[str, FactValue] = {
    "spent": 0, "paid": _extension("decimal", "0.0"), "who": ABSENT, "size": ABSENT, "seen": ABSENT,
}  # fmt: skip


def compiled(rules: str) -> CompiledSet:
    """A policy set of these rules, read but not type-checked."""
    policy_set = PolicySet.model_validate(
        {"policy_set": "random", "version": 1, "facts": FACTS, "rules": rules}
    )
    plans = plan_facts(policy_set, CATALOGUE)
    assert kinds_of(policy_set, CATALOGUE).keys() == plans.keys()
    name = digest(policy_set)
    return CompiledSet(policy_set, name, rules_of(policy_set), "past", covers=True, plans=plans)


def environment_of(owner: CompiledSet) -> RequestEnvironment:
    """The environment of the one tool."""
    return request_environment(CATALOGUE.tools[0], [owner], CATALOGUE)
