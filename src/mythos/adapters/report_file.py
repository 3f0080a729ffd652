"""Report files: signed envelopes of evidence, one DSSE envelope a line.

A file from the witness is one such line too, with another payload type.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from mythos.values.witness import VIEW_TYPE

MAX_HEAD_BYTES = 16 * 2**20


def is_report(file: Path) -> bool:
    """Whether a file looks like a report: its first byte opens a JSON object."""
    with file.open("rb") as stream:
        return stream.read(1) == b"{"


def is_view(file: Path) -> bool:
    """Whether a file is a view of the witness: one line, whose envelope says so."""
    with file.open("rb") as stream:
        head = stream.read(MAX_HEAD_BYTES)
    return head.startswith(b"{") and f'"{VIEW_TYPE}"'.encode() in head


def envelopes_of(file: Path) -> Iterator[bytes]:
    """The envelopes of a report, in the order they were written."""
    with file.open("rb") as lines:
        for line in lines:
            if line.strip():
                yield line.strip()
