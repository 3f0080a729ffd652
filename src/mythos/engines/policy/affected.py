"""What a changed tool catalogue means for a policy set: the rules and facts that it touches.

A rule is touched by a change of a tool that it can match and of which it reads what changed. No
rule that reads arguments is evaluated on a call whose arguments do not fit their declaration, so a
change of one argument touches all of those, not only the rules that name it. Untouched rules match
as before; that a call which does not fit is denied is no rule's doing. Whether the set still fits
the new catalogue is `check`'s to say.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from pydantic import JsonValue

from mythos.engines.policy.check import named_tools
from mythos.engines.policy.facts.declared import (
    GROUPS,
    USER_EVENTS,
    event_names,
    keys_of,
    path_of,
)
from mythos.engines.policy.licence import tool_stems
from mythos.engines.policy.limits import HELD
from mythos.engines.policy.rule import Rule
from mythos.engines.policy.shape import Shape, arguments_shape, cedar_type
from mythos.values.policy import Fact
from mythos.values.tools import Tool, ToolCatalogue

_BOUNDS = (
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    *sorted(frozenset().union(*HELD.values())),
)


class What(StrEnum):
    """How a tool differs between two catalogues."""

    TOOL_GONE = "tool gone"
    TOOL_NEW = "tool new"
    ARGUMENT_GONE = "argument gone"
    ARGUMENT_NEW = "argument new"
    ARGUMENT_RETYPED = "argument retyped"
    ARGUMENT_REQUIRED = "argument now required"
    ARGUMENT_OPTIONAL = "argument now optional"
    BOUNDS = "bounds changed"
    EFFECT = "effect changed"
    SINKS = "sinks changed"
    TRUST = "trust changed"
    USER = "user answer changed"
    OUTPUT = "output schema changed"
    WORDS = "words changed"


_ARGUMENT = frozenset(
    {
        What.ARGUMENT_GONE,
        What.ARGUMENT_NEW,
        What.ARGUMENT_RETYPED,
        What.ARGUMENT_REQUIRED,
        What.ARGUMENT_OPTIONAL,
        What.BOUNDS,
    }
)
_READ_BY: dict[What, frozenset[str]] = {
    **dict.fromkeys(_ARGUMENT, frozenset({"input"})),
    What.EFFECT: frozenset({"tool"}),
    What.SINKS: frozenset({"origin", "sinks"}),
    What.TRUST: frozenset({"origin", "sinks", "tool"}),
    What.USER: frozenset({"origin", "sinks", "licensed"}),
    What.WORDS: frozenset({"licensed"}),
    What.OUTPUT: frozenset(),
}
_MEMBERSHIP = frozenset({What.TOOL_GONE, What.TOOL_NEW, What.EFFECT})
_ANYWHERE = frozenset({What.TRUST, What.USER})  # an output feeds the sinks of every tool


@dataclass(frozen=True, slots=True)
class Change:
    """One difference of one tool; `was` and `now` as people write them, empty where absent."""

    tool: str
    what: What
    argument: str = ""
    was: str = ""
    now: str = ""

    def __str__(self) -> str:
        named = f"{self.tool}.{self.argument}" if self.argument else self.tool
        moved = f" from {self.was} to {self.now}" if self.was and self.now else ""
        return f"{named}: {self.what}{moved}"


@dataclass(frozen=True, slots=True)
class Affected:
    """A rule or fact that changes touch. `line` counts within the rules, 0 for a fact."""

    kind: Literal["rule", "fact"]
    name: str
    line: int
    changes: tuple[Change, ...]


def catalogue_changes(
    was: Iterable[ToolCatalogue], now: Iterable[ToolCatalogue]
) -> tuple[Change, ...]:
    """How the tools differ, by tool name.

    Args:
        was: the catalogues a policy set covered.
        now: those that it covers today.

    Returns:
        Differences that a rule or fact could see, sorted by tool; empty for equal tools.
    """
    old = {tool.name: tool for catalogue in was for tool in catalogue.tools}
    new = {tool.name: tool for catalogue in now for tool in catalogue.tools}
    found: list[Change] = []
    for name in sorted(old.keys() | new.keys()):
        if name not in new:
            found.append(Change(name, What.TOOL_GONE, was=old[name].effect))
        elif name not in old:
            found.append(Change(name, What.TOOL_NEW, now=new[name].effect))
        else:
            found.extend(_tool_changes(old[name], new[name]))
    return tuple(found)


def affected(
    rules: Sequence[Rule], facts: Mapping[str, Fact], changes: Sequence[Change]
) -> tuple[Affected, ...]:
    """The rules and facts that these changes touch, rules first.

    Args:
        rules: of the policy set, in order.
        facts: declared by the policy set.
        changes: from `catalogue_changes`.
    """
    by_rule = [(rule, [c for c in changes if _touches(rule, c)]) for rule in rules]
    by_fact = [(name, [c for c in changes if _reaches(fact, c)]) for name, fact in facts.items()]
    return (
        *(Affected("rule", rule.id, rule.line, tuple(found)) for rule, found in by_rule if found),
        *(Affected("fact", name, 0, tuple(found)) for name, found in by_fact if found),
    )


def _tool_changes(was: Tool, now: Tool) -> Iterator[Change]:
    yield from _argument_changes(was, now)
    name = now.name
    if was.effect != now.effect:
        yield Change(name, What.EFFECT, was=was.effect, now=now.effect)
    if frozenset(was.sinks) != frozenset(now.sinks):
        yield Change(name, What.SINKS, was=_listed(was.sinks), now=_listed(now.sinks))
    if was.trusted != now.trusted:
        yield Change(name, What.TRUST, was=_trust(was), now=_trust(now))
    if was.user != now.user:
        yield Change(name, What.USER, was=str(was.user).lower(), now=str(now.user).lower())
    if was.output_schema != now.output_schema:
        yield Change(name, What.OUTPUT)
    if tool_stems(was) != tool_stems(now):
        yield Change(name, What.WORDS)


def _argument_changes(was: Tool, now: Tool) -> Iterator[Change]:
    old, new = arguments_shape(was.parameters), arguments_shape(now.parameters)
    before, after = _names(old), _names(new)
    for argument in sorted(before | after):
        if argument not in after:
            yield Change(now.name, What.ARGUMENT_GONE, argument)
        elif argument not in before:
            yield Change(now.name, What.ARGUMENT_NEW, argument)
        else:
            yield from _retyped(argument, (was, old), (now, new))


def _retyped(
    argument: str, before: tuple[Tool, Shape], after: tuple[Tool, Shape]
) -> Iterator[Change]:
    (was, old), (now, new) = before, after
    one, other = (old.fields or {}).get(argument), (new.fields or {}).get(argument)
    if _type(one) != _type(other):
        yield Change(now.name, What.ARGUMENT_RETYPED, argument, _type(one), _type(other))
    elif one and other and one.optional != other.optional:
        what = What.ARGUMENT_OPTIONAL if other.optional else What.ARGUMENT_REQUIRED
        yield Change(now.name, what, argument)
    limits = _bounds(was, argument), _bounds(now, argument)
    if limits[0] != limits[1]:
        yield Change(now.name, What.BOUNDS, argument, *limits)


def _names(shape: Shape) -> frozenset[str]:
    return frozenset(shape.fields or ()) | shape.hidden


def _type(shape: Shape | None) -> str:
    """A Cedar type in one line; a record's with its attributes, so that none changes unseen."""
    return "a type Cedar cannot say" if shape is None else _spelt(cedar_type(shape))


def _spelt(kind: JsonValue) -> str:
    if not isinstance(kind, dict):
        return str(kind)
    if kind["type"] == "Set":
        return f"Set<{_spelt(kind['element'])}>"
    attributes = kind.get("attributes")
    if isinstance(attributes, dict):
        parts = (f"{name}: {_spelt(each)}" for name, each in sorted(attributes.items()))
        return "{" + ", ".join(parts) + "}"
    optional = "" if kind.get("required", True) else "?"
    return f"{kind.get('name', kind['type'])}{optional}"


def _bounds(tool: Tool, argument: str) -> str:
    properties = tool.parameters.get("properties")
    declared = properties.get(argument) if isinstance(properties, dict) else None
    if not isinstance(declared, dict):
        return "none"
    return ", ".join(f"{key} {declared[key]}" for key in _BOUNDS if key in declared) or "none"


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names)) or "none"


def _trust(tool: Tool) -> str:
    if isinstance(tool.trusted, bool):
        return "trusted" if tool.trusted else "untrusted"
    return f"trusted {_listed(tool.trusted)}"


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
    grouped = {group for group, effect in GROUPS.items() if effect in {change.was, change.now}}
    if change.what in _MEMBERSHIP and not events.isdisjoint(grouped):
        return True
    if change.tool not in events:
        return False
    return change.what is What.TOOL_GONE or _reads(fact, change)


def _reads(fact: Fact, change: Change) -> bool:
    """Whether a fact looks into its events for what changed; a `where` may look at anything."""
    field = path_of(fact)
    if change.what is What.OUTPUT:
        return fact.where is not None or field[:1] == ("output",)
    if change.what in _ARGUMENT:
        return fact.where is not None or field[:2] == ("input", change.argument)
    return fact.where is not None and change.what in {What.EFFECT, What.TRUST}
