"""What an alignment says: the deviations of one run, each with its step and its place.

An alignment explains a trace (the labels of a run, in order) by a word of the workflow. Each move
is a `match` (both go on), an `extra` (the run did what the workflow did not want) or a `skip` (the
workflow wanted what the run did not do). Its cost is the sum of the weights of extras and skips.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

MoveKind = Literal["match", "extra", "skip"]


@dataclass(frozen=True, slots=True)
class Move:
    """One move of an alignment.

    `position` is the index in the trace, None for a skip; `block` is the path of the step in the
    workflow document, empty for an extra.
    """

    kind: MoveKind
    label: str
    position: int | None
    block: str


@dataclass(frozen=True, slots=True)
class Alignment:
    """The cheapest explanation of a trace, or with `exact` False a good one.

    `lower` ≤ the least possible cost ≤ `upper` = `cost`, with equality if `exact`. The
    denominator is what it would cost to call every event extra and to skip the cheapest word: an
    explanation that always exists, so `cost` never exceeds it and `fitness` lies in [0, 1].
    """

    cost: int
    exact: bool
    lower: int
    upper: int
    fitness: float
    denominator: int
    moves: tuple[Move, ...]

    @property
    def deviations(self) -> tuple[Move, ...]:
        """The moves that are no match."""
        return tuple(move for move in self.moves if move.kind != "match")


@dataclass(frozen=True, slots=True)
class Measured:
    """What a trace costs, without the moves; the same numbers as its `Alignment`."""

    cost: int
    exact: bool
    fitness: float
    denominator: int


@dataclass(frozen=True, slots=True)
class NumberedMove:
    """A move before labels and paths are put in: numbers, -1 where there is none."""

    kind: MoveKind
    label: int
    leaf: int
    index: int


@dataclass(frozen=True, slots=True)
class Trail:
    """What a search found: the cost of its moves, and a lower bound on the least cost."""

    cost: int
    lower: int
    moves: tuple[NumberedMove, ...]


def fitness_of(cost: int, denominator: int) -> float:
    """1 - cost / denominator; 1 where nothing could be wrong (both 0)."""
    return 1.0 - cost / denominator if denominator else 1.0


def with_extras(trace: Sequence[int], moves: Sequence[NumberedMove]) -> Iterator[NumberedMove]:
    """Matches and skips with every event that is not matched, before the skips that may wait."""
    matched = {move.index for move in moves if move.kind == "match"}

    def extras(place: int) -> Iterator[NumberedMove]:
        while place < len(trace) and place not in matched:
            yield NumberedMove("extra", trace[place], -1, place)
            place += 1

    yield from extras(0)
    for move in moves:
        yield move
        if move.kind == "match":
            yield from extras(move.index + 1)
