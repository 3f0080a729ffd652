"""The recorder: changes of a memory store that are announced here are in its log.

Either the recorder writes (`record`, `forget`): an entry is durable before the store changes, so a
change made here never looks like tampering, whenever the process is killed. Or the agent has
written itself and announces the hash of what it wrote (`announce`): that is logged if the store
holds exactly it. What changes the store in any other way is what the audit finds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from hashlib import sha256
from typing import Literal, Self

from mythos.adapters.memory_log import LogPlace, MemoryLog, open_log
from mythos.adapters.memory_log_open import OpenLog
from mythos.adapters.memory_settling import settle, settle_alone
from mythos.adapters.memory_store import MemoryStore
from mythos.engines.memory.as_seen import host_salt, require_as_seen, wrong_class
from mythos.engines.memory.entry import MemoryWrite, key_hashes, ordered_ref, reason_ref
from mythos.engines.memory.live import Unreadable
from mythos.errors import MemoryLogError, MythosError, UnavailableError
from mythos.values.accept_order import AcceptOrder
from mythos.values.memory import MemoryEntry, MemoryOp, MemorySource


class Recorder:
    """Changes of one store through its log, which stays open until `close`.

    Every change is durable when its method returns. Any thread may call, and other processes may
    write the same log meanwhile: writers take turns. A process that was forked off opens a recorder
    of its own. If the log is moved or replaced, one call is refused, and the next opens what lies
    there then, if that holds the newest entries that were seen here. If not, or if the log was
    cut short or overwritten in place, every call is refused until its owner has closed this
    recorder and opened another one.
    """

    def __init__(self, store: MemoryStore, place: LogPlace) -> None:
        """Open the log.

        Raises:
            NotFoundError: the store has no log.
            MemoryLogError: it is damaged.
            UnavailableError: its server is not there.
        """
        self._store = store
        self._log = OpenLog(place)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the log; once is enough. In a forked process it is left to the parent."""
        self._log.close()

    def record(
        self,
        key: str,
        content: bytes,
        *,
        source: MemorySource,
        at: datetime,
        trace_id: str = "",
        policy_ref: str = "",
    ) -> MemoryEntry:
        """Log that `key` now holds `content`, and write it.

        Raises:
            MemoryLogError: the key, the content or a field is not allowed, and nothing was logged;
                or the log does not hold.
            UnavailableError: log or store cannot be written now, and nothing was logged; or, if
                the message begins with `logged as entry`, the next call tries again.
            ConflictError: this recorder is closed, at work already, or of another process.
        """
        write = MemoryWrite(self._store.name, key, "put", content, source, trace_id, policy_ref)
        return self.record_all([write], at=at)[0]

    def forget(
        self,
        key: str,
        *,
        op: Literal["delete", "expire"] = "delete",
        source: MemorySource,
        at: datetime,
        trace_id: str = "",
        policy_ref: str = "",
    ) -> MemoryEntry:
        """Log that `key` is gone, and remove it. What it held stays beside the log.

        Raises:
            As `record`.
        """
        write = MemoryWrite(self._store.name, key, op, None, source, trace_id, policy_ref)
        return self.record_all([write], at=at)[0]

    def erase(
        self,
        key: str,
        *,
        source: MemorySource,
        at: datetime,
        trace_id: str = "",
        policy_ref: str = "",
    ) -> MemoryEntry:
        """Forget a memory for good: also its name, its salts and every content it ever had.

        The log stays valid, and nobody can prove any more what the memory was.

        Raises:
            As `record`.
        """
        write = MemoryWrite(self._store.name, key, "delete", None, source, trace_id, policy_ref)
        with self._log.turn() as log:
            with log.transaction():
                (entry,) = log.append(_allowed(self._store, [write]), at=at)
                log.erase(key_hashes(self._store.name, [key])[0])
            log.scrub()
            stuck = settle_alone(self._store, log)
        _require_in_place([entry], stuck)
        return entry

    def record_all(self, writes: Sequence[MemoryWrite], *, at: datetime) -> list[MemoryEntry]:
        """Log many changes in one transaction, then carry them out.

        Raises:
            As `record`; where one change cannot be carried out now, the others are.
        """
        with self._log.turn() as log:
            return _record_all(self._store, log, writes, at=at)

    def announce(
        self,
        key: str,
        digest: str | None,
        *,
        source: MemorySource,
        at: datetime,
        trace_id: str = "",
        policy_ref: str = "",
    ) -> MemoryEntry:
        """Log what an agent has written itself, if the store holds exactly that.

        The same run's announcement of the same content is logged once, however often it is told.

        Args:
            key: the memory.
            digest: SHA-256 of the content in 64 hex digits; None announces that the key is gone.
            source: on whose behalf it was written.
            at: time of the announcement.
            trace_id: the run that wrote it.
            policy_ref: the decision that let it through.

        Raises:
            MemoryLogError: the store holds something else under `key`; nothing was logged.
            UnavailableError, ConflictError: as `record`.
        """
        with self._log.turn() as log, log.transaction():
            settle(self._store, log)
            content = _readable(self._store, key)
            held = None if content is None else sha256(content).hexdigest()
            if held != digest:
                raise _other(key, digest, held)
            name = self._store.name
            known = log.newest_saying(key_hashes(name, [key])[0], content, trace_id=trace_id)
            if known is not None:
                return known
            op: MemoryOp = "delete" if content is None else "put"
            write = MemoryWrite(name, key, op, content, source, trace_id, policy_ref)
            return _log_in_place(log, write, at=at)

    def accept(self, key: str, *, at: datetime, policy_ref: str = "") -> MemoryEntry:
        """Log an operator's word that what is (or is not) under `key` now is right.

        What is as logged stays of the run that wrote it: an accept would make it nobody's.

        Raises:
            MemoryLogError: it is as logged, something that is no memory stands there, or none can
                be called so.
            UnavailableError, ConflictError: as `record`.
        """
        self._store.require_key(key)
        with self._log.turn() as log, log.transaction():
            settle(self._store, log)
            content = _readable(self._store, key)
            name = self._store.name
            newest, salt = _last_word(log, key_hashes(name, [key])[0])
            if wrong_class(newest, content, salt) is None:
                raise _as_logged(key)
            write = MemoryWrite(name, key, "accept", content, "operator", "", policy_ref)
            return _log_in_place(log, write, at=at)

    def accept_as_seen(self, order: AcceptOrder, *, secret: bytes, at: datetime) -> MemoryEntry:
        """Carry out an order to accept a memory, if log and store are what the operator saw.

        An order that was carried out before changes nothing: its entry is returned.

        Args:
            order: from the control plane, its signature verified.
            secret: the host's own, see `as_seen.host_salt`.
            at: time of the entry.

        Raises:
            MemoryLogError: something is not what was seen, or cannot be logged: nothing was.
            UnavailableError, ConflictError: as `record`.
        """
        ref = ordered_ref(reason_ref(order.by, order.why), order.id)
        name, key = self._store.name, order.key
        self._store.require_key(key)
        with self._log.turn() as log, log.transaction():
            _require_log(log, order)
            hashed = key_hashes(name, [key])[0]
            done = log.next(hashed, after=order.seq)
            if done is not None and _carries_out(entry := log.entry(done), ref):
                return entry
            settle(self._store, log)
            content = _readable(self._store, key)
            newest, salt = _last_word(log, hashed)
            require_as_seen(
                order,
                newest=newest,
                content=content,
                salt=salt,
                own_salt=host_salt(secret, origin=log.origin, key_hash=f"sha256:{hashed.hex()}"),
                at=at,
            )
            write = MemoryWrite(name, key, "accept", content, "operator", "", ref)
            return _log_in_place(log, write, at=at)


def record(
    store: MemoryStore,
    place: LogPlace,
    key: str,
    content: bytes,
    *,
    source: MemorySource,
    at: datetime,
    trace_id: str = "",
    policy_ref: str = "",
) -> MemoryEntry:
    """Open the log, log and write one memory, and close it; a `Recorder` is quicker for more.

    Raises:
        NotFoundError: the store has no log.
        MemoryLogError, UnavailableError: as `Recorder.record`.
    """
    write = MemoryWrite(store.name, key, "put", content, source, trace_id, policy_ref)
    with open_log(place) as log:
        return _record_all(store, log, [write], at=at)[0]


def _record_all(
    store: MemoryStore, log: MemoryLog, writes: Sequence[MemoryWrite], *, at: datetime
) -> list[MemoryEntry]:
    allowed = _allowed(store, writes)
    with log.transaction():
        entries = log.append(allowed, at=at)
    _require_in_place(entries, settle_alone(store, log))
    return entries


def _allowed(store: MemoryStore, writes: Sequence[MemoryWrite]) -> list[MemoryWrite]:
    """The changes as the store will hold them, if it can."""
    allowed = [_normal(store, write) for write in writes]
    for error in store.rehearse((each.key, each.content) for each in allowed).values():
        raise error
    return allowed


def _normal(store: MemoryStore, write: MemoryWrite) -> MemoryWrite:
    if write.store != store.name:
        raise MemoryLogError(
            f"a change of {write.store!r} was given to the recorder of {store.name!r}",
            remedy="give each store a recorder of its own",
        )
    if write.content is None:
        store.require_key(write.key)
        return write
    content = store.normal(write.key, write.content)
    return write if content is write.content else replace(write, content=content)


def _readable(store: MemoryStore, key: str) -> bytes | None:
    content = store.get(key)
    if isinstance(content, Unreadable):
        raise MemoryLogError(
            f"memory {key!r} cannot be logged: {content.reason}",
            remedy="put what can be read in its place, or remove it and accept that it is gone",
        )
    return content


def _last_word(log: MemoryLog, hashed: bytes) -> tuple[MemoryEntry | None, bytes | None]:
    """The newest entry of a key, and its salt; None where there is none, or none any more."""
    seq = log.newest(hashed)
    kept = None if seq is None else log.kept(seq)
    return None if seq is None else log.entry(seq), None if kept is None else kept.salt


def _log_in_place(log: MemoryLog, write: MemoryWrite, *, at: datetime) -> MemoryEntry:
    (entry,) = log.append([write], at=at)
    log.settle(entry.seq)
    return entry


def _require_in_place(entries: Sequence[MemoryEntry], stuck: Mapping[int, MythosError]) -> None:
    for entry in entries:
        if (error := stuck.get(entry.seq)) is not None:
            raise UnavailableError(
                f"logged as entry {entry.seq}, and not yet in the store: {error.message}",
                remedy=f"{error.remedy}; whoever uses the log next tries again",
            ) from error


def _require_log(log: MemoryLog, order: AcceptOrder) -> None:
    if log.origin != order.origin:
        raise MemoryLogError(
            f"the order is for {order.origin[:80]!r}, and the log here is {log.origin[:80]!r}",
            remedy="look at what the host reports of that memory, and order it again",
        )


def _carries_out(entry: MemoryEntry, ref: str) -> bool:
    return (entry.op, entry.source, entry.policy_ref) == ("accept", "operator", ref)


def _as_logged(key: str) -> MemoryLogError:
    return MemoryLogError(
        f"memory {key[:80]!r} is as logged: nothing to accept",
        remedy="to vouch for it, record it anew (`mythos memory record`); to take back what a run"
        " wrote, roll back (`mythos memory rollback`)",
    )


def _other(key: str, digest: str | None, held: str | None) -> MemoryLogError:
    return MemoryLogError(
        f"memory {key[:80]!r} was announced as {digest or 'gone'}, and is {held or 'gone'}",
        remedy="announce right after the write; else audit, and accept it if it is right",
    )
