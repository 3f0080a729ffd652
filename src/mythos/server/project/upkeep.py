"""What the control plane does without being asked, a few seconds apart.

Readings of nodes that have fallen silent or whose benign marks or baselines have ended, the
recommendation for the newest bundle, signatures that would expire. Each step is idempotent, so any
number of replicas may do it; each has a pace, since reading a node or the whole fleet's evidence
costs more than the seconds between two turns.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial

from django.conf import settings
from django.db import close_old_connections
from django.utils import timezone

from mythos.errors import MythosError
from mythos.server.catalog.models import Environment, Node
from mythos.server.deployment import trust
from mythos.server.deployment.models import MythOSDeploymentPacket
from mythos.server.policies import proving
from mythos.server.resilience import marks, withdrawals
from mythos.server.resilience.readings import presence_of
from mythos.server.resilience.readings import refresh as refresh_reading
from mythos.server.strategy.commands import refresh as refresh_recommendation

EVERY_S = 3.0
RENEW_EVERY = timedelta(minutes=10)
IN_FLIGHT = timedelta(seconds=5)
"""A beat on its way, or waiting for its turn here, is no silence."""

_log = logging.getLogger(__name__)


def start() -> threading.Event:
    """Work in a thread of its own until the returned event is set."""
    stop = threading.Event()
    threading.Thread(target=_work, args=(stop,), daemon=True, name="upkeep").start()
    threading.Thread(target=_prove, args=(stop,), daemon=True, name="prover").start()
    return stop


@dataclass(slots=True)
class Pace:
    """When each thing was last done, to do none of them too often."""

    done: dict[str, datetime] = field(default_factory=dict)

    def due(self, name: str, at: datetime, *, every: timedelta) -> bool:
        """Whether `name` may be done again; if so it counts as done."""
        last = self.done.get(name)
        if last is not None and last <= at < last + every:
            return False
        self.done[name] = at
        return True


def _work(stop: threading.Event) -> None:
    pace = Pace()
    while not stop.wait(EVERY_S):
        close_old_connections()
        turn(pace, timezone.now())


def _prove(stop: threading.Event) -> None:
    """Wait for proofs in a thread of their own: one takes seconds, and nothing else may wait."""
    while not stop.wait(EVERY_S):
        close_old_connections()
        _attempt("proof", lambda: proving.work_one(at=timezone.now()))


def turn(pace: Pace, at: datetime) -> None:
    """One turn: whatever is due."""
    reading = timedelta(seconds=settings.MYTHOS.reading_every_s)
    _attempt("quiet", lambda: read_the_quiet(pace, at))
    if pace.due("marks", at, every=reading):
        _attempt("marks", lambda: marks.wake(at=at))
    if pace.due("withdrawals", at, every=reading):
        _attempt("withdrawals", lambda: withdrawals.wake(at=at))
    if pace.due("recommendation", at, every=reading):
        _attempt("recommendation", lambda: recommend_newest(at))
    if pace.due("signatures", at, every=RENEW_EVERY):
        _attempt("signatures", lambda: renew_signatures(at))


def _attempt(name: str, step: Callable[[], object]) -> None:
    """One step; what fails is logged with its remedy and tried again at its next turn."""
    try:
        step()
    except MythosError as error:
        _log.warning("%s: %s (%s)", name, error, error.remedy)
    except Exception:  # noqa: BLE001 - the thread's edge: without it nobody falls silent again
        _log.exception("%s", name)


def read_the_quiet(pace: Pace, at: datetime) -> None:
    """Refresh nodes that have not been heard of for a while: nobody else would."""
    every = timedelta(seconds=settings.MYTHOS.reading_every_s)
    for node in Node.objects.filter(retired_at=None).select_related("environment"):
        heard = node.last_beat_at or node.enrolled_at
        quiet = at - heard > timedelta(seconds=presence_of(node).patience_s) + IN_FLIGHT
        if quiet and pace.due(f"quiet {node.node_id}", at, every=every):
            name = node.node_id
            _attempt(f"reading of {name}", partial(refresh_reading, name, at=at))


def recommend_newest(at: datetime) -> None:
    """Recommend for the newest bundle."""
    packet = MythOSDeploymentPacket.objects.first()
    if packet is not None:
        refresh_recommendation(packet, at=at)


def renew_signatures(at: datetime) -> None:
    """Sign anew what has used up half of its period."""
    if (trust.site() / "packets").is_dir():
        trust.packets(at=at).renew(at=at)
    for environment in Environment.objects.all():
        if (trust.site() / "deployments" / environment.name).is_dir():
            trust.deployments(environment, at=at).renew(at=at)
