"""Cures: changes that may do away with a finding, the smallest first. None is proved here.

| finding                        | cures                                                          |
|--------------------------------|----------------------------------------------------------------|
| nullified rule                 | drop it, unless it is critical or alone in its set             |
| promise broken by an allowed   | a clause on the `permit` that allows the call; a `forbid` in   |
| call                           | the set that promised                                          |
| promise broken by a denied     | a clause on each `forbid` that denies it; a `permit` where     |
| call                           | none does                                                      |
| a rule that can fail           | bounds on the numbers it reckons with                          |

What is undecided, an override and a promise about no call have none.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from mythos.engines.coherence.finding import CoherenceFinding, FindingKind
from mythos.engines.coherence.promises_kept import forbidden_answer
from mythos.engines.coherence.shown import RuleKey
from mythos.engines.coherence.suggest.bounds import bounded
from mythos.engines.coherence.suggest.change import Change, ChangeKind, as_list
from mythos.engines.policy.cedar_literal import cedar_string
from mythos.engines.policy.compile import PolicyEngine
from mythos.engines.policy.expectation_check import read_promise
from mythos.engines.policy.rule import Rule
from mythos.engines.policy.rule_edit import apart_from, with_clause, with_rule, without_rule
from mythos.engines.policy.slice import CompiledSet
from mythos.values.outcome import Severity
from mythos.values.policy import Expectation, PolicySet

_FAILING = frozenset({FindingKind.FAIL_OPEN, FindingKind.ERROR_RISK})
CURABLE = _FAILING | {FindingKind.NULLIFIED, FindingKind.BROKEN_PROMISE}


def cures(finding: CoherenceFinding, engines: Sequence[PolicyEngine]) -> Iterator[Change]:
    """Changes that may do away with a finding, of the policy sets as they are in `engines`.

    Args:
        finding: of a check of these engines.
        engines: the same sets compiled for each catalogue.
    """
    bench = _Bench(engines)
    if finding.kind is FindingKind.NULLIFIED and finding.promise is None:
        yield from bench.dropped(finding)
    elif finding.kind is FindingKind.BROKEN_PROMISE:
        yield from bench.kept(finding)
    elif finding.kind in _FAILING:
        yield from bench.bounded(finding)


@dataclass(frozen=True, slots=True)
class _Promise:
    owner: CompiledSet
    entry: Expectation
    condition: Rule

    def text(self, rule: Rule | None = None) -> str:
        """Its condition; limited to its tools where a rule is about others too."""
        when, tools = self.entry.when or "", self.entry.tools
        if rule is None or not tools or (rule.actions is not None and rule.actions <= {*tools}):
            return when
        scope = _among(tools)
        return f"{scope} && ({when})" if when else scope


class _Bench:
    def __init__(self, engines: Sequence[PolicyEngine]) -> None:
        self._engines = engines
        self._sets = {each.digest: each for engine in engines for each in engine.compiled}

    def dropped(self, finding: CoherenceFinding) -> Iterator[Change]:
        """The set without a rule; a critical one says how grave a call is that others deny too.

        Not the last of its set: a policy set has at least one.
        """
        key = finding.rules[0]
        owner, rule = self._rule(key)
        if rule.severity is Severity.CRITICAL or len(owner.rules) == 1:
            return
        after = {owner.digest: without_rule(owner.policy_set, rule)}
        sentence = f"drop rule {_named(owner, rule)}: no call is decided otherwise without it"
        if finding.names:
            sentence += ", though violations that it names are charged otherwise"
        yield Change(ChangeKind.DROP, sentence, after, rules=(key,))

    def kept(self, finding: CoherenceFinding) -> Iterator[Change]:
        promise, seen = self._promise(finding), finding.witness
        if promise is None or seen is None:
            return
        if forbidden_answer(promise.entry):
            if len(seen.permitted_by) == 1:
                yield from self._narrowed(ChangeKind.TIGHTEN, seen.permitted_by, promise)
            yield self._added("forbid", promise)
        elif seen.denied_by:
            yield from self._narrowed(ChangeKind.LOOSEN, seen.denied_by, promise)
        elif not promise.owner.guard:
            yield self._added("permit", promise)

    def bounded(self, finding: CoherenceFinding) -> Iterator[Change]:
        key, seen = finding.rules[0], finding.witness
        if seen is None:
            return
        tool = seen.request.tool
        engine = next(each for each in self._engines if each.tool(tool))
        owner, rule = _found(engine.compiled, key)
        way = "permits nothing" if rule.permits else "forbids the call"
        found = bounded(engine, owner, rule, tool)
        if found is not None:
            after, bound = found
            name = _named(owner, rule)
            sentence = f"let rule {name} say that it {way} if a number is beyond {bound:,}"
            yield Change(ChangeKind.BOUND, sentence, {owner.digest: after}, rules=(key,))

    def _narrowed(
        self, kind: ChangeKind, keys: Sequence[RuleKey], promise: _Promise
    ) -> Iterator[Change]:
        """A clause on each rule, so that none matches where the promise's condition holds.

        A condition on facts means another thing in another set, so there it is of no use.
        """
        told: list[str] = []
        after: dict[str, PolicySet] = {}
        found = [self._rule(key) for key in keys]
        for owner, rule in sorted(found, key=lambda each: -each[1].source.tokens[0].start):
            condition = promise.text(rule)
            foreign = owner is not promise.owner and promise.condition.use.facts
            if foreign or not condition:
                return
            clause = apart_from(condition)
            made = after.get(owner.digest, owner.policy_set)  # from the end: offsets stay true
            after[owner.digest] = with_clause(made, rule, clause)
            told.insert(0, f"{_named(owner, rule)} by `{_flat(clause)}`")
        word = "tighten" if kind is ChangeKind.TIGHTEN else "loosen"
        sentence = f"{word} rule {as_list(told)}, so that {promise.entry.name!r} holds"
        yield Change(kind, sentence, after, rules=tuple(keys))

    def _added(self, effect: str, promise: _Promise) -> Change:
        owner, when = promise.owner, promise.text()
        name = _free_name(promise.entry.name, {rule.id for rule in owner.rules})
        scope = _among(promise.entry.tools) if promise.entry.tools else "action"
        clause = f"\nwhen {{\n  {when}\n}}" if when else ""
        text = f"@id({cedar_string(name)})\n{effect} (principal, {scope}, resource){clause};"
        where = f"{owner.policy_set.policy_set}/{name}"
        return Change(
            ChangeKind.ADD,
            f"add the {effect} {where}, which says what {promise.entry.name!r} promises",
            {owner.digest: with_rule(owner.policy_set, text)},
            added=((owner.digest, name),),
        )

    def _rule(self, key: RuleKey) -> tuple[CompiledSet, Rule]:
        return _found(self._sets.values(), key)

    def _promise(self, finding: CoherenceFinding) -> _Promise | None:
        if finding.promise is None:
            return None
        owner = self._sets[finding.promise[0]]
        entry = next(e for e in owner.policy_set.expect if e.name == finding.promise[1])
        condition, _ = read_promise(entry)
        return _Promise(owner, entry, condition) if condition else None


def _found(sets: Iterable[CompiledSet], key: RuleKey) -> tuple[CompiledSet, Rule]:
    owner = next(each for each in sets if each.digest == key[0])
    return owner, next(each for each in owner.rules if each.id == key[1])


def _named(owner: CompiledSet, rule: Rule) -> str:
    return f"{owner.policy_set.policy_set}/{rule.id}"


def _flat(clause: str) -> str:
    return " ".join(clause.split())


def _among(tools: Sequence[str]) -> str:
    """The scope that names some tools."""
    named = [f"Action::{cedar_string(tool)}" for tool in tools]
    return f"action == {named[0]}" if len(named) == 1 else f"action in [{', '.join(named)}]"


def _free_name(promise: str, taken: set[str]) -> str:
    """An id for the rule that keeps a promise."""
    slug = re.sub(r"[^a-z0-9]+", "-", promise.lower()).strip("-")[:60].strip("-") or "promise"
    names = (f"keeps-{slug}", *(f"keeps-{slug}-{n}" for n in range(2, len(taken) + 3)))
    return next(name for name in names if name not in taken)
