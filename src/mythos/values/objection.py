"""What a validator objects to in a document, in plain words: what was read, and what to write."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sized
from typing import Any

from pydantic_core import ErrorDetails

from mythos.values.in_words import IN_WORDS

EXTRA = "extra_forbidden"
MISSING = "missing"

_YES = frozenset({"yes", "y", "on", "true", "1"})
_NO = frozenset({"no", "n", "off", "false", "0"})


def objection(detail: ErrorDetails) -> tuple[str, str]:
    """An objection and its remedy.

    Args:
        detail: as pydantic tells it, with its context.
    """
    kind, value = detail["type"], detail["input"]
    if kind in _OF_KIND:
        return _OF_KIND[kind]
    if kind == "string_pattern_mismatch":
        return _pattern(str(detail.get("ctx", {}).get("pattern")), value)
    if kind in _WANTED:
        wanted, spelt = _WANTED[kind]
        return f"{_is_a(value)}, and {wanted} belongs here", f"write {spelt(value)}"
    if kind in _LIMITS:
        return _limit(kind, value, detail.get("ctx", {}))
    if kind == "literal_error":
        return _choice(str(detail.get("ctx", {}).get("expected")), value)
    message = detail["msg"].removeprefix("Value error, ")
    said = message if kind == "value_error" else f"{message}, not {shown(value)}"
    return said, "correct the value"


def _choice(expected: str, value: object) -> tuple[str, str]:
    known = expected.replace("'", "")
    said = f"none of {known.replace(' or ', ' and ')}" if " or " in known else f"not {known}"
    return f"{shown(value)} is {said}", f"write {known}"


def _limit(kind: str, value: object, limits: Mapping[str, Any]) -> tuple[str, str]:
    """What is too small, too large, too short or too long; a tuple's length is counted."""
    name, word, way = _LIMITS[kind]
    limit = limits.get(name)
    if kind in _OF_LENGTH:
        n = limits.get("actual_length")
        n = n if isinstance(n, int) else len(value) if isinstance(value, Sized) else "?"
        return f"{shown(value)} has {n} parts, {word} {limit} belong here", f"{way} {limit}"
    return f"{shown(value)} is here, {word} {limit} belongs here", f"{way} {limit}"


def shown(value: object) -> str:
    """A value as a document spells it, cut to what fits a line."""
    plain = value is None or isinstance(value, bool)
    try:
        text = json.dumps(value) if plain else repr(value)
    except RecursionError:
        text = "what is nested here"
    return text if len(text) <= 60 else f"{text[:57]}..."


def _pattern(pattern: str, value: object) -> tuple[str, str]:
    what, how = IN_WORDS.get(pattern, ("not written as it must be", "correct the value"))
    return f"{shown(value)} is {what}", how


def _is_a(value: object) -> str:
    """A value with its type: what looks like one thing is often read as another."""
    if isinstance(value, bool):
        kind = "a truth value"
    elif isinstance(value, int | float):
        kind = "a number" if isinstance(value, int) else "a number with a fraction"
    elif isinstance(value, str):
        kind = "a text"
    elif value is None:
        kind = "nothing"
    else:
        kind = "a list" if isinstance(value, list | tuple) else "a mapping"
    return f"{shown(value)} is {kind} here"


def _truth(value: object) -> str:
    text = str(value).lower()
    if text in _YES | _NO:
        return "true" if text in _YES else "false"
    return "true or false"


def _integer(value: object) -> str:
    whole = str(value).removesuffix(".0") if not isinstance(value, bool) else ""
    return whole if whole.isdecimal() else "a whole number, such as 1"


def _mapping(_value: object) -> str:
    return "keys with values"


def _list(value: object) -> str:
    return f"[{shown(value)}]" if isinstance(value, str | int | float) else "[…], even for one"


def _text(value: object) -> str:
    return f'"{shown(value)}"' if isinstance(value, bool | int | float) else "a text"


_TOO_DEEP = ("this nests too deep, or holds itself", "nest at most 64 levels")
_OF_KIND = {
    MISSING: ("this key is missing", "add what is missing"),
    EXTRA: ("this key is unknown here", "remove it or correct its spelling"),
    "recursion_depth_exceeded": _TOO_DEEP,
    "recursion_loop": _TOO_DEEP,
}
_BOOL = ("true or false", _truth)
_INTEGER = ("an integer", _integer)
_WANTED: dict[str, tuple[str, Callable[[object], str]]] = {
    "bool_type": _BOOL,
    "bool_parsing": _BOOL,
    "int_type": _INTEGER,
    "int_parsing": _INTEGER,
    "int_from_float": _INTEGER,
    "string_type": ("a text", _text),
    "list_type": ("a list", _list),
    "tuple_type": ("a list", _list),
    "model_type": ("a mapping", _mapping),
}
_LIMITS = {
    "greater_than": ("gt", "more than", "raise it above"),
    "greater_than_equal": ("ge", "at least", "raise it to"),
    "less_than": ("lt", "less than", "lower it below"),
    "less_than_equal": ("le", "at most", "lower it to"),
    "too_short": ("min_length", "at least", "lengthen it to"),
    "too_long": ("max_length", "at most", "shorten it to"),
}
_OF_LENGTH = frozenset({"too_short", "too_long"})
