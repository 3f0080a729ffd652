"""What a memory store must be able to do, whatever lies behind it.

A store is a map from keys (text) to contents (bytes). `read` is all that an audit needs; `get`
serves samples and single memories; `put` and `remove` serve the recorder and a roll-back. A store
for a new system (a vector database, an agent server) is one class with these members.

Reading a store only *compares*. Nothing that is found there is logged because it was found.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol

from mythos.engines.memory.live import Unreadable
from mythos.errors import MythosError

Change = tuple[str, bytes | None]
"""A key, and what is put under it, as `normal` or `read` returned it; None removes the key."""


class MemoryStore(Protocol):
    """One place where an agent keeps memories."""

    @property
    def name(self) -> str:
        """What log entries call it; stores of one log differ in it."""
        ...

    @property
    def blind_to(self) -> str:
        """What no audit of this store can see, in one sentence."""
        ...

    def read(self, *, after: str | None = None) -> Iterator[tuple[str, bytes | Unreadable]]:
        """Yield every key once with its content, one content in memory at a time.

        Args:
            after: begin behind this key, which `keys` yields; None begins at the first.

        Raises:
            UnavailableError: the store cannot be read at all.
        """
        ...

    def keys(self) -> Iterator[str]:
        """Yield every key in the order of `read`, without contents where that is possible."""
        ...

    def get(self, key: str) -> bytes | Unreadable | None:
        """Return the content under `key`; None if nothing is there."""
        ...

    def require_key(self, key: str) -> None:
        """Refuse a key that no memory of this store can have.

        Raises:
            MemoryLogError: it is such a key.
        """
        ...

    def normal(self, key: str, content: bytes) -> bytes:
        """Return `content` as `read` would give it back once it is under `key`.

        Raises:
            MemoryLogError: this store cannot hold such a key or such a content.
        """
        ...

    def rehearse(self, changes: Iterable[Change]) -> dict[str, MythosError]:
        """Say which changes, made now in this order, would be refused, and why; change nothing.

        Raises:
            UnavailableError: the store cannot be changed at all.
        """
        ...

    def put(self, key: str, content: bytes) -> None:
        """Write what `normal` or `read` returned, whole or not at all.

        Raises:
            MemoryLogError: no store of this kind can hold it.
            UnavailableError: it cannot be written now.
        """
        ...

    def remove(self, key: str) -> None:
        """Remove `key`; nothing happens where there is none.

        Raises:
            UnavailableError: it cannot be removed now.
        """
        ...
