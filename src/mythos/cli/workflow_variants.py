"""Variants: traces that are already labels, each with how often it was seen.

    {"variants": [{"trace": ["search", "book"], "count": 12}, …]}

as JSON, plain or gzip. Other keys are passed over, since other tools write such files.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from heapq import nsmallest
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mythos.cli.output import bar
from mythos.errors import DocumentError

if TYPE_CHECKING:
    from mythos.engines.conformance.alignment import Measured
    from mythos.engines.conformance.consistency import Followed
    from mythos.engines.conformance.model import Model

MAX_BYTES = 2**28
_GZIP = b"\x1f\x8b"
_MAX_COUNT = 2**53


@dataclass(frozen=True, slots=True)
class Variant:
    """Labels in order, and the number of runs that had them."""

    trace: tuple[str, ...]
    count: int


@dataclass(frozen=True, slots=True)
class CountedVariants:
    """Variants in the order of their file, what each costs, and what all add up to."""

    model: Model
    variants: tuple[Variant, ...]
    measured: tuple[Measured, ...]
    followed: Followed

    def as_json(self) -> list[dict[str, Any]]:
        """One entry a variant."""
        return [
            {"cost": one.cost, "fitness": one.fitness, "exact": one.exact} for one in self.measured
        ]

    def worst(self, n: int) -> list[int]:
        """Places of the `n` variants that cost a run the most, those that fit left out."""
        strayed = (i for i, one in enumerate(self.measured) if one.cost)
        return nsmallest(n, strayed, key=lambda i: (-self.measured[i].cost, i))


def count_variants(model: Model, path: Path) -> CountedVariants:
    """Measure the variants of a file; equal traces are searched once.

    Raises:
        DocumentError: it cannot be read or is no such file; names the first wrong variant.
    """
    from mythos.engines.conformance.consistency import Followed

    variants = tuple(read_variants(path))
    known: dict[tuple[str, ...], Measured] = {}
    followed = Followed()
    with bar("aligning", total=len(variants)) as progress:
        for variant in variants:
            if variant.trace not in known:
                known[variant.trace] = model.measure(variant.trace)
            followed += Followed.of(known[variant.trace], count=variant.count)
            progress.advance()
    return CountedVariants(
        model, variants, tuple(known[variant.trace] for variant in variants), followed
    )


def read_variants(path: Path) -> list[Variant]:
    """Read a file of variants.

    Raises:
        DocumentError: it cannot be read or is no such file; names the first wrong variant.
    """
    import orjson

    try:
        value = orjson.loads(_content(path))
    except orjson.JSONDecodeError as error:
        raise _refusal(path, f"line {error.lineno}, column {error.colno}: {error.msg}") from error
    listed = value.get("variants") if isinstance(value, dict) else None
    if not isinstance(listed, list):
        raise _refusal(path, "there is no list `variants`")
    return list(_variants(path, listed))


def _content(path: Path) -> bytes:
    try:
        with path.open("rb") as raw:
            packed = raw.read(len(_GZIP)) == _GZIP
            raw.seek(0)
            content = (gzip.GzipFile(fileobj=raw) if packed else raw).read(MAX_BYTES + 1)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise _refusal(path, f"the gzip stream is broken: {error}") from error
    if len(content) > MAX_BYTES:
        raise _refusal(path, f"it holds more than {MAX_BYTES} bytes")
    return content


def _variants(path: Path, listed: list[object]) -> Iterator[Variant]:
    for i, one in enumerate(listed):
        found = one if isinstance(one, dict) else {}
        trace, count = found.get("trace"), found.get("count", 1)
        if not isinstance(trace, list) or not all(isinstance(label, str) for label in trace):
            raise _refusal(path, f"variants/{i}/trace is no list of labels")
        if type(count) is not int or not 0 <= count <= _MAX_COUNT:
            raise _refusal(path, f"variants/{i}/count is no whole number from 0 on")
        yield Variant(tuple(trace), count)


def _refusal(path: Path, message: str) -> DocumentError:
    return DocumentError(
        message,
        remedy='write {"variants": [{"trace": ["label", …], "count": 1}]} as JSON, plain or gzip',
        where=str(path),
    )
