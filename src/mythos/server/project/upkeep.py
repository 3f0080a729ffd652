"""What the control plane does without being asked, a few seconds apart.

Readings of nodes that have fallen silent, the recommendation for the newest bundle, signatures
that would expire. Each step is idempotent, so any number of replicas may do it.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from datetime import datetime, timedelta

from django.db import close_old_connections
from django.utils import timezone

from mythos.errors import MythosError
from mythos.server.catalog.models import Environment, Node
from mythos.server.deployment import trust
from mythos.server.deployment.models import MythOSDeploymentPacket
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
    return stop


def _work(stop: threading.Event) -> None:
    renewed_at: datetime | None = None
    while not stop.wait(EVERY_S):
        close_old_connections()
        now = timezone.now()
        _attempt(read_the_quiet, now)
        _attempt(recommend_newest, now)
        if renewed_at is None or now - renewed_at > RENEW_EVERY:
            _attempt(renew_signatures, now)
            renewed_at = now


def _attempt(step: Callable[[datetime], None], at: datetime) -> None:
    """One step; what fails is logged with its remedy and tried again at the next turn."""
    try:
        step(at)
    except MythosError as error:
        _log.warning("%s: %s (%s)", step.__name__, error, error.remedy)


def read_the_quiet(at: datetime) -> None:
    """Refresh nodes that have not been heard of for a while: nobody else would."""
    for node in Node.objects.filter(retired_at=None).select_related("environment"):
        heard = node.last_beat_at or node.enrolled_at
        if at - heard > timedelta(seconds=presence_of(node).patience_s) + IN_FLIGHT:
            refresh_reading(node.node_id, at=at)


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
