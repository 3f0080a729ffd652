"""What lies in a live store, as an audit is given it: keys with contents."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Something that stands where a memory would, and is none: a symbolic link, a device."""

    reason: str


Content = bytes | Unreadable
Live = tuple[str, Content]
