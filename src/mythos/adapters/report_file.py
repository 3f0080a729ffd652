"""Files that are carried across a gap, and how to tell them apart.

A report is signed envelopes of evidence, one DSSE envelope a line. A file from the witness is one
such line too, with another payload type. A bundle is an archive.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from mythos.errors import TrustError
from mythos.values.evidence import PAYLOAD_TYPE
from mythos.values.witness import VIEW_TYPE

MAX_HEAD_BYTES = 16 * 2**20
_TAR_AT = 257  # where a tar header says what it is
_TAR = b"ustar"


def kind_of(file: Path) -> Literal["bundle", "view", "report"]:
    """What a carried file is, by what it says of itself; whether that holds is not looked at.

    Raises:
        TrustError: it says nothing of the kind.
    """
    with file.open("rb") as stream:
        head = stream.read(MAX_HEAD_BYTES)
    if head[_TAR_AT:].startswith(_TAR):
        return "bundle"
    if f'"{VIEW_TYPE}"'.encode() in head:
        return "view"
    if any(f'"{PAYLOAD_TYPE}"'.encode() in line for line in envelopes_of(file)):
        return "report"
    raise TrustError(
        f"{file} is damaged, or is no file to be carried: no bundle, report or witness file",
        remedy="copy it again from where `mythos bundle export`, `mythos node export` or"
        " `mythos witness export` wrote it",
    )


def envelopes_of(file: Path) -> Iterator[bytes]:
    """The envelopes of a report, in the order they were written."""
    with file.open("rb") as lines:
        for line in lines:
            if line.strip():
                yield line.strip()
