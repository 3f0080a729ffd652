"""How the tools of two catalogues differ, as far as a rule or fact can see it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from enum import StrEnum

from pydantic import JsonValue

from mythos.engines.policy.licence import tool_stems
from mythos.engines.policy.limits import HELD
from mythos.engines.policy.shape import Shape, arguments_shape, cedar_type
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


OF_ARGUMENTS = frozenset(
    {
        What.ARGUMENT_GONE,
        What.ARGUMENT_NEW,
        What.ARGUMENT_RETYPED,
        What.ARGUMENT_REQUIRED,
        What.ARGUMENT_OPTIONAL,
        What.BOUNDS,
    }
)


@dataclass(frozen=True, slots=True)
class Change:
    """One difference of one tool; `was` and `now` as people write them, empty where absent.

    `effects` are those that the tool had and has.
    """

    tool: str
    what: What
    argument: str = ""
    was: str = ""
    now: str = ""
    effects: frozenset[str] = frozenset()

    def __str__(self) -> str:
        named = f"{self.tool}.{self.argument}" if self.argument else self.tool
        moved = f" from {self.was} to {self.now}" if self.was and self.now else ""
        return f"{named}: {self.what}{moved}"


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
        before, after = old.get(name), new.get(name)
        effects = frozenset(tool.effect for tool in (before, after) if tool)
        found.extend(replace(each, effects=effects) for each in _changes(before, after))
    return tuple(found)


def _changes(before: Tool | None, after: Tool | None) -> Iterator[Change]:
    if before and after:
        yield from _tool_changes(before, after)
        return
    if before:
        yield Change(before.name, What.TOOL_GONE, was=before.effect)
    if after:
        yield Change(after.name, What.TOOL_NEW, now=after.effect)
    for tool in (before, after):
        if tool and tool.user:
            yield Change(tool.name, What.USER)


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
