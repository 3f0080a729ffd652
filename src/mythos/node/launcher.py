"""Launching a verified bundle: a tree of files, put in force by one rename.

    launched/HEX/manifest.json, config.json, agents/…, policies/…, workflows/…, tools/…, memory/…

The tree is written beside its place and renamed; `current` is a symbolic link that is replaced
atomically. Until then whatever ran before goes on running. The tree is read-only content: live
memory is seeded from it once and lies outside.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from mythos.adapters.oci_layout import OciLayout
from mythos.engines.bundle.inventory import inventory, launch_path
from mythos.engines.bundle.manifest import parse_config, parse_manifest
from mythos.errors import TrustError, UnavailableError
from mythos.node.home import NodeHome
from mythos.values.bundle import BundleConfig, Construct, ConstructKind
from mythos.values.digest import digest_of

MANIFEST_FILE = "manifest.json"
CONFIG_FILE = "config.json"


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


def launch(home: NodeHome, manifest: bytes, store: OciLayout) -> LaunchedBundle:
    """Put a verified bundle in force.

    Raises:
        TrustError: a blob is not what the manifest says.
        UnavailableError: the disk is full or not writable; what ran before still does.
    """
    digest = digest_of(manifest)
    place = home.launched / digest.removeprefix("sha256:")
    try:
        if not place.is_dir():
            _write_tree(home, place, manifest, store)
        bundle = open_tree(place, digest)
        _point(home.current, place)
    except OSError as error:
        raise UnavailableError(
            f"the bundle cannot be written to {place}: {error.strerror}",
            remedy="free some space; the node runs what it ran before",
        ) from None
    return bundle


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
        TrustError: anything differs from the manifest, or the manifest from its digest.
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
    return bundle


def _write_tree(home: NodeHome, place: Path, manifest: bytes, store: OciLayout) -> None:
    home.launched.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(dir=home.launched, prefix=".new-"))
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
