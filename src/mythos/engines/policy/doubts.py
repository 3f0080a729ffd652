"""Doubts: what rules read and a request cannot tell, and the worlds in which it is tried.

A *world* is one way in which all that was not captured may have been. What has few values is tried
with each; a rule that reads what may have any value is set aside, and a world says whether it
matched.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import product
from math import prod
from typing import TypeAlias

from mythos.engines.policy.facts.known import ABSENT, FactValue, Known, OneOf
from mythos.engines.policy.origin_name import ANY_ORIGIN, Origin, has_origin
from mythos.engines.policy.request import Request
from mythos.engines.policy.signals import unbounded, uncertain
from mythos.engines.policy.slice import Member, Slice

MAX_WORLDS = 64

_SOURCES = frozenset({"origin", "sinks"})
_NO_FACTS: Mapping[str, Known] = {}

Unknown: TypeAlias = tuple[str, str]
"""(record, fact), ("licensed", ""), ("origin", sink), or ("rule", index) for a whole rule."""
Value: TypeAlias = "FactValue | Origin"
Values: TypeAlias = "tuple[Value, ...]"
World: TypeAlias = Mapping[Unknown, Value]


@dataclass(frozen=True, slots=True)
class Doubts:
    """What the rules read and the request cannot tell.

    `values` are all values each such thing may have. `names` says what is meant, per policy set's
    record (empty for what is no fact). `aside` are the indexes of rules that cannot be evaluated.
    """

    values: dict[Unknown, Values]
    names: tuple[tuple[str, str], ...]
    aside: frozenset[int]


NO_DOUBT = Doubts({}, (), frozenset())


def doubts_of(rules: Slice, request: Request) -> Doubts:
    """What the rules read and the request cannot tell.

    Facts with a few values are taken for any where there are too many ways to try each: the rules
    that read them are then set aside, and may still decide nothing.
    """
    found = _doubts(rules, request)
    return found if n_worlds(found.values) <= MAX_WORLDS else _doubts(rules, _untold(request))


def _untold(request: Request) -> Request:
    facts = {
        owner: {name: None if isinstance(each, OneOf) else each for name, each in known.items()}
        for owner, known in request.facts.items()
    }
    return replace(request, facts=facts)


def _doubts(rules: Slice, request: Request) -> Doubts:
    values = _few_values(rules, request)
    names = [
        (record if record.startswith("past") else "", name or record) for record, name in values
    ]
    anything: set[Unknown] = set()
    for digest, past, fact, _, _ in rules.reads:
        known = request.facts.get(digest, _NO_FACTS).get(fact)
        if known is None and (past, fact) not in values:
            anything.add((digest, fact))
            names.append((past, fact))
    numbers = {*unbounded(rules.parts, request.signals)}
    if "depth" in rules.parts and request.depth is None:
        numbers.add(("depth", ""))
    anything |= numbers
    names.extend(("", part) for part, _ in sorted(numbers))
    if not names:
        return NO_DOUBT
    aside = frozenset(i for i, m in enumerate(rules.members) if _reads_any(m, anything))
    values.update({("rule", str(index)): (False, True) for index in sorted(aside)})
    return Doubts(values, tuple(names), aside)


def _few_values(rules: Slice, request: Request) -> dict[Unknown, Values]:
    """What cannot be told but may only have a few values."""
    values: dict[Unknown, Values] = {}
    for digest, past, fact, kind, optional in rules.reads:
        known = request.facts.get(digest, _NO_FACTS).get(fact)
        if isinstance(known, OneOf):
            values[past, fact] = known.values
        elif known is None and kind == "Boolean":
            values[past, fact] = (False, True, ABSENT) if optional else (False, True)
    if "licensed" in rules.parts and request.licensed is None:
        values["licensed", ""] = (False, True)
    if not rules.parts.isdisjoint(_SOURCES):
        for sink, origins in sink_origins(rules, request).items():
            if len(origins) != 1:
                values["origin", sink] = tuple(sorted(origins or ANY_ORIGIN))
    values.update(dict.fromkeys(uncertain(rules.parts, request.signals), (False, True)))
    return values


def _reads_any(member: Member, anything: set[Unknown]) -> bool:
    facts = {(member.owner.digest, fact) for fact in member.rule.use.facts}
    parts = {(part, "") for part in member.rule.use.parts}
    return not anything.isdisjoint(facts | parts)


def sink_origins(rules: Slice, request: Request) -> dict[str, frozenset[Origin]]:
    """Origins of each sink the call has; one that nobody traced may come from anywhere."""
    given = request.arguments or {}
    return {
        sink: request.origins.get(sink, ANY_ORIGIN)
        for sink in rules.tool.sinks_of(given)
        if sink in request.origins or has_origin(given.get(sink))
    }


def worlds_of(unknown: Mapping[Unknown, Values]) -> list[World]:
    """Every way the unknown may be; none if there are too many to try."""
    if not unknown:
        return [{}]
    if n_worlds(unknown) > MAX_WORLDS:
        return []
    return [dict(zip(unknown, values, strict=True)) for values in product(*unknown.values())]


def n_worlds(unknown: Mapping[Unknown, Values]) -> int:
    """In how many ways the unknown may be."""
    return prod(map(len, unknown.values()))
