"""The policy pages: parse, call one function, render."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_safe

from mythos.server.policies.pages.selection import select
from mythos.server.policies.presentation import show_policies, show_policy
from mythos.server.web.answers import answer, signed_in


@require_safe
@signed_in
def policies(request: HttpRequest) -> HttpResponse:
    """Every policy set: where it judges and what it found."""
    page = show_policies(select(request.GET.dict()), at=timezone.now())
    return answer(request, "policies/policies.html", page)


@require_safe
@signed_in
def policy(request: HttpRequest, digest: str) -> HttpResponse:
    """One policy set, rule by rule."""
    page = show_policy(digest.replace("\x00", ""), select(request.GET.dict()), at=timezone.now())
    return answer(request, "policies/policy.html", page)
