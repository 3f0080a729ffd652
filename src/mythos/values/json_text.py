"""JSON text to a value, with the position of every part.

The standard decoder reads strings, numbers and literals; the walk over arrays and objects is
ours, because the standard one keeps neither positions nor repeated keys, and has no depth.
"""

from __future__ import annotations

import json
import math
import re
from bisect import bisect_right

from pydantic import JsonValue

from mythos.errors import DocumentError
from mythos.values.marks import (
    MAX_DEPTH,
    MAX_DIGITS,
    Mark,
    Marks,
    Parsed,
    Path,
    duplicate_key,
    refusal,
    too_deep,
)

_SPACE = re.compile(r"[ \t\n\r]*")
_WRITTEN = re.compile(  # one character of a string: RFC 8259, section 7
    r"\\u[Dd][89ABab][0-9A-Fa-f]{2}\\u[Dd][C-Fc-f][0-9A-Fa-f]{2}|\\u[0-9A-Fa-f]{4}|\\?.|$",
    re.DOTALL,
)
_REMEDY = "correct the JSON near that place"


def parse_json(text: str) -> Parsed:
    """Read one JSON value.

    Raises:
        DocumentError: no JSON (RFC 8259), a repeated key, a number that is not finite, or
            too deep a nesting; `where` is a bare `line:column`.
    """
    reader = _Reader(text)
    value = reader.document()
    return Parsed(value, reader.marks)


def repeats_a_key(text: str) -> bool:
    """Whether any object of a JSON text gives one key more than once.

    Args:
        text: JSON, not nested deeper than the standard decoder can read.
    """
    found = False

    def note(pairs: list[tuple[str, JsonValue]]) -> None:
        nonlocal found
        found = found or len({key for key, _ in pairs}) < len(pairs)

    json.loads(text, object_pairs_hook=note, parse_int=str, parse_float=str)
    return found


def string_literal(text: str) -> str:
    """The JSON string that a text begins with, quotes included; `""` if it begins with none."""
    try:
        value, end = json.JSONDecoder().raw_decode(text)
    except ValueError:
        return ""
    return text[:end] if isinstance(value, str) else ""


def raw_length(literal: str, n_characters: int) -> int:
    """How long the opening quote and the first `n_characters` of a JSON string are as written."""
    at = 1
    for _ in range(n_characters):
        at += len(_WRITTEN.match(literal, at)[0])  # type: ignore[index]  # it matches any text
    return at


def _refuse(constant: str) -> float:
    raise ValueError(f"{constant} is not a number that JSON knows")


def _integer(digits: str) -> int:
    if len(digits) > MAX_DIGITS:
        raise ValueError("the number is not finite")
    return int(digits)


class _Reader:
    """A cursor over the text."""

    def __init__(self, text: str) -> None:
        self.marks = Marks()
        self._text = text
        self._at = 0
        self._lines = [0, *(match.end() for match in re.finditer("\n", text))]
        self._decoder = json.JSONDecoder(parse_int=_integer, parse_constant=_refuse)

    def document(self) -> JsonValue:
        """The value of the whole text."""
        value = self._value(())
        if self._peek():
            raise self._problem("text after the end of the document")
        return value

    def _value(self, path: Path) -> JsonValue:
        first = self._peek()
        mark = self.marks.values[path] = self._mark()
        if len(path) > MAX_DEPTH:
            raise too_deep(mark)
        if first == "[":
            return self._array(path)
        if first == "{":
            return self._object(path)
        return self._scalar()

    def _array(self, path: Path) -> list[JsonValue]:
        items: list[JsonValue] = []
        self._at += 1
        while not self._closes("]", empty=not items):
            items.append(self._value((*path, len(items))))
        return items

    def _object(self, path: Path) -> dict[str, JsonValue]:
        items: dict[str, JsonValue] = {}
        self._at += 1
        while not self._closes("}", empty=not items):
            key = self._key(path, items)
            items[key] = self._value((*path, key))
        return items

    def _key(self, path: Path, items: dict[str, JsonValue]) -> str:
        if self._peek() != '"':
            raise self._problem("expected a key in double quotes")
        mark = self._mark()
        key = str(self._scalar())
        if key in items:
            raise duplicate_key(key, mark=mark, first=self.marks.keys[(*path, key)])
        self.marks.keys[(*path, key)] = mark
        if self._peek() != ":":
            raise self._problem("expected ':'")
        self._at += 1
        return key

    def _closes(self, bracket: str, *, empty: bool) -> bool:
        """Step over a closing bracket, or over the comma before the next item."""
        found = self._peek()
        if found == bracket:
            self._at += 1
            return True
        if not empty:
            if found != ",":
                raise self._problem(f"expected ',' or '{bracket}'")
            self._at += 1
        return False

    def _scalar(self) -> JsonValue:
        value: JsonValue
        try:
            value, end = self._decoder.raw_decode(self._text, self._at)
        except json.JSONDecodeError as error:
            raise self._problem(error.msg) from error
        except ValueError as error:
            raise self._problem(str(error)) from error
        if isinstance(value, float) and not math.isfinite(value):
            raise self._problem("the number is not finite")
        self._at = end
        return value

    def _peek(self) -> str:
        space = _SPACE.match(self._text, self._at)
        self._at = space.end() if space else self._at
        return self._text[self._at : self._at + 1]

    def _mark(self) -> Mark:
        line = bisect_right(self._lines, self._at)
        return line, self._at - self._lines[line - 1] + 1

    def _problem(self, message: str) -> DocumentError:
        return refusal(f"this is not JSON: {message}", mark=self._mark(), remedy=_REMEDY)
