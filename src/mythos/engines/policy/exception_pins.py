"""What pins an exception: the scene in which a call was denied, and calls that differ in one value.

A sample keeps a call's arguments and the facts that did not hold, not all that the rules read. So
the scene is searched: of all ways in which the rest may have been, the first in which the old
version charges the rule and the new one allows the call. The search tries few values and says None
rather than guess beyond them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice, product
from typing import Self

from pydantic import JsonValue

from mythos.engines.policy.compile import PolicyEngine, compile_policies
from mythos.engines.policy.expectation import request_of
from mythos.engines.policy.identity import digest
from mythos.engines.policy.replay import Word, answer_of
from mythos.engines.policy.request import Decision
from mythos.engines.policy.rule import Rule, rules_of
from mythos.values.expected import ExpectedRequest
from mythos.values.policy import Expectation, Once, PolicySet
from mythos.values.tools import ToolCatalogue

MAX_SCENES, MAX_BROKEN = 4_096, 512
_ORIGINS = ("untrusted", "unknown", "user", "trusted")


@dataclass(frozen=True, slots=True)
class Trial:
    """A policy set alone, ready to be asked."""

    policy_set: PolicySet
    digest: str
    engine: PolicyEngine

    @classmethod
    def of(cls, policy_set: PolicySet, catalogue: ToolCatalogue) -> Self:
        """Compile a set; PolicyError where it does not fit the catalogue."""
        return cls(policy_set, digest(policy_set), compile_policies([policy_set], catalogue))

    def decide(self, expected: ExpectedRequest) -> Decision:
        """The set's decision on a call."""
        request = request_of(
            expected, self.policy_set, digest=self.digest, catalogue=self.engine.catalogue
        )
        return self.engine.decide(request, in_force=[self.digest])

    def word(self, expected: ExpectedRequest) -> Word:
        """Allow, deny or undecidable."""
        return answer_of(self.decide(expected)).word

    def charges(self, expected: ExpectedRequest, rule: str) -> bool:
        """Whether a call is denied and counted under this rule."""
        answer = answer_of(self.decide(expected))
        return answer.word == "deny" and answer.rules == (rule,)


def scene_of(
    old: Trial, new: Trial, call: ExpectedRequest, rule: str, missing: Iterable[str]
) -> ExpectedRequest | None:
    """The call with what must have been so that `old` charged `rule`, and `new` allows it."""
    for scene in islice(_scenes(old, call, frozenset(missing)), MAX_SCENES):
        if old.charges(scene, rule) and new.word(scene) == "allow":
            return scene
    return None


def _scenes(
    old: Trial, call: ExpectedRequest, missing: frozenset[str]
) -> Iterator[ExpectedRequest]:
    rules = [rule for rule in rules_of(old.policy_set) if rule.about(call.tool)]
    facts = sorted(_yes_no(old.policy_set, rules) - missing)
    parts = frozenset[str]().union(*(rule.use.parts for rule in rules))
    sinks = _sinks(old, call) if parts & {"origin", "sinks"} else ()
    licences = (True, False) if "licensed" in parts else (False,)
    for licensed, *rest in product(
        licences, *([(True, False)] * len(facts)), *([_ORIGINS] * len(sinks))
    ):
        held, origins = rest[: len(facts)], rest[len(facts) :]
        yield call.model_copy(
            update={
                "licensed": licensed,
                "past": {name: True for name, holds in zip(facts, held, strict=True) if holds},
                "origins": dict(zip(sinks, origins, strict=True)),
            }
        )


def _yes_no(policy_set: PolicySet, rules: Iterable[Rule]) -> set[str]:
    """Facts that hold or do not, and that some rule reads."""
    read = {name for rule in rules for name in rule.use.facts}
    return {name for name in read if isinstance(policy_set.facts.get(name), Once)}


def _sinks(old: Trial, call: ExpectedRequest) -> tuple[str, ...]:
    tool = old.engine.tool(call.tool)
    sinks = tool.sinks_of(call.arguments) if tool else ()
    return tuple(sink for sink in sinks if call.arguments.get(sink))


def breaks(promise: Expectation, new: Trial, call: ExpectedRequest) -> bool:
    """Whether a version allows a call that a promise over all requests says is never allowed."""
    forbidding = promise.never == "allow" or promise.always == "deny"
    if not forbidding or (promise.tools and call.tool not in promise.tools):
        return False
    text = (
        f'@id("promise") permit (principal, action, resource) when {{ {promise.when or "true"} }};'
    )
    bare = new.policy_set.model_copy(update={"rules": text, "expect": ()})
    meant = Trial.of(bare, new.engine.catalogue)
    scenes = islice(_scenes(new, call, frozenset()), MAX_BROKEN)
    return any(meant.word(each) == "allow" == new.word(each) for each in scenes)


def other_arguments(
    scene: ExpectedRequest, chosen: Mapping[str, JsonValue], old: Trial
) -> Iterator[ExpectedRequest]:
    """The scene with one chosen value changed, wherever the old version denies that call."""
    for name in sorted(chosen):
        for value in _others(scene.arguments[name]):
            arguments = {**scene.arguments, name: value}
            other = scene.model_copy(update={"arguments": arguments})
            if old.word(other) == "deny":
                yield other


def _others(value: JsonValue) -> Iterator[JsonValue]:
    if isinstance(value, bool):
        yield not value
    elif isinstance(value, int | float):
        yield from (value + 1, value - 1)
    elif isinstance(value, str):
        yield f"{value}-other"
    elif isinstance(value, list) and len(value) > 1:
        yield value[:-1]
