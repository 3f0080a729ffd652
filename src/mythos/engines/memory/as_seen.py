"""Whether a memory is still what an operator saw when ordering that it is accepted.

The control plane shows no content, only a hash of it under a salt that never leaves the host. An
order names that hash, so it is about one content and no other. Of an altered memory the salt is
that of its newest log entry; an unlogged one has none, so the host makes one of a secret of its
own.

Nor does an order wait for ever: one that was held back would outlive what its operator meant.
"""

from __future__ import annotations

import hmac
from datetime import UTC, datetime, timedelta

from mythos.engines.memory.entry import SALT_BYTES, entry_content_hash, is_content
from mythos.errors import MemoryLogError
from mythos.values.accept_order import AcceptOrder
from mythos.values.memory import BadClass, MemoryEntry

MAX_AGE = timedelta(days=30)
"""How long an order holds: as long as what is signed for an air-gapped environment is fresh."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def host_salt(secret: bytes, *, origin: str, key_hash: str) -> bytes:
    """The salt under which a host shows what is there and logged nowhere: 32 bytes.

    Args:
        secret: 32 random bytes that the host keeps to itself.
        origin: name of the log, so that one content in two logs has two hashes.
        key_hash: hash of the key, as entries name it.
    """
    return hmac.digest(secret, f"{origin}\n{key_hash}".encode(), "sha256")


def require_as_seen(
    order: AcceptOrder,
    *,
    newest: MemoryEntry | None,
    content: bytes | None,
    salt: bytes | None,
    own_salt: bytes,
    at: datetime,
) -> None:
    """Refuse an order unless log and store are what it says.

    Args:
        order: what the operator saw.
        newest: the log's newest entry on the key.
        content: what is under the key; None if nothing is.
        salt: the salt of the newest entry; None where it was erased, or never was one.
        own_salt: the host's own, see `host_salt`.
        at: now, by the host's clock.

    Raises:
        MemoryLogError: something is different; nothing may be accepted.
    """
    ordered_at = _EPOCH + timedelta(milliseconds=order.ts)
    if at - ordered_at > MAX_AGE:
        raise MemoryLogError(
            f"this was ordered at {ordered_at:%Y-%m-%d %H:%M}Z, and it is {at:%Y-%m-%d %H:%M}Z by"
            " the clock of this host",
            remedy=f"look at it again; an order holds {MAX_AGE.days} days",
        )
    seq = None if newest is None else newest.seq
    if seq != order.seq:
        raise _other(f"its newest log entry is {_numbered(seq)}, not {_numbered(order.seq)}")
    kind = wrong_class(newest, content, salt)
    if kind != order.kind:
        raise _other(f"it is {kind or 'as logged'}, not {order.kind}")
    if content is None:
        return
    if order.found is None:
        raise MemoryLogError(
            "the order has no hash of what was seen, so nothing binds it to a content",
            remedy="look at it on its host, and run there: mythos memory accept",
        )
    shown = own_salt if kind == "unlogged" else salt
    if shown is None or not is_content(content, order.found, salt=shown):
        raise _other("its content is another")


def shown_hash(content: bytes, salt: bytes) -> str | None:
    """The hash of a content as the control plane may see it; None without a whole salt."""
    return entry_content_hash(salt, content) if len(salt) == SALT_BYTES else None


def wrong_class(
    newest: MemoryEntry | None, content: bytes | None, salt: bytes | None
) -> BadClass | None:
    """What an audit would call it; None where it finds nothing wrong."""
    logged = None if newest is None else newest.content_hash
    if content is None:
        return None if logged is None else "missing"
    if logged is None:
        return "unlogged"
    return None if is_content(content, logged, salt=salt or b"") else "altered"


def _numbered(seq: int | None) -> str:
    return "none" if seq is None else f"number {seq}"


def _other(how: str) -> MemoryLogError:
    return MemoryLogError(
        f"it is not what was seen when this was ordered: {how}",
        remedy="look at it again",
    )
