"""Report files: signed envelopes of evidence, one DSSE envelope a line."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path


def is_report(file: Path) -> bool:
    """Whether a file looks like a report: its first byte opens a JSON object."""
    with file.open("rb") as stream:
        return stream.read(1) == b"{"


def envelopes_of(file: Path) -> Iterator[bytes]:
    """The envelopes of a report, in the order they were written."""
    with file.open("rb") as lines:
        for line in lines:
            if line.strip():
                yield line.strip()
