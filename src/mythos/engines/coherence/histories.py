"""Histories: what facts about the same events have in common, whatever happened.

Two facts are *kin* if they collect the same events of one run: alike in events, `by`, `where` and
outcome. Then, where a window of the one holds all that the other's does:

| of kin                          | holds                                                          |
|---------------------------------|----------------------------------------------------------------|
| two counts                      | the one of the wider window is no less                         |
| two sums of one field, none < 0 | the same                                                       |
| anything seen, and a count      | the count is 1 or more: so a sum that is not 0, a `once` that  |
|                                 | is true, a `last` that is there                                |
| anything seen, and a `once`     | the `once` is true, if it has no `since`                       |
| a sum and a count, one window   | the sum is between n times the least and the greatest amount   |

A call that is in flight is counted already, and no `once` or `last` knows of it before it ends; so
these say what a count is only where a window cannot tell the two times apart, and a count never
says what they are (but of what the user did, and of failed calls, which have one time). Facts that
reach beyond one run are no kin: each begins empty on the day it is declared.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import permutations
from typing import TypeAlias

from mythos.engines.coherence.numbers import LEAST, MOST
from mythos.engines.coherence.symbols import Number, Truth, Value
from mythos.engines.coherence.terms import Bank, Bool
from mythos.engines.policy.facts.declared import USER_EVENTS
from mythos.engines.policy.facts.plan import FactPlan

Fact: TypeAlias = "tuple[FactPlan, Value, Bool]"
"""A fact, its value, and whether its attribute is there."""
Family: TypeAlias = "tuple[object, ...]"


def family_of(plan: FactPlan) -> Family | None:
    """What kin have in common; None for a fact that has none."""
    if plan.scope != "session":
        return None
    where = (plan.where.rule, *sorted(plan.needs.items())) if plan.where else ()
    return plan.events, plan.keys, where, plan.attempts, plan.wants_ok


def kin_hold(bank: Bank, facts: Mapping[str, Fact]) -> list[Bool]:
    """What holds between kin, as terms.

    Args:
        bank: where terms are made.
        facts: by their variables.
    """
    families: dict[Family, list[Fact]] = {}
    for fact in facts.values():
        family = family_of(fact[0])
        if family is not None:
            families.setdefault(family, []).append(fact)
    pairs = (pair for kin in families.values() for pair in permutations(kin, 2))
    return [term for one, other in pairs for term in _between(bank, one, other)]


def _between(bank: Bank, one: Fact, other: Fact) -> Iterator[Bool]:
    """What follows for `other` from `one`, which may look back less far."""
    if not _within(one[0], other[0]):
        return
    forms = (one[0].form, other[0].form)
    value, wider = one[1], other[1]
    seen = _seen(bank, one)
    if isinstance(wider, Truth) and not other[0].resets:
        yield bank.implies(seen, wider.term)
    if not isinstance(wider, Number):
        return
    if other[0].form == "count":
        yield bank.implies(seen, bank.le(1, wider.term))
    if isinstance(value, Number) and (forms == ("count", "count") or _grows(one[0], other[0])):
        yield bank.le(value.term, wider.term)
    same_window = one[0].window_ns == other[0].window_ns
    if isinstance(value, Number) and forms == ("sum", "count") and same_window and one[0].amounts:
        least, most = one[0].amounts
        if least > LEAST:
            yield bank.le(bank.scale(least, wider.term), value.term)
        if most < MOST:
            yield bank.le(value.term, bank.scale(most, wider.term))


def _seen(bank: Bank, fact: Fact) -> Bool:
    """When a fact shows that an event lies in its window."""
    plan, value, there = fact
    if plan.form == "last":
        return there
    if isinstance(value, Truth):
        return value.term
    return bank.not_(bank.equal(value.term, 0)) if isinstance(value, Number) else False


def _grows(one: FactPlan, other: FactPlan) -> bool:
    """Whether both sum one field that is never negative."""
    sums = one.form == other.form == "sum" and one.path == other.path
    return sums and all(each.amounts and each.amounts[0] >= 0 for each in (one, other))


def _within(one: FactPlan, other: FactPlan) -> bool:
    """Whether what `one` saw in its window lies in that of `other`."""
    if other.window_ns is not None and (one.window_ns is None or one.window_ns > other.window_ns):
        return False
    if _early(one) == _early(other):
        return True
    return _early(other) and other.window_ns is None


def _early(plan: FactPlan) -> bool:
    """Whether a fact counts a call from its start, and not from its end."""
    return plan.from_start and not plan.events <= USER_EVENTS
