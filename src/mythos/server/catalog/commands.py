"""Writes of the catalogue: environments from a fleet file, enrolment of nodes."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.utils import timezone
from pydantic import TypeAdapter, ValidationError

from mythos.adapters.key_file import load_public_key
from mythos.errors import ConflictError, IdentityError, NotFoundError, UsageError
from mythos.server.actions.ledger import SHELL, record
from mythos.server.catalog.models import EnrolmentCode, Environment, Node
from mythos.values.digest import canonical_bytes, digest_of
from mythos.values.enrolment import EnrolmentRequest
from mythos.values.environment import FleetEnvironment, FleetFile
from mythos.values.evidence import NodeName

CODE_LIFE = timedelta(hours=24)
_NODE_NAME: TypeAdapter[str] = TypeAdapter(NodeName)


@dataclass(frozen=True, slots=True)
class Enrolled:
    """A node that is now known, and the pull token it is told once."""

    node: Node
    pull_token: str


@transaction.atomic
def import_fleet(fleet: FleetFile, *, by: str = SHELL) -> list[Environment]:
    """Create or update every environment of a fleet file; nodes enrol by themselves."""
    document = fleet.model_dump(mode="json", by_alias=True)
    record(
        "fleet.take_in",
        ", ".join(environment.name for environment in fleet.environments)[:300],
        by=by,
        at=timezone.now(),
        details={"digest": digest_of(canonical_bytes(document))},
    )
    return [_import_environment(environment) for environment in fleet.environments]


def _import_environment(given: FleetEnvironment) -> Environment:
    environment, _ = Environment.objects.update_or_create(
        name=given.name,
        defaults={
            "labels": dict(given.labels),
            "air_gapped": given.air_gapped,
            "dev": given.dev,
            "no_explore": given.no_explore,
            "report_every_s": given.report_every_s,
        },
    )
    return environment


@transaction.atomic
def issue_code(
    node_id: str,
    environment_name: str,
    *,
    at: datetime,
    capacity: dict[str, int] | None = None,
    by: str = SHELL,
) -> str:
    """A one-time code that lets `node_id` enrol into an environment within a day.

    Raises:
        UsageError: no node can have that id.
        ConflictError: the id is taken, so the code would open nothing.
        NotFoundError: there is no such environment.
    """
    _check_id(node_id)
    if Node.objects.filter(node_id=node_id).exists():
        raise _taken(node_id)
    code = secrets.token_urlsafe(18)
    EnrolmentCode.objects.create(
        code_hash=hash_of(code),
        node_id=node_id,
        environment=environment_called(environment_name),
        capacity=capacity or {},
        expires_at=at + CODE_LIFE,
    )
    record("node.invite", node_id, by=by, at=at, details={"environment": environment_name})
    return code


@transaction.atomic
def enrol(request: EnrolmentRequest, *, at: datetime) -> Enrolled:
    """Register a node by its one-time code.

    Raises:
        IdentityError: the code is unknown, used, expired or another node's.
        ConflictError: the node id or the key is taken.
    """
    found = (
        EnrolmentCode.objects.select_for_update()
        .filter(code_hash=hash_of(request.code), used_at=None, expires_at__gt=at)
        .select_related("environment")
        .first()
    )
    if found is None or found.node_id != request.node:
        raise IdentityError(
            f"the enrolment code does not open the door for {request.node!r}",
            remedy="ask the operator for a new code: it holds one day, once, for one node id",
        )
    found.used_at = at
    found.save(update_fields=["used_at"])
    return _register(request, found.environment, found.capacity)


@transaction.atomic
def admit(request: EnrolmentRequest, environment_name: str, *, by: str = SHELL) -> Enrolled:
    """Register a node whose signed request file an operator brought.

    Raises:
        ConflictError: the node id or the key is taken.
        NotFoundError: there is no such environment.
    """
    enrolled = _register(request, environment_called(environment_name), {})
    details = {"environment": environment_name, "key": enrolled.node.key_id}
    record("node.admit", request.node, by=by, at=timezone.now(), details=details)
    return enrolled


def _register(
    request: EnrolmentRequest, environment: Environment, capacity: dict[str, int]
) -> Enrolled:
    key_id = load_public_key(request.public_key).key_id
    taken = Node.objects.filter(node_id=request.node) | Node.objects.filter(key_id=key_id)
    if taken.exists():
        raise _taken(request.node)
    token = secrets.token_urlsafe(32)
    node = Node.objects.create(
        node_id=request.node,
        environment=environment,
        public_key=request.public_key,
        key_id=key_id,
        capacity=capacity or request.capacity.model_dump(),
        pull_token_hash=hash_of(token),
    )
    return Enrolled(node, token)


def _taken(node_id: str) -> ConflictError:
    return ConflictError(
        f"the node id {node_id!r} or its key is already enrolled",
        remedy="enrol under another id with a new key: a node's evidence keeps its id for ever",
    )


def _check_id(node_id: str) -> None:
    try:
        _NODE_NAME.validate_python(node_id)
    except ValidationError:
        raise UsageError(
            f"{node_id!r} is no node id",
            remedy="use up to 150 letters, digits, dots, underscores and hyphens",
        ) from None


def environment_called(name: str) -> Environment:
    """The environment of that name.

    Raises:
        NotFoundError: there is none.
    """
    environment = Environment.objects.filter(name=name).first()
    if environment is None:
        known = ", ".join(Environment.objects.values_list("name", flat=True)) or "none yet"
        raise NotFoundError(
            f"there is no environment {name!r} (known: {known})",
            remedy="add it with a fleet file, or check the spelling",
        )
    return environment


def hash_of(secret: str) -> str:
    """What is kept of a code or token: its SHA-256 (both are random and long, so no salt)."""
    return hashlib.sha256(secret.encode()).hexdigest()
