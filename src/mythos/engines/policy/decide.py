"""Decide one request with one slice: a single Cedar evaluation, and who is charged with a denial.

- A `forbid` that matches is charged to its own policy set; so is one that fails to evaluate,
  which Cedar alone would skip.
- A denial by default, when no `permit` matches, is charged to every governing set but guards.
- A request that Cedar cannot evaluate at all is charged to every governing set.
- Arguments that do not fit their declaration are denied by every governing set, whatever its rules
  read, under `invalid_arguments`. No rule that reads arguments is evaluated on them. A tool without
  effect that no rule looks into leaves the verdict open.
- What was not captured is tried with every value it can have; a rule that reads what may have any
  value is tried as if it matched and as if it did not. A set that comes out the same each time is
  decided; else its verdict is open, and an open verdict allows nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from mythos.engines.policy.doubts import Doubts, doubts_of, worlds_of
from mythos.engines.policy.evaluate import (
    Input,
    evaluate,
    evaluate_blind,
    hidden_input,
    input_of,
)
from mythos.engines.policy.facts.known import ABSENT, Known
from mythos.engines.policy.particulars import particulars
from mythos.engines.policy.request import Decision, Request, Standing, Verdict
from mythos.engines.policy.result import Result
from mythos.engines.policy.rule import Rule
from mythos.engines.policy.slice import CompiledSet, Slice
from mythos.values.outcome import DEFAULT_RULE, INVALID_ARGUMENTS, UNDECLARED_TOOL, Severity

_UNTOLD = "something was not captured, fits no declaration, or may be one key spelt in two ways"
_LOUDEST = (Severity.CRITICAL, Severity.WARNING, Severity.INFO)
_MAX_MISFITS, _MAX_MISFIT = 5, 120


def undeclared(sets: Iterable[CompiledSet], request: Request, *, domain: str) -> Decision:
    """The decision on a tool that the catalogue does not declare: each set denies it."""
    why = f"the catalogue {domain} does not declare the tool {request.tool}"
    verdicts = tuple(
        Verdict(
            each.policy_set.policy_set,
            each.digest,
            Standing.CHARGED,
            UNDECLARED_TOOL,
            rules=(UNDECLARED_TOOL,),
            why=why,
        )
        for each in sets
    )
    return Decision(allowed=not verdicts, governed=bool(verdicts), verdicts=verdicts)


def decide_slice(rules: Slice, request: Request) -> Decision:
    """Decide a request about the slice's tool.

    Args:
        rules: the slice of the policy sets that govern the tool.
        request: the action; `request.tool` is the slice's tool.

    Returns:
        One verdict for each of the slice's sets, in their order.
    """
    if request.arguments is None:
        return _without_arguments(rules, request, "the arguments of the call were not captured")
    given = input_of(rules, request, request.arguments)
    if given.misfits:
        return _not_fitting(rules, request, given)
    hidden = hidden_input(rules, request)
    if hidden:
        why = f"masked: argument {', '.join(sorted(hidden))}"
        return _without_arguments(rules, request, why)
    doubts = doubts_of(rules, request)
    worlds = worlds_of(doubts.values)
    if not worlds:
        return _all_open(rules, f"{len(doubts.names)} things that the rules read cannot be told")
    results = [evaluate(rules, request, given, world, aside=doubts.aside) for world in worlds]
    if len(results) == 1:
        verdicts = [_verdict(rules, request, each, results[0]) for each in rules.sets]
    else:
        verdicts = [_settled(rules, request, each, results, doubts) for each in rules.sets]
    return _decision(verdicts, _errors(results))


def _not_fitting(rules: Slice, request: Request, given: Input) -> Decision:
    """Each set denies it, whatever else is not known."""
    doubts = doubts_of(rules, request)
    results = [
        evaluate(rules, request, given, world, aside=doubts.aside)
        for world in worlds_of(doubts.values)
    ]
    verdicts = [_invalid(rules, request, each, results, given.misfits) for each in rules.sets]
    return _decision(verdicts, _errors(results))


def _without_arguments(rules: Slice, request: Request, why: str) -> Decision:
    """What holds whatever the arguments were: a `forbid` that needs none of them still denies."""
    result = evaluate_blind(rules, request)
    charged = {member.owner.digest for member in result.denying}
    return _decision(
        [
            _verdict(rules, request, each, result) if each.digest in charged else _open(each, why)
            for each in rules.sets
        ],
        (),
    )


def _all_open(rules: Slice, why: str) -> Decision:
    return _decision([_open(each, why) for each in rules.sets], ())


def _decision(verdicts: list[Verdict], errors: tuple[str, ...]) -> Decision:
    allowed = all(verdict.standing is Standing.UPHELD for verdict in verdicts)
    return Decision(allowed, governed=bool(verdicts), verdicts=tuple(verdicts), errors=errors)


def _errors(results: list[Result]) -> tuple[str, ...]:
    found: dict[str, None] = {}
    for result in results:
        if result.broken:
            found[result.broken] = None
        for member, why in result.failures:
            found[f"{member.label}: {why}"] = None
    return tuple(found)


def _settled(
    rules: Slice,
    request: Request,
    each: CompiledSet,
    results: list[Result],
    doubts: Doubts,
) -> Verdict:
    """The part of one policy set in several worlds: open unless it is the same in each."""
    verdicts = [_verdict(rules, request, each, result) for result in results]
    if len({verdict.standing for verdict in verdicts}) == 1:
        return verdicts[0]
    missing = tuple(sorted(fact for past, fact in doubts.names if past == each.past))
    named = ", ".join(sorted({fact for _, fact in doubts.names}))
    return _open(each, f"what decides {named} cannot be told: {_UNTOLD}", missing)


def _open(each: CompiledSet, why: str, missing: tuple[str, ...] = ()) -> Verdict:
    name = each.policy_set.policy_set
    return Verdict(name, each.digest, Standing.OPEN, DEFAULT_RULE, missing=missing, why=why)


def _verdict(rules: Slice, request: Request, each: CompiledSet, result: Result) -> Verdict:
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


def _invalid(
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
        return _open(each, why)
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
    read = {fact for rule in rules for fact in rule.use.facts}
    return tuple(sorted([fact for fact in read if fact in known and _lacks(known[fact])]))


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
