"""Verdicts: one policy set's part in a decision, and the words that say why.

A denial is charged under the loudest rule that denies (ties: by id). What differs from one world to
another is open.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from mythos.engines.policy.doubts import Doubts
from mythos.engines.policy.facts.known import ABSENT, Known
from mythos.engines.policy.particulars import particulars
from mythos.engines.policy.request import Request, Standing, Verdict
from mythos.engines.policy.result import Result
from mythos.engines.policy.rule import Rule
from mythos.engines.policy.slice import CompiledSet, Slice
from mythos.values.outcome import DEFAULT_RULE, INVALID_ARGUMENTS, Severity

_UNTOLD = "something was not captured, fits no declaration, or may be one key spelt in two ways"
_LOUDEST = (Severity.CRITICAL, Severity.WARNING, Severity.INFO)
_MAX_MISFITS, _MAX_MISFIT = 5, 120


def settled(
    rules: Slice,
    request: Request,
    each: CompiledSet,
    results: list[Result],
    doubts: Doubts,
) -> Verdict:
    """The part of one policy set in several worlds: open unless it is the same in each."""
    verdicts = [verdict_of(rules, request, each, result) for result in results]
    if len({verdict.standing for verdict in verdicts}) == 1:
        return verdicts[0]
    missing = tuple(sorted(fact for past, fact in doubts.names if past == each.past))
    named = ", ".join(sorted({fact for _, fact in doubts.names}))
    return open_verdict(each, f"what decides {named} cannot be told: {_UNTOLD}", missing)


def open_verdict(each: CompiledSet, why: str, missing: tuple[str, ...] = ()) -> Verdict:
    """A part that cannot be told, and the facts that are missing for it."""
    name = each.policy_set.policy_set
    return Verdict(name, each.digest, Standing.OPEN, DEFAULT_RULE, missing=missing, why=why)


def verdict_of(rules: Slice, request: Request, each: CompiledSet, result: Result) -> Verdict:
    """The part of one policy set in one evaluation."""
    name = each.policy_set.policy_set
    if result.broken:
        why = f"the request cannot be evaluated: {result.broken}"
        return Verdict(name, each.digest, Standing.CHARGED, DEFAULT_RULE, why=why)
    own = [m.rule for m in result.denying if m.owner is each]
    if own:
        own.sort(key=loudest_first)
        return Verdict(
            name,
            each.digest,
            Standing.CHARGED,
            own[0].id,
            rules=tuple(rule.id for rule in own),
            severity=own[0].severity,
            missing=_not_given(request, each, own),
            why=_why(own, request, each, result),
        )
    if result.allowed or result.denying or each.digest in rules.guards:
        ids = sorted([m.rule.id for m in result.permitting if m.owner is each])
        first = ids[0] if ids else DEFAULT_RULE
        return Verdict(name, each.digest, Standing.UPHELD, first, rules=tuple(ids))
    return _by_default(rules, request, each)


def invalid(
    rules: Slice,
    request: Request,
    each: CompiledSet,
    results: Sequence[Result],
    misfits: Sequence[str],
) -> Verdict:
    """Arguments that do not fit deny, and so does a `forbid` that reads none and matches anyway.

    As loud as the loudest rule of the set that would have read them, and at least a warning where
    the tool acts. Where it has no effect at all and nothing of the set looks at it, nobody was
    harmed and nobody can tell what was asked: open, which allows nothing either.
    """
    least = Severity.WARNING if rules.tool.consequential else Severity.INFO
    readers = [m.rule for m in (rules.members[i] for i in rules.seeing) if m.owner is each]
    loudness = min((least, *(rule.severity for rule in readers)), key=_LOUDEST.index)
    own = sorted(_denying_in_all(each, results), key=loudest_first)
    found = [(loudness, INVALID_ARGUMENTS), *((rule.severity, rule.id) for rule in own)]
    found.sort(key=lambda one: (_LOUDEST.index(one[0]), one[1]))
    why = f"the arguments do not fit what {rules.tool.name} declares: {_shortened(misfits)}"
    if rules.tool.effect == "none" and not readers and not own:
        return open_verdict(each, why)
    return Verdict(
        each.policy_set.policy_set,
        each.digest,
        Standing.CHARGED,
        found[0][1],
        rules=tuple(name for _, name in found),
        severity=found[0][0],
        missing=_not_given(request, each, own),
        why=f"{why}; {_why(own, request, each, results[0])}" if own else why,
    )


def _denying_in_all(each: CompiledSet, results: Sequence[Result]) -> Iterable[Rule]:
    denying = [[m.rule for m in result.denying if m.owner is each] for result in results]
    sure = set.intersection(*({rule.id for rule in rules} for rules in denying)) if denying else ()
    return [rule for rules in denying[:1] for rule in rules if rule.id in sure]


def _shortened(misfits: Sequence[str]) -> str:
    """The first of them, for a call may hold any number."""
    more = len(misfits) - _MAX_MISFITS
    shown = "; ".join(each[:_MAX_MISFIT] for each in misfits[:_MAX_MISFITS])
    return f"{shown}; and {more} more" if more > 0 else shown


def loudest_first(rule: Rule) -> tuple[int, str]:
    """The order in which rules of one set are charged with a denial: the loudest, then by id."""
    return _LOUDEST.index(rule.severity), rule.id


def _not_given(request: Request, each: CompiledSet, rules: Iterable[Rule]) -> tuple[str, ...]:
    """Facts that these rules read and that did not hold: `unless { context.past.confirmed }`."""
    known = request.facts.get(each.digest, {})
    read = [fact for rule in rules for fact in rule.use.facts]
    return tuple(sorted({fact for fact in read if fact in known and _lacks(known[fact])}))


def _lacks(known: Known) -> bool:
    """Whether a fact says that something did not happen; a count of 0 is no lack."""
    return known is None or known is False or known is ABSENT


def _why(own: Sequence[Rule], request: Request, each: CompiledSet, result: Result) -> str:
    """The first denying rule's own words, and what the denying rules objected to."""
    first = own[0]
    for member, failure in result.failures:
        if member.owner is each and member.rule.id == first.id:
            return f"rule {first.id} cannot be evaluated, which denies: {failure}"
    said = first.explanation or f"rule {first.id} forbids it"
    found = particulars(own, request)
    return f"{said} ({found})" if found else said


def _by_default(rules: Slice, request: Request, each: CompiledSet) -> Verdict:
    """No rule permits it: charged to the set, with the facts its own permits did not have.

    As loud as the loudest of those permits, and never quieter than a warning: where a critical
    permit does not hold, what it guards was done all the same.
    """
    known = request.facts.get(each.digest, {})
    own = [m.rule for m in rules.members if m.owner is each and m.rule.permits]
    wanted = {fact for rule in own for fact in rule.use.facts}
    missing = tuple(sorted(fact for fact in wanted if _lacks(known.get(fact))))
    why = "no rule permits it"
    if missing:
        why += f"; not given: {', '.join(missing)}"
    return Verdict(
        each.policy_set.policy_set,
        each.digest,
        Standing.CHARGED,
        DEFAULT_RULE,
        severity=min((Severity.WARNING, *(rule.severity for rule in own)), key=_LOUDEST.index),
        missing=missing,
        why=why,
    )
