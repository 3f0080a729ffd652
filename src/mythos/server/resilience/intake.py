"""What nodes send: a plain view on bytes, answered after the commit."""

from __future__ import annotations

import logging
from dataclasses import asdict
from datetime import datetime

from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, JsonResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from mythos.errors import EvidenceError, MythosError
from mythos.server.resilience.commands import accept_envelope
from mythos.server.resilience.readings import refresh_if_due
from mythos.server.resilience.witness_files import view_for

_log = logging.getLogger(__name__)


@csrf_exempt  # authenticated by the envelope's own signature, never by a cookie
@require_POST
def evidence(request: HttpRequest) -> JsonResponse:
    """Count one signed envelope, once."""
    now = timezone.now()
    accepted = accept_envelope(_body(request), at=now)
    _refresh(accepted.node_id, at=now)
    status = "counted" if accepted.counted else "already counted"
    view = _view(accepted.node_id, at=now) if accepted.tells_view else {}
    return JsonResponse({**asdict(accepted), "status": status, **view})


def _body(request: HttpRequest) -> bytes:
    try:
        return request.body
    except RequestDataTooBig:
        raise EvidenceError(
            f"the envelope is larger than {settings.DATA_UPLOAD_MAX_MEMORY_SIZE} bytes",
            remedy="update the node: it splits its evidence into envelopes of a few megabytes",
        ) from None


def _view(node_id: str, *, at: datetime) -> dict[str, str]:
    """The signed view for a node; an envelope that was counted is acknowledged without one too."""
    try:
        return {"view": view_for(node_id, at=at).decode()}
    except MythosError:
        _log.exception("%s cannot be told what the witness remembers of it", node_id)
        return {}


def _refresh(node_id: str, *, at: datetime) -> None:
    """Bring the cached reading up to date. The envelope is counted whatever comes of it here."""
    try:
        refresh_if_due(node_id, at=at)
    except Exception:  # noqa: BLE001 - the request's edge: what was counted is acknowledged
        _log.exception("the reading of %s is out of date", node_id)
