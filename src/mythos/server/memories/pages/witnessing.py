"""The witness's view of one log: what was proved and cosigned, what waits, what contradicts it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from pydantic import JsonValue

from mythos.engines.memory.checkpoint import parse_checkpoint
from mythos.engines.memory.note import parse_note
from mythos.errors import MemoryLogError
from mythos.server.memories.pages.facts import LogFact
from mythos.server.memories.pages.on_the_host import command


@dataclass(frozen=True, slots=True)
class NoteShown:
    """A signed note as it came, and what it claims; `size` is None where it cannot be read."""

    note: str
    size: int | None
    root: str


@dataclass(frozen=True, slots=True)
class Contradiction:
    """Two notes that cannot both be true, and how many hashes of proof came with the second."""

    at: str
    why: str
    remembered: NoteShown | None
    claimed: NoteShown | None
    proofs: int


@dataclass(frozen=True, slots=True)
class Cosigned:
    """Whether the witness's line on the newest note holds: when it was written, or why not."""

    at: datetime | None
    why_not: str
    vkey: str


@dataclass(frozen=True, slots=True)
class Witnessing:
    """What the page says of the witness; sizes are entries.

    `verify` checks the note offline, `restart` lets the log begin anew: commands, empty where there
    is nothing to check or to resolve.
    """

    size: int | None
    root: str
    seen_at: datetime | None
    cosigned: Cosigned | None
    note: str
    note_file: str
    verify: str
    unproved_size: int | None
    unproved_since: datetime | None
    fork: str
    fork_at: datetime | None
    fork_resolved_at: datetime | None
    contradictions: tuple[Contradiction, ...]
    restart: str


def witnessing_of(log: LogFact, cosigned: Cosigned | None) -> Witnessing:
    """Put together what is remembered of a log."""
    known, waiting, fork = log.witnessed, log.waiting, log.fork
    return Witnessing(
        size=known.size if known else None,
        root=known.root if known else "",
        seen_at=known.seen_at if known else None,
        cosigned=cosigned,
        note=newest_note(log),
        note_file=file_name(log, "checkpoint"),
        verify=_verify(log, cosigned),
        unproved_size=waiting.size if waiting else None,
        unproved_since=waiting.since if waiting else None,
        fork=fork.why if fork else "",
        fork_at=fork.seen_at if fork else None,
        fork_resolved_at=fork.resolved_at if fork else None,
        contradictions=tuple(_contradictions(fork.evidence)) if fork else (),
        restart=command("mythos witness restart", log.origin, "--by WHO --why WHY")
        if known and fork and fork.open
        else "",
    )


def _verify(log: LogFact, cosigned: Cosigned | None) -> str:
    start = f"mythos witness verify {file_name(log, 'checkpoint')} --vkey"
    return command(start, cosigned.vkey) if cosigned else ""


def newest_note(log: LogFact) -> str:
    """The newest proved checkpoint, cosigned where it is; empty if none was witnessed."""
    return log.witnessed.newest if log.witnessed else ""


def file_name(log: LogFact, kind: str) -> str:
    """What a file about a log is called: plain characters only."""
    return f"{re.sub(r'[^A-Za-z0-9._~-]+', '-', log.origin)[:150]}.{kind}"


def _contradictions(evidence: Iterable[JsonValue]) -> Iterable[Contradiction]:
    for each in evidence:
        if isinstance(each, Mapping):
            growth = each.get("growth")
            yield Contradiction(
                at=_text(each.get("at")),
                why=_text(each.get("why")),
                remembered=_note(_text(each.get("remembered"))),
                claimed=_note(_text(each.get("claimed"))),
                proofs=len(growth) if isinstance(growth, list) else 0,
            )


def _note(note: str) -> NoteShown | None:
    if not note:
        return None
    try:
        said = parse_checkpoint(parse_note(note).text)
    except MemoryLogError:
        return NoteShown(note, None, "")
    return NoteShown(note, said.size, said.root)


def _text(value: JsonValue) -> str:
    return value if isinstance(value, str) else ""
