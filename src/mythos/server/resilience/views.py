"""The resilience pages: parse, call one function, render."""

from __future__ import annotations

from dataclasses import asdict

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from mythos.server.resilience.accepting import order_of
from mythos.server.resilience.baselines import accept
from mythos.server.resilience.pages.selection import select
from mythos.server.resilience.presentation import show_fleet, show_host
from mythos.server.resilience.standing_baselines import baseline_shown
from mythos.server.web.answers import answer, signed_in
from mythos.server.web.problems import wants_json
from mythos.server.web.roles import require_operator, why_barred


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
    page = show_host(
        node_id.replace("\x00", ""),
        select(request.GET.dict()),
        at=timezone.now(),
        barred=why_barred(request.user),
    )
    return answer(request, "resilience/host.html", page)


@require_POST
@signed_in
def accept_baseline(request: HttpRequest, node_id: str) -> HttpResponse:
    """Accept a stretch of evidence as the baseline of a workflow."""
    user = require_operator(request.user)
    order = order_of(node_id, request.POST)
    made = accept(order, by=user.get_username(), at=timezone.now())
    if wants_json(request):
        return JsonResponse(asdict(baseline_shown(made)), status=201)
    return redirect(f"/system/resilience/{order.node_id}#drift")
