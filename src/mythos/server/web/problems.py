"""Errors become answers in one place: JSON problem or page, with the remedy.

`MythosError` families carry their HTTP status; a client that accepts JSON gets
`{"error": {"type", "message", "remedy", "where"}}`, a browser a page that says what to do.
"""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render

from mythos.errors import MythosError

View = Callable[[HttpRequest], HttpResponse]


class _Problems:
    """Middleware object: Django asks it only when a view raised."""

    def __init__(self, get_response: View) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self._get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        """Answer for our own errors; leave every other to Django."""
        return problem(request, error) if isinstance(error, MythosError) else None


def middleware(get_response: View) -> View:
    """Answer `MythosError` with its status and remedy."""
    return _Problems(get_response)


def as_json(error: MythosError) -> dict[str, dict[str, str]]:
    """The body of a JSON problem."""
    return {
        "error": {
            "type": type(error).__name__,
            "message": error.message,
            "remedy": error.remedy,
            "where": error.where,
        }
    }


def problem(request: HttpRequest, error: MythosError) -> HttpResponse:
    """The answer for one error."""
    if wants_json(request):
        return JsonResponse(as_json(error), status=error.http_status)
    return render(request, "web/problem.html", {"error": error}, status=error.http_status)


def wants_json(request: HttpRequest) -> bool:
    """Whether the client asked for JSON rather than a page, by path, address or header."""
    return (
        request.path.startswith("/api/")
        or request.GET.get("format") == "json"
        or not request.accepts("text/html")
        or (request.headers.get("Accept", "").startswith("application/json"))
    )
