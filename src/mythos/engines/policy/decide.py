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

from collections.abc import Iterable

from mythos.engines.policy.arguments import Input
from mythos.engines.policy.doubts import doubts_of, worlds_of
from mythos.engines.policy.evaluate import (
    evaluate,
    evaluate_blind,
    evaluate_told,
    hidden_input,
    input_of,
)
from mythos.engines.policy.request import Decision, Request, Standing, Verdict
from mythos.engines.policy.result import Result
from mythos.engines.policy.slice import CompiledSet, Slice
from mythos.engines.policy.verdict import invalid, open_verdict, settled, verdict_of
from mythos.values.outcome import UNDECLARED_TOOL


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
    told = evaluate_told(rules, request, given)
    return _in_worlds(rules, request, given) if told is None else _decided(rules, request, told)


def _in_worlds(rules: Slice, request: Request, given: Input) -> Decision:
    """Decide with every value that what cannot be told may have."""
    doubts = doubts_of(rules, request)
    worlds = worlds_of(doubts.values)
    if not worlds:
        return _all_open(rules, f"{len(doubts.names)} things that the rules read cannot be told")
    results = [evaluate(rules, request, given, world, aside=doubts.aside) for world in worlds]
    if len(results) == 1:
        return _decided(rules, request, results[0])
    verdicts = [settled(rules, request, each, results, doubts) for each in rules.sets]
    return _decision(verdicts, _errors(results))


def _decided(rules: Slice, request: Request, result: Result) -> Decision:
    verdicts = [verdict_of(rules, request, each, result) for each in rules.sets]
    return _decision(verdicts, _errors([result]))


def _not_fitting(rules: Slice, request: Request, given: Input) -> Decision:
    """Each set denies it, whatever else is not known."""
    doubts = doubts_of(rules, request)
    results = [
        evaluate(rules, request, given, world, aside=doubts.aside)
        for world in worlds_of(doubts.values)
    ]
    verdicts = [invalid(rules, request, each, results, given.misfits) for each in rules.sets]
    return _decision(verdicts, _errors(results))


def _without_arguments(rules: Slice, request: Request, why: str) -> Decision:
    """What holds whatever the arguments were: a `forbid` that needs none of them still denies."""
    result = evaluate_blind(rules, request)
    charged = {member.owner.digest for member in result.denying}
    return _decision(
        [
            verdict_of(rules, request, each, result)
            if each.digest in charged
            else open_verdict(each, why)
            for each in rules.sets
        ],
        (),
    )


def _all_open(rules: Slice, why: str) -> Decision:
    return _decision([open_verdict(each, why) for each in rules.sets], ())


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
