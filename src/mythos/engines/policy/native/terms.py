"""Terms: a Python expression that computes a Cedar value, and the value's Cedar type.

Everything here is exact for values of the types it is given, and refuses other types: `True == 1`
holds in Python, so no Bool is ever compared with a Long. A sum that leaves 64 bits raises
`OverflowError`, an absent attribute `KeyError`.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias, cast

from pydantic import JsonValue

from mythos.engines.policy.native.runtime import LONG

Type: TypeAlias = "Mapping[str, JsonValue]"
"""As in Cedar's JSON schema format; of an entity `{"type": "Entity", "name": …}`."""

BOOL: Type = {"type": "Boolean"}
_TEXT: Type = {"type": "String"}
_WHOLE: Type = {"type": "Long"}
_SCALARS = ("Boolean", "Long", "String")

_COMPARED: dict[str, type[ast.cmpop]] = {
    "<": ast.Lt,
    "<=": ast.LtE,
    ">": ast.Gt,
    ">=": ast.GtE,
}
_COMPUTED: dict[str, type[ast.operator]] = {"+": ast.Add, "-": ast.Sub, "*": ast.Mult}
_SETS = {"containsAll": "contains_all", "containsAny": "contains_any"}
BINARY = frozenset({"==", "!=", "contains", *_COMPARED, *_COMPUTED, *_SETS})


class NotNativeError(Exception):
    """An expression without an exact translation; Cedar itself evaluates it."""


@dataclass(frozen=True, slots=True)
class Term:
    """An expression and the type of what it computes."""

    code: ast.expr
    type: Type

    @property
    def kind(self) -> str:
        """The name of the type, such as `Long`, `Set` or `Entity`."""
        return str(self.type["type"])

    def needs(self, kind: str) -> ast.expr:
        """The expression.

        Raises:
            NotNativeError: it is of another kind.
        """
        if self.kind != kind:
            raise NotNativeError(f"a {self.kind} where a {kind} is expected")
        return self.code


TRUE = Term(ast.Constant(value=True), BOOL)
FALSE = Term(ast.Constant(value=False), BOOL)


def constant(value: object) -> Term:
    """A literal of Cedar's JSON form."""
    if isinstance(value, bool):
        return TRUE if value else FALSE
    if isinstance(value, int) and -LONG <= value < LONG:
        return Term(ast.Constant(value), _WHOLE)
    if isinstance(value, str):
        return Term(ast.Constant(value), _TEXT)
    if isinstance(value, Mapping) and isinstance(value.get("__entity"), Mapping):
        return entity(value["__entity"])
    raise NotNativeError("a literal of an unknown kind")


def entity(named: Mapping[str, object]) -> Term:
    """An entity that is written out: its code is its id."""
    return Term(ast.Constant(str(named["id"])), {"type": "Entity", "name": str(named["type"])})


def attribute(record: Term, name: str) -> Term:
    """`record.name`."""
    read = ast.Subscript(record.code, ast.Constant(name), ast.Load())
    return Term(read, _attributes(record)[name])


def has(record: Term, name: str) -> Term:
    """`record has name`, of an attribute that the type knows."""
    if name not in _attributes(record):
        raise NotNativeError(f"an attribute {name} that is not declared")
    return Term(_compare(ast.Constant(name), ast.In, record.code), BOOL)


def unary(op: str, one: Term) -> Term:
    """`!a`, `-a` and `a.isEmpty()`."""
    if op == "neg":
        return Term(call("whole", ast.UnaryOp(ast.USub(), one.needs("Long"))), _WHOLE)
    wanted = {"!": "Boolean", "isEmpty": "Set"}[op]
    return Term(ast.UnaryOp(ast.Not(), one.needs(wanted)), BOOL)


def binary(op: str, one: Term, other: Term) -> Term:
    """The operators of `BINARY`."""
    if op == "==":
        return equal(one, other)
    if op == "!=":
        return unary("!", equal(one, other))
    if op in _COMPARED:
        return Term(_compare(one.needs("Long"), _COMPARED[op], other.needs("Long")), BOOL)
    if op in _COMPUTED:
        left, right = one.needs("Long"), other.needs("Long")
        return Term(call("whole", ast.BinOp(left, _COMPUTED[op](), right)), _WHOLE)
    if op == "contains":
        if _element(one) != other.kind:
            raise NotNativeError(f"a Set that cannot hold a {other.kind}")
        return Term(_compare(other.code, ast.In, one.code), BOOL)
    _alike(one, other)
    return Term(call(_SETS[op], one.code, other.code), BOOL)


def equal(one: Term, other: Term) -> Term:
    """`one == other`, of one type; entities of two types are known to differ."""
    if one.kind == other.kind == "Entity":
        if one.type != other.type:
            return FALSE
    elif one.kind == "Set":
        _alike(one, other)
        return Term(call("equal_sets", one.code, other.code), BOOL)
    elif one.kind != other.kind or one.kind not in _SCALARS:
        raise NotNativeError(f"`==` of a {one.kind} and a {other.kind}")
    if isinstance(one.code, ast.Constant) and isinstance(other.code, ast.Constant):
        return TRUE if one.code.value == other.code.value else FALSE
    return Term(_compare(one.code, ast.Eq, other.code), BOOL)


def inside(one: Term, others: Sequence[Term]) -> Term:
    """Whether an entity is `in` any of some that are written out: here no entity has parents."""
    one.needs("Entity")
    codes = [other.needs("Entity") for other in others if other.type == one.type]
    ids = frozenset(code.value for code in codes if isinstance(code, ast.Constant))
    if any(not isinstance(other.code, ast.Constant) for other in others):
        raise NotNativeError("`in` of an entity that is not written out")
    if isinstance(one.code, ast.Constant):
        return TRUE if one.code.value in ids else FALSE
    return Term(_compare(one.code, ast.In, _fixed(ids)), BOOL)


def is_type(one: Term, name: object, others: Sequence[Term] | None) -> Term:
    """`one is name`, or `one is name in …`."""
    one.needs("Entity")
    if one.type["name"] != name:
        return FALSE
    return TRUE if others is None else inside(one, others)


def listed(elements: Sequence[Term]) -> Term:
    """A set that is written out, of one scalar type."""
    kinds = {each.kind for each in elements}
    if len(kinds) != 1 or not kinds <= {*_SCALARS}:
        raise NotNativeError("a Set that is empty or not of one scalar type")
    type_: Type = {"type": "Set", "element": dict(elements[0].type)}
    codes = [each.code for each in elements]
    values = [code.value for code in codes if isinstance(code, ast.Constant)]
    if len(values) == len(codes):
        return Term(_fixed(frozenset(values)), type_)
    return Term(ast.Tuple(codes, ast.Load()), type_)


def like(one: Term, pattern: Sequence[object]) -> Term:
    """`one like "…"`, of Cedar's JSON form of a pattern."""
    parts = [""]
    for each in pattern:
        if each == "Wildcard":
            parts.append("")
        elif isinstance(each, Mapping) and isinstance(each.get("Literal"), str):
            parts[-1] += each["Literal"]
        else:
            raise NotNativeError("a pattern of an unknown form")
    text = one.needs("String")
    if len(parts) == 1:
        return Term(_compare(text, ast.Eq, ast.Constant(parts[0])), BOOL)
    if len(parts) == 2 and not parts[1]:
        begins = ast.Attribute(text, "startswith", ast.Load())
        return Term(ast.Call(begins, [ast.Constant(parts[0])], []), BOOL)
    return Term(call("like", text, _fixed(tuple(parts))), BOOL)


def choose(test: Term, then: Term, other: Term) -> Term:
    """`if test then … else …`, both of one scalar type."""
    if then.kind != other.kind or then.kind not in _SCALARS:
        raise NotNativeError("an `if` of two types")
    return Term(ast.IfExp(test.needs("Boolean"), then.code, other.code), then.type)


def chain(op: str, parts: Sequence[Term]) -> Term:
    """`a && b && …` or `a || b || …`: what comes later is not evaluated where it need not be."""
    sign = ast.And() if op == "&&" else ast.Or()
    codes = [each.needs("Boolean") for each in parts]
    return Term(codes[0] if len(codes) == 1 else ast.BoolOp(sign, codes), BOOL)


def call(name: str, *arguments: ast.expr) -> ast.expr:
    """A call of one of `runtime.FUNCTIONS`."""
    return ast.Call(ast.Name(name, ast.Load()), list(arguments), [])


def _fixed(value: object) -> ast.expr:
    """A constant of any immutable kind; the types of `ast` name only some."""
    return ast.Constant(cast("str", value))


def _compare(one: ast.expr, sign: type[ast.cmpop], other: ast.expr) -> ast.expr:
    return ast.Compare(one, [sign()], [other])


def _attributes(record: Term) -> Mapping[str, Type]:
    record.needs("Record")
    return cast("Mapping[str, Type]", record.type["attributes"])


def _element(group: Term) -> str:
    """The kind of a Set's elements, if it is a scalar."""
    group.needs("Set")
    element = group.type.get("element")
    kind = str(element.get("type")) if isinstance(element, Mapping) else ""
    if kind not in _SCALARS:
        raise NotNativeError("a Set of what is no scalar")
    return kind


def _alike(one: Term, other: Term) -> None:
    if _element(one) != _element(other):
        raise NotNativeError("Sets of two types")
