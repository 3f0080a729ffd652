"""A TUF repository on disk: signed statements about targets, published as a transaction.

Snapshots are consistent: every file but `timestamp.json` carries its version or digest in its
name, and `timestamp.json` is replaced last and atomically. A publication that dies half way
leaves the old state in force, and the next one writes over its remains.

Time is an argument. One key a role and thresholds of one for now; the root key is apart from the
keys that are needed every day, and may lie elsewhere when it is not used.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar

from tuf.api.metadata import (
    Metadata,
    MetaFile,
    Root,
    Signed,
    Snapshot,
    TargetFile,
    Targets,
    Timestamp,
)
from tuf.api.serialization import DeserializationError
from tuf.api.serialization.json import JSONSerializer

from mythos.adapters.atomic_file import write_atomically
from mythos.adapters.file_lock import locked
from mythos.adapters.key_file import SigningKey, create_key, load_key
from mythos.engines.bundle.inventory import unsafe_path
from mythos.errors import BundleError, ConflictError, NotFoundError, TrustError

ROLES = ("root", "targets", "snapshot", "timestamp")
_SignedT = TypeVar("_SignedT", Root, Targets, Snapshot, Timestamp)
_COMPACT = JSONSerializer(compact=True)


@dataclass(frozen=True, slots=True)
class Terms:
    """Which key file signs each role, and for how many days a signature of each holds."""

    keys: Mapping[str, str]
    days: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Renewal:
    """What a renewal did: roles signed anew, and roles due whose key was not there."""

    renewed: tuple[str, ...]
    waiting: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Standing:
    """Where one role stands: its version, when its signature expires, whether renewal is due."""

    role: str
    version: int
    expires: datetime
    due: bool


class TufRepository:
    """Metadata and targets in one folder, keys in another."""

    def __init__(self, folder: Path, *, keys: Path, terms: Terms) -> None:
        self.folder = folder
        self._metadata = folder / "metadata"
        self._keys = keys
        self._terms = terms

    def initialise(self, *, at: datetime) -> None:
        """Make the keys and sign the first, empty state.

        Raises:
            ConflictError: there is a repository or a key already.
        """
        with locked(self.folder):
            if (self._metadata / "timestamp.json").exists():
                raise ConflictError(
                    f"there is a trust repository in {self.folder} already",
                    remedy="use it, or name another folder",
                )
            for name in sorted(set(self._terms.keys.values())):
                create_key(self._keys / f"{name}.pem")
            self._sign_root(1, at=at)
            self._sign_targets({}, version=1, at=at)

    def root(self, version: int = 1) -> bytes:
        """A version of the root metadata; nodes are given one when they enrol.

        Raises:
            NotFoundError: no such version.
        """
        return self._read(f"{version}.root.json")

    def targets(self) -> dict[str, TargetFile]:
        """What the repository states now, by path."""
        return dict(self._targets().targets)

    def content(self, target: TargetFile) -> bytes:
        """A target's bytes.

        Raises:
            NotFoundError: the file is gone.
        """
        return _read(self._content_path(target))

    def publish(
        self, targets: Mapping[str, TargetFile], contents: Mapping[str, bytes], *, at: datetime
    ) -> None:
        """Replace what the repository states; the caller holds the folder's lock.

        Args:
            targets: every target from now on, by path.
            contents: bytes of the targets that are new, by path.
            at: now.

        Raises:
            NotFoundError: a key that must sign is not there.
            BundleError: a target path that could leave the folder.
        """
        for path, data in contents.items():
            if unsafe_path(path):
                raise BundleError(f"{path!r} is no target path", remedy="rename the bundle")
            write_atomically(self._content_path(targets[path]), data)
        self._sign_targets(targets, version=self._targets().version + 1, at=at)

    def standing(self, *, at: datetime) -> tuple[Standing, ...]:
        """Version and expiry of every role, root first.

        Raises:
            NotFoundError: there is no repository.
            TrustError: its metadata is damaged.
        """
        return tuple(
            Standing(role, signed.version, signed.expires, due=self._is_due(role, at=at))
            for role, signed in ((role, self._current(role)) for role in ROLES)
        )

    def renew(self, *, at: datetime) -> Renewal:
        """Sign anew each role that has used up half of its period.

        Whatever names a renewed role is signed with it: targets are named by the snapshot, the
        snapshot by the timestamp. A due role whose key lies elsewhere is left, and named.

        Args:
            at: now.

        Returns:
            The roles renewed, and those that wait for their key.
        """
        with locked(self.folder):
            due = [role for role in ROLES if self._is_due(role, at=at)]
            renewed = tuple(role for role in due if self._key_path(role).exists())
            if "root" in renewed:
                self._sign_root(self._root().version + 1, at=at)
            if "targets" in renewed:
                self._sign_targets(self.targets(), version=self._targets().version + 1, at=at)
            elif "snapshot" in renewed:
                self._sign_snapshot(self._snapshot().meta["targets.json"], at=at)
            elif "timestamp" in renewed:
                self._sign_timestamp(self._timestamp().snapshot_meta, at=at)
        return Renewal(renewed, tuple(role for role in due if role not in renewed))

    def _sign_root(self, version: int, *, at: datetime) -> None:
        root = self._root() if version > 1 else Root()
        root.version, root.expires = version, self._expiry("root", at=at)
        if version == 1:
            for role in ROLES:
                root.add_key(self._key(role).signer.public_key, role)
        self._write(f"{version}.root.json", root, "root")

    def _sign_targets(
        self, targets: Mapping[str, TargetFile], *, version: int, at: datetime
    ) -> None:
        signed = Targets(
            version=version, expires=self._expiry("targets", at=at), targets=dict(targets)
        )
        data = self._write(f"{version}.targets.json", signed, "targets")
        self._sign_snapshot(MetaFile.from_data(version, data, ["sha256"]), at=at)

    def _sign_snapshot(self, targets: MetaFile, *, at: datetime) -> None:
        version = self._snapshot().version + 1 if self._is_published() else 1
        signed = Snapshot(
            version=version,
            expires=self._expiry("snapshot", at=at),
            meta={"targets.json": targets},
        )
        data = self._write(f"{version}.snapshot.json", signed, "snapshot")
        self._sign_timestamp(MetaFile.from_data(version, data, ["sha256"]), at=at)

    def _sign_timestamp(self, snapshot: MetaFile, *, at: datetime) -> None:
        version = self._timestamp().version + 1 if self._is_published() else 1
        signed = Timestamp(
            version=version, expires=self._expiry("timestamp", at=at), snapshot_meta=snapshot
        )
        self._write("timestamp.json", signed, "timestamp")

    def _write(self, name: str, signed: _SignedT, role: str) -> bytes:
        metadata = Metadata(signed)
        metadata.sign(self._key(role).signer)
        data = metadata.to_bytes(_COMPACT)
        write_atomically(self._metadata / name, data)
        return data

    def _is_due(self, role: str, *, at: datetime) -> bool:
        return self._current(role).expires - at < timedelta(days=self._terms.days[role]) / 2

    def _current(self, role: str) -> Signed:
        return {
            "root": self._root,
            "targets": self._targets,
            "snapshot": self._snapshot,
            "timestamp": self._timestamp,
        }[role]()

    def _expiry(self, role: str, *, at: datetime) -> datetime:
        return at.astimezone(UTC) + timedelta(days=self._terms.days[role])

    def _is_published(self) -> bool:
        return (self._metadata / "timestamp.json").exists()

    def _root(self) -> Root:
        names = self._metadata.glob("*.root.json")
        newest = max((int(path.name.split(".")[0]) for path in names), default=1)
        return _signed(Root, self.root(newest))

    def _timestamp(self) -> Timestamp:
        return _signed(Timestamp, self._read("timestamp.json"))

    def _snapshot(self) -> Snapshot:
        version = self._timestamp().snapshot_meta.version
        return _signed(Snapshot, self._read(f"{version}.snapshot.json"))

    def _targets(self) -> Targets:
        version = self._snapshot().meta["targets.json"].version
        return _signed(Targets, self._read(f"{version}.targets.json"))

    def _read(self, name: str) -> bytes:
        return _read(self._metadata / name)

    def _content_path(self, target: TargetFile) -> Path:
        return self.folder / "targets" / target.get_prefixed_paths()[0]

    def _key_path(self, role: str) -> Path:
        return self._keys / f"{self._terms.keys[role]}.pem"

    def _key(self, role: str) -> SigningKey:
        return load_key(self._key_path(role))


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError as error:
        raise NotFoundError(
            f"there is no {path.name} in {path.parent}",
            remedy="create the repository with `mythos trust init`, or restore it from a copy",
        ) from error


def _signed(kind: type[_SignedT], data: bytes) -> _SignedT:
    try:
        metadata: Metadata[_SignedT] = Metadata.from_bytes(data)
    except DeserializationError as error:
        raise TrustError(
            f"{kind.__name__.lower()} metadata is damaged",
            remedy="restore the repository from a copy",
        ) from error
    return metadata.signed
