"""Domain: what every request is like, whatever the rules say of it.

| of a request            | is                                                              |
|-------------------------|-----------------------------------------------------------------|
| a Long, decimal         | 64 bits                                                         |
| a datetime              | of the years 0 to 9999, all that a literal can spell            |
| `context.now`           | from 1970 on                                                    |
| a count, `context.depth`| 0 to 10^15: more than anything can have done                    |
| `context.origin.S`      | there iff the sink argument S has a value; user, trusted,       |
|                         | untrusted or unknown                                            |
| `context.sinks.O`       | true iff some sink's origin is O                                |

`enum` is no bound, for nothing enforces it before a decision.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from mythos.engines.coherence.numbers import LEAST, MOST, YEAR_0_MS, YEAR_9999_MS
from mythos.engines.coherence.symbols import Group, Symbols, Type, Word
from mythos.engines.coherence.terms import Bool
from mythos.engines.policy.schema import ORIGINS
from mythos.values.tools import Tool

MOST_EVENTS = 10**15


@dataclass(frozen=True, slots=True)
class Domain:
    """The least and greatest value of some integer variables, by name."""

    limits: dict[str, tuple[int, int]] = field(default_factory=dict)
    counts: frozenset[str] = frozenset()

    @staticmethod
    def of(tool: Tool) -> Domain:  # noqa: ARG004 - bounds of arguments are not yet enforced
        """The limits of one tool's arguments."""
        return Domain({"now": (0, YEAR_9999_MS), "depth": (0, MOST_EVENTS)})


def bounds_of(name: str, kind: str, domain: Domain) -> tuple[int, int]:
    """The least and greatest value of an integer variable."""
    if name in domain.limits:
        return domain.limits[name]
    if name in domain.counts:
        return 0, MOST_EVENTS
    return (YEAR_0_MS, YEAR_9999_MS) if kind == "datetime" else (LEAST, MOST)


def sink_presence(symbols: Symbols, tool: Tool, inputs: Type) -> tuple[dict[str, Bool], list[Bool]]:
    """When each sink argument has a value, and what that says of its origin.

    Args:
        symbols: where variables are made.
        tool: whose sinks.
        inputs: the type of its arguments.

    Returns:
        For each sink when `context.origin` has it, and terms that hold of every request.
    """
    bank = symbols.bank
    there: dict[str, Bool] = {}
    own: list[Bool] = []
    for sink in tool.sinks:
        attribute = bank.var("bool", f"origin.{sink}?")
        there[sink] = attribute
        if sink in inputs.fields:
            own.append(bank.iff(attribute, _has_value(symbols, inputs, sink)))
        origin = bank.var("text", f"origin.{sink}")
        known = bank.or_(*(bank.same(origin, each) for each in ORIGINS))
        own.append(bank.implies(attribute, known))
    return there, own


def _has_value(symbols: Symbols, inputs: Type, name: str) -> Bool:
    bank, path = symbols.bank, f"input.{name}"
    given: Bool = True if name in inputs.required else bank.var("bool", f"{path}?")
    value = symbols.value(inputs.fields[name], path)
    if isinstance(value, Word):
        return bank.and_(given, bank.not_(bank.same(value.term, "")))
    return bank.and_(given, bank.not_(value.empty)) if isinstance(value, Group) else given
