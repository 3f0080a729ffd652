"""The front door: home, sign-in by password or by one-time link, sign-out, and health."""

from __future__ import annotations

from django.contrib.auth import login, views
from django.db import DatabaseError, connection
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from mythos import __version__
from mythos.server.web.commands import open_login_link, use_login_link

sign_in = views.LoginView.as_view(template_name="web/login.html", redirect_authenticated_user=True)
sign_out = views.LogoutView.as_view()


@require_safe
def home(request: HttpRequest) -> HttpResponseRedirect:
    """The first page is the fleet's health."""
    return redirect("/system/resilience")


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def sign_in_once(request: HttpRequest) -> HttpResponse:
    """Show a button for the link's code; only pressing it uses the code up."""
    now = timezone.now()
    if request.method != "POST":
        code = request.GET.get("code", "")
        link = open_login_link(code, at=now)
        return render(request, "web/once.html", {"code": code, "expires_at": link.expires_at})
    user = use_login_link(request.POST.get("code", ""), at=now)
    login(request, user, backend="django.contrib.auth.backends.ModelBackend")
    return redirect("/system/resilience")


@require_safe
def health(request: HttpRequest) -> JsonResponse:
    """Whether this process answers and its database does."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError:
        return JsonResponse(
            {"status": "failing", "version": __version__, "database": "unreachable"}, status=503
        )
    return JsonResponse({"status": "ok", "version": __version__, "database": "ok"})
