"""Inventory: what a bundle holds, and where each construct lies when it is launched.

Names come from signed bytes, yet a launch path is still refused when a name could step out of its
folder: whoever signs must not be able to write elsewhere on a host.
"""

from __future__ import annotations

from mythos.engines.bundle.manifest import Manifest, parse_config, parse_manifest
from mythos.engines.bundle.plan import layer_of
from mythos.errors import BundleError
from mythos.values.bundle import (
    BUNDLE_NAME,
    BUNDLE_VERSION,
    CONSTRUCT_FOLDERS,
    BundleConfig,
    Construct,
)
from mythos.values.digest import digest_of


def inventory(manifest: bytes, config: bytes) -> tuple[Construct, ...]:
    """List the constructs of a bundle, in layer order.

    Args:
        manifest: the manifest's bytes.
        config: the config blob's bytes.

    Returns:
        One construct a layer, sorted by (kind, name).

    Raises:
        BundleError: either is malformed, the config is another's, or it does not list the layers.
    """
    parsed = parse_manifest(manifest)
    if (digest_of(config), len(config)) != (parsed.config.digest, parsed.config.size):
        raise BundleError(
            f"the config is {digest_of(config)}, the manifest names {parsed.config.digest}",
            remedy="fetch the config blob that the manifest names",
        )
    listed = parse_config(config)
    if problem := index_problem(parsed, listed):
        raise BundleError(problem, remedy="build the bundle again")
    return listed.constructs


def name_and_version(manifest: Manifest) -> tuple[str, int]:
    """What a manifest says it is called, to look it up; only *packets* can confirm it.

    Raises:
        BundleError: it does not say so.
    """
    name = manifest.annotations.get(BUNDLE_NAME, "")
    version = manifest.annotations.get(BUNDLE_VERSION, "")
    if not name or not version.isascii() or not version.isdecimal():
        raise BundleError(
            f"the manifest is called {name!r} version {version!r}",
            remedy="build the bundle again with `mythos bundle build`",
        )
    return name, int(version)


def index_problem(manifest: Manifest, config: BundleConfig) -> str:
    """Say where the config's index and the manifest's layers differ; `""` when they agree."""
    constructs = config.constructs
    if name_and_version(manifest) != (config.deployment_name, config.version):
        return f"the manifest is not called {config.deployment_name} version {config.version}"
    if len(constructs) != len(manifest.layers):
        return f"{len(constructs)} constructs are listed for {len(manifest.layers)} layers"
    keys = [(construct.kind, construct.name) for construct in constructs]
    if keys != sorted(set(keys)):
        return "constructs are not unique and sorted by (kind, name)"
    for construct, layer in zip(constructs, manifest.layers, strict=True):
        if layer != layer_of(construct):
            return f"{construct.kind} {construct.name!r} does not match its layer {layer.digest}"
        if unsafe_path(construct.name):
            return f"{construct.kind} {construct.name!r} is no relative path"
    return ""


def launch_path(construct: Construct) -> str:
    """Where a construct lies in the launched tree, relative and with `/`.

    Memory files keep their name below `memory/`; documents end in `.json`.

    Raises:
        BundleError: the name would step out of its folder.
    """
    if unsafe_path(construct.name):
        raise BundleError(
            f"{construct.kind} {construct.name!r} is no relative path",
            remedy="rename it without empty, `.` or `..` segments",
        )
    ending = "" if construct.kind == "memory" else ".json"
    return f"{CONSTRUCT_FOLDERS[construct.kind]}/{construct.name}{ending}"


def unsafe_path(name: str) -> bool:
    """Whether a name has an empty, `.` or `..` segment, a backslash or a control character."""
    segments = name.split("/")
    return any(part in {"", ".", ".."} for part in segments) or any(
        char == "\\" or not char.isprintable() for char in name
    )
