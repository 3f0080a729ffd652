"""Difference of two versions of policy sets: is any call allowed that was not, or the reverse?

Rules with one text and the same facts are one term in both versions, so only what changed can
make a difference: a tool whose terms are the same is equal without a question. Loosened needs a
changed `permit` to permit or a `forbid` of old to be gone, tightened the reverse; that trigger is
part of the question, which keeps it small. Facts are what their declaration says: one whose
declaration changed is another fact, free of the old one but for what kin have in common, so "equal"
and "tightened" are sound and a witness may name a history that cannot be. Calls whose arguments do
not fit are denied by whatever governs their tool, so they differ only where one version governs it
and the other does not.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from mythos.engines.coherence.environment import RequestEnvironment, request_environment
from mythos.engines.coherence.shown import ReplayError, Stand, Witness
from mythos.engines.coherence.solver import Solver, UndecidedError
from mythos.engines.coherence.terms import Bool
from mythos.engines.coherence.unfit import unfit_call
from mythos.engines.coherence.witness import witness
from mythos.engines.policy.compile import PolicyEngine
from mythos.values.tools import Tool

Change: TypeAlias = Literal["loosened", "tightened"]
Verdict: TypeAlias = Literal["equal", "loosened", "tightened", "incomparable", "undecided"]


@dataclass(frozen=True, slots=True)
class ChangedCall:
    """A call that the two versions decide differently, as Cedar confirmed."""

    change: Change
    old: Witness
    new: Witness


@dataclass(frozen=True, slots=True)
class Difference:
    """How a new version stands to an old one: a witness for each tool and direction it has.

    `doubts` say for which tools it could not be decided, and why.
    """

    calls: tuple[ChangedCall, ...] = ()
    doubts: tuple[str, ...] = ()

    @property
    def verdict(self) -> Verdict:
        """`equal` only if every tool was decided; a change that was found is one all the same."""
        found = {each.change for each in self.calls}
        if len(found) == 2:
            return "incomparable"
        if self.doubts and "loosened" not in found:
            return "undecided"
        return next(iter(found), "equal")


def compare(
    engine: PolicyEngine,
    old: Collection[str],
    new: Collection[str],
    *,
    on_tool: Callable[[str], None] = lambda _: None,
) -> Difference:
    """Compare what two choices of policy sets decide, over all requests.

    Args:
        engine: both versions compiled together.
        old, new: digests of the sets in force before and after.
        on_tool: told the name of each tool before it is compared.

    Returns:
        A witness for each tool and direction in which a decision changed.

    Raises:
        ImportError: z3 is not installed.
    """
    if frozenset(old) == frozenset(new):
        return Difference()
    both = [each for each in engine.compiled if each.digest in {*old, *new}]
    calls: list[ChangedCall] = []
    doubts: list[str] = []
    for tool in engine.catalogue.tools:
        on_tool(tool.name)
        environment = request_environment(tool, both, engine.catalogue)
        asked = _Comparison(environment, engine, (old, new))
        if asked.same:
            continue
        solver = environment.solver()
        for change in ("loosened", "tightened"):
            try:
                found = asked.changed(solver, change)
            except (UndecidedError, ReplayError) as error:
                doubts.append(f"{tool.name}: whether it is {change}: {error}")
            else:
                calls.extend([found] if found else [])
    return Difference(tuple(calls), tuple(doubts))


class _Comparison:
    def __init__(
        self,
        environment: RequestEnvironment,
        engine: PolicyEngine,
        versions: tuple[Collection[str], Collection[str]],
    ) -> None:
        self._environment = environment
        tool: Tool = environment.tool
        self._stands = [Stand(engine, tool.name, each) for each in versions]
        self._parts = [environment.allowed_parts(each) for each in versions]

    @property
    def same(self) -> bool:
        """Whether both versions govern the tool or neither, by one conjunction of terms."""
        old, new = ({id(part) for part in parts} for parts in self._parts)
        return old == new and len({stand.governs for stand in self._stands}) == 1

    def changed(self, solver: Solver, change: Change) -> ChangedCall | None:
        """A call that only one version allows; None if there is none.

        Of calls whose arguments do not fit there is one, iff only the other version governs the
        tool at all.
        """
        denies, allows = self._stands if change == "loosened" else self._stands[::-1]
        beyond = denies.governs and not allows.governs
        try:
            found = self._fitting(solver, change)
        except (UndecidedError, ReplayError):
            if not beyond:
                raise
            found = None
        if found is None and beyond:
            request = unfit_call(self._environment.tool)
            return ChangedCall(change, *(stand.replay(request) for stand in self._stands))
        return found

    def _fitting(self, solver: Solver, change: Change) -> ChangedCall | None:
        bank = self._environment.bank
        denies, allows = self._parts if change == "loosened" else self._parts[::-1]
        kept = {id(part) for part in allows}
        gone = [bank.not_(part) for part in denies if id(part) not in kept]
        terms: list[Bool] = [*allows, bank.or_(*gone)]
        model = solver.model(*terms)
        if model is None:
            return None
        request = witness(self._environment, model, terms)
        old, new = (stand.replay(request) for stand in self._stands)
        if (old.allowed, new.allowed) != ((False, True) if change == "loosened" else (True, False)):
            raise UndecidedError(self._environment.doubt)
        return ChangedCall(change, old, new)


def merged(differences: Sequence[Difference]) -> Difference:
    """The differences for several catalogues as one."""
    return Difference(
        tuple(call for each in differences for call in each.calls),
        tuple(doubt for each in differences for doubt in each.doubts),
    )
