"""Translate rules from Cedar's JSON form to one Python function that says which of them match.

A rule has a translation only if everything in it does: literals, attributes of the context that
the schema knows, `has`, `&&`, `||`, `!`, `if`, comparisons and arithmetic of Longs, `==` of what is
of one type, `like`, sets of scalars, and entities that are written out. Decimals, times, addresses,
records as values and whatever Cedar may learn later have none.

Law: where the function returns, each answer is Cedar's and no rule errs. Where some rule errs it
raises `KeyError` or `OverflowError`, and Cedar itself says why.

Source: Cedar policy language reference, "JSON policy format" and "Operators and functions".
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeAlias

from mythos.engines.policy.native import terms
from mythos.engines.policy.native.runtime import FUNCTIONS
from mythos.engines.policy.native.terms import BINARY, NotNativeError, Term, Type

Node: TypeAlias = "Mapping[str, object]"
Named: TypeAlias = "tuple[Node, str]"
Matches: TypeAlias = "tuple[bool, ...]"
Matcher: TypeAlias = "Callable[[str, Mapping[str, object]], tuple[Matches, Matches]]"
"""From an agent and a context of the schema's type: whether each rule matches."""

MAX_DEPTH = 64
_LITERALS = frozenset({"Value", "Var", "Set"})


def matcher_of(
    forbids: Iterable[Named], permits: Iterable[Named], *, tool: str, context: Type
) -> Matcher | None:
    """One function for several rules, which tells of the forbids and the permits apart.

    Args:
        forbids, permits: Cedar's JSON form of each rule, and the name that its `context.past` has
            in an evaluation.
        tool: what `action` and `resource` name.
        context: the type of the context that the function will be given.

    Returns:
        The function; None if a rule has no exact translation.
    """
    try:
        rows: list[ast.expr] = []
        for rules in (forbids, permits):
            row = [Translator(tool, context, past=past).rule(tree).code for tree, past in rules]
            rows.append(ast.Tuple(row, ast.Load()))
        body = ast.Tuple(rows, ast.Load())
        names = [ast.arg("agent"), ast.arg("context")]
        given = ast.arguments(
            posonlyargs=names, args=[], kwonlyargs=[], kw_defaults=[], defaults=[]
        )
        tree = ast.fix_missing_locations(ast.Expression(ast.Lambda(given, body)))
        code = compile(tree, "<rules>", "eval")
    except (NotNativeError, KeyError, RecursionError):
        return None
    matcher: Matcher = eval(code, {"__builtins__": {}, **FUNCTIONS})  # noqa: S307 - no text was parsed
    return matcher


class Translator:
    """Translates the rules of one policy set about one tool."""

    def __init__(self, tool: str, context: Type, *, past: str) -> None:
        """Keep the variables; `past` is what the set's `context.past` is called."""
        self._variables = {
            "principal": Term(ast.Name("agent", ast.Load()), _entity("Agent")),
            "action": Term(ast.Constant(tool), _entity("Action")),
            "resource": Term(ast.Constant(tool), _entity("Tool")),
            "context": Term(ast.Name("context", ast.Load()), context),
        }
        self._past = past
        self._depth = 0

    def rule(self, policy: Node) -> Term:
        """Whether a static policy matches.

        Raises:
            NotNativeError: part of it has no exact translation.
        """
        parts = [self._scope(name, policy) for name in ("principal", "action", "resource")]
        for each in _list(policy.get("conditions", [])):
            clause = _node(each)
            body = self._term(clause["body"])
            parts.append({"when": body, "unless": terms.unary("!", body)}[str(clause["kind"])])
        return terms.chain("&&", parts)

    def _scope(self, name: str, policy: Node) -> Term:
        variable, scope = self._variables[name], _node(policy[name])
        match scope.get("op"):
            case "All":
                return terms.TRUE
            case "==" | "in":
                return terms.inside(variable, _named(scope))
            case "is":
                within = _named(_node(scope["in"])) if "in" in scope else None
                return terms.is_type(variable, scope["entity_type"], within)
        raise NotNativeError("a scope of an unknown form")

    def _term(self, node: object) -> Term:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise NotNativeError(f"an expression that nests deeper than {MAX_DEPTH}")
        if not isinstance(node, Mapping) or len(node) != 1:
            raise NotNativeError("an expression of an unknown form")
        ((op, body),) = node.items()
        found = self._literal(op, body) if op in _LITERALS else self._operation(op, _node(body))
        self._depth -= 1
        return found

    def _literal(self, op: str, body: object) -> Term:
        if op == "Var":
            return self._variables[str(body)]
        if op == "Set":
            return terms.listed([self._term(each) for each in _list(body)])
        return terms.constant(body)

    def _operation(self, op: str, body: Node) -> Term:  # noqa: PLR0911 - a line an operator
        match op:
            case "&&" | "||":
                return terms.chain(op, [self._term(body["left"]), self._term(body["right"])])
            case "if-then-else":
                return terms.choose(*(self._term(body[part]) for part in ("if", "then", "else")))
            case "!" | "neg" | "isEmpty":
                return terms.unary(op, self._term(body["arg"]))
            case "." | "has":
                return self._attribute(op, body)
            case "like":
                return terms.like(self._term(body["left"]), _list(body["pattern"]))
            case "in":
                return terms.inside(self._term(body["left"]), self._entities(body["right"]))
            case "is":
                within = self._entities(body["in"]) if "in" in body else None
                return terms.is_type(self._term(body["left"]), body["entity_type"], within)
            case _ if op in BINARY:
                return terms.binary(op, self._term(body["left"]), self._term(body["right"]))
        raise NotNativeError(f"the operator {op!r}")

    def _attribute(self, op: str, body: Node) -> Term:
        record, name = self._term(body["left"]), str(body["attr"])
        if record is self._variables["context"] and name == "past":
            name = self._past
        if op == "has":
            return terms.has(record, name)
        return terms.attribute(record, name)

    def _entities(self, node: object) -> list[Term]:
        """Entities that are written out, one or a set."""
        listed = _node(node).get("Set")
        return [self._term(each) for each in ([node] if listed is None else _list(listed))]


def _entity(name: str) -> Type:
    return {"type": "Entity", "name": name}


def _named(scope: Node) -> list[Term]:
    """The entities that a scope names."""
    several = _list(scope["entities"]) if "entities" in scope else [scope["entity"]]
    return [terms.entity(_node(each)) for each in several]


def _node(value: object) -> Node:
    if isinstance(value, Mapping):
        return value
    raise NotNativeError("an expression of an unknown form")


def _list(value: object) -> Sequence[object]:
    if isinstance(value, list):
        return value
    raise NotNativeError("an expression of an unknown form")
