"""What nodes send: a plain view on bytes, answered after the commit."""

from __future__ import annotations

from dataclasses import asdict

from django.http import HttpRequest, JsonResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from mythos.server.resilience.commands import accept_envelope
from mythos.server.resilience.readings import refresh_if_due


@csrf_exempt  # authenticated by the envelope's own signature, never by a cookie
@require_POST
def evidence(request: HttpRequest) -> JsonResponse:
    """Count one signed envelope, once."""
    now = timezone.now()
    accepted = accept_envelope(request.body, at=now)
    refresh_if_due(accepted.node_id, at=now)
    status = "counted" if accepted.counted else "already counted"
    return JsonResponse({**asdict(accepted), "status": status})
