"""Where each value of a text stands: what the YAML and the JSON reader both record."""

from __future__ import annotations

from dataclasses import dataclass, field

from pydantic import JsonValue

from mythos.errors import DocumentError

Path = tuple[str | int, ...]
Mark = tuple[int, int]

MAX_DEPTH = 64
MAX_DIGITS = 400  # longer integers have no finite float


@dataclass(frozen=True, slots=True)
class Marks:
    """Line and column, both from 1, of every value and of every mapping key, by path."""

    values: dict[Path, Mark] = field(default_factory=dict)
    keys: dict[Path, Mark] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Parsed:
    """A JSON-like value and the marks of its parts."""

    value: JsonValue
    marks: Marks


def refusal(message: str, *, mark: Mark, remedy: str) -> DocumentError:
    """An objection to a text whose `where` is still bare `line:column`, without the source."""
    return DocumentError(message, remedy=remedy, where=f"{mark[0]}:{mark[1]}")


def too_deep(mark: Mark) -> DocumentError:
    """Refuse a text that nests deeper than `MAX_DEPTH`."""
    return refusal(
        f"nested deeper than {MAX_DEPTH} levels", mark=mark, remedy="flatten the document"
    )


def duplicate_key(key: str, *, mark: Mark, first: Mark) -> DocumentError:
    """Refuse a key that one mapping holds twice: readers disagree about which one counts."""
    return refusal(
        f"the key {key!r} was already given at line {first[0]}, column {first[1]}",
        mark=mark,
        remedy="keep one of the two",
    )
