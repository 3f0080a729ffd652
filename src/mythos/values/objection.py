"""What a validator objects to in a document, in plain words: what was read, and what to write."""

from __future__ import annotations

import json
from collections.abc import Callable

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
    if kind in _OF_KEYS:
        return _OF_KEYS[kind]
    if kind == "string_pattern_mismatch":
        return _pattern(str(detail.get("ctx", {}).get("pattern")), value)
    if kind in _WANTED:
        wanted, spelt = _WANTED[kind]
        return f"{_is_a(value)}, and {wanted} belongs here", f"write {spelt(value)}"
    if kind == "literal_error":
        known = str(detail.get("ctx", {}).get("expected")).replace("'", "")
        said = f"none of {known.replace(' or ', ' and ')}" if " or " in known else f"not {known}"
        return f"{shown(value)} is {said}", f"write {known}"
    if kind == "model_type":
        return f"keys with values belong here, not {shown(value)}", "correct the value"
    message = detail["msg"].removeprefix("Value error, ")
    said = message if kind == "value_error" else f"{message}, not {shown(value)}"
    return said, "correct the value"


def shown(value: object) -> str:
    """A value as a document spells it, cut to what fits a line."""
    plain = value is None or isinstance(value, bool)
    text = json.dumps(value) if plain else repr(value)
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


def _text(value: object) -> str:
    return f'"{shown(value)}"' if isinstance(value, bool | int | float) else "a text"


_OF_KEYS = {
    MISSING: ("this key is missing", "add what is missing"),
    EXTRA: ("this key is unknown here", "remove it or correct its spelling"),
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
}
