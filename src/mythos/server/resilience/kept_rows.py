"""Rows as they were read last, kept in this process by what is stored.

A reading looks at every row of 28 days, of which a minute or two are new. A kept row stands for a
stored one of the same key and the same text, so it does not matter who wrote it: this process,
another, or a restored backup. Of a host only what its newest reading used is kept, its oldest rows
first, since those no longer change. Hosts share the room, and one that needs less leaves the rest
to the others; what finds no room is read anew each time.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from typing import NamedTuple

from mythos.engines.evidence.row import BODIES, EvidenceRow, RowKey, bytes_of_row

MAX_CHARACTERS = 4_000_000  # as stored; a row that was read takes about ten times as many bytes


class StoredRow(NamedTuple):
    """A row as the database holds it: its key, and the JSON text of its body."""

    key: RowKey
    body: str

    def read(self) -> EvidenceRow:
        """The row as the engines know it; EvidenceError where the body is not its kind's."""
        return EvidenceRow(self.key, BODIES[self.key.kind].from_json(json.loads(self.body)))


@dataclass(frozen=True, slots=True)
class _Host:
    rows: dict[RowKey, tuple[bytes, EvidenceRow]] = field(default_factory=dict)
    characters: int = 0
    wanted: int = 0


class KeptRows:
    """Rows by host, at most `limit` stored characters of them. Threads may share it."""

    def __init__(self, limit: int = MAX_CHARACTERS) -> None:
        self._limit = limit
        self._hosts: dict[str, _Host] = {}

    def read(self, host: str, stored: Iterable[StoredRow]) -> list[EvidenceRow]:
        """All rows of a host's reading, given in the order in which they are to be kept."""
        known, room = self._hosts.get(host, _Host()).rows, self._room(host)
        rows: list[EvidenceRow] = []
        kept: dict[RowKey, tuple[bytes, EvidenceRow]] = {}
        used = wanted = 0
        for each in stored:
            text = blake2b(each.body.encode(), digest_size=16).digest()
            was, row = known.get(each.key, (b"", None))
            if row is None or was != text:
                row = each.read()
            wanted += len(each.body)
            if used + len(each.body) <= room:
                used += len(each.body)
                row = row if row.written else replace(row, written=bytes_of_row(row))
                kept[row.key] = text, row
            rows.append(row)
        self._hosts[host] = _Host(kept, used, wanted)
        return rows

    @property
    def characters(self) -> int:
        """How much is kept, as it is stored."""
        return sum(host.characters for host in list(self._hosts.values()))

    def _room(self, host: str) -> int:
        """What others do not keep, less what they still want of an even share."""
        others = [kept for name, kept in list(self._hosts.items()) if name != host]
        share = self._limit // (len(others) + 1)
        return self._limit - sum(max(min(o.wanted, share), o.characters) for o in others)
