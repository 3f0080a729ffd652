"""Pulling: ask both TUF repositories what should run here, verify it whole, put it in force.

Law of expiry: metadata that expired blocks *new* launches only; what runs goes on running, and a
restart of the active verified bundle is no new launch. A halt is obeyed at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import httpx

from mythos.adapters.trust_source import FolderSource, HttpSource, Source
from mythos.adapters.tuf_client import Roots, TrustClient
from mythos.errors import MythosError
from mythos.node.home import NodeHome
from mythos.node.launcher import LaunchedBundle, active, launch
from mythos.values.bundle import Assignment
from mythos.values.enrolment import Acceptance

PULL_TIMEOUT_S = 10.0


@dataclass(frozen=True, slots=True)
class Pulled:
    """What a poll found. `problem` says why nothing new was launched, `""` if all is well."""

    assignment: Assignment | None
    bundle: LaunchedBundle | None
    changed: bool = False
    problem: str = ""
    timestamp_version: int = 0


class Puller:
    """Polls one source for one node."""

    def __init__(self, home: NodeHome, acceptance: Acceptance) -> None:
        self._home = home
        self._environment = acceptance.environment
        self._client = TrustClient(
            home.trust,
            roots=Roots(acceptance.packets_root.encode(), acceptance.deployments_root.encode()),
            source=source_of(home, acceptance),
        )
        self._newest: Assignment | None = None

    def poll(self, running: LaunchedBundle | None, *, at: datetime) -> Pulled:
        """Look for a newer assignment and launch it; on any refusal keep what runs."""
        try:
            assignment = self._client.current_assignment(self._environment, at=at)
        except MythosError as error:
            return Pulled(self._newest, running, problem=f"{error} ({error.remedy})")
        self._newest = assignment
        if assignment.state == "halted":
            return Pulled(assignment, None, changed=running is not None, problem="halted")
        if running is not None and running.digest == assignment.digest:
            return Pulled(assignment, running)
        try:
            manifest = self._client.verified_manifest(assignment, at=at)
            bundle = launch(self._home, manifest, self._client.fetch_bundle(manifest))
        except MythosError as error:
            return Pulled(assignment, running, problem=f"{error} ({error.remedy})")
        return Pulled(assignment, bundle, changed=True)


def restart(home: NodeHome) -> LaunchedBundle | None:
    """The bundle that was in force when the node stopped, checked again, whatever has expired.

    Raises:
        TrustError: the launched tree was changed meanwhile.
    """
    return active(home)


def source_of(home: NodeHome, acceptance: Acceptance) -> Source:
    """Where this node pulls from: its control plane, or the depot that files fill."""
    if acceptance.air_gapped:
        return FolderSource(home.depot)
    client = httpx.Client(
        timeout=PULL_TIMEOUT_S,
        trust_env=False,
        headers={"Authorization": f"Bearer {acceptance.pull_token}"},
    )
    return HttpSource(f"{acceptance.server}/api/v1/site", client)
