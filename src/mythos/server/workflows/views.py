"""The workflow pages: parse, call one function, render."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_safe

from mythos.server.documents.selection import select
from mythos.server.web.answers import answer, signed_in
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
    page = show_workflow(digest.replace("\x00", ""), select(request.GET.dict()), at=timezone.now())
    return answer(request, "workflows/workflow.html", page)
