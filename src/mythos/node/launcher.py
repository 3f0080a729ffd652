"""Launching a verified bundle: a tree of files, put in force by one rename.

    launched/HEX/manifest.json, config.json, agents/…, policies/…, workflows/…, tools/…, memory/…

The tree is written beside its place and renamed; `current` is a symbolic link that is replaced
atomically. Until then whatever ran before goes on running. The tree is read-only content: live
memory is seeded from it once and lies outside. A tree with a file changed, missing or added is
refused. A halt takes `current` away, so that no restart brings a halted bundle back.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from mythos.adapters.bundle_memory import check_memory_logs
from mythos.adapters.oci_layout import OciLayout
from mythos.engines.bundle.inventory import inventory, launch_path
from mythos.engines.bundle.manifest import parse_config, parse_manifest
from mythos.errors import MemoryLogError, TrustError, UnavailableError
from mythos.node.home import NodeHome
from mythos.values.bundle import BundleConfig, Construct, ConstructKind
from mythos.values.digest import digest_of

MANIFEST_FILE = "manifest.json"
CONFIG_FILE = "config.json"
_DRAFT = ".new-"


@dataclass(frozen=True, slots=True)
class LaunchedBundle:
    """A tree in force, read back and checked against its manifest."""

    digest: str
    folder: Path
    config: BundleConfig
    constructs: tuple[Construct, ...]

    def read(self, construct: Construct) -> bytes:
        """A construct's bytes, refused when they are no longer those of the manifest.

        Raises:
            TrustError: the file was changed or is gone.
        """
        path = self.folder / launch_path(construct)
        try:
            data = path.read_bytes()
        except OSError as error:
            raise _changed(construct, str(error.strerror)) from None
        if digest_of(data) != construct.digest:
            raise _changed(construct, "its digest differs")
        return data

    def of_kind(self, kind: ConstructKind) -> tuple[Construct, ...]:
        """The constructs of one kind."""
        return tuple(one for one in self.constructs if one.kind == kind)


def place_tree(home: NodeHome, manifest: bytes, store: OciLayout) -> LaunchedBundle:
    """Lay a verified bundle out beside what runs, and check it there.

    Raises:
        TrustError: a blob is not what the manifest says, the tree was changed since, or a memory
            is not what the log says that came with it.
        UnavailableError: the disk is full or not writable; what ran before still does.
    """
    digest = digest_of(manifest)
    place = home.launched / digest.removeprefix("sha256:")
    try:
        if not place.is_dir():
            _write_tree(home, place, manifest, store)
    except OSError as error:
        raise _unwritable(place, error) from None
    bundle = open_tree(place, digest)
    _require_logged(bundle)
    return bundle


def _require_logged(bundle: LaunchedBundle) -> None:
    """Refuse a memory that is not what the log says that came with it."""
    try:
        check_memory_logs(bundle.constructs, bundle.read)
    except MemoryLogError as error:
        raise TrustError(error.message, remedy=error.remedy) from error


def put_in_force(home: NodeHome, bundle: LaunchedBundle) -> None:
    """Make a placed bundle the one that a restart brings back, in one rename.

    Raises:
        UnavailableError: the folder is not writable; what ran before still does.
    """
    try:
        _point(home.current, bundle.folder)
    except OSError as error:
        raise _unwritable(home.current, error) from None


def halt(home: NodeHome) -> None:
    """Let no restart bring the present bundle back; its tree stays for a later launch.

    Raises:
        UnavailableError: the folder is not writable.
    """
    try:
        home.current.unlink(missing_ok=True)
    except OSError as error:
        raise _unwritable(home.current, error) from None


def _unwritable(place: Path, error: OSError) -> UnavailableError:
    return UnavailableError(
        f"{place} cannot be written: {error.strerror}",
        remedy="free some space and check its permissions; the node runs what it ran before",
    )


def active(home: NodeHome) -> LaunchedBundle | None:
    """The bundle in force, checked again; None before the first launch.

    Raises:
        TrustError: the tree was changed since it was launched.
    """
    if not home.current.is_symlink():
        return None
    place = home.current.resolve()
    return open_tree(place, f"sha256:{place.name}")


def open_tree(place: Path, digest: str) -> LaunchedBundle:
    """Read a launched tree and check every construct.

    Raises:
        TrustError: anything differs from the manifest, the manifest from its digest, or there is
            a file that it does not name.
    """
    try:
        manifest = (place / MANIFEST_FILE).read_bytes()
        config = (place / CONFIG_FILE).read_bytes()
    except OSError as error:
        raise TrustError(
            f"the launched tree {place} cannot be read: {error.strerror}",
            remedy="remove the folder; the node launches it anew from its verified store",
        ) from None
    if digest_of(manifest) != digest or digest_of(config) != parse_manifest(manifest).config.digest:
        raise TrustError(
            f"the launched tree {place} is not the bundle {digest}",
            remedy="remove the folder; the node launches it anew from its verified store",
        )
    bundle = LaunchedBundle(digest, place, parse_config(config), inventory(manifest, config))
    for construct in bundle.constructs:
        bundle.read(construct)
    _refuse_additions(bundle)
    return bundle


def _refuse_additions(bundle: LaunchedBundle) -> None:
    known = {MANIFEST_FILE, CONFIG_FILE, *map(launch_path, bundle.constructs)}
    for folder, folders, files in os.walk(bundle.folder):
        links = [name for name in folders if (Path(folder) / name).is_symlink()]
        for name in (*files, *links):
            path = (Path(folder) / name).relative_to(bundle.folder).as_posix()
            if path not in known:
                raise TrustError(
                    f"{path} was added to the launched tree {bundle.folder}",
                    remedy="remove the folder; the node launches it anew from its verified store",
                )


def _write_tree(home: NodeHome, place: Path, manifest: bytes, store: OciLayout) -> None:
    home.launched.mkdir(parents=True, exist_ok=True)
    for left in home.launched.glob(f"{_DRAFT}*"):  # by a launch that was killed
        shutil.rmtree(left, ignore_errors=True)
    draft = Path(tempfile.mkdtemp(dir=home.launched, prefix=_DRAFT))
    try:
        config = store.read(parse_manifest(manifest).config.digest)
        (draft / MANIFEST_FILE).write_bytes(manifest)
        (draft / CONFIG_FILE).write_bytes(config)
        for construct in inventory(manifest, config):
            path = draft / launch_path(construct)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(store.read(construct.digest))
        draft.chmod(0o755)
        _settle(draft)
        draft.rename(place)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _settle(tree: Path) -> None:
    """Flush a tree to disk, so that the rename never outlives what it names."""
    for path in (*tree.rglob("*"), tree):
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _point(link: Path, place: Path) -> None:
    draft = link.with_name(f".{link.name}.new")
    draft.unlink(missing_ok=True)
    draft.symlink_to(place.relative_to(link.parent))
    draft.replace(link)


def _changed(construct: Construct, why: str) -> TrustError:
    return TrustError(
        f"{construct.kind} {construct.name} in the launched tree was changed: {why}",
        remedy="remove the folder; the node launches it anew from its verified store",
    )
