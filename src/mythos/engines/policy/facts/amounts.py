"""Amounts: what one event may add to a `sum`, or set as a `last`, as its tool's schema bounds it.

Only arguments are bounded, for only their bounds are held to: an amount outside of them is a doubt
(`reading`). Nobody holds an output to its schema.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

from mythos.engines.policy.facts.declared import path_of, resolved, source_events
from mythos.engines.policy.facts.kind import FactKind, field_shape
from mythos.engines.policy.shape import LEAST, MOST, range_of
from mythos.values.event import Json
from mythos.values.policy import Fact, Summed
from mythos.values.tools import ToolCatalogue

Amounts: TypeAlias = "tuple[int, int]"
"""The least and the greatest, in whole numbers or in ten-thousandths for a decimal."""
NUMBERS: frozenset[FactKind] = frozenset({"Long", "decimal"})


def amounts_of(fact: Fact, kind: FactKind, catalogue: ToolCatalogue) -> Amounts | None:
    """The bounds of what a single event of a fact adds or sets.

    Args:
        fact: any fact.
        kind: its kind for the catalogue.
        catalogue: declares its events.

    Returns:
        None where nothing bounds them: a fact that reads no argument or no number, an event that
        the catalogue does not declare, a field that a schema does not tell of or limit.
    """
    path, events = path_of(fact), resolved(source_events(fact), catalogue)
    if path[:1] != ("input",) or kind not in NUMBERS or not events:
        return None
    found: list[Amounts] = []
    for event in events:
        tool = catalogue.find(event)
        shape = field_shape(tool, path) if tool else None
        if shape is None or shape.kind not in NUMBERS:
            return None
        found.append(range_of(shape, 10_000 if kind == "decimal" else 1))
        if shape.optional and isinstance(fact, Summed):
            found.append((0, 0))
    bounds = min(low for low, _ in found), max(high for _, high in found)
    return None if bounds == (LEAST, MOST) else bounds


def size_of(value: Json) -> int | None:
    """A Long or decimal in Cedar's JSON form as an amount; None for what is neither."""
    if isinstance(value, Mapping) and isinstance(inner := value.get("__extn"), Mapping):
        return int(str(inner["arg"]).replace(".", "")) if inner.get("fn") == "decimal" else None
    return value if isinstance(value, int) and not isinstance(value, bool) else None
