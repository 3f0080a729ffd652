"""Rulings: one outcome for each action of a run and each policy set that governs it.

Pure over the run: equal spans and equal policy sets give equal rulings, wherever they are judged.
Shadow sets are evaluated together with those in force, and only their own outcomes are kept,
apart. What a trace merely claims was denied is kept apart too: only the decision point knows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from mythos.engines.policy.blocked import DeniedAttempt, blocked_rulings
from mythos.engines.policy.compile import PolicyEngine
from mythos.engines.policy.facts.history import History
from mythos.engines.policy.occasion import Occasion
from mythos.engines.policy.occasions import occasions_of
from mythos.engines.policy.request import Standing, Verdict
from mythos.values.event import Run
from mythos.values.outcome import Outcome, Ruling

SetsOf: TypeAlias = Callable[[str], Sequence[str]]

_EXECUTED = {
    Standing.UPHELD: Outcome.UPHELD,
    Standing.CHARGED: Outcome.VIOLATED,
    Standing.OPEN: Outcome.UNDECIDABLE,
}


@dataclass(frozen=True, slots=True)
class Rulings:
    """A run's rulings by (start, span id, digest).

    `in_force` and `shadow` are of executed calls; `claimed` are blocked attempts that only the
    trace tells of: an audit counts them, a node has its own decisions instead. `history` is what
    the run adds to facts that reach beyond it.
    """

    in_force: tuple[Ruling, ...] = ()
    shadow: tuple[Ruling, ...] = ()
    claimed: tuple[Ruling, ...] = ()
    history: History | None = field(default=None, compare=False)


def no_sets(agent: str) -> Sequence[str]:
    """No policy set, whoever the agent is."""
    del agent
    return ()


def rulings_of(
    run: Run,
    engine: PolicyEngine,
    *,
    sets_of: SetsOf,
    shadows_of: SetsOf = no_sets,
    past: History | None = None,
) -> Rulings:
    """Judge every governed action of a closed run.

    Args:
        run: the run.
        engine: compiled for the run's tool catalogue, with every set the two functions name.
        sets_of: digests of the sets in force for an agent, by its name.
        shadows_of: digests of its shadow sets.
        past: what earlier runs left, for facts that reach beyond one run.

    Returns:
        Rulings of executed calls, and of claimed denials without an executed call.

    Raises:
        PolicyError: a digest that the engine does not hold.
    """
    in_force: list[Ruling] = []
    shadow: list[Ruling] = []
    claims: list[DeniedAttempt] = []
    told = occasions_of(run, engine, past=past)
    for occasion in told.found:
        agent = occasion.event.agent
        enforced, shadowing = frozenset(sets_of(agent)), frozenset(shadows_of(agent))
        if not occasion.executed:
            claims.append(_claim(occasion, engine, enforced))
            continue
        in_force.extend(_executed(occasion, _decided(occasion, engine, enforced)))
        shadow.extend(_executed(occasion, _shadowed(occasion, engine, enforced, shadowing)))
    blocked = tuple(blocked_rulings(run, claims))
    return Rulings(tuple(in_force), tuple(shadow), blocked, told.history)


def _decided(
    occasion: Occasion, engine: PolicyEngine, enforced: frozenset[str]
) -> Iterable[Verdict]:
    return engine.decide(occasion.request, in_force=enforced).verdicts


def _shadowed(
    occasion: Occasion, engine: PolicyEngine, enforced: frozenset[str], shadowing: frozenset[str]
) -> Iterable[Verdict]:
    for name in sorted(shadowing - enforced):
        verdict = engine.decide_shadow(occasion.request, in_force=enforced, shadow=name)
        if verdict:
            yield verdict


def _executed(occasion: Occasion, verdicts: Iterable[Verdict]) -> Iterable[Ruling]:
    for verdict in verdicts:
        yield ruling_of(occasion, verdict, outcome=_EXECUTED[verdict.standing])


def _claim(occasion: Occasion, engine: PolicyEngine, enforced: frozenset[str]) -> DeniedAttempt:
    """A claimed denial, charged to the sets that do deny it or that cannot tell."""
    rulings = tuple(
        ruling_of(occasion, verdict, outcome=Outcome.BLOCKED, claimed=True)
        for verdict in _decided(occasion, engine, enforced)
        if verdict.standing is not Standing.UPHELD
    )
    event = occasion.event
    return DeniedAttempt(
        agent=event.agent,
        tool=event.tool,
        call_id=occasion.call_id,
        arguments=occasion.arguments,
        at_ns=event.start_ns,
        rulings=rulings,
    )


def ruling_of(
    occasion: Occasion, verdict: Verdict, *, outcome: Outcome, claimed: bool = False
) -> Ruling:
    """One verdict on one occasion as a ruling."""
    event = occasion.event
    return Ruling(
        policy_set=verdict.policy_set,
        digest=verdict.digest,
        span_id=event.span_id,
        agent=event.agent,
        tool=event.tool,
        start_ns=event.start_ns,
        outcome=outcome,
        rule=verdict.rule,
        rules=verdict.rules,
        severity=verdict.severity,
        missing=verdict.missing,
        why=verdict.why,
        claimed=claimed,
    )
