"""Request environments: the rules of some policy sets about one tool, as terms.

A request environment is every call of one tool by any agent, with any arguments that fit, any
facts, any origins. Facts of several sets that are declared alike are one variable, for they are
one history. What is decided is MythOS' decision, not Cedar's: a call is allowed iff no `forbid` is
satisfied, none errs, and a `permit` is satisfied or nothing but guards governs the tool.

    environment = request_environment(tool, engine.compiled, engine.catalogue)
    solver = environment.solver()
    holds, errs = environment.condition("context.past.confirmed", digest)
    model = solver.model(environment.allowed(digests), holds)      # None: never both
    request = witness(environment, model, [environment.allowed(digests), holds])

A rule without an exact translation gets a truth that is free within its scope, and one with that
of every rule of the same text and facts: what is shown to be impossible is so whatever the rule
says, and what seems possible has to be replayed.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

import cedarpy
import orjson
from pydantic import JsonValue

from mythos.engines.coherence.domain import (
    USUAL,
    Domain,
    bounds_of,
    sink_presence,
    undeclared_sinks,
)
from mythos.engines.coherence.held import schema_holds
from mythos.engines.coherence.histories import Fact, kin_hold
from mythos.engines.coherence.solver import Solver
from mythos.engines.coherence.symbols import (
    Entity,
    Record,
    Symbols,
    Truth,
    Type,
    UnsupportedError,
    Value,
    Word,
    type_of,
)
from mythos.engines.coherence.terms import Bank, Bool
from mythos.engines.coherence.translate import Translator
from mythos.engines.policy.facts.kind import kinds_of
from mythos.engines.policy.facts.plan import FactPlan
from mythos.engines.policy.origin_name import STRANGE
from mythos.engines.policy.rule import Rule
from mythos.engines.policy.schema import AGENT, ORIGINS, TOOL, rule_schema
from mythos.engines.policy.slice import CompiledSet
from mythos.values.tools import Tool, ToolCatalogue

if TYPE_CHECKING:
    from z3 import Context


@dataclass(frozen=True, slots=True)
class JudgedRule:
    """A rule of an environment: when it is satisfied and when it errs.

    `unsupported` says what of it has no exact translation; then both are free.
    """

    owner: CompiledSet
    rule: Rule
    satisfied: Bool
    errs: Bool
    unsupported: str = ""

    @property
    def key(self) -> tuple[str, str]:
        """The policy set's digest and the rule's id."""
        return self.owner.digest, self.rule.id


@dataclass(slots=True)
class RequestEnvironment:
    """Every call of `tool`, and what `sets` say of it. Make one with `request_environment`."""

    tool: Tool
    catalogue: ToolCatalogue
    sets: tuple[CompiledSet, ...]
    symbols: Symbols
    contexts: Mapping[str, Type]
    rules: tuple[JudgedRule, ...] = ()
    domain: tuple[Bool, ...] = ()
    sinks: Mapping[str, Bool] = field(default_factory=dict)
    limits: Domain = field(default_factory=Domain)
    _translators: dict[str, Translator] = field(default_factory=dict)

    @property
    def bank(self) -> Bank:
        """Where this environment's terms are made."""
        return self.symbols.bank

    def acts(self, judged: JudgedRule) -> Bool:
        """When a `permit` permits, or a `forbid` denies: an error of it denies too."""
        if judged.rule.permits:
            return judged.satisfied
        return self.bank.or_(judged.satisfied, judged.errs)

    def allowed(self, in_force: Collection[str]) -> Bool:
        """When the policy sets with these digests together allow the call."""
        return self.bank.and_(*self.allowed_parts(in_force))

    def allowed_parts(
        self, in_force: Collection[str], *, without: Collection[tuple[str, str]] = ()
    ) -> list[Bool]:
        """The conditions that together allow the call: no `forbid` acts, and it is permitted.

        Args:
            in_force: digests of policy sets.
            without: keys of rules to leave out. That does not make a set a guard.
        """
        covering = [each for each in self.sets if each.digest in in_force]
        rules = [r for r in self.rules if r.owner.digest in in_force and r.key not in without]
        parts = [self.bank.not_(self.acts(each)) for each in rules if not each.rule.permits]
        if any(not each.guard for each in covering):
            parts.append(self.bank.or_(*(self.acts(each) for each in rules if each.rule.permits)))
        return parts

    def condition(self, text: str, owner: str) -> tuple[Bool, Bool]:
        """When a Cedar expression is true, and when evaluating it errs.

        Args:
            text: the expression, as between the braces of `when`.
            owner: digest of the policy set whose facts `context.past` means.

        Raises:
            UnsupportedError: it has no exact translation, or is no single expression.
        """
        return self.translator(owner).condition(expression(text))

    def translator(self, owner: str) -> Translator:
        """Translates expressions in which `context.past` are the facts of one policy set."""
        found = self._translators.get(owner)
        if found is None:
            found = self._translators[owner] = Translator(self.bank, self._variables(owner))
        return found

    def fact(self, owner: str, name: str) -> Value:
        """A fact of a policy set, present or not (`fact_presence`)."""
        kind = self.contexts[owner].fields["past"].fields[name]
        return self.symbols.value(kind, self.fact_path(owner, name))

    def fact_presence(self, owner: str, name: str) -> Bool:
        """Whether a fact's attribute is there; only that of a `last` may be absent."""
        if name in self.contexts[owner].fields["past"].required:
            return True
        return self.bank.var("bool", f"{self.fact_path(owner, name)}?")

    def fact_path(self, owner: str, name: str) -> str:
        """The variable of a fact: its name and, since names are free, what it is."""
        return fact_path(next(each for each in self.sets if each.digest == owner), name)

    @property
    def doubt(self) -> str:
        """Why Cedar may not confirm what a model says."""
        for each in self.rules:
            if each.unsupported:
                return f"it hangs on rule {each.rule.id}, which cannot be translated exactly: " + (
                    each.unsupported
                )
        return "internal: Cedar does not confirm the solver's request"

    def solver(self, context: Context | None = None) -> Solver:
        """A solver that knows what every call of the tool is like.

        Args:
            context: a z3 context to share with other solvers of one thread.

        Raises:
            ImportError: z3 is not installed.
        """
        solver = Solver(self.bank, bounds=self.bounds, usual=USUAL, context=context)
        for term in self.domain:
            solver.require(term)
        return solver

    def bounds(self, name: str) -> tuple[int, int]:
        """The least and greatest value of an integer variable."""
        return bounds_of(name, self.symbols.numbers.get(name, "Long"), self.limits)

    def _variables(self, owner: str) -> dict[str, Value]:
        return {
            "principal": Entity(AGENT, self.bank.var("text", "agent")),
            "action": Entity("Action", self.tool.name),
            "resource": Entity(TOOL, self.tool.name),
            "context": self._context(owner),
        }

    def _context(self, owner: str) -> Record:
        kind = self.contexts[owner]
        own = {
            "past": self._past(owner),
            "tool": self._about_tool(),
            "sinks": self._sinks(kind.fields["sinks"]),
            "origin": self._origin(kind.fields["origin"]),
        }

        def get(name: str) -> Value:
            return own.get(name) or self.symbols.value(kind.fields[name], name)

        return Record(dict.fromkeys(kind.fields, True), get)

    def _past(self, owner: str) -> Record:
        names = self.contexts[owner].fields["past"].fields
        has = {name: self.fact_presence(owner, name) for name in names}
        return Record(has, lambda name: self.fact(owner, name))

    def _about_tool(self) -> Record:
        tool = self.tool
        values: dict[str, Value] = {
            "effect": Word(tool.effect),
            "consequential": Truth(tool.consequential),
            "domain": Word(self.catalogue.domain),
            "trust": Word(tool.trust),
        }
        return Record(dict.fromkeys(values, True), values.__getitem__)

    def _origin(self, kind: Type) -> Record:
        has = {sink: self.sinks[sink] for sink in kind.fields}
        return Record(has, lambda sink: self.symbols.value(kind.fields[sink], f"origin.{sink}"))

    def _sinks(self, kind: Type) -> Record:
        """Which origins the sinks' values have, and whether each strange one was referred to."""
        bank = self.bank
        undeclared = undeclared_sinks(self.symbols, self.tool)

        def seen(origin: str) -> Bool:
            each = (
                bank.and_(there, bank.same(bank.var("text", f"origin.{sink}"), origin))
                for sink, there in self.sinks.items()
            )
            return bank.or_(*each, undeclared.get(origin, False))

        def said(name: str) -> Value:
            if name in ORIGINS:
                return Truth(seen(name))
            strange = bank.or_(*map(seen, STRANGE))
            return Truth(bank.implies(strange, bank.var("bool", f"sinks.{name}")))

        return Record(dict.fromkeys(kind.fields, True), said)


def request_environment(
    tool: Tool,
    sets: Iterable[CompiledSet],
    catalogue: ToolCatalogue,
) -> RequestEnvironment:
    """Translate what policy sets say of one tool.

    Args:
        tool: a tool of the catalogue.
        sets: compiled policy sets; those that do not govern the tool are left aside.
        catalogue: the catalogue they were compiled against.

    Returns:
        The environment. Rules that only the monitor can judge are left out, as in a decision.
    """
    governing = tuple(each for each in sets if each.covers)
    one_tool = ToolCatalogue(domain=catalogue.domain, tools=(tool,))
    environment = RequestEnvironment(
        tool=tool,
        catalogue=catalogue,
        sets=governing,
        symbols=Symbols(Bank()),
        contexts={each.digest: _context_type(each, one_tool, catalogue) for each in governing},
        limits=Domain.of(tool, _plans(governing)),
    )
    own: list[Bool] = []
    if governing:
        inputs = environment.contexts[governing[0].digest].fields["input"]
        environment.sinks, own = sink_presence(environment.symbols, tool, inputs)
    rules = [
        _judged(environment, owner, rule)
        for owner in governing
        for rule in owner.rules
        if rule.about(tool.name) and not owner.defers(rule)
    ]
    environment.rules = tuple(rules)
    kin = kin_hold(environment.bank, dict(_facts(environment)))
    if governing:
        own += schema_holds(environment.symbols, inputs, environment.limits.shapes)
    environment.domain = (*own, *kin, *_exclusive(environment.bank, rules))
    return environment


def expression(text: str) -> Mapping[str, JsonValue]:
    """Cedar's JSON form of one expression.

    Raises:
        UnsupportedError: the text is no single expression.
    """
    try:
        read = cedarpy.policies_to_json_str(
            f"permit(principal, action, resource) when {{{text}\n}};"
        )
        (policy,) = orjson.loads(read)["staticPolicies"].values()
        (condition,) = policy["conditions"]
    except ValueError as error:
        raise UnsupportedError(f"this is no expression: {error}") from None
    return cast("Mapping[str, JsonValue]", condition["body"])


def fact_path(owner: CompiledSet, name: str) -> str:
    """The variable of a fact: facts that are declared alike are one history, so one variable."""
    return f"past.{name}#{owner.plans[name].identity}"


def _plans(sets: Iterable[CompiledSet]) -> dict[str, FactPlan]:
    """Every fact that a host can know, by its variable."""
    return {
        fact_path(owner, name): plan
        for owner in sets
        for name, plan in owner.plans.items()
        if not plan.deferred
    }


def _facts(environment: RequestEnvironment) -> Iterator[tuple[str, Fact]]:
    for owner in environment.sets:
        for path, plan in _plans([owner]).items():
            value = environment.fact(owner.digest, plan.name)
            yield path, (plan, value, environment.fact_presence(owner.digest, plan.name))


def _context_type(owner: CompiledSet, one: ToolCatalogue, catalogue: ToolCatalogue) -> Type:
    schema = rule_schema(one, kinds_of(owner.policy_set, catalogue))
    space = cast("dict[str, dict[str, dict[str, dict[str, JsonValue]]]]", schema[""])
    return type_of(space["actions"][one.tools[0].name]["appliesTo"]["context"])


def _judged(environment: RequestEnvironment, owner: CompiledSet, rule: Rule) -> JudgedRule:
    translator, tree = environment.translator(owner.digest), rule.tree
    try:
        satisfied, errs = translator.rule(tree)
    except UnsupportedError as error:
        scope = translator.scope(tree)
        free = [
            environment.bank.var("bool", f"{_meaning(owner, rule)} {word}")
            for word in ("satisfied", "errs")
        ]
        satisfied, errs = (environment.bank.and_(scope, each) for each in free)
        return JudgedRule(owner, rule, satisfied, errs, unsupported=str(error))
    return JudgedRule(owner, rule, satisfied, errs)


def _meaning(owner: CompiledSet, rule: Rule) -> str:
    """What a rule's truth depends on: two rules of one text and the same facts are as true."""
    facts = (owner.plans[name].identity for name in sorted(rule.use.facts))
    return " ".join([rule.text, *facts])


def _exclusive(bank: Bank, rules: Sequence[JudgedRule]) -> list[Bool]:
    """A rule that errs is not satisfied; said of those whose truth is free."""
    return [bank.not_(bank.and_(each.satisfied, each.errs)) for each in rules if each.unsupported]
