"""Bounds for rules whose arithmetic can overflow: out of bounds, a rule decides the safe way.

A `forbid` that reads a number beyond the bound forbids the call, a `permit` does not permit it,
both before anything is added or multiplied.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from mythos.engines.coherence.environment import RequestEnvironment, fact_path, request_environment
from mythos.engines.coherence.numbers import LEAST, MOST
from mythos.engines.coherence.solver import UndecidedError
from mythos.engines.coherence.symbols import Type
from mythos.engines.policy.cedar_literal import cedar_key, cedar_path
from mythos.engines.policy.cedar_text import Token
from mythos.engines.policy.compile import PolicyEngine, compile_policies
from mythos.engines.policy.rule import Rule
from mythos.engines.policy.rule_edit import Clause, clauses_of, with_body
from mythos.engines.policy.slice import CompiledSet
from mythos.errors import PolicyError
from mythos.values.policy import PolicySet

BOUNDS = (10**15, 10**12, 10**9, 10**6)
_ARITHMETIC = frozenset("+-*")


def bounded(
    engine: PolicyEngine, owner: CompiledSet, rule: Rule, tool: str
) -> tuple[PolicySet, int] | None:
    """The set with a rule's numbers bounded so that it cannot overflow, and the bound.

    The widest of `BOUNDS` that does, on as few numbers as it takes.

    Args:
        engine: holds the set and declares the tool.
        owner: the set.
        rule: a rule of it that can overflow in a call of `tool`.
        tool: a declared tool.

    Returns:
        None if no bound on a number helps.

    Raises:
        ImportError: z3 is not installed.
    """
    declared = engine.tool(tool)
    if declared is None:
        return None
    environment = request_environment(declared, [owner], engine.catalogue)
    for bound in BOUNDS:
        limits = [
            (clause, each)
            for clause in clauses_of(rule)
            for each in _beyond(environment, owner, _within(rule, clause), bound)
        ]
        if not limits or _overflows(engine, _limited(owner.policy_set, rule, limits), rule):
            continue
        for each in list(limits):
            fewer = [other for other in limits if other is not each]
            if fewer and not _overflows(engine, _limited(owner.policy_set, rule, fewer), rule):
                limits = fewer
        return _limited(owner.policy_set, rule, limits), bound
    return None


def _limited(policy_set: PolicySet, rule: Rule, limits: Sequence[tuple[Clause, str]]) -> PolicySet:
    """The set with each clause of a rule as it decides the safe way beyond its limits."""
    made = policy_set
    for clause in reversed(clauses_of(rule)):  # from the end: earlier offsets stay true
        beyond = [text for of, text in limits if of == clause]
        if beyond:
            head = f"{' || '.join(beyond)} || ("
            if rule.permits == (clause.word == "when"):
                head = f"!({' || '.join(beyond)}) && ("
            made = with_body(made, clause, head, ")")
    return made


def _overflows(engine: PolicyEngine, policy_set: PolicySet, rule: Rule) -> bool:
    """Whether the rule can still fail, or that cannot be told."""
    try:
        alone = compile_policies([policy_set], engine.catalogue)
        for tool in engine.catalogue.tools:
            if not rule.about(tool.name):
                continue
            environment = request_environment(tool, alone.compiled, engine.catalogue)
            edited = next(each for each in environment.rules if each.rule.id == rule.id)
            if edited.errs is not False and environment.solver().model(edited.errs) is not None:
                return True
    except (PolicyError, UndecidedError):
        return True
    return False


def _within(rule: Rule, clause: Clause) -> list[Token]:
    return [t for t in rule.source.tokens if clause.start <= t.start and t.end <= clause.end]


def _beyond(
    environment: RequestEnvironment, owner: CompiledSet, tokens: list[Token], bound: int
) -> list[str]:
    """For each number that arithmetic may take too far, the condition that it is out of bounds."""
    if not any(token.text in _ARITHMETIC for token in tokens):
        return []
    found: dict[str, None] = {}
    for path in _paths(tokens):
        told = _told(environment, owner, path)
        if told is None:
            continue
        guards, (low, high) = told
        name = cedar_path(*path)
        over = [f"{name} > {bound}"] * (high > bound) + [f"{name} < -{bound}"] * (low < -bound)
        for each in over:
            found[f"({' && '.join((*guards, each))})" if guards else each] = None
    return list(found)


def _paths(tokens: list[Token]) -> Iterator[tuple[str, ...]]:
    """Every path that starts at `context`, in the order of the text."""
    for number, token in enumerate(tokens):
        if token.text == "context":
            names, at = [], number + 1
            while at + 1 < len(tokens) and tokens[at].text in {".", "["}:
                names.append(tokens[at + 1].text.strip('"'))
                at += 2 if tokens[at].text == "." else 3
            yield tuple(names)


def _told(
    environment: RequestEnvironment, owner: CompiledSet, path: tuple[str, ...]
) -> tuple[list[str], tuple[int, int]] | None:
    """What must be there to read a Long at a path, and its least and greatest value."""
    kind: Type = environment.contexts[owner.digest]
    guards: list[str] = []
    for depth, name in enumerate(path):
        inner = kind.fields.get(name)
        if inner is None:
            return None
        if name not in kind.required:
            guards.append(f"{cedar_path(*path[:depth])} has {cedar_key(name)}")
        kind = inner
    if kind.kind != "Long":
        return None
    variable = ".".join(path)
    if path[0] == "past":
        variable = fact_path(owner, path[1])
    low, high = environment.bounds(variable)
    return guards, (max(low, LEAST), min(high, MOST))
