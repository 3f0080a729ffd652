"""What a node's time was spent on: one bit a cell, one bitset a UTC hour.

Bits merge by OR, so the same time reported twice counts once; span counters are added. Rows of
kind `time` are keyed by the UTC hour (`cell` = its start, `width_s` = 3600); bit i stands for the
i-th cell of `cell_s` seconds. Rolled up to a day, the bits of each hour move to their place in
the day, so no cell is lost. Bitsets are written as lower-case hexadecimal.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Self

from pydantic import JsonValue

from mythos.engines.evidence.body import JsonObject, count, members, refused, text
from mythos.engines.evidence.window import DAY_S, HOUR_S, bit_range
from mythos.errors import EvidenceError

_BITSETS = ("active", "bad", "unknown", "covered", "stale")
_COUNTERS = ("spans_emitted", "spans_received", "spans_late")
_HEX = re.compile(r"0|[1-9a-f][0-9a-f]*", re.ASCII)
_MAX_DIGITS = DAY_S // 4


@dataclass(frozen=True, slots=True)
class TimeBody:
    """Cells of one block of time, and the spans counted in it.

    active: a governed action started in the cell. bad: one was violated for a set in force.
    unknown: one was undecidable. covered: a beat vouches for the cell. stale: a set in force was
    not the newest assigned one. `cell_s` 0 belongs to the identity alone: no cell was seen.
    """

    cell_s: int = 0
    active: int = 0
    bad: int = 0
    unknown: int = 0
    covered: int = 0
    stale: int = 0
    spans_emitted: int = 0
    spans_received: int = 0
    spans_late: int = 0

    def __post_init__(self) -> None:
        if self.cell_s < 0 or (self.cell_s and HOUR_S % self.cell_s):
            raise refused("time cell_s", self.cell_s, "a divisor of 3600")
        limit = DAY_S // self.cell_s if self.cell_s else 0
        for name in _BITSETS:
            bits: int = getattr(self, name)
            if bits < 0 or bits.bit_length() > limit:
                raise refused(f"time {name}", f"{bits.bit_length()} bits", f"at most {limit}")

    @property
    def last_bit(self) -> int:
        """One more than the highest bit set in any bitset: the cells this body reaches over."""
        bits = self.active | self.bad | self.unknown | self.covered | self.stale
        return bits.bit_length()

    def __add__(self, other: Self) -> TimeBody:
        """Merge: bits by OR, counters by sum; EvidenceError where the cells differ in width."""
        if self.cell_s and other.cell_s and self.cell_s != other.cell_s:
            raise EvidenceError(
                f"cells of {self.cell_s} s and of {other.cell_s} s cannot be merged",
                remedy="coarsen both to one width first (TimeBody.coarsened)",
            )
        return TimeBody(
            cell_s=self.cell_s or other.cell_s,
            active=self.active | other.active,
            bad=self.bad | other.bad,
            unknown=self.unknown | other.unknown,
            covered=self.covered | other.covered,
            stale=self.stale | other.stale,
            spans_emitted=self.spans_emitted + other.spans_emitted,
            spans_received=self.spans_received + other.spans_received,
            spans_late=self.spans_late + other.spans_late,
        )

    def shifted(self, offset_s: int) -> TimeBody:
        """Move every bit later by `offset_s` seconds, a multiple of `cell_s`: hour into day."""
        places = offset_s // self.cell_s if self.cell_s else 0
        if not places:
            return self
        return replace(self, **{name: getattr(self, name) << places for name in _BITSETS})

    def coarsened(self, cell_s: int) -> TimeBody:
        """Read the same time in wider cells: what happened in a part happened in the whole.

        A wide cell is covered only when every narrow one in it is.

        Args:
            cell_s: the new width in seconds, a multiple of the old one that divides 3600.

        Raises:
            EvidenceError: the widths do not fit.
        """
        if self.cell_s in {0, cell_s}:
            return replace(self, cell_s=cell_s)
        if cell_s % self.cell_s:
            raise refused("time cell_s", cell_s, f"a multiple of {self.cell_s}")
        ratio = cell_s // self.cell_s
        wide = {name: _any_of(getattr(self, name), ratio) for name in _BITSETS}
        wide["covered"] = _all_of(self.covered, ratio)
        return replace(self, cell_s=cell_s, **wide)

    def to_json(self) -> JsonObject:
        """Write the width, the bitsets as hexadecimal, the counters."""
        return {
            "cell_s": self.cell_s,
            **{name: format(getattr(self, name), "x") for name in _BITSETS},
            **{name: getattr(self, name) for name in _COUNTERS},
        }

    @classmethod
    def from_json(cls, value: Mapping[str, JsonValue]) -> TimeBody:
        """Read what `to_json` wrote; EvidenceError where it is anything else."""
        found = members(value, ("cell_s", *_BITSETS, *_COUNTERS), where="time")
        return cls(
            count(found["cell_s"], where="time cell_s", at_most=HOUR_S),
            *(_bits(found[name], where=f"time {name}") for name in _BITSETS),
            *(count(found[name], where=f"time {name}") for name in _COUNTERS),
        )


def _bits(value: JsonValue, *, where: str) -> int:
    digits = text(value, where=where, at_most=_MAX_DIGITS)
    if _HEX.fullmatch(digits) is None:
        raise refused(where, value, "lower-case hexadecimal without leading zeros")
    return int(digits, 16)


def _any_of(bits: int, ratio: int) -> int:
    wide = 0
    for place in range(-(-bits.bit_length() // ratio)):
        wide |= bool(bits >> (place * ratio) & bit_range(0, ratio)) << place
    return wide


def _all_of(bits: int, ratio: int) -> int:
    full = bit_range(0, ratio)
    wide = 0
    for place in range(-(-bits.bit_length() // ratio)):
        wide |= (bits >> (place * ratio) & full == full) << place
    return wide
