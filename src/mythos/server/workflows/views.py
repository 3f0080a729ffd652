"""The workflow pages: parse, call one function, render."""

from __future__ import annotations

from dataclasses import asdict, replace

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from mythos.server.documents.selection import select
from mythos.server.resilience.accepting import order_of
from mythos.server.resilience.baselines import accept
from mythos.server.resilience.models import AcceptedBaseline
from mythos.server.resilience.standing_baselines import baseline_shown
from mythos.server.resilience.withdrawals import baseline_of, withdraw
from mythos.server.web.answers import answer, signed_in
from mythos.server.web.problems import wants_json
from mythos.server.web.roles import require_operator, why_barred
from mythos.server.workflows import page_queries
from mythos.server.workflows.presentation import show_workflow, show_workflows


@require_safe
@signed_in
def workflows(request: HttpRequest) -> HttpResponse:
    """Every workflow: where it is in force and how well runs follow it."""
    page = show_workflows(select(request.GET.dict()), at=timezone.now())
    return answer(request, "workflows/workflows.html", page)


@require_safe
@signed_in
def workflow(request: HttpRequest, digest: str) -> HttpResponse:
    """One workflow: drawn, with what runs did instead."""
    page = show_workflow(
        digest.replace("\x00", ""),
        select(request.GET.dict()),
        at=timezone.now(),
        barred=why_barred(request.user),
    )
    return answer(request, "workflows/workflow.html", page)


@require_POST
@signed_in
def accept_baseline(request: HttpRequest, digest: str) -> HttpResponse:
    """Accept a stretch of a host's evidence as the baseline of this workflow."""
    user = require_operator(request.user)
    here = page_queries.workflow(digest.replace("\x00", ""))
    order = order_of(request.POST.get("host", ""), request.POST)
    made = accept(replace(order, workflow=here.digest), by=user.get_username(), at=timezone.now())
    return _shown(request, made, status=201)


@require_POST
@signed_in
def withdraw_baseline(request: HttpRequest, digest: str, number: int) -> HttpResponse:
    """End a baseline of this workflow."""
    user = require_operator(request.user)
    why = request.POST.get("why", "").replace("\x00", "")
    baseline = baseline_of(number, workflow=digest)
    withdraw(baseline, by=user.get_username(), why=why, at=timezone.now())
    return _shown(request, baseline_of(number, workflow=digest), status=200)


def _shown(request: HttpRequest, baseline: AcceptedBaseline, *, status: int) -> HttpResponse:
    """The baseline for a program; for a browser the panel it now stands in."""
    if wants_json(request):
        return JsonResponse(asdict(baseline_shown(baseline)), status=status)
    return redirect(f"/workflows/{baseline.workflow}#drift")
