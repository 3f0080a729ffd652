"""Verify: every byte of a bundle against its manifest, each check named.

This says whether a bundle is *intact*, given its manifest. Whether the manifest is *genuine and
current* is the question of the TUF repositories (`adapters.verification`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
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
from mythos.values.bundle import LAYER_TYPES, Descriptor
from mythos.values.digest import digest_of

Read = Callable[[str], bytes]
_NAMED = 3  # how many bad blobs a sentence names before it counts the rest
_KNOWN_TYPES = frozenset(LAYER_TYPES.values())
_MEMORY = LAYER_TYPES["memory"]


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
        return Report((failed("manifest", error.message), *_unreached("manifest")))
    found = passed("manifest", f"{digest_of(manifest)}, {len(parsed.layers)} layers, canonical")
    return Report((found, *_check_config(parsed, read), *_check_layers(parsed.layers, read)))


def blob_problem(descriptor: Descriptor, data: bytes) -> str:
    """Say how bytes differ from their descriptor; `""` when size and digest agree."""
    if len(data) != descriptor.size:
        return f"{descriptor.digest} has {len(data)} bytes, signed are {descriptor.size}"
    if digest_of(data) != descriptor.digest:
        return f"{descriptor.digest} has other bytes: {digest_of(data)}"
    return ""


def _check_config(manifest: Manifest, read: Read) -> tuple[Check, Check]:
    try:
        data = read(manifest.config.digest)
        if problem := blob_problem(manifest.config, data):
            return failed("config", problem), skipped("index", "the config is not intact")
        config = parse_config(data)
    except MythosError as error:
        return failed("config", error.message), skipped("index", "the config is not readable")
    named = passed("config", f"{config.deployment_name} version {config.version}")
    if problem := index_problem(manifest, config):
        return named, failed("index", problem)
    return named, passed("index", f"{len(config.constructs)} constructs, one a layer")


def _check_layers(layers: Sequence[Descriptor], read: Read) -> tuple[Check, Check, Check]:
    unknown = [layer.media_type for layer in layers if layer.media_type not in _KNOWN_TYPES]
    broken: list[str] = []
    crooked: list[str] = []
    for layer in layers:
        problem, data = _read_layer(layer, read)
        if problem:
            broken.append(problem)
        elif layer.media_type != _MEMORY and (form := canonical_problem(data)):
            crooked.append(f"{layer.digest}: {form}")
    size = sum(layer.size for layer in layers)
    return (
        _verdict("media types", unknown, "all are constructs"),
        _verdict("layers", broken, f"{len(layers)} blobs, {size} bytes, digests and sizes agree"),
        _verdict("canonical form", crooked, "every document is RFC 8785"),
    )


def _read_layer(layer: Descriptor, read: Read) -> tuple[str, bytes]:
    try:
        data = read(layer.digest)
    except MythosError as error:
        return error.message, b""
    return blob_problem(layer, data), data


def _verdict(name: str, problems: Sequence[str], otherwise: str) -> Check:
    if not problems:
        return passed(name, otherwise)
    more = f" and {len(problems) - _NAMED} more" if len(problems) > _NAMED else ""
    return failed(name, "; ".join(islice(problems, _NAMED)) + more)


def _unreached(what: str) -> tuple[Check, ...]:
    names = ("config", "index", "media types", "layers", "canonical form")
    return tuple(skipped(name, f"the {what} is not readable") for name in names)
