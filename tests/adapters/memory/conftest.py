"""A seeded memory directory with its log."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from mythos.adapters.memory_auditor import audit_store
from mythos.adapters.memory_baseline import seed
from mythos.adapters.memory_recorder import record
from mythos.adapters.memory_store_directory import DirectoryStore
from mythos.engines.memory.note import NoteVerifier
from mythos.values.memory import Checkpoint, MemoryAudit

AT = datetime(2026, 1, 2, tzinfo=UTC)
BASELINE = {"MEMORY.md": b"# Memory\n", "user/tea.md": b"likes tea", "user/name.md": b"Ada"}


@dataclass(frozen=True, slots=True)
class Place:
    """Where one agent's memory and its log lie."""

    store: Path
    log: Path

    @property
    def live(self) -> DirectoryStore:
        """The store as recorder and audit see it."""
        return DirectoryStore(self.store)

    def record(self, key: str, content: bytes) -> None:
        """Write one memory the honest way."""
        record(self.live, self.log, key, content, source="agent", at=AT)

    def audit(
        self, *verifiers: NoteVerifier, witnessed: tuple[Checkpoint, ...] = ()
    ) -> MemoryAudit:
        """Audit now."""
        return audit_store(self.live, self.log, at=AT, verifiers=verifiers, witnessed=witnessed)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """A store of three baseline memories, one of them rewritten since."""
    place = Place(tmp_path / "memory", tmp_path / "state" / "memory.db")
    seed(place.live, place.log, BASELINE, origin="mythos/n1/clerk", at=AT)
    place.record("user/tea.md", b"likes green tea")
    return place
