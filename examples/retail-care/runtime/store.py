"""A small real order store: SQLite, seeded the same way every time.

Orders `O-0001` to `O-0400`: even numbers are delivered, odd ones pending. Writes change rows, and
a second cancel or return of one order is refused as a real shop would refuse it.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from pathlib import Path

ORDERS = 400
CUSTOMERS = 40


class ShopError(Exception):
    """The shop refuses: no such customer or order, or the order is in another state."""


@dataclass(frozen=True, slots=True)
class Order:
    """One order; money in cents."""

    order_id: str
    customer_id: str
    status: str
    item_ids: tuple[str, ...]
    total_cents: int
    payment_method: str


class Store:
    """Orders and customers in one SQLite file."""

    def __init__(self, path: Path) -> None:
        self._db = sqlite3.connect(path, timeout=10)
        with self._db:
            self._db.executescript(
                "CREATE TABLE IF NOT EXISTS customer (id TEXT PRIMARY KEY, email TEXT UNIQUE);"
                "CREATE TABLE IF NOT EXISTS orders (id TEXT PRIMARY KEY, customer TEXT,"
                " status TEXT, items TEXT, total_cents INTEGER, method TEXT);"
                "CREATE TABLE IF NOT EXISTS refund"
                " (order_id TEXT, amount_cents INTEGER, method TEXT);"
            )
            self._db.executemany(
                "INSERT OR IGNORE INTO customer VALUES (?, ?)",
                [(f"C-{n:03}", email_of(n)) for n in range(CUSTOMERS)],
            )
            self._db.executemany(
                "INSERT OR IGNORE INTO orders VALUES (?, ?, ?, ?, ?, ?)",
                [_row(n) for n in range(1, ORDERS + 1)],
            )

    def restock(self) -> None:
        """Put every order back as it was seeded, so that a long demo never runs out."""
        with self._db:
            self._db.executemany(
                "INSERT OR REPLACE INTO orders VALUES (?, ?, ?, ?, ?, ?)",
                [_row(n) for n in range(1, ORDERS + 1)],
            )

    def customer_by_email(self, email: str) -> str:
        """The customer's id."""
        row = self._db.execute("SELECT id FROM customer WHERE email = ?", (email,)).fetchone()
        if row is None:
            raise ShopError(f"no customer has the address {email}")
        return str(row[0])

    def order(self, order_id: str) -> Order:
        """One order as it stands."""
        row = self._db.execute("SELECT * FROM orders WHERE id = ?", (order_id,)).fetchone()
        if row is None:
            raise ShopError(f"there is no order {order_id}")
        return Order(row[0], row[1], row[2], tuple(row[3].split(",")), row[4], row[5])

    def move(self, order_id: str, *, before: str, after: str) -> None:
        """Change an order's status, only from `before`."""
        with self._db:
            changed = self._db.execute(
                "UPDATE orders SET status = ? WHERE id = ? AND status = ?",
                (after, order_id, before),
            ).rowcount
        if changed != 1:
            raise ShopError(f"order {order_id} is not {before}")

    def refund(self, order_id: str, amount_cents: int, method: str) -> None:
        """Book a refund."""
        with self._db:
            self._db.execute(
                "INSERT INTO refund VALUES (?, ?, ?)", (order_id, amount_cents, method)
            )


def email_of(number: int) -> str:
    """E-mail address of customer `number`."""
    return f"customer{number:03}@mail.example"


def owner_of(order_number: int) -> int:
    """Number of the customer who placed order `order_number`."""
    return order_number % CUSTOMERS


def _row(n: int) -> tuple[str, str, str, str, int, str]:
    status = "delivered" if n % 2 == 0 else "pending"
    items = ",".join(f"I-{n:04}-{k}" for k in range(1, 2 + n % 3))
    return (f"O-{n:04}", f"C-{owner_of(n):03}", status, items, 990 + 37 * (n % 400), f"card-{n:04}")
