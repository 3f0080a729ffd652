"""The node's side of trust: what should run here, is it genuine, and its blobs.

Law: a manifest is given out only if *deployments* assigns it to this environment and *packets*
names it, both fresh, with one digest and one length. State is kept, so versions never go back.
There is no way to switch verification off.

Expired metadata stops new launches here; whether something already runs is not asked.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from tuf.api.exceptions import DownloadError, RepositoryError
from tuf.api.metadata import TargetFile

from mythos.adapters.oci_layout import OciLayout
from mythos.adapters.trust_repositories import parse_assignment
from mythos.adapters.trust_source import Source
from mythos.adapters.tuf_updater import PinnedUpdater, refusal_of
from mythos.engines.bundle.layout import blob_path
from mythos.engines.bundle.manifest import parse_manifest
from mythos.engines.bundle.verify import check_bundle
from mythos.errors import TrustError, UnavailableError
from mythos.values.bundle import Assignment, deployment_target, packet_target

PACKETS = "packets"


@dataclass(frozen=True, slots=True)
class Roots:
    """The pinned roots: of *packets*, and of one environment's *deployments* (may be empty)."""

    packets: bytes
    deployments: bytes = b""


class TrustClient:
    """Asks one source about one environment, and remembers what it has seen."""

    def __init__(self, state: Path, *, roots: Roots, source: Source) -> None:
        self._state = state
        self._roots = roots
        self._source = source
        self._store = OciLayout(state)

    def current_assignment(self, environment: str, *, at: datetime) -> Assignment:
        """What the environment should run now.

        Args:
            environment: the one this node was enrolled in.
            at: now.

        Returns:
            The assignment; its state may be `halted`.

        Raises:
            TrustError: the repository is not believed, or assigns nothing to this environment.
            UnavailableError: the source gives nothing.
        """
        with self.deployments(environment, at=at) as updater:
            target = updater.get_targetinfo(deployment_target(environment))
            if target is None:
                raise TrustError(
                    f"deployments: nothing is assigned to {environment}",
                    remedy="approve a rollout for the environment",
                )
            assignment = parse_assignment(updater.content(target))
        if assignment.environment != environment:
            raise TrustError(
                f"deployments: the assignment is for {assignment.environment}, not {environment}",
                remedy="assign the bundle again from the control plane",
            )
        return assignment

    def verified_manifest(self, assignment: Assignment, *, at: datetime) -> bytes:
        """The manifest an assignment names, if it is genuine and may be launched.

        Args:
            assignment: from `current_assignment`.
            at: now.

        Returns:
            The manifest's bytes; digest and length are those of both repositories.

        Raises:
            TrustError: halted, not genuine, or the repositories disagree.
            UnavailableError: the source gives nothing.
        """
        if assignment.state == "halted":
            raise TrustError(
                f"{assignment.environment} is halted",
                remedy="an operator must assign a bundle again to lift the halt",
            )
        with self.packets(at=at) as updater:
            path = packet_target(assignment.bundle, assignment.version)
            target = require_agreement(
                updater.get_targetinfo(path), assignment.digest, assignment.length, path=path
            )
            return updater.content(target)

    def fetch_blob(self, digest: str, size: int) -> Path:
        """Fetch a blob into the store; it is placed only when digest and size agree.

        Args:
            digest, size: from a verified manifest. Reading stops at `size` + 1.

        Returns:
            Where it lies.

        Raises:
            TrustError: more, fewer or other bytes than signed.
            UnavailableError: the source cannot be reached.
        """
        path = self._store.blob(digest)
        if self._store.holds(digest, size):
            return path
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".new-", delete=False) as file:
            temporary = Path(file.name)
            try:
                write_verified(file.write, self._source.chunks(blob_path(digest)), digest, size)
                file.flush()
                temporary.replace(path)
            finally:
                temporary.unlink(missing_ok=True)
        return path

    def fetch_bundle(self, manifest: bytes) -> OciLayout:
        """Fetch every blob of a verified manifest and check the bundle as a whole.

        Returns:
            The store, which now holds all of them.

        Raises:
            TrustError: any blob or the bundle's form is not what was signed.
        """
        parsed = parse_manifest(manifest)
        for blob in (parsed.config, *parsed.layers):
            self.fetch_blob(blob.digest, blob.size)
        report = check_bundle(manifest, self._store.read)
        report.require(error=TrustError, remedy="remove the node's store and fetch again")
        return self._store

    @contextmanager
    def packets(self, *, at: datetime) -> Iterator[PinnedUpdater]:
        """The packets repository, refreshed; what it refuses becomes a TrustError."""
        with self._refreshed(PACKETS, PACKETS, self._roots.packets, at=at) as updater:
            yield updater

    @contextmanager
    def deployments(self, environment: str, *, at: datetime) -> Iterator[PinnedUpdater]:
        """The environment's deployments repository, refreshed."""
        if not self._roots.deployments:
            raise TrustError(
                f"no root of {environment}'s deployments is pinned",
                remedy="enrol the node, or give the environment's root as well",
            )
        prefix = f"deployments/{environment}"
        with self._refreshed("deployments", prefix, self._roots.deployments, at=at) as updater:
            yield updater

    @contextmanager
    def _refreshed(
        self, name: str, prefix: str, root: bytes, *, at: datetime
    ) -> Iterator[PinnedUpdater]:
        try:
            updater = PinnedUpdater(
                self._state / prefix, root=root, source=self._source, prefix=prefix, at=at
            )
            updater.refresh()
            yield updater
        except (RepositoryError, DownloadError) as error:
            raise refusal_of(error).error(name) from error
        except OSError as error:
            raise UnavailableError(
                f"the trust state in {self._state} cannot be kept: {error.strerror}",
                remedy="make the state folder writable and free some space",
            ) from error


def require_agreement(
    target: TargetFile | None, digest: str, length: int, *, path: str
) -> TargetFile:
    """The target, if *packets* names it with this digest and length.

    Raises:
        TrustError: it is not named, or named otherwise.
    """
    if target is None:
        raise TrustError(
            f"packets: {path} is not among the genuine bundles",
            remedy="release it with `mythos trust sign`, or assign another",
        )
    named = (f"sha256:{target.hashes.get('sha256')}", target.length)
    if named != (digest, length):
        raise TrustError(
            f"packets: {path} is {named[0]} with {named[1]} bytes, "
            f"asked for is {digest} with {length}",
            remedy="assign the bundle that was released",
        )
    return target


def write_verified(
    write: Callable[[bytes], object], chunks: Iterator[bytes], digest: str, size: int
) -> None:
    """Pass chunks on while they fit, and fail unless they were exactly the signed bytes.

    Raises:
        TrustError: more, fewer or other bytes.
    """
    hasher, seen = hashlib.sha256(), 0
    for chunk in chunks:
        seen += len(chunk)
        if seen > size:
            break
        hasher.update(chunk)
        write(chunk)
    found = "sha256:" + hasher.hexdigest()
    if seen != size or found != digest:
        more = "more" if seen > size else str(seen)
        raise TrustError(
            f"blob {digest} with {size} bytes came as {found} with {more}",
            remedy="ask another source, this one changed a file",
        )
