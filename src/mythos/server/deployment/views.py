"""The bundle page: parse, call one function, render."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_safe

from mythos.server.deployment.presentation import show_packet
from mythos.server.web.answers import answer, signed_in


@require_safe
@signed_in
def packet(request: HttpRequest) -> HttpResponse:
    """One bundle: what it holds, where it goes, what runs."""
    digest, show = request.GET.get("bundle", ""), request.GET.get("show", "")
    page = show_packet(digest.replace("\x00", ""), show, at=timezone.now())
    return answer(request, "deployment/packet.html", page)
