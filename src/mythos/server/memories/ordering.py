"""What the form of an order asks, checked and bounded once.

A key is named by the digest of its name: a form would change line ends and the like on their way.
"""

from __future__ import annotations

from django.http import QueryDict

from mythos.errors import NotFoundError, UsageError
from mythos.server.memories import page_queries as queries
from mythos.server.memories.pages.orders import ref_of
from mythos.server.resilience.memory_orders import Seen

MAX_DIGITS = 16


def seen_in(form: QueryDict, node_id: str, origin: str) -> tuple[Seen, str]:
    """Read the form of an order: what its reader saw, and why they take it for right.

    Raises:
        NotFoundError: no such log, or its newest audit tells of no such key.
        UsageError: a number cannot be read.
    """
    audit = queries.log(node_id, origin).audit
    ref = form.get("key", "")
    key = next((each for each in (audit.keys if audit else ()) if ref_of(each) == ref), None)
    if key is None:
        raise NotFoundError(
            "the newest audit tells of nothing wrong with this key",
            remedy="open the page of the log again: it may be as logged by now",
        )
    found = form.get("found", "")[:100]
    return Seen(node_id, origin, key, _number(form.get("seq", "")), found or None), form.get(
        "why", ""
    ).replace("\x00", "")


def _number(given: str) -> int | None:
    """The number of an entry; None where the key has none."""
    if not given:
        return None
    if given.isascii() and given.isdigit() and len(given) <= MAX_DIGITS:
        return int(given)
    raise UsageError(
        f"seq={given[:20]!r} is no number of an entry",
        remedy="use the form on the page of the log",
    )
