"""Domain: what every request is like, whatever the rules say of it.

| of a request            | is                                                              |
|-------------------------|-----------------------------------------------------------------|
| a Long, decimal         | 64 bits, and for an argument its `minimum` and `maximum`        |
| a datetime              | of the years 1 to 9999, all that a fact can be                  |
| `context.now`           | from 1970 on                                                    |
| a count, `context.depth`| 0 to 10^15: more than anything can have done; so are            |
|                         | `context.repeats`, `context.run.calls` and `context.run.tokens` |
| a sum, a last           | what 10^15 events can add to, or one can set, within the bounds |
|                         | of the argument they read                                       |
| `context.origin.S`      | there iff the sink argument S has a value that is no blank;     |
|                         | user, trusted, untrusted or unknown                             |
| `context.sinks.O`       | true iff some sink's origin is O, or an undeclared argument's:  |
|                         | only unknown and untrusted count, and only where the tool takes |
|                         | any (`undeclared_sinks`)                                        |

What an argument's schema says beyond its bounds is `held`'s.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from mythos.engines.coherence.held import shapes_of
from mythos.engines.coherence.numbers import LEAST, MOST, YEAR_1_MS, YEAR_9999_MS
from mythos.engines.coherence.symbols import Group, Symbols, Type, Word
from mythos.engines.coherence.terms import Bool
from mythos.engines.policy.facts.plan import FactPlan
from mythos.engines.policy.origin_name import BLANK, STRANGE
from mythos.engines.policy.schema import ORIGINS
from mythos.engines.policy.shape import Shape, arguments_shape, range_of
from mythos.values.tools import Tool

MOST_EVENTS = 10**15
NOW_MS = 1_767_225_600_000  # 2026-01-01T00:00:00Z
USUAL: Mapping[str, int | str] = {"agent": "agent", "now": NOW_MS}
"""Where any value will do."""
_COUNTED = ("depth", "repeats", "run.calls", "run.tokens")


@dataclass(frozen=True, slots=True)
class Domain:
    """The least and greatest value of some integer variables, and the shapes of the arguments.

    `limits` are by the names of variables, `shapes` by the paths of arguments.
    """

    limits: dict[str, tuple[int, int]] = field(default_factory=dict)
    shapes: Mapping[str, Shape] = field(default_factory=dict)

    @staticmethod
    def of(tool: Tool, facts: Mapping[str, FactPlan]) -> Domain:
        """What is known of a call of `tool`; `facts` are those of the sets, by their variables."""
        limits = {"now": (0, YEAR_9999_MS)}
        limits.update(dict.fromkeys(_COUNTED, (0, MOST_EVENTS)))
        limits.update({name: span for name, plan in facts.items() if (span := _of_fact(plan))})
        shape = arguments_shape(tool.parameters)
        limits.update(_declared(shape, "input"))
        return Domain(limits, dict(shapes_of(shape, "input")))


def _of_fact(plan: FactPlan) -> tuple[int, int] | None:
    if plan.form == "count":
        return 0, MOST_EVENTS
    if plan.amounts is None or plan.form == "last":
        return plan.amounts
    low, high = (each * MOST_EVENTS for each in plan.amounts)
    return max(min(low, 0), LEAST), min(max(high, 0), MOST)


def _declared(shape: Shape, path: str) -> Iterator[tuple[str, tuple[int, int]]]:
    """The bounds that the gate holds an argument to (`policy.arguments`)."""
    for name, inner in (shape.fields or {}).items():
        if inner.kind == "Record":
            yield from _declared(inner, f"{path}.{name}")
        elif inner.least is not None or inner.most is not None:
            yield f"{path}.{name}", range_of(inner, 10_000 if inner.kind == "decimal" else 1)


def bounds_of(name: str, kind: str, domain: Domain) -> tuple[int, int]:
    """The least and greatest value of an integer variable."""
    if name in domain.limits:
        return domain.limits[name]
    return (YEAR_1_MS, YEAR_9999_MS) if kind == "datetime" else (LEAST, MOST)


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
        given = sink in inputs.fields
        there[sink] = (
            _has_value(symbols, inputs, sink) if given else bank.var("bool", f"origin.{sink}?")
        )
        origin = bank.var("text", f"origin.{sink}")
        known = bank.or_(*(bank.same(origin, each) for each in ORIGINS))
        own.append(bank.implies(there[sink], known))
    return there, own


def undeclared_sinks(symbols: Symbols, tool: Tool) -> dict[str, Bool]:
    """For each origin whether an undeclared argument has it; none where a call can have none."""
    if not arguments_shape(tool.parameters).open or not tool.undeclared(("",)):
        return {}
    return {origin: symbols.bank.var("bool", undeclared(origin)) for origin in STRANGE}


def undeclared(origin: str) -> str:
    """The variable that says whether an undeclared argument has this origin."""
    return f"undeclared.{origin}?"


def _has_value(symbols: Symbols, inputs: Type, name: str) -> Bool:
    bank, path = symbols.bank, f"input.{name}"
    given: Bool = True if name in inputs.required else bank.var("bool", f"{path}?")
    value = symbols.value(inputs.fields[name], path)
    if isinstance(value, Word):
        blank = bank.or_(*(bank.same(value.term, each) for each in BLANK))
        return bank.and_(given, bank.not_(blank))
    return bank.and_(given, bank.not_(value.empty)) if isinstance(value, Group) else given
