"""Terms: the small logic that rules are translated to, before any solver sees them.

A term is a Python constant or an interned node, so equal terms are one object and constants fold
as they are built. Terms know no solver: `value_of` computes any of them under an assignment, which
is how a model is checked and made smaller. Sorts: bool, int, text. `like` and `member` are atoms
about one text or one set; that equal texts match alike is the solver's care, not the terms'.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Literal, TypeAlias, cast

Sort = Literal["bool", "int", "text"]
Pattern: TypeAlias = "tuple[str | None, ...]"  # literals, None for each `*`
Constant: TypeAlias = "bool | int | str"
Assignment: TypeAlias = "Mapping[str, bool | int | str | frozenset[int | str]]"

_NAMED = frozenset({"bool", "int", "text", "member"})


class Term:
    """A node: `op` over `args`. Compared by identity; a `Bank` makes each node once."""

    __slots__ = ("args", "op")

    def __init__(self, op: str, args: tuple[object, ...]) -> None:
        """Keep the parts; only a `Bank` should call this."""
        self.op = op
        self.args = args

    def __repr__(self) -> str:
        return f"{self.op}({', '.join(map(repr, self.args))})"


Bool: TypeAlias = "Term | bool"
Int: TypeAlias = "Term | int"
Text: TypeAlias = "Term | str"


@dataclass(slots=True)
class Bank:
    """Makes terms. Owned by one request environment; terms of two banks never mix."""

    _known: dict[tuple[object, ...], Term] = field(default_factory=dict)
    _names: dict[Term, frozenset[str]] = field(default_factory=dict)
    sorts: dict[str, Sort] = field(default_factory=dict)

    def _node(self, op: str, *args: object) -> Term:
        key = (op, *args)
        term = self._known.get(key)
        if term is None:
            term = self._known[key] = Term(op, args)
        return term

    def var(self, sort: Sort, name: str) -> Term:
        """A variable of a sort."""
        self.sorts[name] = sort
        return self._node(sort, name)

    def names_in(self, term: Term) -> frozenset[str]:
        """The variables on which a term's value depends."""
        found = self._names.get(term)
        if found is None:
            own = {str(term.args[0])} if term.op in _NAMED else set()
            parts = (self.names_in(each) for each in term.args if isinstance(each, Term))
            found = self._names[term] = frozenset(own.union(*parts))
        return found

    def asked_of(self, name: str) -> list[Int | Text]:
        """Every element of which a term asks whether the set `name` contains it."""
        nodes = (term for term in self._known.values() if term.op == "member")
        return [cast("Int | Text", term.args[1]) for term in nodes if term.args[0] == name]

    def compared_with(self, text: Term) -> list[str]:
        """Every constant that a term says a text variable is equal to."""
        nodes = (term for term in self._known.values() if term.op == "same")
        return [
            str(term.args[1])
            for term in nodes
            if term.args[0] is text and isinstance(term.args[1], str)
        ]

    def not_(self, term: Bool) -> Bool:
        """Negation."""
        if isinstance(term, bool):
            return not term
        if term.op == "not":
            inner = term.args[0]
            return inner if isinstance(inner, Term) else bool(inner)
        return self._node("not", term)

    def and_(self, *terms: Bool) -> Bool:
        """Conjunction of any number; none is True."""
        return self._joined("and", terms, unit=True)

    def or_(self, *terms: Bool) -> Bool:
        """Disjunction of any number; none is False."""
        return self._joined("or", terms, unit=False)

    def _joined(self, op: str, terms: Iterable[Bool], *, unit: bool) -> Bool:
        parts: dict[Term, None] = {}
        for term in terms:
            if isinstance(term, bool):
                if term is not unit:
                    return not unit
            elif term.op == op:
                parts.update(dict.fromkeys(each for each in term.args if isinstance(each, Term)))
            else:
                parts[term] = None
        for part in parts:
            if part.op == "not" and part.args[0] in parts:
                return not unit
        if len(parts) < 2:
            return next(iter(parts), unit)
        return self._node(op, *parts)

    def implies(self, one: Bool, other: Bool) -> Bool:
        """Whether `other` holds wherever `one` does."""
        return self.or_(self.not_(one), other)

    def iff(self, one: Bool, other: Bool) -> Bool:
        """Whether both hold or neither."""
        return self.choose(one, other, self.not_(other))

    def choose(self, test: Bool, then: Bool, other: Bool) -> Bool:
        """`then` where `test` holds, else `other`."""
        if isinstance(test, bool):
            return then if test else other
        if then is other:
            return then
        return self.or_(self.and_(test, then), self.and_(self.not_(test), other))

    def le(self, one: Int, other: Int) -> Bool:
        """`one <= other`."""
        if isinstance(one, int) and isinstance(other, int):
            return one <= other
        return True if one is other else self._node("le", one, other)

    def between(self, low: int, term: Int, high: int) -> Bool:
        """`low <= term <= high`."""
        return self.and_(self.le(low, term), self.le(term, high))

    def equal(self, one: Int, other: Int) -> Bool:
        """`one == other`, of integers."""
        if isinstance(one, int) and isinstance(other, int):
            return one == other
        if one is other:
            return True
        if isinstance(one, int):
            one, other = other, one
        return self._node("eq", one, other)

    def add(self, one: Int, other: Int) -> Int:
        """The unbounded sum."""
        if isinstance(one, int) and isinstance(other, int):
            return one + other
        if one == 0:
            return other
        return one if other == 0 else self._node("add", one, other)

    def scale(self, factor: int, term: Int) -> Int:
        """The unbounded product with a constant."""
        if isinstance(term, int):
            return factor * term
        if factor in {0, 1}:
            return term if factor else 0
        return self._node("scale", factor, term)

    def floor_div(self, term: Int, by: int) -> Int:
        """The quotient by a positive constant, rounded down."""
        return term // by if isinstance(term, int) else self._node("div", term, by)

    def pick(self, test: Bool, then: Int, other: Int) -> Int:
        """The integer `then` where `test` holds, else `other`."""
        if isinstance(test, bool):
            return then if test else other
        if then is other or (isinstance(then, int) and then == other):
            return then
        return self._node("pick", test, then, other)

    def same(self, one: Text, other: Text) -> Bool:
        """Whether two texts are equal."""
        if isinstance(one, str) and isinstance(other, str):
            return one == other
        if one is other:
            return True
        if isinstance(one, str) or (
            isinstance(other, Term) and str(other.args[0]) < str(one.args[0])
        ):
            one, other = other, one
        return self._node("same", one, other)

    def like(self, text: Text, pattern: Pattern) -> Bool:
        """Whether a text matches a pattern."""
        if isinstance(text, str):
            return matches(pattern, text)
        if pattern == (None,):
            return True
        if None not in pattern:
            return self.same(text, "".join(each or "" for each in pattern))
        return self._node("like", text, pattern)

    def member(self, name: str, element: Int | Text) -> Term:
        """Whether the set variable `name` contains an element."""
        return self._node("member", name, element)


def matches(pattern: Pattern, text: str) -> bool:
    """Whether `text` matches, by the greedy rule for globs: each literal at its first place."""
    first, middle, last = parts_of(pattern)
    if last is None:
        return text == first
    at, end = len(first), len(text) - len(last)
    if end < at or not (text.startswith(first) and text.endswith(last)):
        return False
    for part in middle:
        found = text.find(part, at, end)
        if found < 0:
            return False
        at = found + len(part)
    return True


@lru_cache(maxsize=4_096)
def parts_of(pattern: Pattern) -> tuple[str, tuple[str, ...], str | None]:
    """The literals before, between and after the `*`; no last one where there is no `*`."""
    parts = [""]
    for each in pattern:
        if each is None:
            parts.append("")
        else:
            parts[-1] += each
    return parts[0], tuple(parts[1:-1]), parts[-1] if len(parts) > 1 else None


class Evaluation:
    """Values of terms under one assignment, each computed once. Unassigned is False, 0 or ''."""

    def __init__(self, assignment: Assignment) -> None:
        """Keep the assignment; it must not change."""
        self._assignment = assignment
        self._known: dict[Term, Constant] = {}

    def holds(self, term: Bool) -> bool:
        """The value of a bool term."""
        return bool(self.of(term))

    def of(self, term: Term | Constant) -> Constant:
        """The value of any term."""
        if not isinstance(term, Term):
            return term
        known = self._known.get(term)
        if known is None:
            known = self._known[term] = _MEANING[term.op](self, *term.args)
        return known

    def assigned(self, name: str, default: Constant) -> Constant:
        """The value of a bool, int or text variable."""
        return cast("Constant", self._assignment.get(name, default))

    def members(self, name: str) -> frozenset[int | str]:
        """The members of a set variable."""
        return cast("frozenset[int | str]", self._assignment.get(name, frozenset()))


def _all(values: Evaluation, *args: Term) -> bool:
    for each in args:  # noqa: SIM110 - `all` would cost a generator for each node
        if not values.of(each):
            return False
    return True


def _any(values: Evaluation, *args: Term) -> bool:
    for each in args:  # noqa: SIM110 - the same
        if values.of(each):
            return True
    return False


def _arithmetic(act: Callable[[int, int], Constant]) -> Callable[..., Constant]:
    return lambda values, one, other: act(int(values.of(one)), int(values.of(other)))


_MEANING: Mapping[str, Callable[..., Constant]] = {
    "and": _all,
    "or": _any,
    "not": lambda values, term: not values.of(term),
    "bool": lambda values, name: bool(values.assigned(name, default=False)),
    "int": lambda values, name: int(values.assigned(name, default=0)),
    "text": lambda values, name: str(values.assigned(name, default="")),
    "member": lambda values, name, element: values.of(element) in values.members(name),
    "like": lambda values, text, pattern: matches(pattern, str(values.of(text))),
    "pick": lambda values, test, then, other: values.of(then if values.of(test) else other),
    "same": lambda values, one, other: values.of(one) == values.of(other),
    "le": _arithmetic(operator.le),
    "eq": _arithmetic(operator.eq),
    "add": _arithmetic(operator.add),
    "scale": _arithmetic(operator.mul),
    "div": _arithmetic(operator.floordiv),
}
