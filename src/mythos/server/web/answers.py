"""Answers: one page value becomes a page for a browser or JSON for a program.

Both show the same frozen value; only templates know HTML. A page is for those who signed in: a
browser is sent to the door, a program is told 401. Nothing here reads the database.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec, Protocol
from urllib.parse import urlencode

import orjson
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils.cache import patch_vary_headers
from django_htmx.http import HttpResponseClientRedirect
from pydantic import BaseModel

from mythos.server.web.problems import wants_json

P = ParamSpec("P")


class Page(Protocol):
    """What every page value says of itself: the command line that gives the same answer."""

    @property
    def command(self) -> str:
        """The equivalent command line."""


def answer(request: HttpRequest, template: str, page: Page) -> HttpResponse:
    """The page as JSON or HTML; a live refresh gets the main part alone."""
    response = _json(page) if wants_json(request) else _html(request, template, page)
    patch_vary_headers(response, ["Accept", "HX-Request", "Cookie"])
    response.headers["Cache-Control"] = "no-store"
    return response


def signed_in(
    view: Callable[Concatenate[HttpRequest, P], HttpResponse],
) -> Callable[Concatenate[HttpRequest, P], HttpResponse]:
    """Let a view answer only those who signed in."""

    @wraps(view)
    def guarded(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        if request.user.is_authenticated:
            return view(request, *args, **kwargs)
        if wants_json(request):
            return JsonResponse(_UNAUTHENTICATED, status=401)
        if getattr(request, "htmx", False):
            return HttpResponseClientRedirect("/login")
        return redirect_to_login(request.get_full_path())

    return guarded


_UNAUTHENTICATED = {
    "error": {
        "type": "IdentityError",
        "message": "you are not signed in",
        "remedy": "sign in at /login and send its session cookie",
        "where": "",
    }
}


def _json(page: Page) -> HttpResponse:
    options = orjson.OPT_NON_STR_KEYS | orjson.OPT_UTC_Z
    body = orjson.dumps(page, default=_plain, option=options)
    return HttpResponse(body, content_type="application/json")


def _plain(value: object) -> object:
    """A boundary value inside a page, in its wire form."""
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json", by_alias=True)
    raise TypeError(f"{type(value).__name__} has no JSON form")


def _html(request: HttpRequest, template: str, page: Page) -> HttpResponse:
    live = bool(getattr(request, "htmx", False))
    context: dict[str, Any] = {
        "page": page,
        "base": "web/live.html" if live else "web/base.html",
        "paused": "paused" in request.GET,
        "json_url": _url_with(request, format="json"),
        "pause_url": _url_with(request, paused="1"),
        "resume_url": _url_with(request, paused=None),
    }
    return render(request, template, context)


def _url_with(request: HttpRequest, **changes: str | None) -> str:
    """This page's address with some of its query changed; None leaves a part out."""
    query = {**request.GET.dict(), **changes}
    kept = {name: value for name, value in query.items() if value is not None}
    return f"?{urlencode(kept)}" if kept else request.path
