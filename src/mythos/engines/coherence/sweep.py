"""Sweep: what each rule can do in one request environment, and which promises it can break.

One question for each rule: is there a call that this rule alone decides? A `forbid` decides alone
where it acts, no other does, and the call would be permitted; a `permit` where it acts, no other
does, and no `forbid` does. Only where there is none are the weaker questions asked. A pairwise
search for overlaps would ask the square of that.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from mythos.engines.coherence.environment import (
    JudgedRule,
    RequestEnvironment,
    request_environment,
)
from mythos.engines.coherence.shown import ReplayError, RuleKey, Stand, Witness
from mythos.engines.coherence.solver import Model, Solver, UndecidedError
from mythos.engines.coherence.terms import Bool
from mythos.engines.coherence.witness import witness
from mythos.engines.policy.compile import PolicyEngine
from mythos.engines.policy.verdict import loudest_first
from mythos.values.tools import Tool

_Group: TypeAlias = "tuple[Bool, Sequence[RuleKey]]"
"""Some rules, and the term that none of them acts."""
_GROUP = 24  # about the root of as many rules as one tool may have


@dataclass(frozen=True, slots=True)
class Role:
    """What one rule does in one environment.

    `alone`: some call is decided by this rule alone. Else `acts` says that it acts on some call,
    `open` that some call on which it acts is not decided otherwise anyway (a `permit` that no
    `forbid` cancels, a `forbid` of what is permitted), and `because` names the rules that decide
    for it. `names` says of a `forbid` that decides nothing alone that some call, denied anyway, is
    charged to it, as the loudest of its set. `doubt` says why nothing of this could be decided.
    """

    alone: bool = False
    acts: bool = False
    open: bool = False
    names: bool = False
    because: tuple[RuleKey, ...] = ()
    overridden: Witness | None = None
    failing: Witness | None = None
    doubt: str = ""
    error_doubt: str = ""


@dataclass(slots=True)
class Probe:
    """Asks about one environment and lets Cedar confirm what is found."""

    environment: RequestEnvironment
    solver: Solver
    stand: Stand
    unsure: bool = field(init=False)

    def __post_init__(self) -> None:
        """Without an exact translation of every rule, each answer has to be replayed."""
        self.unsure = any(each.unsupported for each in self.environment.rules)

    def model(self, terms: Iterable[Bool]) -> Model | None:
        """Whether the terms can hold together.

        Raises:
            UndecidedError: the solver gave up.
        """
        return self.solver.model(*terms)

    def shown(
        self, model: Model, terms: Iterable[Bool], agrees: Callable[[Witness], bool]
    ) -> Witness:
        """The model as a request that Cedar confirms.

        Raises:
            UndecidedError: Cedar does not confirm it.
        """
        request = witness(self.environment, model, terms)
        try:
            seen = self.stand.replay(request)
        except ReplayError as error:
            raise UndecidedError(f"internal: {error}") from None
        if not agrees(seen):
            raise UndecidedError(self.environment.doubt)
        return seen


def probe(engine: PolicyEngine, tool: Tool, in_force: Collection[str]) -> Probe:
    """Make one tool's environment, solver and stand.

    The solver has a z3 context of its own: in one that it shared with other tools' solvers, which
    model it finds would hang on which of them were asked before.

    Args:
        engine: the compiled policy sets and their catalogue.
        tool: of the catalogue.
        in_force: digests of the sets that decide together.

    Raises:
        ImportError: z3 is not installed.
    """
    sets = [each for each in engine.compiled if each.digest in in_force]
    environment = request_environment(tool, sets, engine.catalogue)
    solver = environment.solver()
    return Probe(environment, solver, Stand(engine, tool.name, in_force))


def roles(asked: Probe) -> dict[RuleKey, Role]:
    """What each rule of the environment does in it."""
    each = _Roles(asked)
    return {rule.key: each.of(rule) for rule in asked.environment.rules}


class _Roles:
    def __init__(self, asked: Probe) -> None:
        self._asked = asked
        environment = asked.environment
        self._bank = environment.bank
        rules = environment.rules
        self._acts = {each.key: environment.acts(each) for each in rules}
        self._silent = {key: self._bank.not_(acts) for key, acts in self._acts.items()}
        permits = [each.key for each in rules if each.rule.permits]
        self._permits = self._grouped(permits)
        self._forbids = self._grouped([each.key for each in rules if not each.rule.permits])
        self._groups: dict[Bool, Sequence[RuleKey]] = {}
        self._guarded = all(each.guard for each in environment.sets)
        self._permitted: Bool = self._guarded or self._bank.or_(
            *(self._acts[key] for key in permits)
        )

    def of(self, rule: JudgedRule) -> Role:
        try:
            role = self._role(rule)
        except UndecidedError as error:
            role = Role(doubt=str(error))
        return self._with_failure(rule, role)

    def _role(self, rule: JudgedRule) -> Role:
        asked, acts = self._asked, self._acts[rule.key]
        others = self._off(self._permits if rule.rule.permits else self._forbids, but=rule)
        rest = self._off(self._forbids) if rule.rule.permits else [self._permitted]
        if rule.rule.permits and self._guarded:
            others = []
        alone = [acts, *others, *rest]
        model = asked.model(alone)
        if model is not None:
            if rule.rule.permits:
                if asked.unsure:
                    asked.shown(model, alone, lambda seen: seen.allowed)
                return Role(alone=True, acts=True, open=True)
            return Role(alone=True, acts=True, open=True, overridden=self._override(rule, model))
        because = self._because(alone, rule)
        if asked.model([acts]) is None:
            return Role()
        weaker = [acts, *rest]
        model = asked.model(weaker)
        names = not rule.rule.permits and self._names(rule)
        if model is None:
            because = self._because(weaker, rule)
            return Role(acts=True, names=names, because=because)
        shown = None if rule.rule.permits else self._override(rule, model)
        return Role(acts=True, open=True, names=names, because=because, overridden=shown)

    def _names(self, rule: JudgedRule) -> bool:
        """Whether some call is charged to a `forbid`: no rule of its set acts that comes first."""
        before = [
            self._silent[each.key]
            for each in self._asked.environment.rules
            if each.owner is rule.owner
            and not each.rule.permits
            and loudest_first(each.rule) < loudest_first(rule.rule)
        ]
        terms = [self._acts[rule.key], *before]
        model = self._asked.model(terms)
        if model is not None and self._asked.unsure:
            self._asked.shown(model, terms, lambda seen: rule.key in seen.denied_by)
        return model is not None

    def _override(self, rule: JudgedRule, model: Model) -> Witness:
        acts = self._acts[rule.key]

        def agrees(seen: Witness) -> bool:
            return rule.key in seen.denied_by and bool(seen.permitted_by or self._guarded)

        return self._asked.shown(model, [acts, self._permitted], agrees)

    def _with_failure(self, rule: JudgedRule, role: Role) -> Role:
        if rule.errs is False:
            return role
        try:
            model = self._asked.model([rule.errs])
            if model is None:
                return role
            seen = self._asked.shown(model, [rule.errs], lambda seen: rule.key in dict(seen.failed))
        except UndecidedError as error:
            return replace(role, error_doubt=str(error))
        return replace(role, failing=seen)

    def _grouped(self, rules: Sequence[RuleKey]) -> list[_Group]:
        starts = range(0, len(rules), _GROUP)
        groups = [rules[start : start + _GROUP] for start in starts]
        return [(self._bank.and_(*map(self._silent.__getitem__, keys)), keys) for keys in groups]

    def _off(self, groups: Iterable[_Group], but: JudgedRule | None = None) -> list[Bool]:
        """That these rules do not act; few terms, for each costs the solver a decision."""
        terms: list[Bool] = []
        for silent, keys in groups:
            if but is not None and but.key in keys:
                terms += [self._silent[key] for key in keys if key != but.key]
            else:
                self._groups[silent] = keys
                terms.append(silent)
        return terms

    def _because(self, refuted: Sequence[Bool], rule: JudgedRule) -> tuple[RuleKey, ...]:
        """The rules whose silence the refuted question needs."""
        solver = self._asked.solver
        core = solver.core(refuted) or []
        named: list[Bool] = []
        for term in core:
            group = self._groups.get(term)
            named += [self._silent[key] for key in group] if group else [term]
        if len(named) > len(core):
            core = solver.core(named) or []
        return tuple(
            key for key, silent in self._silent.items() if key != rule.key and silent in core
        )
