"""Evidence rows: a key that says whose and when, and a body that can be added.

Law: `merge` gives the same sorted rows for the same evidence in any order and grouping, and
`roll_up` commutes with it. A row read from the wire is checked once, here; inside, rows are
trusted.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from operator import attrgetter
from typing import Literal

from mythos.engines.evidence.action import ActionBody
from mythos.engines.evidence.body import Body, JsonObject, refused
from mythos.engines.evidence.memory import MemoryBody
from mythos.engines.evidence.policy import PolicyBody
from mythos.engines.evidence.time import TimeBody
from mythos.engines.evidence.window import DAY_S, HOUR_S, cell_of
from mythos.engines.evidence.workflow import WorkflowBody
from mythos.errors import EvidenceError
from mythos.values.digest import canonical_bytes, digest_of
from mythos.values.evidence import LAST_SECOND, Row, RowKind

_WHOLE = (".0,", ".0]", ".0}")
_EXPONENTS = ("e-", "e+")
_BEYOND = re.compile("[\ud800-\U0010ffff]")

BODIES: dict[RowKind, type[Body]] = {
    "policy": PolicyBody,
    "shadow": PolicyBody,
    "action": ActionBody,
    "time": TimeBody,
    "memory": MemoryBody,
    "workflow": WorkflowBody,
}


@dataclass(frozen=True, slots=True, order=True)
class RowKey:
    """Whose evidence it is, of what, and when; fields as in `values.evidence.Row`."""

    node: str
    environment: str
    bundle: str
    agent: str
    kind: RowKind
    subject: str
    cell: int
    width_s: int


@dataclass(frozen=True, slots=True)
class EvidenceRow:
    """One row: a key and the body of its kind; `written` is what `bytes_of_row` gave, if known."""

    key: RowKey
    body: Body
    written: bytes | None = field(default=None, compare=False, repr=False)


_order = attrgetter(*(each.name for each in fields(RowKey)))


def merge(rows: Iterable[EvidenceRow]) -> list[EvidenceRow]:
    """Add the bodies of rows that share a key.

    A node whose cells changed width within an hour has time in both; it is told in cells of their
    least common multiple. What happened stays the same in any order and grouping; of time that was
    covered in narrow cells only a wide cell covered by one part alone is kept.

    Returns:
        One row a key, sorted by key; empty for no rows.
    """
    merged: dict[RowKey, EvidenceRow] = {}
    times: dict[RowKey, dict[int, TimeBody]] = {}
    for row in rows:
        key, body = row.key, row.body
        there = merged.get(key)
        if there is None:
            merged[key] = row
        elif isinstance(there.body, TimeBody) and isinstance(body, TimeBody):
            widths = times.setdefault(key, {there.body.cell_s: there.body})
            widths[body.cell_s] = widths.get(body.cell_s, TimeBody()) + body
        else:
            merged[key] = EvidenceRow(key, there.body + body)
    merged.update(
        {key: EvidenceRow(key, _in_common_cells(widths)) for key, widths in times.items()}
    )
    return [merged[key] for key in sorted(merged, key=_order)]


def _in_common_cells(widths: Mapping[int, TimeBody]) -> TimeBody:
    """Add time bodies, by width, of one block."""
    cell_s = math.lcm(*(width for width in widths if width))  # divides an hour, as they do
    same = widths if len(widths) == 1 else {w: b.coarsened(cell_s) for w, b in widths.items()}
    return sum(same.values(), start=TimeBody())


def roll_up(rows: Iterable[EvidenceRow], *, width_s: Literal[3600, 86400]) -> list[EvidenceRow]:
    """Merge rows into UTC hours or days; rows that are as wide or wider stay as they are.

    Time bits keep their cells: they move to their place in the wider block.

    Args:
        rows: evidence of any nodes.
        width_s: 3600 or 86400 seconds.

    Returns:
        Merged rows, sorted by key.
    """
    return merge(row if row.key.width_s >= width_s else _widened(row, width_s) for row in rows)


def _widened(row: EvidenceRow, width_s: int) -> EvidenceRow:
    cell = cell_of(row.key.cell, width_s)
    body = row.body
    if isinstance(body, TimeBody):
        body = body.shifted(row.key.cell - cell)
    return EvidenceRow(replace(row.key, cell=cell, width_s=width_s), body)


def digest_of_rows(rows: Iterable[EvidenceRow]) -> str:
    """Name a set of rows: SHA-256 over the canonical JSON of the merged rows, sorted by key.

    Returns:
        `sha256:` and 64 hexadecimal digits; the same for the same evidence in any order.
    """
    return digest_of(b"\n".join(bytes_of_row(row) for row in merge(rows)))


def bytes_of_row(row: EvidenceRow) -> bytes:
    """Write a row as canonical JSON (RFC 8785).

    The standard library, which is several times faster than the general writer, writes most rows
    in that form when it sorts the keys; every other row takes the general one. A row that knows
    its bytes gives those.
    """
    if row.written is not None:
        return row.written
    value = _as_json(row)
    written = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return canonical_bytes(value) if _differs(written) else written.encode()


def _differs(written: str) -> bool:
    """Whether RFC 8785 may write this text otherwise; what looks so inside a string counts too.

    Fractions with an exponent and those that are whole have another form there; keys beyond the
    surrogates, and surrogates, another place or none.
    """
    return (
        any(end in written for end in _WHOLE)
        or any(part[-1:].isdigit() for e in _EXPONENTS for part in written.split(e)[:-1])
        or (not written.isascii() and _BEYOND.search(written) is not None)
    )


def _as_json(row: EvidenceRow) -> JsonObject:
    key = row.key
    return {
        "node": key.node,
        "environment": key.environment,
        "bundle": key.bundle,
        "agent": key.agent,
        "kind": key.kind,
        "subject": key.subject,
        "cell": key.cell,
        "width_s": key.width_s,
        "body": row.body.to_json(),
    }


def to_wire(row: EvidenceRow) -> Row:
    """Write a row in its wire form."""
    return Row.model_validate(_as_json(row))


def from_wire(row: Row) -> EvidenceRow:
    """Read a wire row, strictly.

    Args:
        row: an already validated `values.evidence.Row`; its body is checked here.

    Returns:
        The row with the body of its kind.

    Raises:
        EvidenceError: the body is not its kind's, or the cell does not begin at a multiple of
            its width, or time bits lie outside the block, or a time is after the year 9999.
    """
    if row.cell % row.width_s:
        raise refused("row cell", row.cell, f"a multiple of its width {row.width_s} s")
    known = BODIES.get(row.kind)
    if known is None:
        raise EvidenceError(
            f"rows of kind {row.kind} cannot be read here",
            remedy="update this side: the sender knows a kind of evidence that it does not",
        )
    body = known.from_json(row.body)
    if isinstance(body, TimeBody):
        _check_block(row, body)
    if (latest := max(_times(body), default=0)) > LAST_SECOND:
        raise refused(f"{row.kind} time", latest, f"Unix seconds up to {LAST_SECOND}")
    key = RowKey(
        node=row.node,
        environment=row.environment,
        bundle=row.bundle,
        agent=row.agent,
        kind=row.kind,
        subject=row.subject,
        cell=row.cell,
        width_s=row.width_s,
    )
    return EvidenceRow(key, body)


def _times(body: Body) -> Iterator[int]:
    """Every moment that a body names, in Unix seconds."""
    if isinstance(body, MemoryBody):
        yield from (body.audited_at, body.heard_at)
    elif isinstance(body, PolicyBody | WorkflowBody):
        yield from (sample.at for sample in body.samples)
    if isinstance(body, WorkflowBody):
        yield from (at for at in (body.summary.first_ts, body.summary.last_ts) if at is not None)


def _check_block(row: Row, body: TimeBody) -> None:
    if row.width_s not in {HOUR_S, DAY_S}:
        raise refused("time width_s", row.width_s, "3600 or 86400")
    if body.last_bit * body.cell_s > row.width_s:
        raise refused("time bits", f"{body.last_bit} cells", f"at most {row.width_s} s of cells")
