"""What is known of a fact for one action: a value, its absence, a few candidates, or nothing."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final, TypeAlias

from pydantic import JsonValue


class Absent(Enum):
    """The value of a `last` of which nothing was seen: its attribute is absent."""

    ABSENT = "absent"


ABSENT: Final = Absent.ABSENT

FactValue: TypeAlias = "JsonValue | Absent"
"""A value in Cedar's JSON form, or its absence. Never None."""


@dataclass(frozen=True, slots=True)
class OneOf:
    """Several values a fact may have, since an event may or may not have happened."""

    values: tuple[FactValue, ...]


Known: TypeAlias = "FactValue | OneOf | None"
"""None: cannot be told."""
