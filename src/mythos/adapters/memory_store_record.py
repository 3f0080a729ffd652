"""Records (table rows, lines of JSON) as memories: a key in text, a content in canonical JSON.

A key is the record's own text where that is plain, else canonical JSON of the parts of its key, so
no two records share one. What JSON cannot hold is wrapped: bytes as `{"$bytes": base64}`, text that
is no UTF-8 as `{"$text": base64}`, large integers as `{"$int": "digits"}`, what is no finite number
as `{"$float": "inf"}`. Columns hold single values, so no text of theirs passes for that.
"""

from __future__ import annotations

import base64
import binascii
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import dropwhile, islice

from pydantic import JsonValue

from mythos.engines.memory.live import Unreadable
from mythos.errors import DocumentError, MemoryLogError
from mythos.values.digest import canonical_bytes

_MAX_INT = 2**53 - 1
_FLOAT_CHARS = 22  # RFC 8785 spells numbers from 1e21 on with an exponent
_MAX_NESTING = 256  # far from where Python gives up, which depends on who calls
_NOT_FINITE = {"inf", "-inf", "nan"}
_MARKED = ("[", "#")  # how keys begin that are not plain text


Nest = dict[str, JsonValue] | list[JsonValue]


class BrokenText(bytes):
    """What a database holds as text, and is no UTF-8."""


def key_of(parts: Sequence[object]) -> str:
    """Name a record by the values of its key."""
    first = parts[0]
    if len(parts) == 1 and isinstance(first, str) and first and not first.startswith(_MARKED):
        return first
    return canonical_bytes([json_of(part) for part in parts]).decode()


def parts_of(key: str, *, n_parts: int) -> list[object]:
    """Take a key apart again.

    Raises:
        MemoryLogError: it names no record with a key of `n_parts` values.
    """
    if not key.startswith("["):
        parts: list[object] = [key]
    else:
        try:
            read = parsed(key.encode())
        except (ValueError, RecursionError) as error:
            raise _no_key(key) from error
        if not isinstance(read, list):
            raise _no_key(key)
        parts = [value_of(part) for part in read]
    if len(parts) != n_parts:
        raise _no_key(key)
    return parts


def json_of(value: object) -> JsonValue:
    """A value of a database as JSON."""
    if isinstance(value, bytes):
        kind = "$text" if isinstance(value, BrokenText) else "$bytes"
        return {kind: base64.b64encode(value).decode()}
    if isinstance(value, float) and not math.isfinite(value):
        return {"$float": str(value)}
    if isinstance(value, bool) or value is None or isinstance(value, str | float):
        return value
    if isinstance(value, int):
        return value if abs(value) <= _MAX_INT else {"$int": str(value)}
    return str(value)


def value_of(value: JsonValue) -> object:
    """JSON as a value of a database."""
    if not isinstance(value, dict) or len(value) != 1:
        return value
    ((kind, text),) = value.items()
    if kind == "$bytes" and isinstance(text, str):
        return _decoded(text)
    if kind == "$text" and isinstance(text, str):
        return BrokenText(_decoded(text))
    if kind == "$int" and isinstance(text, str):
        return _number(text)
    if kind == "$float" and text in _NOT_FINITE:
        return float(str(text))
    return value


def require_single(key: str, record: Mapping[str, JsonValue]) -> None:
    """Refuse a record with a value that no column gives back as it is said here.

    Raises:
        MemoryLogError: a container, or a wrapping that `json_of` does not make.
    """
    for name, value in record.items():
        if json_of(value_of(value)) != value:
            raise MemoryLogError(
                f"memory {key[:80]!r}: column {name!r} is to hold what is no single value",
                remedy="give text, a number, true, false or null; what JSON cannot hold as"
                ' {"$bytes": base64}, {"$text": base64}, {"$int": digits} or {"$float": "inf"}',
            )


def behind(
    live: Iterator[tuple[str, bytes | Unreadable]], after: str | None
) -> Iterator[tuple[str, bytes | Unreadable]]:
    """Leave out what comes up to the key `after`; None leaves out nothing."""
    return live if after is None else islice(dropwhile(lambda one: one[0] != after, live), 1, None)


def parsed(text: bytes) -> JsonValue:
    """JSON in which no object says anything twice: which of the two a reader sees is his choice.

    A number is what `content_of` spelt: also one too large for an integer that every reader holds.

    Raises:
        ValueError: no JSON, a name stands twice in one object, or it nests too deep.
        RecursionError: it nests deeper by far.
    """
    value: JsonValue = json.loads(text, object_pairs_hook=_once, parse_int=_integer)
    if text.count(b"[") + text.count(b"{") > _MAX_NESTING:
        _require_shallow(value)
    return value


def content_of(record: Mapping[str, JsonValue]) -> bytes | Unreadable:
    """The canonical bytes of a record of JSON values, or why it has none."""
    try:
        return canonical_bytes(dict(record))
    except DocumentError as error:
        return Unreadable(error.message)


def record_of(key: str, content: bytes) -> dict[str, JsonValue]:
    """Read a content as a record.

    Raises:
        MemoryLogError: it is no JSON object.
    """
    try:
        record = parsed(content)
    except (ValueError, RecursionError) as error:
        raise _no_record(key) from error
    if not isinstance(record, dict):
        raise _no_record(key)
    return record


def canonical_record(key: str, record: Mapping[str, JsonValue]) -> bytes:
    """The canonical bytes of a record that is to be written.

    Raises:
        MemoryLogError: JSON has no canonical form for it.
    """
    try:
        return canonical_bytes(dict(record))
    except DocumentError as error:
        raise MemoryLogError(
            f"memory {key[:80]!r}: {error.message}", remedy=error.remedy
        ) from error


def _require_shallow(value: JsonValue) -> None:
    level = _containers([value])
    for _ in range(_MAX_NESTING):
        if not level:
            return
        level = [one for each in level for one in _containers(each)]
    if level:
        raise ValueError(f"it nests deeper than {_MAX_NESTING}")


def _containers(inside: Nest) -> list[Nest]:
    values = inside.values() if isinstance(inside, dict) else inside
    return [each for each in values if isinstance(each, dict | list)]


def _once(pairs: list[tuple[str, JsonValue]]) -> dict[str, JsonValue]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name stands twice in one object")
    return found


def _integer(text: str) -> int | float:
    value = int(text)
    if abs(value) <= _MAX_INT or len(text) > _FLOAT_CHARS:
        return value
    number = float(text)
    return number if canonical_bytes(number) == text.encode() else value


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise MemoryLogError(
            "a value marked $bytes or $text is not base64", remedy="write base64, or text as it is"
        ) from error


def _number(text: str) -> int:
    try:
        return int(text)
    except ValueError as error:
        raise MemoryLogError(
            "a value marked $int is no integer", remedy='write digits: {"$int": "9007199254740993"}'
        ) from error


def _no_key(key: str) -> MemoryLogError:
    return MemoryLogError(
        f"memory key {key[:80]!r} names no record of this store",
        remedy="take the key as the audit or the trace prints it",
    )


def _no_record(key: str) -> MemoryLogError:
    return MemoryLogError(
        f"content of {key[:80]!r} is no JSON object, says a name twice or nests too deep",
        remedy="give the whole record as one JSON object",
    )
