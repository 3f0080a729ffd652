"""What the database knows of hosts and rollouts, whatever kind of document is looked for."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

Mode = Literal["enforce", "shadow"]


@dataclass(frozen=True, slots=True)
class DocumentKind:
    """A kind of document that bundles bring, such as policy sets.

    `relation` names those of a bundle. `enforced` and `shadowed` are where a host says which it
    has; a kind without a shadow leaves the second empty. `page` lists them.
    """

    name: str
    relation: Literal["bundled_codices", "ritual_archive"]
    enforced: str
    shadowed: str
    page: str


@dataclass(frozen=True, slots=True)
class HostFact:
    """A host, the documents of one kind in force there, and the agents it runs, by digest."""

    node_id: str
    environment: str
    enforced: frozenset[str]
    shadowed: frozenset[str]
    last_beat_at: datetime | None
    agents: frozenset[str] = frozenset()

    def mode_of(self, digest: str) -> Mode | None:
        """How a document is in force here; None if it is not."""
        if digest in self.enforced:
            return "enforce"
        return "shadow" if digest in self.shadowed else None


@dataclass(frozen=True, slots=True)
class RolloutFact:
    """A decision that an environment runs a bundle, with the bundle's documents of one kind."""

    environment: str
    sequence: int
    bundle: str
    bundle_digest: str
    halted: bool
    at: datetime
    documents: frozenset[str]


@dataclass(frozen=True, slots=True)
class Holders:
    """The bundles that hold a document, oldest first, and since when one does."""

    names: tuple[str, ...] = ()
    since: datetime | None = None
