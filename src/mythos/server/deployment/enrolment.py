"""Enrolment on the control plane's side: by one-time code, or by a signed request file."""

from __future__ import annotations

from pathlib import Path

from django.conf import settings
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST
from pydantic import ValidationError

from mythos.adapters.atomic_file import write_atomically
from mythos.adapters.dsse import open_envelope, unverified_payload
from mythos.adapters.key_file import load_public_key
from mythos.errors import UsageError
from mythos.server.catalog.commands import Enrolled, admit, enrol, environment_called
from mythos.server.deployment import trust
from mythos.values.digest import canonical_bytes
from mythos.values.enrolment import ACCEPTANCE_TYPE, REQUEST_TYPE, Acceptance, EnrolmentRequest


@csrf_exempt  # authenticated by the one-time code
@require_POST
def enrol_by_code(request: HttpRequest) -> HttpResponse:
    """Register a node and tell it whom to trust."""
    enrolled = enrol(_parse(request.body), at=timezone.now())
    acceptance = acceptance_of(enrolled, server=request.build_absolute_uri("/").rstrip("/"))
    body = canonical_bytes(acceptance.model_dump(mode="json", by_alias=True))
    return HttpResponse(body, content_type="application/json")


def acceptance_of(enrolled: Enrolled, *, server: str) -> Acceptance:
    """The answer to a node that was just enrolled; an air-gapped one is told no address."""
    node, environment = enrolled.node, enrolled.node.environment
    now, config = timezone.now(), settings.MYTHOS
    return Acceptance(
        node=node.node_id,
        environment=environment.name,
        key_id=node.key_id,
        air_gapped=environment.air_gapped,
        dev=environment.dev,
        server="" if environment.air_gapped else server,
        pull_token="" if environment.air_gapped else enrolled.pull_token,
        packets_root=trust.packets(at=now).root().decode(),
        deployments_root=trust.deployments(environment, at=now).root().decode(),
        cell_s=config.cell_s,
        close_grace_s=config.close_grace_s,
        run_timeout_s=config.run_timeout_s,
        heartbeat_s=config.heartbeat_s,
        report_every_s=environment.report_every_s,
    )


def _parse(body: bytes) -> EnrolmentRequest:
    try:
        return EnrolmentRequest.model_validate_json(body)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise UsageError(
            f"not an enrolment request: {where}: {first['msg']}",
            remedy="use `mythos node enroll`",
        ) from None


def admit_file(data: bytes, environment_name: str) -> Acceptance:
    """Admit the node whose signed request file an operator brought.

    Raises:
        TrustError: the request is not signed by the key it names.
        ConflictError: the node id or the key is taken.
        NotFoundError: there is no such environment.
    """
    claimed = _parse(unverified_payload(data))
    payload = open_envelope(data, load_public_key(claimed.public_key), payload_type=REQUEST_TYPE)
    return acceptance_of(admit(_parse(payload), environment_name), server="")


@transaction.atomic
def admit_to_file(data: bytes, environment_name: str, file: Path) -> Acceptance:
    """Admit by request file and write the signed acceptance an operator carries back.

    A node whose acceptance cannot be written is not admitted: its id could never be used again.

    Raises:
        OSError: the file cannot be written.
    """
    acceptance = admit_file(data, environment_name)
    payload = canonical_bytes(acceptance.model_dump(mode="json", by_alias=True))
    environment = environment_called(environment_name)
    repository = trust.deployments(environment, at=timezone.now())
    write_atomically(file, repository.signed(payload, ACCEPTANCE_TYPE), mode=0o600)
    return acceptance
