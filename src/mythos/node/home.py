"""The state folder of one node: where everything lies, and who the node is.

    key.pem          Ed25519 key, 0600
    acceptance.json  what the control plane answered at enrolment
    node.sqlite3     spans of open runs, evidence not yet sent, envelopes
    trust/           TUF client state: never goes back to an older version
    depot/           what came by file: trust metadata and blobs of an air-gapped node
    launched/DIGEST/ verified trees; `current` points at the one in force
    memory/AGENT/    live memory, seeded once, outside the launched tree; AGENT.log beside it
    work/AGENT/      an agent's working folder

A new state folder is a new epoch: its envelopes can never collide with older ones.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from pydantic import ValidationError

from mythos.adapters.atomic_file import write_atomically
from mythos.errors import ConflictError, NotFoundError
from mythos.values.digest import canonical_bytes
from mythos.values.enrolment import Acceptance


@dataclass(frozen=True, slots=True)
class NodeHome:
    """Paths of one node's state."""

    root: Path

    @property
    def key(self) -> Path:
        """The node's private key."""
        return self.root / "key.pem"

    @property
    def database(self) -> Path:
        """Spans, pending evidence and envelopes."""
        return self.root / "node.sqlite3"

    @property
    def trust(self) -> Path:
        """TUF client state."""
        return self.root / "trust"

    @property
    def depot(self) -> Path:
        """Trust metadata and blobs that came by file."""
        return self.root / "depot"

    @property
    def launched(self) -> Path:
        """Verified trees by digest."""
        return self.root / "launched"

    @property
    def current(self) -> Path:
        """Symbolic link to the tree in force."""
        return self.root / "current"

    def memory(self, agent: str) -> Path:
        """Live memory of an agent."""
        return self.root / "memory" / _folder(agent)

    def memory_log(self, agent: str) -> Path:
        """The transparency log of an agent's memory."""
        return self.root / "memory" / f"{_folder(agent)}.log.sqlite3"

    def work(self, agent: str) -> Path:
        """Working folder of an agent."""
        return self.root / "work" / _folder(agent)

    @property
    def enrolled(self) -> bool:
        """Whether the control plane has accepted this node."""
        return self._acceptance.is_file()

    @property
    def _acceptance(self) -> Path:
        return self.root / "acceptance.json"

    def acceptance(self) -> Acceptance:
        """Who the node is.

        Raises:
            NotFoundError: it is not enrolled.
        """
        try:
            return Acceptance.model_validate_json(self._acceptance.read_bytes())
        except FileNotFoundError:
            raise NotFoundError(
                f"no node is enrolled in {self.root}",
                remedy="run `mythos node enroll` first, or name another --home",
            ) from None
        except ValidationError as error:
            raise ConflictError(
                f"{self._acceptance} is damaged: {error.errors()[0]['msg']}",
                remedy="restore the file, or enrol the host anew in an empty folder",
            ) from None

    def accept(self, acceptance: Acceptance) -> None:
        """Keep the control plane's answer; private, since it holds the pull token."""
        body = canonical_bytes(acceptance.model_dump(mode="json", by_alias=True))
        write_atomically(self._acceptance, body, mode=0o600)


def _folder(agent: str) -> str:
    """One folder an agent: a name with `/` must not lie inside another agent's memory."""
    return quote(agent, safe=" ")
