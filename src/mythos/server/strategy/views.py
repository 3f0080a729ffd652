"""The strategy page: parse, call one function, render."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_safe

from mythos.server.strategy.presentation import show_strategy
from mythos.server.web.answers import answer, signed_in


@require_safe
@signed_in
def strategy(request: HttpRequest) -> HttpResponse:
    """What may run where, on what belief, and what would change the answer."""
    query = request.GET
    page = show_strategy(
        query.get("id", ""), query.get("agent", ""), query.get("env", ""), at=timezone.now()
    )
    return answer(request, "strategy/strategy.html", page)
