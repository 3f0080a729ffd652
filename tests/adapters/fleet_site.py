"""A tiny fleet for tests: a source tree, a bundle, and a site that releases and assigns it."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from mythos.adapters.oci_layout import OciLayout
from mythos.adapters.trust_repositories import (
    DEPLOYMENTS_TERMS,
    DeploymentsRepository,
    PacketsRepository,
)
from mythos.adapters.trust_source import FolderSource
from mythos.adapters.tuf_client import Roots, TrustClient
from mythos.adapters.tuf_repository import Terms
from mythos.engines.bundle.plan import BuiltBundle, ParsedSource, Part, assemble
from mythos.values.bundle import Assignment, BundleSource

NOW = datetime(2030, 1, 1, 12, tzinfo=UTC)
LAB = "lab"


def bundle(version: int = 1, *, notes: bytes = b"be kind\n") -> BuiltBundle:
    """A bundle with one construct of each kind."""
    return assemble(
        ParsedSource(
            BundleSource(name="care", version=version),
            (
                Part("agent", "triage", {"name": "triage"}),
                Part("policy_set", "rules", {"policy_set": "rules", "version": 1}),
                Part("workflow", "cancel", {"name": "cancel"}),
                Part("tools", "retail", {"domain": "retail", "tools": []}),
                Part("memory", "triage/notes.md", notes),
            ),
            {},
        )
    )


def assignment(built: BuiltBundle, sequence: int = 1) -> Assignment:
    """The lab runs this bundle."""
    return Assignment(
        environment=LAB,
        bundle=built.name,
        version=built.version,
        digest=built.digest,
        length=len(built.manifest),
        sequence=sequence,
    )


@dataclass(frozen=True)
class Site:
    """A site folder and the repositories that write to it."""

    folder: Path
    packets: PacketsRepository
    deployments: DeploymentsRepository

    @property
    def layout(self) -> OciLayout:
        return OciLayout(self.folder)

    @property
    def source(self) -> FolderSource:
        return FolderSource(self.folder)

    @property
    def roots(self) -> Roots:
        return Roots(self.packets.root(), self.deployments.root())

    def release(self, built: BuiltBundle, *, sequence: int = 1, at: datetime = NOW) -> None:
        """Store, release and assign a bundle."""
        self.layout.add(built)
        self.packets.publish_packet(built.name, built.version, built.manifest, at=at)
        self.deployments.assign(assignment(built, sequence), at=at)

    def client(self, state: Path) -> TrustClient:
        """A node's client that reads this site."""
        return TrustClient(state, roots=self.roots, source=self.source)

    def moved(self, folder: Path) -> Site:
        """The same repositories' copy at another place."""
        return replace(self, folder=folder)


def new_site(folder: Path, *, terms: Terms = DEPLOYMENTS_TERMS, at: datetime = NOW) -> Site:
    """An initialised site without bundles; keys lie beside it."""
    keys = folder.parent / f"{folder.name}-keys"
    packets = PacketsRepository(folder / "packets", keys=keys / "packets")
    deployments = DeploymentsRepository(
        folder / "deployments" / LAB, keys=keys / LAB, environment=LAB, terms=terms
    )
    packets.initialise(at=at)
    deployments.initialise(at=at)
    return Site(folder, packets, deployments)


def released_site(folder: Path) -> Site:
    """A site that releases version 1 and assigns it to the lab."""
    site = new_site(folder)
    site.release(bundle())
    return site


AGENT = """\
name: triage
role: sorts requests
model: {provider: scripted, name: script}
instructions: Be brief.
tools: [retail]
policies: [care-rules]
workflows: [cancel]
memory:
  files: [memory/triage/notes.md]
"""
POLICY = """\
policy_set: care-rules
version: 2
covers: {tools: retail}
facts:
  confirmed: {once: user.confirm}
rules: |
  @id("ask-first")
  permit (principal, action == Action::"cancel_order", resource) when { context.past.confirmed };
"""
WORKFLOW = """\
schema: mythos.ritual/1
name: cancel
steps: {seq: [{act: get_order}, {act: cancel_order}]}
"""
TOOLS = {
    "domain": "retail",
    "tools": [
        {"name": "get_order", "effect": "read", "x-note": 1.5},
        {"name": "cancel_order", "effect": "write"},
    ],
}


def write_tree(folder: Path) -> Path:
    """A source tree with one construct of each kind."""
    files = {
        "bundle.yaml": "name: care\nversion: 1\nlabels: {tier: gold}\ndestinations: [env:lab]\n",
        "agents/triage.yaml": AGENT,
        "policies/care.yaml": POLICY,
        "workflows/cancel.yaml": WORKFLOW,
        "tools/retail.json": json.dumps(TOOLS),
        "memory/triage/notes.md": "be kind\n",
    }
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder
