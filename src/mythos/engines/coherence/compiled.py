"""Compiled terms: what is computed often becomes one Python function, tree to tree.

It takes as long to make as some fifty evaluations by `terms.Evaluation`, and then computes the same
in a tenth of the time. A term that is large as a tree, since it shares parts, stays as it is.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator
from typing import TypeAlias, cast

from mythos.engines.coherence.terms import (
    Assignment,
    Evaluation,
    Pattern,
    Term,
    matches,
    parts_of,
)

Check: TypeAlias = "Callable[[Callable[[str, object], object]], bool]"
"""From the `get` of an assignment to the value of a bool term."""

MAX_NODES = 8_000
OFTEN = 50
_DEFAULTS: dict[str, object] = {"bool": False, "int": 0, "text": ""}
_COMPARED: dict[str, type[ast.cmpop]] = {"le": ast.LtE, "eq": ast.Eq, "same": ast.Eq}
_COMPUTED: dict[str, type[ast.operator]] = {
    "add": ast.Add,
    "scale": ast.Mult,
    "div": ast.FloorDiv,
}


class Checks:
    """Computes terms; keeps the functions of those it has met often."""

    def __init__(self) -> None:
        """Begin with none."""
        self._met: dict[Term, int] = {}
        self._known: dict[Term, Check | None] = {}

    def wrong(self, terms: Iterable[Term], assignment: Assignment) -> Term | None:
        """A term that does not hold under an assignment; of a conjunction the part that does not.

        Returns:
            The first, or the part of it; None if all hold.
        """
        values, get = Evaluation(assignment), assignment.get
        for term in terms:
            check = self._check(term)
            if not (check(get) if check else values.holds(term)):
                return _wrong_part(term, values)
        return None

    def _check(self, term: Term) -> Check | None:
        if term in self._known:
            return self._known[term]
        met = self._met[term] = self._met.get(term, 0) + 1
        if met > OFTEN:
            self._known[term] = compiled(term)
        return None


def _wrong_part(term: Term, values: Evaluation) -> Term:
    while term.op == "and":
        parts = cast("tuple[Term, ...]", term.args)
        term = next(each for each in parts if not values.holds(each))
    return term


def compiled(term: Term) -> Check | None:
    """A bool term as a function.

    Args:
        term: of any depth.

    Returns:
        The function; None if the term, written out as a tree, is larger than `MAX_NODES`.
    """
    try:
        body = _Writer().of(term)
        given = ast.arguments(
            posonlyargs=[ast.arg("get")], args=[], kwonlyargs=[], kw_defaults=[], defaults=[]
        )
        tree = ast.fix_missing_locations(ast.Expression(ast.Lambda(given, body)))
        code = compile(tree, "<term>", "eval")
    except (_TooLargeError, RecursionError):
        return None
    check: Check = eval(code, {"__builtins__": {}, "matches": matches})  # noqa: S307 - no text was parsed
    return check


class _TooLargeError(Exception):
    """The term shares so many parts that its tree is too large."""


class _Writer:
    """Writes terms as Python expressions; counts what it writes."""

    def __init__(self) -> None:
        self._n_nodes = 0

    def of(self, term: object) -> ast.expr:  # noqa: PLR0911 - a line an operator
        self._n_nodes += 1
        if self._n_nodes > MAX_NODES:
            raise _TooLargeError
        if not isinstance(term, Term):
            return ast.Constant(cast("str", term))
        op, args = term.op, term.args
        if op in _DEFAULTS:
            return _got(args[0], _DEFAULTS[op])
        if op in {"and", "or"}:
            sign = ast.And() if op == "and" else ast.Or()
            return ast.BoolOp(sign, list(self._all(args)))
        if op == "not":
            return ast.UnaryOp(ast.Not(), self.of(args[0]))
        if op in _COMPARED:
            one, other = self._all(args)
            return ast.Compare(one, [_COMPARED[op]()], [other])
        if op in _COMPUTED:
            one, other = self._all(args)
            return ast.BinOp(one, _COMPUTED[op](), other)
        if op == "pick":
            return ast.IfExp(*self._all(args))
        if op == "member":
            members = _got(args[0], frozenset())
            return ast.Compare(self.of(args[1]), [ast.In()], [members])
        return _like(self.of(args[0]), cast("Pattern", args[1]))

    def _all(self, terms: tuple[object, ...]) -> Iterator[ast.expr]:
        return map(self.of, terms)


def _got(name: object, default: object) -> ast.expr:
    named, otherwise = ast.Constant(cast("str", name)), ast.Constant(cast("str", default))
    return ast.Call(ast.Name("get", ast.Load()), [named, otherwise], [])


def _like(text: ast.expr, pattern: Pattern) -> ast.expr:
    first, middle, last = parts_of(pattern)
    if not middle and last == "":
        begins = ast.Attribute(text, "startswith", ast.Load())
        return ast.Call(begins, [ast.Constant(first)], [])
    if len(middle) == 1 and first == last == "":
        return ast.Compare(ast.Constant(middle[0]), [ast.In()], [text])
    fixed = ast.Constant(cast("str", pattern))
    return ast.Call(ast.Name("matches", ast.Load()), [fixed, text], [])
