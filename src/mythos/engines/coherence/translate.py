"""Translate Cedar's JSON form of a rule to terms: when it is satisfied, and when it errs.

Every expression becomes a value and a term that says whether evaluating it succeeds, with Cedar's
own order of evaluation: `&&`, `||` and `if` never evaluate what they need not, an overflow or an
absent attribute is an error, and `==` never is. What has no exact translation raises
`UnsupportedError`; nothing is approximated here.

Source: Cedar policy language reference, "JSON policy format" and "Operators and functions".
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TypeAlias

from mythos.engines.coherence import numbers, operators, relations
from mythos.engines.coherence.operators import Outcome
from mythos.engines.coherence.symbols import (
    Either,
    Entity,
    Listed,
    Number,
    Record,
    Truth,
    UnsupportedError,
    Value,
    Word,
)
from mythos.engines.coherence.terms import Bank, Bool, Term

Node: TypeAlias = "Mapping[str, object]"

MAX_DEPTH = 64  # chains of one operator count once
_FAILED: Outcome = (Truth(term=False), False)
_KNOWN = operators.BINARY | {".", "has", "is", "like", "!", "neg", "isEmpty"}


class Translator:
    """Translates expressions about the variables of one request environment."""

    def __init__(self, bank: Bank, variables: Mapping[str, Value]) -> None:
        """Keep the bank, and the values of principal, action, resource and context."""
        self._bank = bank
        self._variables = variables
        self._assumed: list[frozenset[Term]] = [frozenset()]
        self._depth = 0

    def rule(self, policy: Node) -> tuple[Bool, Bool]:
        """When a static policy is satisfied, and when evaluating it errs.

        Raises:
            UnsupportedError: part of it has no exact translation.
        """
        with _well_formed():
            result: Outcome = (Truth(self.scope(policy)), True)
            for condition in _nodes(policy.get("conditions", ())):
                body = _node(condition["body"])
                if condition.get("kind") == "unless":
                    body = {"!": {"arg": body}}
                result = self._and_then(result, body)
        truth, ok = result
        return self._bank.and_(_truth(truth), ok), self._bank.not_(ok)

    def scope(self, policy: Node) -> Bool:
        """Whether the scope matches; it cannot err."""
        return self._bank.and_(
            *(
                self._scoped(self._variables[name], _node(policy[name]))
                for name in ("principal", "action", "resource")
            )
        )

    def condition(self, body: Node) -> tuple[Bool, Bool]:
        """When an expression is true without error, and when it errs.

        Raises:
            UnsupportedError: part of it has no exact translation.
        """
        with _well_formed():
            value, ok = self._bool(body)
        return self._bank.and_(_truth(value), ok), self._bank.not_(ok)

    def _scoped(self, value: Value, scope: Node) -> Bool:
        bank, op = self._bank, scope.get("op")
        within = scope.get("in", scope)
        inside = self._inside(value, _node(within)) if op != "All" else True
        if op == "All":
            return True
        if op == "is":
            same = isinstance(value, Entity) and value.type == scope.get("entity_type")
            return bank.and_(same, inside) if "in" in scope else same
        if op in {"==", "in"}:
            return inside
        raise UnsupportedError(f"the scope {op!r}")

    def _inside(self, value: Value, scope: Node) -> Bool:
        named = scope.get("entities") or ([scope["entity"]] if "entity" in scope else [])
        others = [_entity(_node(each)) for each in _list(named)]
        return self._bank.or_(*(relations.equal(self._bank, value, each) for each in others))

    def _bool(self, node: Node) -> Outcome:
        value, ok = self.outcome(node)
        if ok is not False and not isinstance(value, Truth):
            raise UnsupportedError("a condition that is no Bool")
        return value, ok

    def outcome(self, node: Node) -> Outcome:
        """The value of an expression, and whether evaluating it succeeds."""
        self._depth += 1
        try:
            if self._depth > MAX_DEPTH:
                raise UnsupportedError(f"an expression that nests deeper than {MAX_DEPTH}")
            return self._outcome(node)
        finally:
            self._depth -= 1

    def _outcome(self, node: Node) -> Outcome:  # noqa: PLR0911 - one line an operator
        if len(node) != 1:
            raise UnsupportedError("an expression of an unknown form")
        ((op, body),) = node.items()
        match op:
            case "Value":
                return _constant(body)
            case "Var":
                return self._variables[str(body)], True
            case "&&" | "||":
                return self._chain(op, node)
            case "if-then-else":
                return self._conditional(_node(body))
            case "Set":
                return self._listed(_list(body))
            case "Record":
                return self._record(_node(body))
            case "decimal" | "datetime" | "duration":
                return self._literal(op, _list(body))
            case _:
                return self._operation(op, body)

    def _operation(self, op: str, body: object) -> Outcome:  # noqa: PLR0911 - a line an operator
        """Operators that evaluate all of their operands."""
        if op in operators.METHODS:
            return self._strict(
                _list(body), lambda values: operators.method(self._bank, op, values)
            )
        if op not in _KNOWN:
            raise UnsupportedError(f"the operator {op!r}")
        part = _node(body)
        if op == ".":
            return self._one(part["left"], lambda each: self._attribute(each, str(part["attr"])))
        if op == "has":
            return self._one(part["left"], lambda each: self._has(each, str(part["attr"])))
        if op == "is":
            return self._is(part)
        if op == "like":
            pattern = relations.pattern_of(part["pattern"])
            return self._one(part["left"], lambda each: operators.like(self._bank, each, pattern))
        if op in {"!", "neg", "isEmpty"}:
            return self._one(part["arg"], lambda each: operators.unary(self._bank, op, each))
        return self._strict(
            [part["left"], part["right"]], lambda two: operators.binary(self._bank, op, *two)
        )

    def _chain(self, op: str, node: Node) -> Outcome:
        """`a && b && …`, which nests to the left however long it is."""
        parts: list[Node] = []
        while op in node:
            two = _node(node[op])
            parts.append(_node(two["right"]))
            node = _node(two["left"])
        result = self._bool(node)
        step = self._and_then if op == "&&" else self._or_else
        for part in reversed(parts):
            result = step(result, part)
        return result

    def _and_then(self, first: Outcome, body: Node) -> Outcome:
        bank, (value, ok) = self._bank, first
        holds = _truth(value)
        if ok is False or holds is False:
            return first
        with self._assuming(holds):
            then, then_ok = self._bool(body)
        return Truth(bank.and_(holds, _truth(then))), bank.and_(ok, bank.implies(holds, then_ok))

    def _or_else(self, first: Outcome, body: Node) -> Outcome:
        bank, (value, ok) = self._bank, first
        holds = _truth(value)
        if ok is False or holds is True:
            return first
        with self._assuming(bank.not_(holds)):
            other, other_ok = self._bool(body)
        return Truth(bank.or_(holds, _truth(other))), bank.and_(ok, bank.or_(holds, other_ok))

    def _conditional(self, body: Node) -> Outcome:
        test, ok = self._bool(_node(body["if"]))
        if ok is False:
            return _FAILED
        holds = _truth(test)
        if isinstance(holds, bool):
            value, chosen = self.outcome(_node(body["then" if holds else "else"]))
            return value, self._bank.and_(ok, chosen)
        with self._assuming(holds):
            then = self.outcome(_node(body["then"]))
        with self._assuming(self._bank.not_(holds)):
            other = self.outcome(_node(body["else"]))
        value, chosen = self._either(holds, then, other)
        return value, self._bank.and_(ok, chosen)

    @contextmanager
    def _assuming(self, term: Bool) -> Iterator[None]:
        """What is translated inside is only ever evaluated where `term` holds."""
        self._assumed.append(self._assumed[-1] | frozenset(_conjuncts(term)))
        try:
            yield
        finally:
            self._assumed.pop()

    def _known(self, term: Bool) -> Bool:
        return True if term in self._assumed[-1] else term

    def _either(self, test: Bool, then: Outcome, other: Outcome) -> Outcome:
        bank = self._bank
        (one, one_ok), (two, two_ok) = then, other
        ok = bank.choose(test, one_ok, two_ok)
        if two_ok is False or test is True:
            return one, ok
        if one_ok is False or test is False:
            return two, ok
        if isinstance(one, Truth) and isinstance(two, Truth):
            return Truth(bank.choose(test, one.term, two.term)), ok
        if isinstance(one, Number) and isinstance(two, Number) and one.kind == two.kind:
            return Number(one.kind, bank.pick(test, one.term, two.term)), ok
        return Either(test, one, two), ok

    def _one(self, node: object, then: Callable[[Value], Outcome]) -> Outcome:
        return self._strict([node], lambda values: then(values[0]))

    def _strict(
        self, nodes: Sequence[object], then: Callable[[Sequence[Value]], Outcome]
    ) -> Outcome:
        """Evaluate all operands, then each combination of what they may be."""
        outcomes = [self.outcome(_node(each)) for each in nodes]
        ok = self._bank.and_(*(each for _, each in outcomes))
        if ok is False:
            return _FAILED
        value, done = self._spread([each for each, _ in outcomes], then)
        return value, self._bank.and_(ok, done)

    def _spread(
        self, values: Sequence[Value], then: Callable[[Sequence[Value]], Outcome]
    ) -> Outcome:
        for index, each in enumerate(values):
            if isinstance(each, Either):
                before, after = values[:index], values[index + 1 :]
                one = self._spread([*before, each.then, *after], then)
                two = self._spread([*before, each.other, *after], then)
                return self._either(each.test, one, two)
        return then(values)

    def _attribute(self, value: Value, name: str) -> Outcome:
        if isinstance(value, Entity):
            return _FAILED  # requests carry no entities, so none has attributes
        if not isinstance(value, Record):
            raise UnsupportedError("an attribute of what is no record")
        if name not in value.has:
            return _FAILED
        return value.get(name), self._known(value.has[name])

    def _has(self, value: Value, name: str) -> Outcome:
        if isinstance(value, Entity):
            return Truth(term=False), True
        if not isinstance(value, Record):
            raise UnsupportedError("`has` on what is no record")
        return Truth(self._known(value.has.get(name, False))), True

    def _is(self, part: Node) -> Outcome:
        def tested(values: Sequence[Value]) -> Outcome:
            if not isinstance(values[0], Entity):
                raise UnsupportedError("`is` on what is no entity")
            same = values[0].type == part["entity_type"]
            if not same or len(values) == 1:
                return Truth(same), True
            return Truth(relations.inside(self._bank, values[0], values[1])), True

        operands = [part["left"], part["in"]] if "in" in part else [part["left"]]
        return self._strict(operands, tested)

    def _literal(self, kind: str, arguments: Sequence[object]) -> Outcome:
        text = _node(arguments[0]).get("Value") if len(arguments) == 1 else None
        if not isinstance(text, str):
            raise UnsupportedError(f"{kind}(…) of what is no literal")
        value = numbers.literal(kind, text)
        return _FAILED if value is None else (Number(kind, value), True)

    def _listed(self, nodes: Sequence[object]) -> Outcome:
        outcomes = [self.outcome(_node(each)) for each in nodes]
        ok = self._bank.and_(*(each for _, each in outcomes))
        return Listed(tuple(value for value, _ in outcomes)), ok

    def _record(self, body: Node) -> Outcome:
        outcomes = {name: self.outcome(_node(each)) for name, each in body.items()}
        ok = self._bank.and_(*(each for _, each in outcomes.values()))
        return Record(dict.fromkeys(outcomes, True), lambda name: outcomes[name][0]), ok


@contextmanager
def _well_formed() -> Iterator[None]:
    """What is no form of Cedar that this version knows has no translation either."""
    try:
        yield
    except (KeyError, RecursionError):
        raise UnsupportedError("an expression of an unknown form") from None


def _constant(value: object) -> Outcome:
    if isinstance(value, bool):
        return Truth(value), True
    if isinstance(value, int):
        return Number("Long", value), True
    if isinstance(value, str):
        return Word(value), True
    if isinstance(value, Mapping) and "__entity" in value:
        return _entity(_node(value["__entity"])), True
    raise UnsupportedError("a literal of an unknown kind")


def _entity(body: Node) -> Entity:
    body = _node(body.get("__entity", body))
    return Entity(str(body["type"]), str(body["id"]))


def _truth(value: Value) -> Bool:
    return value.term if isinstance(value, Truth) else False


def _conjuncts(term: Bool) -> Iterator[Term]:
    if isinstance(term, Term):
        yield term
        if term.op == "and":
            for each in term.args:
                yield from _conjuncts(each)  # type: ignore[arg-type]


def _node(value: object) -> Node:
    if isinstance(value, Mapping):
        return value
    raise UnsupportedError("an expression of an unknown form")


def _list(value: object) -> Sequence[object]:
    if isinstance(value, list):
        return value
    raise UnsupportedError("an expression of an unknown form")


def _nodes(value: object) -> Iterator[Node]:
    yield from map(_node, _list(list(value) if isinstance(value, tuple) else value))
