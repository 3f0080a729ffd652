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
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mythos.cli.output import bar
from mythos.errors import DocumentError

if TYPE_CHECKING:
    from mythos.cli.workflow_tally import Tally
    from mythos.engines.conformance.alignment import Alignment, Measured
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
    """Variants in the order of their file, what each costs, and what all add up to.

    Those whose cost is known only as an interval are aligned, which tells its lower end.
    """

    model: Model
    variants: tuple[Variant, ...]
    measured: tuple[Measured | Alignment, ...]
    tally: Tally

    def as_json(self) -> list[dict[str, Any]]:
        """One entry a variant."""
        return [_variant_json(one) for one in self.measured]

    def worst(self, n: int) -> list[int]:
        """Places of the `n` variants that cost the most, without those that fit or no run had."""
        strayed = (i for i, one in enumerate(self.measured) if one.cost and self.variants[i].count)
        return nsmallest(n, strayed, key=lambda i: (-self.measured[i].cost, i))


def _variant_json(found: Measured | Alignment) -> dict[str, Any]:
    from mythos.engines.conformance.alignment import Alignment

    told = {"cost": found.cost, "fitness": found.fitness, "exact": found.exact}
    return {**told, "lower": found.lower} if isinstance(found, Alignment) else told


def count_variants(model: Model, path: Path) -> CountedVariants:
    """Measure the variants of a file; equal traces are searched once.

    Raises:
        DocumentError: it cannot be read or is no such file; names the first wrong variant.
    """
    from mythos.cli.workflow_tally import Tally

    variants = tuple(read_variants(path))
    known: dict[tuple[str, ...], Measured | Alignment] = {}
    tally = Tally()
    with bar("aligning", total=len(variants)) as progress:
        for variant in variants:
            if variant.trace not in known:
                measured = model.measure(variant.trace)
                known[variant.trace] = measured if measured.exact else model.align(variant.trace)
            tally += Tally.of(known[variant.trace], count=variant.count)
            progress.advance()
    return CountedVariants(
        model, variants, tuple(known[variant.trace] for variant in variants), tally
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
            content = raw.read(MAX_BYTES + 1)
        if len(content) <= MAX_BYTES and content.startswith(_GZIP):
            content = gzip.GzipFile(fileobj=BytesIO(content)).read(MAX_BYTES + 1)
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
            raise _refusal(path, f"variants/{i}/count is no whole number from 0 to {_MAX_COUNT}")
        yield Variant(tuple(trace), count)


def _refusal(path: Path, message: str) -> DocumentError:
    return DocumentError(
        message,
        remedy='write {"variants": [{"trace": ["label", …], "count": 1}]} as JSON, plain or gzip',
        where=str(path),
    )
