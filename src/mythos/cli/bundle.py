"""`mythos bundle`: build a fleet's source tree, look into a bundle, verify it, carry it.

A build is a function of the tree alone: the digest, printed first, is the same on every machine.
Whether a bundle is genuine is for `trust sign` to say and for `bundle verify` to check.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mythos.cli.node_files import import_
from mythos.cli.output import as_json, chosen
from mythos.errors import ConflictError, NotFoundError, UsageError

if TYPE_CHECKING:
    from mythos.adapters.oci_layout import OciLayout
    from mythos.adapters.tuf_client import Roots
    from mythos.engines.bundle.plan import BuiltBundle
    from mythos.engines.bundle.report import Report
    from mythos.server.catalog.models import Environment
    from mythos.values.bundle import BundleConfig

FOLDER = click.Path(path_type=Path, exists=True, file_okay=False)
READABLE = click.Path(path_type=Path, exists=True, dir_okay=False)
EITHER = click.Path(path_type=Path, exists=True)
DIGEST = click.option(
    "--digest", metavar="DIGEST", default="", help="Which bundle, where there are several."
)


@click.group(
    help="Pack agents, policy sets, workflows, tools and memories as one artifact, and carry it."
)
def bundle() -> None:
    """See the commands."""


bundle.add_command(import_, "import")


@bundle.command(short_help="Check a source tree, and write it as a bundle.")
@click.argument("folder", metavar="DIR", type=FOLDER)
@click.option(
    "--out",
    metavar="LAYOUT",
    type=click.Path(path_type=Path, file_okay=False),
    required=True,
    help="Folder to write, an OCI image layout. A bundle that it holds is replaced.",
)
@as_json
def build(folder: Path, out: Path, as_json: bool) -> None:
    """Check a fleet's source tree, and write it as a bundle.

    DIR holds bundle.yaml, agents/, policies/, workflows/, tools/ and memory/. The same tree gives
    the same digest on any machine.
    """
    from mythos.adapters.bundle_check import check_meaning
    from mythos.adapters.bundle_source import read_source
    from mythos.adapters.oci_layout import OciLayout
    from mythos.engines.bundle.plan import assemble

    layout = OciLayout(out)
    _refuse_others(layout)
    source = read_source(folder)
    check_meaning(source)
    built = assemble(source)
    layout.replace(built)
    result = {**_built(built), "layout": str(out)}
    chosen(as_json, result, lambda: _say(result))


def _refuse_others(layout: OciLayout) -> None:
    """A build replaces what a layout holds: no store of several bundles, no files of others."""
    if not layout.is_ours():
        raise ConflictError(
            f"{layout.folder} holds files that are no bundle's",
            remedy="name a new or an empty folder with --out",
        )
    if len(layout.entries()) > 1:
        raise ConflictError(
            f"{layout.folder} holds {len(layout.entries())} bundles, and a build would remove them",
            remedy="name another folder with --out",
        )


def _built(built: BuiltBundle) -> dict[str, Any]:
    def named(kind: str) -> list[str]:
        return [one.name for one in built.constructs if one.kind == kind]

    return {
        "digest": built.digest,
        "name": built.name,
        "version": built.version,
        "agents": named("agent"),
        "policy_sets": named("policy_set"),
        "workflows": named("workflow"),
        "tools": named("tools"),
        "memories": named("memory"),
        "memory_logs": named("memory_log"),
        "size_bytes": sum(len(blob) for blob in built.blobs.values()),
    }


@bundle.command(short_help="List what a bundle holds.")
@click.argument("place", metavar="LAYOUT_OR_TAR", type=EITHER)
@DIGEST
@as_json
def show(place: Path, digest: str, as_json: bool) -> None:
    """List what a bundle holds. What is shown is intact, not verified: see `bundle verify`."""
    result = _shown_archive(place) if place.is_file() else _shown_layout(place, digest)
    chosen(as_json, result, lambda: _say_shown(result))


def _shown_layout(folder: Path, digest: str) -> dict[str, Any]:
    from mythos.adapters.oci_layout import OciLayout
    from mythos.engines.bundle.manifest import parse_config, parse_manifest
    from mythos.engines.bundle.verify import check_bundle

    layout = OciLayout(folder)
    manifest = layout.manifest(digest)
    check_bundle(manifest, layout.read).require(remedy="build the bundle again from its source")
    config = layout.read(parse_manifest(manifest).config.digest)
    return _described(manifest, parse_config(config))


def _shown_archive(archive: Path) -> dict[str, Any]:
    from mythos.adapters.bundle_archive import survey_archive
    from mythos.engines.bundle.manifest import parse_config

    found = survey_archive(archive)
    shown = _described(found.manifest, parse_config(found.config))
    environments = {path.split("/")[1] for path in found.trust if path.startswith("deployments/")}
    return {**shown, "environments": sorted(environments), "trust_files": len(found.trust)}


def _described(manifest: bytes, config: BundleConfig) -> dict[str, Any]:
    from mythos.engines.bundle.manifest import parse_manifest
    from mythos.values.digest import digest_of

    return {
        "digest": digest_of(manifest),
        "name": config.deployment_name,
        "version": config.version,
        "labels": dict(config.tags),
        "destinations": list(config.vector),
        "size_bytes": len(manifest) + parse_manifest(manifest).size_bytes,
        "constructs": [one.model_dump(mode="json") for one in config.constructs],
    }


@bundle.command(short_help="Verify a bundle from trusted roots to its last byte.")
@click.argument("place", metavar="LAYOUT_OR_TAR", type=EITHER)
@click.option(
    "--root",
    type=READABLE,
    required=True,
    help="Root of the packets repository that you trust; `trust init` prints where it lies.",
)
@click.option(
    "--deployments-root", type=READABLE, help="Root of the environment's deployments repository."
)
@click.option(
    "--environment",
    metavar="NAME",
    default="",
    help="Also check that this environment is to run it.",
)
@click.option(
    "--site",
    metavar="FOLDER",
    type=FOLDER,
    help="Where a layout's trust metadata lies, if elsewhere.",
)
@DIGEST
@as_json
def verify(
    place: Path,
    root: Path,
    deployments_root: Path | None,
    environment: str,
    site: Path | None,
    digest: str,
    as_json: bool,
) -> None:
    """Verify a bundle from the roots you trust to its last byte, naming each check.

    Exits 1 if one fails.
    """
    roots = _roots(root, deployments_root, environment)
    if place.is_file():
        report = _verified_archive(place, roots, environment)
    else:
        report = _verified_layout(place, site or place, roots, environment, digest)
    checks = [{"name": one.name, "state": one.state, "why": one.why} for one in report.checks]
    result = {"passed": report.passed, "checks": checks}
    chosen(as_json, result, lambda: _say_checks(report))
    if not report.passed:
        raise SystemExit(1)


def _roots(root: Path, deployments_root: Path | None, environment: str) -> Roots:
    from mythos.adapters.tuf_client import Roots

    if bool(environment) != bool(deployments_root):
        raise UsageError(
            "an assignment is checked with --environment and --deployments-root together",
            remedy="give both, or neither to check only that the bundle is genuine",
        )
    deployments = deployments_root.read_bytes() if deployments_root else b""
    return Roots(root.read_bytes(), deployments)


def _verified_archive(archive: Path, roots: Roots, environment: str) -> Report:
    from datetime import UTC, datetime

    from mythos.adapters.bundle_archive import verify_archive

    return verify_archive(archive, roots=roots, environment=environment, at=datetime.now(UTC))


def _verified_layout(
    folder: Path, site: Path, roots: Roots, environment: str, digest: str
) -> Report:
    from datetime import UTC, datetime

    from mythos.adapters.oci_layout import OciLayout
    from mythos.adapters.trust_source import FolderSource
    from mythos.adapters.verification import verify_layout

    return verify_layout(
        OciLayout(folder),
        source=FolderSource(site),
        roots=roots,
        environment=environment,
        digest=digest,
        at=datetime.now(UTC),
    )


@bundle.command(short_help="Control plane: write a bundle and its proof as one file.")
@click.argument("layout", metavar="[LAYOUT]", type=FOLDER, required=False)
@click.option(
    "--environment", metavar="NAME", required=True, help="The environment that is to run it."
)
@click.option(
    "--out",
    metavar="FILE",
    type=click.Path(path_type=Path, dir_okay=False),
    required=True,
    help="The archive to write (tar).",
)
@as_json
def export(layout: Path | None, environment: str, out: Path, as_json: bool) -> None:
    """Write what an environment is to run, with its proof, as one file to carry across an air gap.

    Runs on the control plane. The blobs come from its store, or from LAYOUT.
    """
    from mythos.cli.serve import prepare

    prepare()
    from mythos.adapters.bundle_export import export_archive
    from mythos.adapters.oci_layout import OciLayout
    from mythos.adapters.trust_source import FolderSource
    from mythos.server.catalog.commands import environment_called
    from mythos.server.deployment import trust

    digest = _assigned(environment_called(environment))
    blobs = OciLayout(layout) if layout else trust.store()
    manifest = blobs.manifest(digest)
    export_archive(
        out,
        layout=blobs,
        manifest=manifest,
        source=FolderSource(trust.site()),
        environment=environment,
    )
    result: dict[str, Any] = {
        "digest": digest,
        "environment": environment,
        "file": str(out),
        "size_bytes": out.stat().st_size,
    }
    chosen(as_json, result, lambda: _say(result))


def _assigned(environment: Environment) -> str:
    from datetime import UTC, datetime

    from mythos.server.deployment import trust

    assignment = trust.deployments(environment, at=datetime.now(UTC)).current()
    if assignment is None or assignment.state == "halted":
        standing = "is halted" if assignment else "has no assignment"
        raise NotFoundError(
            f"{environment.name} {standing}, so there is nothing to carry there",
            remedy="assign a bundle: mythos rollout start "
            f"--environment {environment.name} --bundle NAME@VERSION --by WHO --why TEXT",
        )
    return assignment.digest


def _say(result: dict[str, Any]) -> None:
    for name, value in result.items():
        shown = ", ".join(map(str, value)) or "none" if isinstance(value, list) else value
        click.echo(f"{name:<12} {shown}")


def _say_shown(result: dict[str, Any]) -> None:
    labels = [f"{key}={value}" for key, value in result["labels"].items()]
    _say({**result, "labels": labels, "constructs": len(result["constructs"])})
    for one in result["constructs"]:
        click.echo(f"  {one['kind']:<11} {one['name']:<32} v{one['version']}  {one['digest']}")


def _say_checks(report: Report) -> None:
    for one in report.checks:
        click.echo(f"{one.state:<5} {one.name:<30} {one.why}")
    click.echo("verified" if report.passed else f"NOT verified: {len(report.failures)} failed")
