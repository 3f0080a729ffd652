"""Signals: what a run shows around a call beyond its own arguments, and how rules read it.

| in a rule                   | is                                                                |
|-----------------------------|-------------------------------------------------------------------|
| `context.asked.deletion`    | Bool: the user spoke of deleting (see `licence`)                  |
| `context.asked.elsewhere`   | Bool: the user handed over to a text they named, and it speaks of |
|                             | what the tool does                                                |
| `context.sinks.referred`    | Bool: every sink value that is not the user's or trusted stands   |
|                             | where the user pointed for it (see `referral`); true if none is   |
| `context.links.untrusted`   | Bool: a link in an argument that is no sink has that origin and   |
|                             | was not opened before; also `.user`, `.trusted`, `.unknown`       |
| `context.run.calls`         | Long: tool calls before this one (see `course`)                   |
| `context.run.tokens`        | Long: tokens that model calls reported so far                     |
| `context.run.model_changed` | Bool: since the agent's last call                                 |
| `context.run.tools_changed` | Bool: since the agent's last call                                 |
| `context.run.untrusted`     | Bool: an output that is not trusted came before                   |
| `context.repeats`           | Long: equal calls before this one                                 |

Law: what cannot be told is tried both ways, or, where it is a number, takes its rules aside; it is
never taken for absent. `context.run` can always be told.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field

from pydantic import JsonValue

from mythos.engines.policy.course import Course
from mythos.engines.policy.origin_name import STRANGE, Origin

PARTS = ("asked", "links", "run", "repeats")
Unknown = tuple[str, str]
_REFERRED: Unknown = ("sinks", "referred")
_LINKS: tuple[Unknown, ...] = tuple(("links", str(origin)) for origin in Origin)


@dataclass(frozen=True, slots=True)
class Signals:
    """What was seen around one call; None is what cannot be told.

    `referred` is of the strange values; whether there is any, the origins say. `links` maps each
    link of the call, in one spelling, to the origins it may have; None where an argument that
    might hold some was not captured.
    """

    deletion: bool | None = None
    elsewhere: bool | None = None
    referred: bool | None = None
    links: Mapping[str, frozenset[Origin]] | None = None
    course: Course = field(default_factory=lambda: Course(repeats=None))
    untrusted: bool = False


def uncertain(parts: Collection[str], signals: Signals) -> Iterator[Unknown]:
    """The yes-or-no signals among these parts of the context that cannot be told."""
    for part, values_of in _YES_OR_NO.items():
        if part in parts:
            yield from (name for name, value in values_of(signals).items() if value is None)


def unbounded(parts: Collection[str], signals: Signals) -> Iterator[Unknown]:
    """The parts among these that may be any number."""
    if "repeats" in parts and signals.course.repeats is None:
        yield "repeats", ""


def signal_parts(
    parts: Collection[str], signals: Signals, world: Mapping[Unknown, object]
) -> dict[str, JsonValue]:
    """The context of these parts; the world says what cannot be told. Without `sinks.referred`."""
    context: dict[str, JsonValue] = {}
    for part in ("asked", "links"):
        if part in parts:
            values = _YES_OR_NO[part](signals).items()
            context[part] = {name[1]: bool(world.get(name, value)) for name, value in values}
    if "run" in parts:
        course = signals.course
        context["run"] = {
            "calls": course.calls,
            "tokens": course.tokens,
            "model_changed": course.model_changed,
            "tools_changed": course.tools_changed,
            "untrusted": signals.untrusted,
        }
    if "repeats" in parts:
        context["repeats"] = signals.course.repeats or 0
    return context


def is_referred(
    signals: Signals, origins: Collection[str], world: Mapping[Unknown, object]
) -> bool:
    """`context.sinks.referred`: whether each strange value is; of none it is true.

    Args:
        signals: of the call.
        origins: those that some sink's value has.
        world: what cannot be told.
    """
    if frozenset(STRANGE).isdisjoint(origins):
        return True
    return bool(world.get(_REFERRED, signals.referred))


def _asked(signals: Signals) -> dict[Unknown, bool | None]:
    return {("asked", "deletion"): signals.deletion, ("asked", "elsewhere"): signals.elsewhere}


def _links(signals: Signals) -> dict[Unknown, bool | None]:
    """For each origin whether a link has it: None if one may or may not."""
    if not signals.links:
        value = None if signals.links is None else False
        return dict.fromkeys(_LINKS, value)
    found = signals.links.values()
    sure = {origin for each in found if len(each) == 1 for origin in each}
    unsure = frozenset[str]().union(*found) - sure
    return {name: name[1] in sure or (None if name[1] in unsure else False) for name in _LINKS}


def _referred(signals: Signals) -> dict[Unknown, bool | None]:
    return {_REFERRED: signals.referred}


_YES_OR_NO = {"asked": _asked, "links": _links, "sinks": _referred}
