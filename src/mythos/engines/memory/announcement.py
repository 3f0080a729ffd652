"""Announcements: memory spans that say what an agent wrote to its store.

A span announces a write if it names a memory (`gen_ai.memory.record.id`) and the SHA-256 of what it
holds now (`mythos.memory.sha256`); a `delete_memory` span of one memory announces that it is gone.
Whether that is true the store must show. A span without the hash announces nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import get_args

from mythos.engines.telemetry.table import AGENT_KEYS
from mythos.values.event import Json, Span
from mythos.values.memory import MemorySource

MEMORY_KEYS = (
    "gen_ai.memory.record.id",
    "mythos.memory.sha256",
    "mythos.memory.source",
    "mythos.policy.ref",
)
_KEY, _SHA256, _SOURCE, _POLICY = MEMORY_KEYS
_HEX = re.compile(r"[0-9a-f]{64}")
_RUN = re.compile(r"[0-9a-f]{32}")
_SOURCES: tuple[MemorySource, ...] = get_args(MemorySource)


@dataclass(frozen=True, slots=True)
class Announcement:
    """One write that a span tells of. `digest`: SHA-256 in hex; None says the memory is gone."""

    agent: str
    key: str
    digest: str | None
    source: MemorySource
    trace_id: str
    policy_ref: str


def announcements(spans: Iterable[Span]) -> list[Announcement]:
    """Return the last announcement of each memory of each agent, in the order of their ends."""
    ended = sorted(spans, key=lambda span: span.end_ns)
    last = {(one.agent, one.key): one for span in ended for one in _announced(span)}
    return list(last.values())


def _announced(span: Span) -> Iterator[Announcement]:
    key, digest = _text(span, _KEY), _text(span, _SHA256).lower()
    gone = span.attributes.get("gen_ai.operation.name") == "delete_memory"
    if span.failed or not key or not (gone or _HEX.fullmatch(digest)):
        return
    said = _text(span, _SOURCE)
    yield Announcement(
        agent=next((name for each in AGENT_KEYS if (name := _text(span, each))), ""),
        key=key,
        digest=None if gone else digest,
        source=next((source for source in _SOURCES if source == said), "agent"),
        trace_id=span.trace_id if _RUN.fullmatch(span.trace_id) else "",
        policy_ref=_text(span, _POLICY)[:300],
    )


def _text(span: Span, key: str) -> str:
    value: Json = span.attributes.get(key, "")
    return value if isinstance(value, str) else ""
