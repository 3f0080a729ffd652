"""The resilience pages: parse, call one function, render."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_safe

from mythos.server.resilience.pages.selection import select
from mythos.server.resilience.presentation import show_fleet, show_host
from mythos.server.web.answers import answer, signed_in
from mythos.server.web.roles import why_barred


@require_safe
@signed_in
def fleet(request: HttpRequest) -> HttpResponse:
    """Health of the whole fleet."""
    barred = why_barred(request.user)
    page = show_fleet(select(request.GET.dict()), at=timezone.now(), barred=barred)
    return answer(request, "resilience/fleet.html", page)


@require_safe
@signed_in
def host(request: HttpRequest, node_id: str) -> HttpResponse:
    """Health of one host."""
    page = show_host(node_id.replace("\x00", ""), select(request.GET.dict()), at=timezone.now())
    return answer(request, "resilience/host.html", page)
