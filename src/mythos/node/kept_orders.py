"""Orders to accept a memory, as a node keeps them: until they are answered, and the answers after.

They are numbered as they came. An answer is *told* once an envelope carries it; then what the order
said of its key goes, as its name may have to be forgotten. A view that repeats an order asks for
the answer again, since the envelope may be lost.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable

from mythos.node.database import NodeDatabase

ORDERS_TABLE = """
CREATE TABLE IF NOT EXISTS accept_order (
    number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, body TEXT NOT NULL,
    answer TEXT NOT NULL DEFAULT '', told INTEGER NOT NULL DEFAULT 0);
"""
KEPT_ORDERS = 10_000
"""Answered orders that are known again; the oldest go first."""

LEFT = {"id", "origin", "by"}
"""What is left of an order whose answer was told."""


class KeptOrders(NodeDatabase):
    """Orders in a node's state."""

    def add_orders(self, orders: Iterable[tuple[str, str]], *, at_most: int) -> int:
        """Keep orders as (id, JSON), as long as no more than `at_most` wait.

        The answer to an order that was answered before is to be told once more.

        Returns:
            How many are new.
        """
        with self._transaction() as db:
            waiting = db.execute("SELECT count(*) FROM accept_order WHERE answer = ''").fetchone()
            room, new = at_most - waiting[0], 0
            for key, body in orders:
                known = db.execute("UPDATE accept_order SET told = 0 WHERE id = ?", (key,)).rowcount
                if not known and new < room:
                    db.execute("INSERT INTO accept_order (id, body) VALUES (?, ?)", (key, body))
                    new += 1
            db.execute(
                "DELETE FROM accept_order WHERE told AND number <="
                " (SELECT max(number) FROM accept_order) - ?",
                (KEPT_ORDERS,),
            )
            return new

    def waiting_orders(self) -> list[str]:
        """Orders not yet answered, oldest first."""
        with self._reading() as db:
            rows = db.execute("SELECT body FROM accept_order WHERE answer = '' ORDER BY number")
            return [row[0] for row in rows]

    def answer_order(self, key: str, answer: str) -> None:
        """Keep what became of an order."""
        with self._transaction() as db:
            db.execute("UPDATE accept_order SET answer = ? WHERE id = ?", (answer, key))

    def untold_answers(self, *, limit: int) -> list[tuple[str, str]]:
        """Answers as (id, JSON) that no envelope carries, or that were asked for again."""
        with self._reading() as db:
            return list(
                db.execute(
                    "SELECT id, answer FROM accept_order WHERE answer <> '' AND NOT told"
                    " ORDER BY number LIMIT ?",
                    (limit,),
                )
            )

    @staticmethod
    def _note_told(db: sqlite3.Connection, orders: Iterable[str]) -> None:
        """Note that an envelope carries the answers to these orders, and forget their keys."""
        for key in orders:
            (body,) = db.execute("SELECT body FROM accept_order WHERE id = ?", (key,)).fetchone()
            left = {name: value for name, value in json.loads(body).items() if name in LEFT}
            db.execute(
                "UPDATE accept_order SET told = 1, body = ? WHERE id = ?", (json.dumps(left), key)
            )

    def newest_orders(self, *, limit: int) -> list[tuple[str, str]]:
        """Orders and their answers as JSON, newest first; an order that waits has `""`.

        Of an order whose answer was told only `LEFT` is there.
        """
        with self._reading() as db:
            return list(
                db.execute(
                    "SELECT body, answer FROM accept_order ORDER BY number DESC LIMIT ?", (limit,)
                )
            )
