"""The two repositories a node must hear the same from before it launches anything.

*packets*, one a fleet, states which bundles are genuine; its targets key is used when a bundle is
released. *deployments*, one an environment, states what runs there now; its online key is used
after every approval. A stolen control plane can then choose among genuine bundles, no more.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from pydantic import ValidationError
from tuf.api.metadata import TargetFile

from mythos.adapters.dsse import sign_envelope
from mythos.adapters.file_lock import locked
from mythos.adapters.key_file import load_key
from mythos.adapters.tuf_repository import Renewal, Standing, Terms, TufRepository
from mythos.errors import ConflictError, TrustError
from mythos.values.bundle import Assignment, deployment_target, packet_target
from mythos.values.digest import JsonValue, canonical_bytes, digest_of

PACKETS_TERMS = Terms(
    keys={"root": "root", "targets": "targets", "snapshot": "online", "timestamp": "online"},
    days={"root": 365, "targets": 90, "snapshot": 35, "timestamp": 35},
)
_ONLINE = {"root": "root", "targets": "online", "snapshot": "online", "timestamp": "online"}
DEPLOYMENTS_TERMS = Terms(
    keys=_ONLINE, days={"root": 365, "targets": 90, "snapshot": 35, "timestamp": 1}
)
AIR_GAPPED_TERMS = Terms(
    keys=_ONLINE, days={"root": 365, "targets": 90, "snapshot": 35, "timestamp": 30}
)


class PacketsRepository:
    """Which bundles are genuine. A name and version means one manifest, for ever."""

    def __init__(self, folder: Path, *, keys: Path) -> None:
        self._tuf = TufRepository(folder, keys=keys, terms=PACKETS_TERMS)

    def initialise(self, *, at: datetime) -> None:
        """Make the keys and sign the first, empty state."""
        self._tuf.initialise(at=at)

    def root(self, version: int = 1) -> bytes:
        """A version of the root metadata."""
        return self._tuf.root(version)

    def publish_packet(
        self,
        name: str,
        version: int,
        manifest: bytes,
        *,
        at: datetime,
        custom: Mapping[str, JsonValue] | None = None,
    ) -> None:
        """State that a manifest is the genuine bundle of this name and version.

        The same manifest again changes nothing.

        Args:
            name, version: what the bundle is called.
            manifest: its exact bytes.
            at: now.
            custom: signed notes for readers, such as where its blobs lie.

        Raises:
            ConflictError: that name and version is another manifest already.
            NotFoundError: a signing key is not there.
        """
        path = packet_target(name, version)
        new = _target(path, manifest, custom or {})
        with locked(self._tuf.folder):
            held = self._tuf.targets()
            if path in held:
                _refuse_other(held[path], new)
                return
            self._tuf.publish({**held, path: new}, {path: manifest}, at=at)

    def standing(self, *, at: datetime) -> tuple[Standing, ...]:
        """Version and expiry of every role, root first."""
        return self._tuf.standing(at=at)

    def renew(self, *, at: datetime) -> Renewal:
        """Sign anew what has used up half of its period."""
        return self._tuf.renew(at=at)


class DeploymentsRepository:
    """What one environment should run now."""

    def __init__(
        self, folder: Path, *, keys: Path, environment: str, terms: Terms = DEPLOYMENTS_TERMS
    ) -> None:
        self.environment = environment
        self._online_key = keys / f"{terms.keys['targets']}.pem"
        self._tuf = TufRepository(folder, keys=keys, terms=terms)

    def initialise(self, *, at: datetime) -> None:
        """Make the keys and sign the first, empty state."""
        self._tuf.initialise(at=at)

    def root(self, version: int = 1) -> bytes:
        """A version of the root metadata."""
        return self._tuf.root(version)

    def assign(self, assignment: Assignment, *, at: datetime) -> None:
        """State what the environment runs from now on.

        Args:
            assignment: its sequence must be higher than the present one's.
            at: now.

        Raises:
            ConflictError: for another environment, or not newer than the present assignment.
        """
        if assignment.environment != self.environment:
            raise ConflictError(
                f"the assignment is for {assignment.environment}, this is {self.environment}",
                remedy="assign it in its own environment",
            )
        path = deployment_target(self.environment)
        data = canonical_bytes(assignment.model_dump(mode="json", by_alias=True))
        with locked(self._tuf.folder):
            self._refuse_older(assignment)
            self._tuf.publish({path: _target(path, data, {})}, {path: data}, at=at)

    def current(self) -> Assignment | None:
        """The present assignment; None before the first."""
        target = self._tuf.targets().get(deployment_target(self.environment))
        return parse_assignment(self._tuf.content(target)) if target else None

    def signed(self, payload: bytes, payload_type: str) -> bytes:
        """Sign bytes with the online key, as a DSSE envelope; `root_keys` finds who signed.

        Raises:
            NotFoundError: the key is not there.
        """
        return sign_envelope(payload, payload_type, load_key(self._online_key))

    def standing(self, *, at: datetime) -> tuple[Standing, ...]:
        """Version and expiry of every role, root first."""
        return self._tuf.standing(at=at)

    def renew(self, *, at: datetime) -> Renewal:
        """Sign anew what has used up half of its period."""
        return self._tuf.renew(at=at)

    def _refuse_older(self, assignment: Assignment) -> None:
        present = self.current()
        if present and assignment.sequence <= present.sequence:
            raise ConflictError(
                f"sequence {assignment.sequence} is not higher than {present.sequence}",
                remedy="read the present assignment and decide again",
            )


def parse_assignment(data: bytes) -> Assignment:
    """Read a deployment target's content.

    Raises:
        TrustError: no assignment.
    """
    try:
        return Assignment.model_validate_json(data)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise TrustError(
            f"the assignment is wrong at {place}: {first['msg']}",
            remedy="assign the bundle again from the control plane",
        ) from error


def _target(path: str, data: bytes, custom: Mapping[str, JsonValue]) -> TargetFile:
    fields = {"custom": dict(custom)} if custom else {}
    digest = digest_of(data).removeprefix("sha256:")
    return TargetFile(len(data), {"sha256": digest}, path, unrecognized_fields=fields)


def _refuse_other(held: TargetFile, new: TargetFile) -> None:
    if held.hashes != new.hashes:
        raise ConflictError(
            f"{held.path} is sha256:{held.hashes['sha256']} already",
            remedy="raise `version` in bundle.yaml and build again",
        )
