"""What a fact reads of one event: its key, and what it adds or sets.

Keys compare values, not spellings (`spelling`): 5 and 5.0 are one number, the order of a list does
not matter. What does not fit its tool's declaration is not taken for another value: it may be any.
"""

from __future__ import annotations

from collections.abc import Mapping

from mythos.engines.policy.arguments import cedar_value
from mythos.engines.policy.facts.amounts import size_of
from mythos.engines.policy.facts.declared import PRINCIPAL
from mythos.engines.policy.facts.fields import field_of, has_mask, structured
from mythos.engines.policy.facts.happening import Happening
from mythos.engines.policy.facts.kind import amount_of, as_kind
from mythos.engines.policy.facts.log import ANY, Key
from mythos.engines.policy.facts.plan import FactPlan
from mythos.engines.policy.facts.spelling import key_text
from mythos.engines.policy.facts.timeline import Entry
from mythos.engines.policy.shape import Shape
from mythos.values.event import Json, Repeated


def key_of(
    plan: FactPlan,
    tool: str,
    agent: str,
    arguments: Mapping[str, Json] | None,
    *,
    hidden: frozenset[str],
) -> Key:
    """What `by` reads of an event or an action.

    Returns:
        One text a key, after the agent for facts that reach beyond a run; all of them `ANY` if one
        was not captured or does not fit.
    """
    whose = () if plan.scope == "session" else (agent,)
    if not plan.keys:
        return whose
    shapes = plan.shapes.get(tool, {})
    own = tuple(
        agent
        if name == PRINCIPAL
        else ANY
        if arguments is None or name in hidden
        else _spelt(arguments.get(name), shapes.get(f"input.{name}"))
        for name in plan.keys
    )
    if ANY in own:
        own = (ANY,) * len(own)
    return (*whose, *own)


def _spelt(value: Json, shape: Shape | None) -> str:
    """One text for all spellings of a value."""
    if value is not None and shape is not None:
        fitted, misfit = cedar_value(shape, value)
        if misfit:
            return ANY
        return key_text(fitted)
    return ANY if isinstance(value, Repeated) else key_text(value)


def entry_of(plan: FactPlan, one: Happening, entry: Entry) -> Entry | None:
    """The event's entry with what it adds or sets; None if that was not captured or does not fit.

    An optional argument that was left out adds nothing to a sum, and leaves a `last` without value.
    """
    if not plan.path:
        return entry
    source, *path = plan.path
    if source == "output":
        return _of_output(plan, one, entry, path)
    if one.arguments is None or path[0] in one.hidden:
        return None
    value = field_of(one.arguments.get(path[0]), path[1:])
    shape = plan.shapes.get(one.name, {}).get(".".join(plan.path))
    if value is None:
        return entry if shape is None or shape.optional else None
    if shape is not None and cedar_value(shape, value)[1]:
        return None
    return _valued(plan, entry, value)


def is_within(plan: FactPlan, entry: Entry) -> bool:
    """Whether an entry adds or sets what the fact's tools allow by what they declare now."""
    size = entry.amount if plan.form == "sum" else size_of(entry.value)
    if plan.amounts is None or size is None or not entry.n:
        return True
    return plan.amounts[0] <= size <= plan.amounts[1]


def _of_output(plan: FactPlan, one: Happening, entry: Entry, path: list[str]) -> Entry | None:
    if not one.output_captured:
        return None
    value = field_of(structured(one.output) if path else one.output, path)
    return None if has_mask(value) else _valued(plan, entry, value)


def _valued(plan: FactPlan, entry: Entry, value: Json) -> Entry | None:
    if plan.form == "sum":
        amount = amount_of(plan.kind, value)
        return None if amount is None else Entry(entry.at_ns, entry.settled, amount=amount)
    fitted, misfit = as_kind(plan.kind, value)
    return None if misfit else Entry(entry.at_ns, entry.settled, value=fitted)
