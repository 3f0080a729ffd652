"""Pulling: ask both TUF repositories what should run here, verify it whole, put it in force.

Law of expiry: metadata that expired blocks *new* launches only; what runs goes on running, and a
restart of the active verified bundle is no new launch. A halt is obeyed at once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import httpx

from mythos.adapters.trust_source import FolderSource, HttpSource, Source
from mythos.adapters.tuf_client import Roots, TrustClient
from mythos.errors import MythosError
from mythos.node.home import NodeHome
from mythos.node.launcher import LaunchedBundle, active, halt, place_tree, put_in_force
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

    def __init__(
        self, home: NodeHome, acceptance: Acceptance, *, check: Callable[[LaunchedBundle], object]
    ) -> None:
        """Follow one environment.

        Args:
            home: the node's state.
            acceptance: whom the node trusts, and where it pulls from.
            check: raises a MythosError for a genuine bundle that this node cannot work by; it is
                asked before the bundle takes the place of what runs.
        """
        self._home = home
        self._check = check
        self._environment = acceptance.environment
        self._http = None if acceptance.air_gapped else _http_client(acceptance)
        self._client = TrustClient(
            home.trust,
            roots=Roots(acceptance.packets_root.encode(), acceptance.deployments_root.encode()),
            source=_source(home, acceptance, self._http),
        )
        self._newest: Assignment | None = None

    def close(self) -> None:
        """Close the connections."""
        if self._http is not None:
            self._http.close()

    def poll(self, running: LaunchedBundle | None, *, at: datetime) -> Pulled:
        """Look for a newer assignment and launch it; on any refusal keep what runs.

        Args:
            running: what is in force here; None if nothing is.
            at: now.
        """
        try:
            assignment = self._client.current_assignment(self._environment, at=at)
        except MythosError as error:
            return Pulled(self._newest, running, problem=f"{error} ({error.remedy})")
        self._newest = assignment
        if assignment.state == "halted":
            return self._halted(assignment, running)
        if running is not None and running.digest == assignment.digest:
            return Pulled(assignment, running)
        try:
            manifest = self._client.verified_manifest(assignment, at=at)
            bundle = place_tree(self._home, manifest, self._client.fetch_bundle(manifest))
            self._check(bundle)
            put_in_force(self._home, bundle)
        except MythosError as error:
            return Pulled(assignment, running, problem=f"{error} ({error.remedy})")
        return Pulled(assignment, bundle, changed=True)

    def _halted(self, assignment: Assignment, running: LaunchedBundle | None) -> Pulled:
        """Nothing runs from now on, and no restart brings it back."""
        try:
            halt(self._home)
        except MythosError as error:
            problem = f"halted, but {error} ({error.remedy})"
            return Pulled(assignment, None, changed=running is not None, problem=problem)
        return Pulled(assignment, None, changed=running is not None, problem="halted")


def restart(home: NodeHome) -> LaunchedBundle | None:
    """The bundle that was in force when the node stopped, checked again, whatever has expired.

    Raises:
        TrustError: the launched tree was changed meanwhile.
    """
    return active(home)


def _source(home: NodeHome, acceptance: Acceptance, client: httpx.Client | None) -> Source:
    """Where this node pulls from: its control plane, or the depot that files fill."""
    if client is None:
        return FolderSource(home.depot)
    return HttpSource(f"{acceptance.server}/api/v1/site", client)


def _http_client(acceptance: Acceptance) -> httpx.Client:
    return httpx.Client(
        timeout=PULL_TIMEOUT_S,
        trust_env=False,
        headers={"Authorization": f"Bearer {acceptance.pull_token}"},
    )
