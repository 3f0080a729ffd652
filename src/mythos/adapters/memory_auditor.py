"""The audit of a memory store against its log.

A census: every memory is read and every entry replayed. Writers go on meanwhile; they wait only
while what they changed is looked at once more, at the end. A log that is broken or gone is a result
here, not an error, because that is what the audit is asked to find.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from itertools import chain, islice, takewhile
from pathlib import Path
from typing import TypeVar

from mythos.adapters.memory_audit_resume import LeftOff, OnResumed, Resumed, ResumeFile
from mythos.adapters.memory_log import LogPlace, MemoryLog, open_to_read
from mythos.adapters.memory_offenders import offenders_of
from mythos.adapters.memory_settling import OnSettled, settle
from mythos.adapters.memory_store import MemoryStore
from mythos.engines.memory.audit import Audit, joined
from mythos.engines.memory.checkpoint import root_text
from mythos.engines.memory.live import Content, Unreadable
from mythos.engines.memory.note import NoteVerifier
from mythos.engines.memory.sample import Sample
from mythos.engines.memory.verified_notes import VerifiedNotes
from mythos.errors import MemoryLogError, NotFoundError
from mythos.values.memory import Checkpoint, MemoryAudit

BATCH = 1024
KEYS_AT_ONCE = 1_000_000
"""Keys whose state is held at a time, about 250 MB; a larger log is replayed in several shares."""

Item = TypeVar("Item")
OnProgress = Callable[[int], None]


def audit_store(  # noqa: PLR0913 - three of them only listen
    store: MemoryStore,
    place: LogPlace,
    *,
    at: datetime,
    verifiers: Sequence[NoteVerifier] = (),
    verified: VerifiedNotes | None = None,
    witnessed: Sequence[Checkpoint] = (),
    sample: int | None = None,
    secret: bytes | None = None,
    resume: Path | None = None,
    on_progress: OnProgress = lambda _: None,
    on_settled: OnSettled = lambda _: None,
    on_resumed: OnResumed = lambda _: None,
) -> MemoryAudit:
    """Compare the live store with its log.

    Args:
        store: the live store. If it is gone, all its memories are missing.
        place: the log.
        at: time of the audit.
        verifiers: the node's keys under the log's origin; then stored checkpoints must verify.
        verified: those of this log that a process verified before; None: all are verified.
        witnessed: checkpoints of this log that someone outside remembers.
        sample: compare so many contents, drawn at random, and look at all keys; None compares all.
        secret: the host's own, under which it tells of contents that are logged nowhere.
        resume: go on from what this file says, and keep in it how far a census got; the file goes
            when the audit is done.
        on_progress: told how many entries and memories were looked at since last told.
        on_settled: told each change that was logged and that the audit had to carry out.
        on_resumed: told once what was taken from the audit that `resume` tells of.

    Returns:
        The audit; a log that cannot be read is `proof_failed`. Without a log every live key is
        unlogged and there is no score, unless a witness remembers one: then that is the failure.

    Raises:
        UnavailableError: the log is locked, or the disk refuses it.
    """
    try:
        with open_to_read(place) as log:
            asked = _Asked(
                verifiers,
                verified,
                witnessed,
                sample,
                secret,
                ResumeFile(resume),
                at,
                on_progress,
                on_settled,
                on_resumed,
            )
            found = _audit(store, log, asked)
            notes = (*filter(None, [log.read_only]), *found.notes)
            return found.model_copy(update={"notes": notes})
    except NotFoundError as absent:
        return _without_log(store, witnessed, absent, at=at)
    except MemoryLogError as broken:
        return MemoryAudit(proof_failed=broken.message, audited_at=at)


@dataclass(frozen=True, slots=True)
class _Asked:
    """What an audit was asked for, as `audit_store` takes it."""

    verifiers: Sequence[NoteVerifier]
    verified: VerifiedNotes | None
    witnessed: Sequence[Checkpoint]
    sample: int | None
    secret: bytes | None
    resume: ResumeFile
    at: datetime
    on_progress: OnProgress
    on_settled: OnSettled
    on_resumed: OnResumed


def _audit(store: MemoryStore, log: MemoryLog, asked: _Asked) -> MemoryAudit:
    log.require_filed()
    with log.transaction():
        settle(store, log, on_settled=asked.on_settled)
        start, origin = log.size, log.origin
        signed = log.checkpoints(*asked.verifiers, verified=asked.verified)
        known = [*signed, *asked.witnessed]
    shares = -(-start // KEYS_AT_ONCE) or 1
    left = asked.resume.load(store=store.name, origin=origin, shares=shares)
    if left is not None:
        known.append(left.checkpoint)
        keys = store.keys()
        if not any(key == left.after for key in keys):
            left = None  # that memory is gone, so nobody can tell how far the audit got
    parts = list(left.done) if left else []
    for part in range(len(parts), shares):
        drawn = None
        if asked.sample is not None:
            each, more = divmod(asked.sample, shares)
            drawn = Sample(each + (part < more), seed=secrets.token_bytes(16))
        share = (part, shares)
        audit = Audit(store=store.name, origin=origin, checkpoints=known, share=share, sample=drawn)
        parts.append(_share(store, log, audit, asked, since=start, done=parts, left=left))
        left = None
    asked.resume.done()
    return joined(parts)


def _share(
    store: MemoryStore,
    log: MemoryLog,
    audit: Audit,
    asked: _Asked,
    *,
    since: int,
    done: Sequence[MemoryAudit],
    left: LeftOff | None,
) -> MemoryAudit:
    for rows in log.rows():
        audit.log(rows, since=since)
        asked.on_progress(len(rows))
    look = partial(_look, store)
    if audit.sample is None:
        _census(store, audit, asked, done, left)
    else:
        for keys in batches(store.keys()):
            audit.keys(audit.sample, keys)
            asked.on_progress(len(keys))
        audit.draw(audit.sample, look)
    with log.transaction():
        stuck = settle(store, log, on_settled=asked.on_settled)
        later = [row for rows in log.rows(audit.replay.size) for row in rows]
        audit.recheck(later, look, log.names_of)
        result = audit.result(log.names_of, at=asked.at)
        _require_stored_root(log, audit)
        offenders = offenders_of(result, log, look, store=store.name, secret=asked.secret)
    waiting = tuple(f"logged, not in the store yet: {error.message}" for error in stuck.values())
    notes = (*result.notes, *waiting)
    return result.model_copy(update={"notes": notes, "offenders": offenders})


def _census(
    store: MemoryStore,
    audit: Audit,
    asked: _Asked,
    done: Sequence[MemoryAudit],
    left: LeftOff | None,
) -> None:
    """Compare every content, but for those that an interrupted audit compared before."""
    replay, after, size, begun_at = audit.replay, None, audit.replay.size, asked.at
    if left is not None:
        after, size, begun_at = left.after, min(left.size, size), left.begun_at
        altered, look = set(left.altered), partial(_look, store)
        before = chain(takewhile(lambda key: key != left.after, store.keys()), [left.after])
        n_taken = sum(part.ok + len(part.altered) for part in done)
        for keys in batches(before):
            n_taken += audit.skip(keys, altered=altered, size=size, look=look)
            asked.on_progress(len(keys))
        asked.on_resumed(Resumed(n_taken, size, begun_at))
    root = root_text(replay.root())

    def leave() -> None:
        if after is not None:
            state = LeftOff(
                store=replay.store,
                origin=audit.origin,
                begun_at=begun_at,
                size=replay.size,
                root=root,
                share=replay.share[0],
                shares=replay.share[1],
                done=tuple(done),
                after=after,
                altered=tuple(audit.census.altered),
            )
            asked.resume.keep(state)

    try:
        for batch in batches(store.read(after=after)):
            audit.live(batch)
            after = batch[-1][0]
            asked.on_progress(len(batch))
            if asked.resume.due():
                leave()
    except BaseException:
        leave()
        raise


def _look(store: MemoryStore, key: str) -> Content | None:
    try:
        return store.get(key)
    except MemoryLogError as error:  # a name that the store can show and cannot be asked for
        return Unreadable(error.message)


def batches(items: Iterable[Item]) -> Iterator[list[Item]]:
    """Memories in portions; contents of one portion are in memory at a time."""
    ahead = iter(items)
    while batch := list(islice(ahead, BATCH)):
        yield batch


def _require_stored_root(log: MemoryLog, audit: Audit) -> None:
    """Refuse a log whose stored root is not that of its entries.

    The hashes below it are not read again: whoever makes a proof of them verifies it first.
    """
    if log.tree().root() == audit.replay.root():
        return
    raise MemoryLogError(
        "the stored root of the log is not that of its entries",
        remedy="treat the log as altered: restore it from before the change",
    )


def _without_log(
    store: MemoryStore, witnessed: Sequence[Checkpoint], absent: NotFoundError, *, at: datetime
) -> MemoryAudit:
    if witnessed:
        newest = max(witnessed, key=lambda known: known.size)
        message = f"{absent.message}, but a checkpoint of size {newest.size} is remembered"
        return MemoryAudit(origin=newest.origin, proof_failed=message, audited_at=at)
    unlogged = tuple(sorted(key for key, _ in store.read()))
    return MemoryAudit(unlogged=unlogged, audited_at=at)
