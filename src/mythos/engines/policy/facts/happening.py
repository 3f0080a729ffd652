"""A happening: one thing that facts may be about, a call of a tool or what the user did."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from mythos.values.event import Json

NOTHING: Mapping[str, Json] = {}


@dataclass(frozen=True, slots=True)
class Happening:
    """One event. Times are Unix nanoseconds; `id` is the same wherever it is observed.

    `arguments` is None when they were not captured; `hidden` names those of which only a mask
    was. `output` counts only with `output_captured`. `text` is what the user said.
    """

    name: str
    id: str
    start_ns: int
    end_ns: int
    agent: str = ""
    ok: bool = True
    arguments: Mapping[str, Json] | None = field(default_factory=dict)
    hidden: frozenset[str] = frozenset()
    output: Json = None
    output_captured: bool = False
    text: str = ""
