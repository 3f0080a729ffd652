"""Coherence: every rule and promise of some policy sets, checked over all requests.

The sets are taken to be in force together, for every catalogue given. Each tool is checked by
itself; a rule that decides something for any tool is not idle. "Never" is checked by SMT and rests
on the translation; every request that is shown was decided by Cedar first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from mythos.engines.coherence.finding import (
    CoherenceFinding,
    FindingKind,
    Gravity,
    Obligation,
    coherence_of,
)
from mythos.engines.coherence.memory import NO_MEMORY, Memory, recalled, remembered, verdict_key
from mythos.engines.coherence.promises_kept import Kept, PromiseKey, all_promises, keeps
from mythos.engines.coherence.shown import RuleKey, Stand, Witness
from mythos.engines.coherence.sweep import Role, probe, roles
from mythos.engines.coherence.tool_verdict import ToolVerdict
from mythos.engines.coherence.wording import (
    broken_sentence,
    failing_sentence,
    idle_sentence,
    override_sentence,
)
from mythos.engines.policy.compile import PolicyEngine
from mythos.engines.policy.rule import Rule
from mythos.engines.policy.slice import CompiledSet


@dataclass(frozen=True, slots=True)
class Coherence:
    """What a check found. `n_proved` tools were asked about, the others recalled."""

    findings: tuple[CoherenceFinding, ...]
    n_obligations: int
    n_proved: int = 0
    n_recalled: int = 0

    @property
    def coherence(self) -> float:
        """1 minus the weighted share of obligations with a finding."""
        return coherence_of(self.findings, self.n_obligations)

    @property
    def has_errors(self) -> bool:
        """Whether any finding is an error."""
        return any(each.gravity is Gravity.ERROR for each in self.findings)


@dataclass(slots=True)
class _Gathered:
    """Verdicts of all tools, by rule and promise."""

    roles: dict[RuleKey, list[Role]] = field(default_factory=dict)
    promises: dict[PromiseKey, list[Kept]] = field(default_factory=dict)
    n_proved: int = 0
    n_recalled: int = 0

    def add(self, verdict: ToolVerdict) -> None:
        for key, role in verdict.roles.items():
            self.roles.setdefault(key, []).append(role)
        for name, kept in verdict.promises.items():
            self.promises.setdefault(name, []).append(kept)


def check_coherence(
    engines: Sequence[PolicyEngine],
    *,
    memory: Memory = NO_MEMORY,
    on_tool: Callable[[str], None] = lambda _: None,
) -> Coherence:
    """Check policy sets that are in force together.

    Args:
        engines: the same sets compiled for each catalogue.
        memory: where verdicts are kept; one that was proved before is only replayed.
        on_tool: told the name of each tool before it is checked.

    Returns:
        The findings, errors first, in the order of the rules.

    Raises:
        ImportError: z3 is not installed.
    """
    gathered = _Gathered()
    for engine in engines:
        _check_engine(engine, gathered, memory, on_tool)
    sets = {each.digest: each for engine in engines for each in engine.compiled}
    findings = tuple(_findings(list(sets.values()), gathered))
    order = list(Gravity)[::-1]
    checked = [key for owner in sets.values() for key in _keys(owner) if key in gathered.roles] + [
        key for owner in sets.values() for key in _deferred(owner)
    ]
    return Coherence(
        tuple(sorted(findings, key=lambda each: order.index(each.gravity))),
        n_obligations=2 * len(checked) + len(gathered.promises),
        n_proved=gathered.n_proved,
        n_recalled=gathered.n_recalled,
    )


def _check_engine(
    engine: PolicyEngine, gathered: _Gathered, memory: Memory, on_tool: Callable[[str], None]
) -> None:
    in_force = [each.digest for each in engine.compiled]
    for tool in engine.catalogue.tools:
        on_tool(tool.name)
        stand = Stand(engine, tool.name, in_force)
        key = verdict_key(engine, tool)
        verdict = recalled(memory, key, engine, stand)
        if verdict is None:
            asked = probe(engine, tool, in_force)
            kept = keeps(asked, engine, in_force, tool.name)
            verdict = ToolVerdict(roles(asked), kept)
            remembered(memory, key, engine, verdict)
            gathered.n_proved += 1
        else:
            gathered.n_recalled += 1
        gathered.add(verdict)


def _keys(owner: CompiledSet) -> Iterator[RuleKey]:
    yield from ((owner.digest, rule.id) for rule in owner.rules)


def _deferred(owner: CompiledSet) -> list[RuleKey]:
    """Rules that only the monitor can judge."""
    return [(owner.digest, r.id) for r in owner.rules if owner.covers and owner.defers(r)]


def _findings(sets: Sequence[CompiledSet], gathered: _Gathered) -> Iterator[CoherenceFinding]:
    names = {each.digest: each.policy_set.policy_set for each in sets}
    for owner in sets:
        for rule in owner.rules:
            found = gathered.roles.get((owner.digest, rule.id))
            if found:
                yield from _of_rule(owner, rule, found, names)
            elif (owner.digest, rule.id) in _deferred(owner):
                yield _left_to_the_monitor(owner, rule)
    for key in all_promises(sets):
        if key in gathered.promises:
            yield from _of_promise(key, gathered.promises[key], names)


def _of_rule(
    owner: CompiledSet, rule: Rule, found: Sequence[Role], names: Mapping[str, str]
) -> Iterator[CoherenceFinding]:
    key = (owner.digest, rule.id)
    decides: Obligation = ("decides", *key)
    doubts = [each.doubt for each in found if each.doubt]
    if not any(each.alone for each in found):
        if doubts:
            yield _finding(FindingKind.UNDECIDED, decides, f"rule {rule.id}: {doubts[0]}", key)
        else:
            because = tuple(dict.fromkeys(k for role in found for k in role.because))
            yield CoherenceFinding(
                FindingKind.NULLIFIED,
                decides,
                idle_sentence(rule, found, because, names),
                rules=(key, *because),
                names=any(each.names for each in found),
            )
    cut = next((each.overridden for each in found if each.overridden), None)
    if cut is not None and cut.permitted_by:
        yield CoherenceFinding(
            FindingKind.OVERRIDE,
            decides,
            override_sentence(rule, cut, names),
            rules=(key, *cut.permitted_by),
            witness=cut,
        )
    yield from _of_failure(key, rule, found)


def _of_failure(key: RuleKey, rule: Rule, found: Sequence[Role]) -> Iterator[CoherenceFinding]:
    evaluates: Obligation = ("evaluates", *key)
    failing = next((each.failing for each in found if each.failing), None)
    doubt = next((each.error_doubt for each in found if each.error_doubt), "")
    if failing is not None:
        yield CoherenceFinding(
            FindingKind.ERROR_RISK if rule.permits else FindingKind.FAIL_OPEN,
            evaluates,
            failing_sentence(rule, dict(failing.failed)[key]),
            rules=(key,),
            witness=failing,
        )
    elif doubt:
        yield _finding(
            FindingKind.UNDECIDED,
            evaluates,
            f"whether rule {rule.id} always evaluates: {doubt}",
            key,
        )


def _of_promise(
    key: PromiseKey, found: Sequence[Kept], names: Mapping[str, str]
) -> Iterator[CoherenceFinding]:
    obligation: Obligation = ("promise", *key)
    broken: Witness | None = next((each.witness for each in found if each.witness), None)
    doubt = next((each.doubt for each in found if each.doubt), "")
    if broken is not None:
        yield CoherenceFinding(
            FindingKind.BROKEN_PROMISE,
            obligation,
            broken_sentence(key[1], broken, names),
            rules=broken.permitted_by if broken.allowed else broken.denied_by,
            promise=key,
            witness=broken,
        )
    elif doubt:
        sentence = f"the promise {key[1]!r}: {doubt}"
        yield CoherenceFinding(FindingKind.UNDECIDED, obligation, sentence, promise=key)
    elif all(each.status == "idle" for each in found):
        sentence = f"the promise {key[1]!r} speaks of no call: its condition is never true"
        yield CoherenceFinding(FindingKind.NULLIFIED, obligation, sentence, promise=key)


def _left_to_the_monitor(owner: CompiledSet, rule: Rule) -> CoherenceFinding:
    facts = [name for name in rule.use.facts if owner.plans[name].deferred]
    sentence = (
        f"rule {rule.id} reads {', '.join(facts)}, which reaches beyond one host: only the monitor "
        "can judge it"
    )
    key = (owner.digest, rule.id)
    return _finding(FindingKind.UNDECIDED, ("decides", *key), sentence, key)


def _finding(
    kind: FindingKind, obligation: Obligation, sentence: str, key: RuleKey
) -> CoherenceFinding:
    return CoherenceFinding(kind, obligation, sentence, rules=(key,))


def n_tools(engines: Iterable[PolicyEngine]) -> int:
    """How many tools a check will go through, for a progress bar."""
    return sum(len(engine.catalogue.tools) for engine in engines)
