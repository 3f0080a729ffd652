"""Charges: how loud a denial is under two versions, where both deny.

A denied call is charged to the loudest `forbid` of each set that matched, and by default as loudly
as the loudest `permit` of a set about the tool. No decision hangs on it, but the state of a host
does: a breach that is `critical` makes it CRITICAL. So this is told beside `difference`, never as
part of its verdict. A call is shown only after the engine charged both versions as the solver said.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from mythos.engines.coherence.environment import RequestEnvironment, request_environment
from mythos.engines.coherence.shown import ReplayError, Stand, Witness
from mythos.engines.coherence.solver import Solver, UndecidedError
from mythos.engines.coherence.terms import Bool
from mythos.engines.coherence.witness import witness
from mythos.engines.policy.compile import PolicyEngine
from mythos.engines.policy.request import Request, Standing
from mythos.engines.policy.rule import Rule
from mythos.engines.policy.slice import CompiledSet
from mythos.values.outcome import Severity

Volume: TypeAlias = Literal["louder", "quieter"]
LOUDEST: Sequence[Severity] = (Severity.CRITICAL, Severity.WARNING, Severity.INFO)


@dataclass(frozen=True, slots=True)
class ChangedCharge:
    """A call that both versions deny, one more loudly than the other."""

    change: Volume
    old: Witness
    new: Witness
    severities: tuple[Severity, Severity]


@dataclass(frozen=True, slots=True)
class ChangedNotes:
    """A rule of both versions with another severity or explanation; `policy_set` is a name."""

    policy_set: str
    old: Rule
    new: Rule


@dataclass(frozen=True, slots=True)
class Charges:
    """How the denials of two versions differ: at most one call for each tool and direction."""

    calls: tuple[ChangedCharge, ...] = ()
    rules: tuple[ChangedNotes, ...] = ()
    doubts: tuple[str, ...] = ()


def charges(
    engine: PolicyEngine,
    old: Collection[str],
    new: Collection[str],
    *,
    on_tool: Callable[[str], None] = lambda _: None,
) -> Charges:
    """Compare how loud the denials of two choices of policy sets are.

    Args:
        engine: both versions compiled together.
        old, new: digests of the sets in force before and after.
        on_tool: told the name of each tool before it is compared.

    Raises:
        ImportError: z3 is not installed.
    """
    calls: list[ChangedCharge] = []
    doubts: list[str] = []
    for tool in engine.catalogue.tools:
        on_tool(tool.name)
        both = [each for each in engine.compiled if each.digest in {*old, *new}]
        environment = request_environment(tool, both, engine.catalogue)
        sides = [_Side(environment, engine, each) for each in (old, new)]
        if sides[0].alike == sides[1].alike:
            continue
        solver = environment.solver()
        for change in ("louder", "quieter"):
            try:
                calls.extend(_changed(environment, solver, sides, change))
            except (UndecidedError, ReplayError) as error:
                doubts.append(f"{tool.name}: whether a denial is {change}: {error}")
    return Charges(tuple(calls), tuple(_notes(engine, old, new)), tuple(doubts))


class _Side:
    """One version: when it denies, and how loudly."""

    def __init__(
        self, environment: RequestEnvironment, engine: PolicyEngine, in_force: Collection[str]
    ) -> None:
        self._bank, self._engine, self._in_force = environment.bank, engine.in_cedar, in_force
        self._sets = [each for each in environment.sets if each.digest in in_force]
        rules = [each for each in environment.rules if each.owner.digest in in_force]
        self._acts = [(each, environment.acts(each)) for each in rules]
        self.stand = Stand(engine, environment.tool.name, in_force)
        self.denied = self._bank.not_(environment.allowed(in_force))

    @property
    def alike(self) -> object:
        """What is the same for two versions that are as loud everywhere."""
        found = {
            (term, each.rule.permits, each.rule.severity, each.owner.guard)
            for each, term in self._acts
        }
        return found, any(not each.guard for each in self._sets)

    def loud(self, level: Severity) -> Bool:
        """When a call is denied at least this loudly."""
        forbids = [(each.rule, acts) for each, acts in self._acts if not each.rule.permits]
        loud = [acts for rule, acts in forbids if _as_loud(rule.severity, level)]
        if any(_as_loud(self._by_default(each), level) for each in self._sets if not each.guard):
            silent = [self._bank.not_(acts) for _, acts in self._acts]
            loud.append(self._bank.and_(*silent))
        return self._bank.or_(*loud)

    def _by_default(self, owner: CompiledSet) -> Severity:
        """How loudly the set denies what no rule permits."""
        permits = (e.rule for e, _ in self._acts if e.owner is owner and e.rule.permits)
        return loudest([Severity.WARNING, *(rule.severity for rule in permits)])

    def charged(self, request: Request) -> Severity | None:
        """How loudly the engine charges a call; None if it charges nobody."""
        verdicts = self._engine.decide(request, in_force=self._in_force).verdicts
        found = [each.severity for each in verdicts if each.standing is Standing.CHARGED]
        return loudest(found) if found else None


def _changed(
    environment: RequestEnvironment, solver: Solver, sides: Sequence[_Side], change: Volume
) -> Iterator[ChangedCharge]:
    """The call whose denial changed from or to the loudest severity, if any did."""
    more, less = sides[::-1] if change == "louder" else sides
    for level in LOUDEST[:-1]:
        terms = [more.loud(level), less.denied, environment.bank.not_(less.loud(level))]
        model = solver.model(*terms)
        if model is None:
            continue
        request = witness(environment, model, terms)
        loud, quiet = more.charged(request), less.charged(request)
        if loud is None or quiet is None or not _as_loud(loud, level) or _as_loud(quiet, level):
            raise UndecidedError(environment.doubt)
        was, now = (each.stand.replay(request) for each in sides)
        severities = (quiet, loud) if change == "louder" else (loud, quiet)
        yield ChangedCharge(change, was, now, severities)
        return


def _notes(
    engine: PolicyEngine, old: Collection[str], new: Collection[str]
) -> Iterator[ChangedNotes]:
    """Rules of one set and id that only say something else when they deny."""
    before = {
        (each.policy_set.policy_set, rule.id): rule
        for each in engine.compiled
        if each.digest in {*old} - {*new}
        for rule in each.rules
    }
    for each in engine.compiled:
        if each.digest not in {*new} - {*old}:
            continue
        for rule in each.rules:
            was = before.get((each.policy_set.policy_set, rule.id))
            notes = (rule.severity, rule.explanation)
            if was is not None and (was.severity, was.explanation) != notes:
                yield ChangedNotes(each.policy_set.policy_set, was, rule)


def loudest(severities: Sequence[Severity]) -> Severity:
    """The loudest of at least one."""
    return min(severities, key=LOUDEST.index)


def _as_loud(severity: Severity, level: Severity) -> bool:
    return LOUDEST.index(severity) <= LOUDEST.index(level)


def joined(found: Sequence[Charges]) -> Charges:
    """The charges of several catalogues as one; what is said of a rule is said once."""
    return Charges(
        tuple(call for each in found for call in each.calls),
        tuple(dict.fromkeys(notes for each in found for notes in each.rules)),
        tuple(doubt for each in found for doubt in each.doubts),
    )
