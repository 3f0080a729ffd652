"""A seeded memory directory with its log, and places for logs: a file, a server's schema."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pytest

from mythos.adapters.memory_auditor import audit_store
from mythos.adapters.memory_baseline import seed
from mythos.adapters.memory_log import LogPlace
from mythos.adapters.memory_log_postgresql import ServerLog, connect_server
from mythos.adapters.memory_recorder import Recorder, record
from mythos.adapters.memory_store_directory import DirectoryStore
from mythos.engines.memory.note import NoteVerifier
from mythos.errors import MemoryLogError
from mythos.values.memory import Checkpoint, MemoryAudit
from tests.postgresql import server_url

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

    def recorder(self) -> Recorder:
        """One that keeps the log open."""
        return Recorder(self.live, self.log)

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


def in_a_file(folder: Path) -> LogPlace:
    return folder / "log.sqlite3"


def on_a_server(folder: Path) -> LogPlace:
    return ServerLog(server_url(), f"mythos_test_{uuid4().hex[:12]}")


@pytest.fixture(params=[in_a_file, on_a_server])
def log_place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[LogPlace]:
    make: Callable[[Path], LogPlace] = request.param
    place = make(tmp_path)
    yield place
    if isinstance(place, ServerLog):
        with connect_server(place, create=True) as database, suppress(MemoryLogError):
            database.all(f"DROP SCHEMA {place.schema} CASCADE")
