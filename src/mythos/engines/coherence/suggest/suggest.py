"""Suggestions: cures that were applied, read again and proved; nothing else is offered.

A change is offered only if, with it in place, every set still loads, no `expect` request that held
fails, the finding is gone, no rule or promise is in error that was not, less is wrong in all, and
the sets before and after stand to each other as the change says (`MAY`): dropping a rule is proved
to change no decision, a tightened one to allow no call that was denied. A change with which some
other rule becomes needless is offered only where there is none without, and says so. Each
suggestion is proved by itself, not together with the others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from mythos.engines.coherence.coherence import Coherence, check_coherence
from mythos.engines.coherence.difference import Difference, compare, merged
from mythos.engines.coherence.finding import (
    CoherenceFinding,
    Gravity,
    Obligation,
    costs_of,
)
from mythos.engines.coherence.memory import Memory
from mythos.engines.coherence.suggest.change import MAY, Change, ChangeKind, next_versions
from mythos.engines.coherence.suggest.cures import CURABLE, cures
from mythos.engines.policy.compile import PolicyEngine, compile_policies
from mythos.engines.policy.expectation import attempt, catalogue_of
from mythos.engines.policy.identity import digest
from mythos.errors import PolicyError
from mythos.values.policy import PolicySet

MAX_FINDINGS = 20
_MAX_EDITS = 4
_IN_STEPS = frozenset({ChangeKind.LOOSEN})  # a denial may have several reasons, one after another


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A change that was proved.

    `after` are the edited sets, their versions one higher, and `before` those they replace, both by
    the digest of the latter.
    `difference` is that of all decisions, `coherence` the number afterwards; `resolves` are the
    findings that are gone with it, `raises` those that come with it: warnings, worth less.
    """

    change: Change
    before: Mapping[str, PolicySet]
    after: Mapping[str, PolicySet]
    difference: Difference
    coherence: float
    resolves: tuple[CoherenceFinding, ...]
    raises: tuple[CoherenceFinding, ...] = ()


@dataclass(frozen=True, slots=True)
class Suggested:
    """What is offered; `n_untried` findings are left for when these are dealt with."""

    suggestions: tuple[Suggestion, ...] = ()
    n_untried: int = 0


def suggested_changes(
    engines: Sequence[PolicyEngine],
    result: Coherence,
    *,
    memory: Memory,
    on_finding: Callable[[CoherenceFinding], None] = lambda _: None,
    goes_on: Callable[[], bool] = lambda: True,
) -> Suggested:
    """The smallest changes that cure what a check found.

    Args:
        engines: the policy sets compiled for each catalogue.
        result: of `check_coherence` of these engines.
        memory: where verdicts are kept; without one everything is proved again for each change.
        on_finding: told each finding before a cure is sought.
        goes_on: asked before each; the first False leaves the rest untried.

    Returns:
        At most one suggestion a finding, errors first; none for one that an earlier suggestion
        does away with.

    Raises:
        ImportError: z3 is not installed.
    """
    open_ones = curable(result)
    proof = _Proof(engines, result, memory)
    found: list[Suggestion] = []
    n_tried = 0
    for finding in open_ones[:MAX_FINDINGS]:
        if not goes_on():
            break
        n_tried += 1
        on_finding(finding)
        if not any(finding in each.resolves for each in found):
            found.extend(proof.cure(finding))
    return Suggested(tuple(found), n_untried=len(open_ones) - n_tried)


def curable(result: Coherence) -> list[CoherenceFinding]:
    """Findings for which a cure is sought; of two rules that do one thing the later goes first."""
    able = [each for each in result.findings if each.weight and each.kind in CURABLE]
    errors = [each for each in able if each.gravity is Gravity.ERROR]
    return errors + [each for each in able[::-1] if each.gravity is not Gravity.ERROR]


@dataclass(frozen=True, slots=True)
class _Proof:
    engines: Sequence[PolicyEngine]
    result: Coherence
    memory: Memory
    costs: dict[Obligation, float] = field(init=False)
    before: dict[str, PolicySet] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "costs", costs_of(self.result.findings))
        sets = {name: one for each in self.engines for name, one in each.policy_sets.items()}
        object.__setattr__(self, "before", sets)

    def cure(self, finding: CoherenceFinding) -> Iterator[Suggestion]:
        """The first change that is proved to cure a finding; one that raises no other, if any."""
        second: Suggestion | None = None
        for change in cures(finding, self.engines):
            found = self._proved(change, finding, edits_left=_MAX_EDITS)
            if found is not None and not found.raises:
                yield found
                return
            second = second or found
        if second is not None:
            yield second

    def _proved(
        self, change: Change, finding: CoherenceFinding, *, edits_left: int
    ) -> Suggestion | None:
        after = next_versions(self.before, change)
        try:
            engines = [self._compiled(after, engine) for engine in self.engines]
        except PolicyError:
            return None
        if not self._still_expected(after, engines):
            return None
        checked = check_coherence(engines, memory=self.memory)
        places = {digest(edited): name for name, edited in after.items()}
        costs = {_moved(o, places): cost for o, cost in costs_of(checked.findings).items()}
        target = finding.obligation
        if costs.get(target) and change.kind in _IN_STEPS:
            rest = next(e for e in checked.findings if _moved(e.obligation, places) == target)
            return self._with_more(change, rest, finding, engines, places, edits_left - 1)
        worse = {each for each, cost in costs.items() if cost > self.costs.get(each, 0.0)}
        raised = [e for e in checked.findings if e.weight and _moved(e.obligation, places) in worse]
        less = sum(costs.values()) < sum(self.costs.values())
        if costs.get(target) or not less or any(e.gravity is Gravity.ERROR for e in raised):
            return None
        difference = merged([self._compared(after, engine) for engine in self.engines])
        if difference.verdict not in MAY[change.kind]:
            return None
        gone = tuple(e for e in self.result.findings if e.weight and not costs.get(e.obligation))
        return Suggestion(
            change,
            before={name: self.before[name] for name in after},
            after=after,
            difference=difference,
            coherence=checked.coherence,
            resolves=gone,
            raises=tuple(raised),
        )

    def _with_more(
        self,
        change: Change,
        rest: CoherenceFinding,
        finding: CoherenceFinding,
        engines: Sequence[PolicyEngine],
        places: Mapping[str, str],
        edits_left: int,
    ) -> Suggestion | None:
        """The change and what else it takes to keep the promise."""
        if not edits_left:
            return None
        for more in cures(rest, engines):
            both = replace(
                change,
                sentence=f"{change.sentence}; {more.sentence}",
                after={**change.after, **{places.get(d, d): s for d, s in more.after.items()}},
                rules=(*change.rules, *((places.get(d, d), rule) for d, rule in more.rules)),
                added=(*change.added, *((places.get(d, d), rule) for d, rule in more.added)),
            )
            found = self._proved(both, finding, edits_left=edits_left)
            if found is not None:
                return found
        return None

    def _compiled(self, after: Mapping[str, PolicySet], engine: PolicyEngine) -> PolicyEngine:
        sets = [after.get(name, one) for name, one in engine.policy_sets.items()]
        return compile_policies(sets, engine.catalogue)

    def _compared(self, after: Mapping[str, PolicySet], engine: PolicyEngine) -> Difference:
        new = [after.get(name, one) for name, one in self.before.items()]
        both = compile_policies([*self.before.values(), *new], engine.catalogue)
        return compare(both, list(self.before), [digest(one) for one in new])

    def _still_expected(
        self, after: Mapping[str, PolicySet], engines: Sequence[PolicyEngine]
    ) -> bool:
        """Whether each call that came out as its set expects still does."""
        for name, edited in after.items():
            held = _failing(self.before[name], self.engines)
            if not _failing(edited, engines) <= held:
                return False
        return True


def _failing(policy_set: PolicySet, engines: Sequence[PolicyEngine]) -> set[str]:
    """The `expect` requests of a set that do not come out as it says."""
    by_catalogue = {id(engine.catalogue): engine for engine in engines}
    catalogues = [engine.catalogue for engine in engines]
    name, found = digest(policy_set), set()
    for entry in policy_set.expect:
        if entry.request is None or entry.decision is None:
            continue
        catalogue = catalogue_of(entry.request, policy_set, catalogues)
        if catalogue is None:
            continue
        engine = by_catalogue[id(catalogue)]
        tried = attempt(entry.request, entry.decision, policy_set, digest=name, engine=engine)
        if tried.status == "failed":
            found.add(entry.name)
    return found


def _moved(obligation: Obligation, places: Mapping[str, str]) -> Obligation:
    """The obligation as it was called before the change."""
    kind, owner, name = obligation
    return kind, places.get(owner, owner), name
