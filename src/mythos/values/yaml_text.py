"""YAML text to a JSON-like value, with the position of every part.

Only what JSON can say: one document, text keys, no aliases, no tags. Plain scalars follow the
core schema of YAML 1.2, so `no`, `on`, `12:30` and `2026-01-01` stay text; of that schema the
infinities and NaN are refused. A key is always its text as written. Nothing is constructed by
tag, and nothing is expanded, so the value is never larger than its text.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator

import yaml
from pydantic import JsonValue
from yaml.reader import ReaderError

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

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_STR_TAGS = frozenset({"!", "tag:yaml.org,2002:str"})

# YAML 1.2.2, section 10.3.2 (core schema)
_CONSTANTS: dict[str, JsonValue] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_INTEGER = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_UNPRINTABLE = re.compile(  # YAML 1.2.2, section 5.1
    "[^\t\n\r -~\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]"
)
_NOT_FINITE = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_BASES = {"0o": 8, "0x": 16}


def parse_yaml(text: str) -> Parsed:
    """Read one YAML document.

    Raises:
        DocumentError: no YAML, more than JSON can say, a repeated key or too deep a
            nesting; `where` is a bare `line:column`.
    """
    marks = Marks()
    try:
        value = _Builder(marks, yaml.parse(text, Loader=_LOADER)).document()
    except yaml.YAMLError as error:
        raise _not_yaml(error, text) from error
    return Parsed(value, marks)


class _Builder:
    """Folds the parser's events into one value."""

    def __init__(self, marks: Marks, events: Iterator[yaml.Event]) -> None:
        self._marks = marks
        self._events = events

    def document(self) -> JsonValue:
        """The only document of the stream."""
        next(self._events)
        start = next(self._events)
        if isinstance(start, yaml.StreamEndEvent):
            raise refusal("the document is empty", mark=(1, 1), remedy="write the document")
        value = self._value(next(self._events), ())
        next(self._events)
        more = next(self._events)
        if not isinstance(more, yaml.StreamEndEvent):
            raise refusal(
                "a second document begins here",
                mark=_mark(more),
                remedy="write each document to a file of its own",
            )
        return value

    def _value(self, event: yaml.Event, path: Path) -> JsonValue:
        mark = self._marks.values[path] = _mark(event)
        if len(path) > MAX_DEPTH:
            raise too_deep(mark)
        if isinstance(event, yaml.AliasEvent):
            raise refusal(
                f"the alias *{event.anchor} is not supported", mark=mark, remedy="write it out"
            )
        if isinstance(event, yaml.ScalarEvent):
            return _scalar(event, mark)
        _refuse_tag(event, mark)
        if isinstance(event, yaml.SequenceStartEvent):
            return self._sequence(path)
        return self._mapping(path)

    def _sequence(self, path: Path) -> list[JsonValue]:
        items: list[JsonValue] = []
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            items.append(self._value(event, (*path, len(items))))
        return items

    def _mapping(self, path: Path) -> dict[str, JsonValue]:
        items: dict[str, JsonValue] = {}
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            key, mark = _key(event)
            where = (*path, key)
            if key in items:
                raise duplicate_key(key, mark=mark, first=self._marks.keys[where])
            self._marks.keys[where] = mark
            items[key] = self._value(next(self._events), where)
        return items


def _mark(event: yaml.Event) -> Mark:
    at = event.start_mark
    return (at.line + 1, at.column + 1) if at else (1, 1)


def _key(event: yaml.Event) -> tuple[str, Mark]:
    if not isinstance(event, yaml.ScalarEvent):
        raise refusal("a key must be text", mark=_mark(event), remedy="use a plain word as key")
    return event.value, _mark(event)


def _scalar(event: yaml.ScalarEvent, mark: Mark) -> JsonValue:
    if event.tag not in _STR_TAGS:
        _refuse_tag(event, mark)
    if event.tag in _STR_TAGS or event.style:
        return event.value
    return _plain(event.value, mark)


def _refuse_tag(event: yaml.Event, mark: Mark) -> None:
    tag = getattr(event, "tag", None)
    if tag is not None:
        raise refusal(f"the tag {tag} is not supported", mark=mark, remedy="remove the tag")


def _plain(text: str, mark: Mark) -> JsonValue:
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    if _INTEGER.fullmatch(text) and len(text) <= MAX_DIGITS:
        return int(text, _BASES.get(text[:2], 10))
    if _FLOAT.fullmatch(text) or _NOT_FINITE.fullmatch(text):
        return _finite(text, mark)
    return text


def _finite(text: str, mark: Mark) -> float:
    number = float(text.replace(".inf", "inf")) if _FLOAT.fullmatch(text) else math.inf
    if not math.isfinite(number):
        raise refusal(
            f"{text[:40]} is not a finite number",
            mark=mark,
            remedy="write a finite number, or quote it if text was meant",
        )
    return number


def _not_yaml(error: yaml.YAMLError, text: str) -> DocumentError:
    strange = _UNPRINTABLE.search(text)
    if isinstance(error, ReaderError) and strange:
        line = text.count("\n", 0, strange.start()) + 1
        column = strange.start() - text.rfind("\n", 0, strange.start())
        return refusal(
            f"this is not YAML: it holds the control character U+{ord(strange[0]):04X}",
            mark=(line, column),
            remedy="remove it, or write it as an escape in double quotes",
        )
    problem = getattr(error, "problem", None) or getattr(error, "reason", None) or str(error)
    at = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    return refusal(
        f"this is not YAML: {problem}",
        mark=(at.line + 1, at.column + 1) if at else (1, 1),
        remedy="check the indentation (spaces, never tabs), quotes and colons near that place",
    )
