"""Verify: every byte of a bundle against its manifest, each check named.

This says whether a bundle is *intact*, given its manifest. Whether the manifest is *genuine and
current* is the question of the TUF repositories (`adapters.verification`).

A blob is examined as a stream, once, and reading stops one byte past its signed size.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from mythos.engines.bundle.inventory import index_problem
from mythos.engines.bundle.manifest import (
    Manifest,
    canonical_problem,
    parse_config,
    parse_manifest,
)
from mythos.engines.bundle.report import Check, Report, failed, passed, skipped
from mythos.errors import MythosError
from mythos.values.bundle import LAYER_TYPES, MAX_MANIFEST_BYTES, Descriptor
from mythos.values.digest import digest_of

Read = Callable[[str], bytes]
_NAMED = 3  # how many bad blobs a sentence names before it counts the rest
_KNOWN_TYPES = frozenset(LAYER_TYPES.values())
_MEMORY = LAYER_TYPES["memory"]
_AFTER_MANIFEST = ("config", "index", "media types", "layers", "canonical form")


@dataclass(frozen=True, slots=True)
class Examined:
    """What one pass over a blob found: `broken` and `crooked` are reasons, `""` when fine.

    `document` is the blob itself when it is JSON, for those who read on; `b""` for raw layers.
    """

    descriptor: Descriptor
    broken: str = ""
    crooked: str = ""
    document: bytes = b""


def check_bundle(manifest: bytes, read: Read) -> Report:
    """Check every digest, size, media type, the index and the canonical form.

    Args:
        manifest: the manifest's bytes; whether they are genuine is not asked here.
        read: a blob's bytes by digest; may raise any MythosError for one it cannot give.

    Returns:
        Checks `manifest`, `config`, `index`, `media types`, `layers`, `canonical form`; those
        after an unreadable manifest are skipped.
    """
    try:
        parsed = parse_manifest(manifest)
    except MythosError as error:
        return _unreadable(error)
    blobs = (parsed.config, *parsed.layers)
    return check_examined(manifest, {blob.digest: _examine_read(blob, read) for blob in blobs})


def check_examined(manifest: bytes, blobs: Mapping[str, Examined]) -> Report:
    """The checks of `check_bundle` on blobs that were examined as they streamed by.

    Args:
        manifest: the manifest's bytes.
        blobs: what was found, by digest; a blob that is not among them is missing.
    """
    try:
        parsed = parse_manifest(manifest)
    except MythosError as error:
        return _unreadable(error)
    found = passed("manifest", f"{digest_of(manifest)}, {len(parsed.layers)} layers, canonical")
    config = _finding(parsed.config, blobs)
    layers = [_finding(layer, blobs) for layer in parsed.layers]
    return Report((found, *_check_config(parsed, config), *_check_layers(layers)))


def examine(descriptor: Descriptor, chunks: Iterable[bytes]) -> Examined:
    """Hash a blob as it streams by; stop one byte past its signed size.

    Args:
        descriptor: what was signed.
        chunks: the blob's bytes in pieces of any size.

    Returns:
        What was found; a JSON document larger than 4 MiB counts as broken.
    """
    is_document = descriptor.media_type != _MEMORY
    if is_document and descriptor.size > MAX_MANIFEST_BYTES:
        return Examined(descriptor, broken=f"{descriptor.digest} is a document of over 4 MiB")
    hasher, size, kept = hashlib.sha256(), 0, []
    for chunk in chunks:
        size += len(chunk)
        if size > descriptor.size:
            break
        hasher.update(chunk)
        if is_document:
            kept.append(chunk)
    broken = _broken(descriptor, size, "sha256:" + hasher.hexdigest())
    if broken or not is_document:
        return Examined(descriptor, broken=broken)
    document = b"".join(kept)
    return Examined(descriptor, crooked=canonical_problem(document), document=document)


def _broken(descriptor: Descriptor, size: int, digest: str) -> str:
    if size > descriptor.size:
        return f"{descriptor.digest} has more than the signed {descriptor.size} bytes"
    if size < descriptor.size:
        return f"{descriptor.digest} has {size} bytes, signed are {descriptor.size}"
    return "" if digest == descriptor.digest else f"{descriptor.digest} has other bytes: {digest}"


def _examine_read(descriptor: Descriptor, read: Read) -> Examined:
    try:
        return examine(descriptor, [read(descriptor.digest)])
    except MythosError as error:
        return Examined(descriptor, broken=error.message)


def _finding(descriptor: Descriptor, blobs: Mapping[str, Examined]) -> Examined:
    found = blobs.get(descriptor.digest)
    if found is None:
        return Examined(descriptor, broken=f"{descriptor.digest} is missing")
    if found.descriptor.size != descriptor.size:
        return Examined(descriptor, broken=f"{descriptor.digest} is signed with two sizes")
    return found


def _check_config(manifest: Manifest, found: Examined) -> tuple[Check, Check]:
    try:
        if found.broken:
            return failed("config", found.broken), skipped("index", "the config is not intact")
        config = parse_config(found.document)
    except MythosError as error:
        return failed("config", error.message), skipped("index", "the config is not readable")
    named = passed("config", f"{config.deployment_name} version {config.version}")
    if problem := index_problem(manifest, config):
        return named, failed("index", problem)
    return named, passed("index", f"{len(config.constructs)} constructs, one a layer")


def _check_layers(layers: Sequence[Examined]) -> tuple[Check, Check, Check]:
    types = [layer.descriptor.media_type for layer in layers]
    size = sum(layer.descriptor.size for layer in layers)
    crooked = [f"{layer.descriptor.digest}: {layer.crooked}" for layer in layers if layer.crooked]
    return (
        _verdict("media types", [t for t in types if t not in _KNOWN_TYPES], "all are constructs"),
        _verdict(
            "layers",
            [layer.broken for layer in layers if layer.broken],
            f"{len(layers)} blobs, {size} bytes, digests and sizes agree",
        ),
        _verdict("canonical form", crooked, "every document is RFC 8785"),
    )


def _verdict(name: str, problems: Sequence[str], otherwise: str) -> Check:
    if not problems:
        return passed(name, otherwise)
    more = f" and {len(problems) - _NAMED} more" if len(problems) > _NAMED else ""
    return failed(name, "; ".join(islice(problems, _NAMED)) + more)


def _unreadable(error: MythosError) -> Report:
    unreached = (skipped(name, "the manifest is not readable") for name in _AFTER_MANIFEST)
    return Report((failed("manifest", error.message), *unreached))
