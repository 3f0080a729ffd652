"""Writing bundle archives: one deterministic tar that crosses an air gap and proves itself.

The file is a valid OCI archive, so standard tools read it, and it carries the trust metadata of
both repositories as a second artifact. The same bundle and metadata give the same bytes: members
in a fixed order, one spelling of every header, no time, no owner. `bundle_archive` reads it.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from mythos.adapters.oci_layout import OciLayout
from mythos.adapters.tar_stream import TarWriter
from mythos.adapters.trust_files import trust_files
from mythos.adapters.trust_source import Source
from mythos.adapters.tuf_client import PACKETS
from mythos.engines.bundle.archive import (
    TrustArtifact,
    TrustConfig,
    control_blobs,
    payload_blobs,
    trust_artifact,
)
from mythos.engines.bundle.inventory import name_and_version
from mythos.engines.bundle.layout import (
    INDEX_FILE,
    LAYOUT_BYTES,
    LAYOUT_FILE,
    Entry,
    blob_path,
    index_bytes,
    ref_name,
)
from mythos.engines.bundle.manifest import parse_manifest, parse_trust_manifest
from mythos.engines.bundle.verify import examine
from mythos.errors import TrustError
from mythos.values.bundle import Descriptor, deployment_target, packet_target
from mythos.values.digest import digest_of


def export_archive(
    archive: Path, *, layout: OciLayout, manifest: bytes, source: Source, environment: str
) -> None:
    """Write a bundle with the trust metadata that names and assigns it.

    Args:
        archive: the file to write; replaced as a whole when complete.
        layout: where the bundle's blobs lie.
        manifest: the bundle's manifest.
        source: where both repositories' metadata lies.
        environment: whose assignment goes with it.

    Raises:
        NotFoundError: the bundle is not released or the environment has no assignment.
        TrustError: a blob is not what the manifest names.
    """
    name, version = name_and_version(parse_manifest(manifest))
    files = {
        **trust_files(source, PACKETS, packet_target(name, version)),
        **trust_files(source, f"deployments/{environment}", deployment_target(environment)),
    }
    config = TrustConfig(bundle=digest_of(manifest), environment=environment)
    trust = trust_artifact(files, config)
    archive.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=archive.parent, prefix=".new-", delete=False) as file:
        temporary = Path(file.name)
        try:
            _write(TarWriter(file), layout, manifest, trust)
            file.flush()
            temporary.chmod(0o644)
            temporary.replace(archive)
        finally:
            temporary.unlink(missing_ok=True)


def _write(tar: TarWriter, layout: OciLayout, manifest: bytes, trust: TrustArtifact) -> None:
    parsed = parse_manifest(manifest)
    entry = Entry(digest_of(manifest), len(manifest), ref_name(*name_and_version(parsed)))
    beside = Entry(digest_of(trust.manifest), len(trust.manifest), f"{entry.ref}-trust")
    known = {**trust.blobs, entry.digest: manifest}
    tar.add(LAYOUT_FILE, LAYOUT_BYTES)
    tar.add(INDEX_FILE, index_bytes((entry, beside)))
    tar.add(blob_path(beside.digest), trust.manifest)
    for blob in control_blobs(parse_trust_manifest(trust.manifest), entry):
        tar.add(blob_path(blob.digest), known[blob.digest])
    for blob in payload_blobs(parsed, frozenset((*known, beside.digest))):
        tar.add(blob_path(blob.digest), _intact(layout, blob))
    tar.close()


def _intact(layout: OciLayout, blob: Descriptor) -> bytes:
    data = layout.read(blob.digest)
    if broken := examine(blob, [data]).broken:
        raise TrustError(broken, remedy="build the bundle again, this layout was changed")
    return data
