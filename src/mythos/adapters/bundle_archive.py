"""Reading bundle archives: verified in one pass, imported as a whole or not at all.

Every member must be the next one expected, with the name and size that signed metadata gives it;
nothing else can be in the file, and nothing is ever extracted by name. An import changes a site
only after the last byte was verified. Archives are written by `bundle_export`.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from mythos.adapters.atomic_file import write_atomically
from mythos.adapters.bundle_memory import memory_logs_check
from mythos.adapters.oci_layout import OciLayout
from mythos.adapters.tar_stream import TarReader
from mythos.adapters.trust_source import FolderSource, MemorySource, Source
from mythos.adapters.tuf_client import PACKETS, Roots, TrustClient
from mythos.adapters.verification import check_trust
from mythos.engines.bundle.archive import (
    MAX_INDEX_BYTES,
    control_blobs,
    payload_blobs,
)
from mythos.engines.bundle.layout import (
    INDEX_FILE,
    LAYOUT_BYTES,
    LAYOUT_FILE,
    Entry,
    blob_path,
    index_bytes,
    parse_index,
)
from mythos.engines.bundle.manifest import parse_manifest, parse_trust_manifest
from mythos.engines.bundle.report import Report, failed, passed, skipped
from mythos.engines.bundle.ustar import Member
from mythos.engines.bundle.verify import Examined, check_examined, examine
from mythos.errors import BundleError, TrustError
from mythos.values.bundle import (
    MAX_MANIFEST_BYTES,
    TITLE,
    Descriptor,
)
from mythos.values.digest import digest_of

Keep = Callable[[Descriptor, Iterator[bytes]], Iterable[bytes]]
_REMEDY = (
    "export the archive again for this environment with `mythos bundle export`, "
    "and copy it unchanged"
)


@dataclass(frozen=True, slots=True)
class Surveyed:
    """What an archive says it is. `trust` maps metadata files by their path in a site."""

    manifest: bytes
    config: bytes
    trust: Mapping[str, bytes]


@dataclass(frozen=True, slots=True)
class _Control:
    """What the first members of an archive say; nothing of it is trusted yet."""

    entry: Entry
    manifest: bytes
    files: dict[str, bytes]
    seen: frozenset[str]


def verify_archive(archive: Path, *, roots: Roots, environment: str = "", at: datetime) -> Report:
    """Verify an archive from pinned roots in one pass, keeping nothing of it.

    Args:
        archive: the file.
        roots: what is trusted; the packets root alone is enough for "genuine".
        environment: whose assignment to check; empty for none.
        at: now.

    Returns:
        Every check by name.
    """
    with tempfile.TemporaryDirectory() as folder:
        kept: dict[str, Path] = {}
        return _receive(archive, _Judge(roots, environment, at), kept, Path(folder))[1]


def survey_archive(archive: Path) -> Surveyed:
    """Read an archive through, to show what it says; trusts nothing and writes nothing.

    Args:
        archive: the file.

    Returns:
        The bundle's manifest and config and the trust metadata, each as its digest promises.

    Raises:
        BundleError: the file is no archive, or was changed.
    """
    with archive.open("rb") as stream:
        tar = TarReader(stream)
        control = _read_control(tar)
        blobs = _read_payload(tar, control, _nowhere)
        tar.end()
    config = blobs[parse_manifest(control.manifest).config.digest].document
    return Surveyed(control.manifest, config, control.files)


def import_archive(
    archive: Path, site: Path, *, roots: Roots, environment: str, at: datetime
) -> Report:
    """Verify an archive and add its bundle and metadata to a site, or change nothing.

    Args:
        archive: the file.
        site: the folder nodes of the environment read from; made when missing.
        roots: both pinned roots.
        environment: the site's.
        at: now.

    Returns:
        The checks, all passed.

    Raises:
        TrustError: any check failed, or the archive is older than what the site has seen.
    """
    site.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=site.parent, prefix=".import-") as staging:
        staged: dict[str, Path] = {}
        judge = _Judge(roots, environment, at, state=site / "state")
        control, report = _receive(archive, judge, staged, Path(staging))
        report.require(error=TrustError, remedy=_REMEDY)
        if control is None:
            raise BundleError("the archive holds nothing", remedy=_REMEDY)
        manifest = Path(staging, "manifest")
        manifest.write_bytes(control.manifest)
        staged[control.entry.digest] = manifest
        OciLayout(site).adopt(control.entry, staged)
        for path, data in judge.placeable(control).items():
            write_atomically(site / path, data)
    client = TrustClient(site / "state", roots=roots, source=FolderSource(site))
    check_trust(client, control.manifest, environment=environment, at=at).require(
        error=TrustError, remedy="import the archive again"
    )
    return report


class _Judge:
    """Decides whether control members are trusted, and which of their files were verified."""

    def __init__(
        self, roots: Roots, environment: str, at: datetime, *, state: Path | None = None
    ) -> None:
        self._roots = roots
        self._environment = environment
        self._at = at
        self._state = state
        self.verified: set[str] = set()

    def decide(self, control: _Control) -> Report:
        """Check the metadata by itself, then that it is no older than what was seen before."""
        carried = {path.split("/")[1] for path in control.files if path.startswith("deployments/")}
        if self._environment and carried and self._environment not in carried:
            other = f"it carries the assignment of {', '.join(sorted(carried))}, "
            return Report((failed("assignment", f"{other}not of {self._environment}"),))
        source = MemorySource(control.files)
        with tempfile.TemporaryDirectory() as fresh:
            report = self._check(Path(fresh), source, control)
        if not report.passed:
            return report
        self.verified = source.given
        self._refuse_strangers(control)
        if self._state is None or not self._state.is_dir():
            return report
        with tempfile.TemporaryDirectory() as fresh:
            state = Path(fresh, "state")
            shutil.copytree(self._state, state, symlinks=True)
            return self._check(state, source, control)

    def _check(self, state: Path, source: Source, control: _Control) -> Report:
        client = TrustClient(state, roots=self._roots, source=source)
        return check_trust(client, control.manifest, environment=self._environment, at=self._at)

    def _refuse_strangers(self, control: _Control) -> None:
        """Refuse files that nothing signed asked for, but for roots older than the pinned one."""
        ours = [f"{PACKETS}/"]
        if self._environment:
            ours.append(f"deployments/{self._environment}/")
        for path in control.files.keys() - self.verified:
            if path.startswith(tuple(ours)) and not path.endswith(".root.json"):
                raise BundleError(f"{path} is not named by signed metadata", remedy=_REMEDY)

    def placeable(self, control: _Control) -> dict[str, bytes]:
        """The files that were verified, and the pinned roots themselves; timestamps last."""
        pinned = (self._roots.packets, self._roots.deployments)
        chosen = {
            path: data
            for path, data in control.files.items()
            if path in self.verified or data in pinned
        }
        last = sorted(chosen, key=lambda path: (path.endswith("/timestamp.json"), path))
        return {path: chosen[path] for path in last}


def _receive(
    archive: Path, judge: _Judge, staged: dict[str, Path], folder: Path
) -> tuple[_Control | None, Report]:
    """Read an archive through; its blobs are `staged`, by digest, as files of `folder`."""

    def keep(blob: Descriptor, chunks: Iterator[bytes]) -> Iterator[bytes]:
        staged[blob.digest] = folder / blob.digest.removeprefix("sha256:")
        return _tee(chunks, staged[blob.digest])

    control: _Control | None = None
    trust = Report(())
    try:
        with archive.open("rb") as stream:
            tar = TarReader(stream)
            control = _read_control(tar)
            trust = judge.decide(control)
            if not trust.passed:
                unread = skipped("archive", "its metadata is not trusted, the rest was not read")
                return control, trust + Report((unread,))
            blobs = _read_payload(tar, control, keep)
            tar.end()
    except BundleError as error:
        return control, trust + Report((failed("archive", error.message),))
    whole = passed("archive", f"{tar.members} members in order, nothing else")
    intact = check_examined(control.manifest, blobs)
    logs = memory_logs_check(
        parse_manifest(control.manifest),
        lambda digest: staged[digest].read_bytes(),
        intact=intact.passed,
    )
    return control, trust + Report((whole,)) + intact + Report((logs,))


def _read_control(tar: TarReader) -> _Control:
    if tar.next_small(LAYOUT_FILE, limit=len(LAYOUT_BYTES)) != LAYOUT_BYTES:
        raise BundleError(f"{LAYOUT_FILE} is not version 1.0.0", remedy=_REMEDY)
    index = tar.next_small(INDEX_FILE, limit=MAX_INDEX_BYTES)
    entry, trust_entry = _two(index)
    described = Descriptor(media_type="", digest=trust_entry.digest, size=trust_entry.size)
    data = _take(tar, described, limit=MAX_MANIFEST_BYTES)
    trust = parse_trust_manifest(data)
    blobs = {blob.digest: _take(tar, blob) for blob in control_blobs(trust, entry)}
    files = {layer.annotations.get(TITLE, ""): blobs[layer.digest] for layer in trust.layers}
    if len(files) != len(trust.layers):
        raise BundleError("two trust files have one name", remedy=_REMEDY)
    return _Control(entry, blobs[entry.digest], files, frozenset((*blobs, trust_entry.digest)))


def _two(index: bytes) -> tuple[Entry, Entry]:
    entries = parse_index(index)
    if len(entries) != 2 or index_bytes(entries) != index:  # the bundle, its trust metadata
        raise BundleError(
            f"{INDEX_FILE} is not that of an archive: {len(entries)} manifests", remedy=_REMEDY
        )
    return entries[0], entries[1]


def _take(tar: TarReader, blob: Descriptor, *, limit: int | None = None) -> bytes:
    if limit is not None and blob.size > limit:
        raise BundleError(f"{blob.digest} has {blob.size} bytes", remedy=_REMEDY)
    data = b"".join(tar.next(_member(blob)))
    if digest_of(data) != blob.digest:
        raise BundleError(f"{blob.digest} has other bytes", remedy=_REMEDY)
    return data


def _read_payload(tar: TarReader, control: _Control, keep: Keep) -> dict[str, Examined]:
    blobs: dict[str, Examined] = {}
    for blob in payload_blobs(parse_manifest(control.manifest), control.seen):
        blobs[blob.digest] = examine(blob, keep(blob, tar.next(_member(blob))))
        if blobs[blob.digest].broken:
            raise BundleError(blobs[blob.digest].broken, remedy=_REMEDY)
    return blobs


def _member(blob: Descriptor) -> Member:
    return Member(blob_path(blob.digest), blob.size)


def _nowhere(_blob: Descriptor, chunks: Iterator[bytes]) -> Iterator[bytes]:
    return chunks


def _tee(chunks: Iterator[bytes], path: Path) -> Iterator[bytes]:
    with path.open("wb") as file:
        for chunk in chunks:
            file.write(chunk)
            yield chunk
