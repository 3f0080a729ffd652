"""What a changed tool catalogue means for a policy set: the rules and facts that it touches.

A rule is touched by a change of a tool that it can match and of which it reads what changed. No
rule that reads arguments is evaluated on a call whose arguments do not fit their declaration, so a
change of one argument touches all of those, not only the rules that name it. A fact is touched by a
change of the events that it collects, of what it reads of them and of the arguments in its `by`;
what reads a touched fact, a rule or another fact's `where`, is touched by the same.

Untouched rules match as before; that a call which does not fit is denied is no rule's doing.
Whether the set still fits the new catalogue is `check`'s to say.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from mythos.engines.policy.catalogue_change import OF_ARGUMENTS, Change, What
from mythos.engines.policy.check import named_tools
from mythos.engines.policy.facts.check import facts_needed
from mythos.engines.policy.facts.declared import (
    GROUPS,
    USER_EVENTS,
    event_names,
    keys_of,
    path_of,
)
from mythos.engines.policy.rule import Rule
from mythos.values.policy import Fact

_READ_BY: dict[What, frozenset[str]] = {
    **dict.fromkeys(OF_ARGUMENTS, frozenset({"input"})),
    What.EFFECT: frozenset({"tool"}),
    What.SINKS: frozenset({"origin", "sinks"}),
    What.TRUST: frozenset({"origin", "sinks", "tool"}),
    What.USER: frozenset({"origin", "sinks", "licensed"}),
    What.WORDS: frozenset({"licensed"}),
    What.OUTPUT: frozenset(),
}
_ANYWHERE = frozenset({What.TRUST, What.USER})  # an output feeds the sinks of every tool


@dataclass(frozen=True, slots=True)
class Affected:
    """A rule or fact that changes touch. `line` counts within the rules, 0 for a fact."""

    kind: Literal["rule", "fact"]
    name: str
    line: int
    changes: tuple[Change, ...]


def affected(
    rules: Sequence[Rule], facts: Mapping[str, Fact], changes: Sequence[Change]
) -> tuple[Affected, ...]:
    """The rules and facts that these changes touch, rules first.

    Args:
        rules: of the policy set, in order.
        facts: declared by the policy set.
        changes: from `catalogue_changes`.
    """
    by_fact = _by_fact(facts, changes)
    found = [
        *(Affected("rule", rule.id, rule.line, _by_rule(rule, by_fact, changes)) for rule in rules),
        *(Affected("fact", name, 0, each) for name, each in by_fact.items()),
    ]
    return tuple(each for each in found if each.changes)


def _by_rule(
    rule: Rule, by_fact: Mapping[str, Sequence[Change]], changes: Sequence[Change]
) -> tuple[Change, ...]:
    through = {change for name in rule.use.facts for change in by_fact.get(name, ())}
    return tuple(change for change in changes if change in through or _touches(rule, change))


def _by_fact(facts: Mapping[str, Fact], changes: Sequence[Change]) -> dict[str, tuple[Change, ...]]:
    reached = {name: {c for c in changes if _reaches(fact, c)} for name, fact in facts.items()}
    needs, size = facts_needed(facts), -1
    while size < (size := sum(map(len, reached.values()))):
        for name, others in needs.items():
            reached[name].update(*(reached[other] for other in others & reached.keys()))
    return {name: tuple(c for c in changes if c in found) for name, found in reached.items()}


def _touches(rule: Rule, change: Change) -> bool:
    if change.what is What.TOOL_GONE:
        return change.tool in set(named_tools(rule))
    reads = _READ_BY.get(change.what)
    if reads is not None and rule.use.parts.isdisjoint(reads):
        return False
    return change.what in _ANYWHERE or rule.about(change.tool)


def _reaches(fact: Fact, change: Change) -> bool:
    events = event_names(fact)
    if change.what is What.USER:
        return not events.isdisjoint(USER_EVENTS)
    if change.argument and change.argument in keys_of(fact):
        return True
    grouped = not events.isdisjoint(g for g, effect in GROUPS.items() if effect in change.effects)
    if change.tool not in events and not grouped:
        return False
    return (
        change.what in {What.TOOL_GONE, What.TOOL_NEW}
        or (change.what is What.EFFECT and grouped)
        or _reads(fact, change)
    )


def _reads(fact: Fact, change: Change) -> bool:
    """Whether a fact looks into its events for what changed; a `where` may look at anything."""
    field = path_of(fact)
    if change.what is What.OUTPUT:
        return fact.where is not None or field[:1] == ("output",)
    if change.what in OF_ARGUMENTS:
        return fact.where is not None or field[:2] == ("input", change.argument)
    return fact.where is not None and change.what in {What.EFFECT, What.TRUST}
