"""What a node must not lose: spans of open runs, evidence not yet sent, envelopes.

One SQLite file in WAL mode. Spans are committed before their sender is answered; a run is closed
and its evidence stored in one transaction; an envelope takes its counter and its rows in one
transaction. So a crash anywhere leaves each span counted once. Sealing waits for the disk: were a
counter forgotten by a power cut after its envelope was sent, the next one would look like a fork.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mythos.node.kept_orders import ORDERS_TABLE, KeptOrders

_TABLES = """
CREATE TABLE IF NOT EXISTS span (
    trace_id TEXT NOT NULL, span_id TEXT NOT NULL, line BLOB NOT NULL);
CREATE INDEX IF NOT EXISTS span_by_trace ON span (trace_id);
CREATE TABLE IF NOT EXISTS attempt (
    id INTEGER PRIMARY KEY, trace_id TEXT NOT NULL, at_ns INTEGER NOT NULL, body TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS closed (trace_id TEXT PRIMARY KEY, at_ns INTEGER NOT NULL) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS closed_by_time ON closed (at_ns);
CREATE TABLE IF NOT EXISTS memory (
    id INTEGER PRIMARY KEY, at_ns INTEGER NOT NULL, line TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS memory_by_time ON memory (at_ns);
CREATE TABLE IF NOT EXISTS pending (id INTEGER PRIMARY KEY, row TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS envelope (
    counter INTEGER PRIMARY KEY, body BLOB NOT NULL, sent INTEGER NOT NULL DEFAULT 0,
    exported INTEGER NOT NULL DEFAULT 0, refused TEXT NOT NULL DEFAULT '');
"""
KEPT_ENVELOPES = 10_000
"""Delivered envelopes kept for a second export; the oldest go first."""


@dataclass(frozen=True, slots=True)
class StoredEnvelope:
    """A signed envelope and its counter."""

    counter: int
    body: bytes


class NodeStore(KeptOrders):
    """One node's durable state. Thread-safe: one connection, one lock."""

    def __init__(self, path: Path) -> None:
        """Open or create the file.

        Raises:
            UnavailableError: the folder cannot be written or the file is no database.
        """
        super().__init__(path, tables=_TABLES + ORDERS_TABLE)

    def add_spans(self, spans: Iterable[tuple[str, str, bytes]], *, rows: Iterable[str]) -> None:
        """Keep spans as (trace id, span id, OTLP/JSON line), and what their receipt counts."""
        with self._transaction() as db:
            db.executemany("INSERT INTO span VALUES (?, ?, ?)", spans)
            db.executemany("INSERT INTO pending (row) VALUES (?)", [(row,) for row in rows])

    def spans(self, trace_id: str = "") -> list[bytes]:
        """Spans of open traces, or of one, as OTLP/JSON lines."""
        with self._reading() as db:
            rows = db.execute("SELECT line FROM span WHERE ?1 = '' OR trace_id = ?1", (trace_id,))
            return [row[0] for row in rows]

    def open_traces(self) -> frozenset[str]:
        """Ids of the traces that spans are held of."""
        with self._lock:
            return frozenset(
                row[0] for row in self._db.execute("SELECT DISTINCT trace_id FROM span")
            )

    def add_attempt(self, trace_id: str, at_ns: int, body: str) -> None:
        """Keep a denied attempt until its run is judged."""
        with self._transaction() as db:
            db.execute(
                "INSERT INTO attempt (trace_id, at_ns, body) VALUES (?, ?, ?)",
                (trace_id, at_ns, body),
            )

    def attempts(self) -> list[tuple[int, str, int, str]]:
        """Denied attempts not yet judged: (id, trace id, Unix ns, body)."""
        with self._reading() as db:
            return list(db.execute("SELECT id, trace_id, at_ns, body FROM attempt ORDER BY id"))

    def lonely(self, *, before_ns: int) -> list[str]:
        """Traces of which no span is held and whose newest attempt is not younger than a time."""
        with self._reading() as db:
            rows = db.execute(
                "SELECT trace_id FROM attempt GROUP BY trace_id HAVING max(at_ns) <= ?"
                " AND NOT EXISTS (SELECT 1 FROM span WHERE span.trace_id = attempt.trace_id)"
                " ORDER BY trace_id",
                (before_ns,),
            )
            return [row[0] for row in rows]

    def closed_ids(self) -> dict[str, int]:
        """Ids of judged traces, with when they were closed (Unix ns)."""
        with self._reading() as db:
            return dict(db.execute("SELECT trace_id, at_ns FROM closed"))

    def close_trace(
        self,
        trace_id: str,
        *,
        attempts: Iterable[int],
        rows: Iterable[str],
        at_ns: int,
        memories: Iterable[str] = (),
    ) -> None:
        """Forget a judged trace's spans and attempts, and keep its evidence, in one transaction.

        `memories` is what its runs leave behind for facts that reach beyond one run.
        """
        with self._transaction() as db:
            db.execute("DELETE FROM span WHERE trace_id = ?", (trace_id,))
            db.executemany("DELETE FROM attempt WHERE id = ?", [(key,) for key in attempts])
            db.execute("INSERT OR IGNORE INTO closed VALUES (?, ?)", (trace_id, at_ns))
            db.executemany(
                "INSERT INTO memory (at_ns, line) VALUES (?, ?)",
                [(at_ns, line) for line in memories],
            )
            db.executemany("INSERT INTO pending (row) VALUES (?)", [(row,) for row in rows])

    def settle_attempts(self, attempts: Iterable[int], *, rows: Iterable[str]) -> None:
        """Forget attempts that no span followed, and keep their evidence, in one transaction.

        Their trace is not closed by this: spans that still come are a run to be judged.
        """
        with self._transaction() as db:
            db.executemany("DELETE FROM attempt WHERE id = ?", [(key,) for key in attempts])
            db.executemany("INSERT INTO pending (row) VALUES (?)", [(row,) for row in rows])

    def memories(self) -> list[str]:
        """What closed runs left behind, oldest first."""
        with self._reading() as db:
            return [row[0] for row in db.execute("SELECT line FROM memory ORDER BY id")]

    def forget_memories(self, *, before_ns: int) -> None:
        """Drop what runs left that closed before a time."""
        with self._transaction() as db:
            db.execute("DELETE FROM memory WHERE at_ns < ?", (before_ns,))

    def forget_closed(self, *, before_ns: int) -> None:
        """Drop ids of traces closed before a time."""
        with self._transaction() as db:
            db.execute("DELETE FROM closed WHERE at_ns < ?", (before_ns,))

    def pending(self) -> list[tuple[int, str]]:
        """Evidence rows that no envelope carries yet: (id, JSON)."""
        with self._reading() as db:
            return list(db.execute("SELECT id, row FROM pending ORDER BY id"))

    def next_counter(self) -> int:
        """The counter the next envelope must carry."""
        with self._reading() as db:
            found = db.execute("SELECT max(counter) FROM envelope").fetchone()[0]
            kept = int(self.recall("counter") or 0)
        return max(kept, (found or 0) + 1, 1)

    def seal(
        self,
        envelopes: Sequence[StoredEnvelope],
        *,
        pending: Iterable[int],
        beat_s: float,
        memos: Mapping[str, str] | None = None,
        answers: Iterable[str] = (),
    ) -> None:
        """Keep a beat's signed envelopes and forget the rows they carry, in one transaction.

        Args:
            envelopes: at least one, their counters rising from `next_counter`.
            pending: ids of the rows they carry.
            beat_s: Unix seconds of the beat.
            memos: named values to keep with them, see `remember`.
            answers: ids of the orders whose answers they carry.
        """
        newest = envelopes[-1].counter
        with self._on_disk(), self._transaction() as db:
            db.executemany(
                "INSERT INTO envelope (counter, body) VALUES (?, ?)",
                [(one.counter, one.body) for one in envelopes],
            )
            db.executemany(
                "INSERT OR REPLACE INTO meta VALUES (?, ?)",
                [
                    ("counter", str(newest + 1)),
                    ("beat_s", repr(beat_s)),
                    *(memos or {}).items(),
                ],
            )
            db.executemany("DELETE FROM pending WHERE id = ?", [(key,) for key in pending])
            self._note_told(db, answers)
            db.execute(
                "DELETE FROM envelope WHERE (sent OR exported) AND counter <= ?",
                (newest - KEPT_ENVELOPES,),
            )

    @property
    def newest_beat_s(self) -> float | None:
        """Unix seconds of the newest beat that was sealed; None before the first."""
        kept = self.recall("beat_s")
        return None if kept is None else float(kept)

    def unsent(self, *, limit: int = 100) -> list[StoredEnvelope]:
        """Envelopes the control plane has not acknowledged, oldest first."""
        with self._reading() as db:
            rows = db.execute(
                "SELECT counter, body FROM envelope WHERE NOT sent AND refused = '' "
                "ORDER BY counter LIMIT ?",
                (limit,),
            )
            return [StoredEnvelope(*row) for row in rows]

    def unexported(self, *, everything: bool) -> list[StoredEnvelope]:
        """Envelopes for a report file: those never exported, or all that are kept."""
        which = "1" if everything else "NOT exported"
        with self._reading() as db:
            rows = db.execute(
                f"SELECT counter, body FROM envelope WHERE {which} ORDER BY counter"  # noqa: S608
            )
            return [StoredEnvelope(*row) for row in rows]

    def mark_sent(self, counter: int) -> None:
        """The control plane has counted this envelope."""
        with self._transaction() as db:
            db.execute("UPDATE envelope SET sent = 1 WHERE counter = ?", (counter,))

    def mark_exported(self, counters: Iterable[int]) -> None:
        """These envelopes lie in a report file."""
        with self._transaction() as db:
            db.executemany(
                "UPDATE envelope SET exported = 1 WHERE counter = ?", [(key,) for key in counters]
            )

    def mark_refused(self, counter: int, why: str) -> None:
        """The control plane refuses this envelope for good; it is kept, with the reason."""
        with self._transaction() as db:
            db.execute("UPDATE envelope SET refused = ? WHERE counter = ?", (why, counter))

    def last_refusal(self) -> str:
        """Why the newest envelope that was answered was refused for good; `""` if it was taken."""
        with self._reading() as db:
            found = db.execute(
                "SELECT refused FROM envelope WHERE sent OR refused <> '' "
                "ORDER BY counter DESC LIMIT 1"
            ).fetchone()
        return "" if found is None else str(found[0])

    def backlog(self) -> dict[str, int]:
        """How much waits: spans, pending rows, unsent and refused envelopes."""
        with self._reading() as db:
            ask = db.execute
            return {
                "spans": ask("SELECT count(*) FROM span").fetchone()[0],
                "rows": ask("SELECT count(*) FROM pending").fetchone()[0],
                "unsent": ask(
                    "SELECT count(*) FROM envelope WHERE NOT sent AND refused = ''"
                ).fetchone()[0],
                "refused": ask("SELECT count(*) FROM envelope WHERE refused <> ''").fetchone()[0],
            }
