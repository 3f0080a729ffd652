"""The policy pages: parse, call one function, render."""

from __future__ import annotations

from dataclasses import asdict

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from mythos.server.documents.selection import select
from mythos.server.policies.marking import document_for, document_of, order_of
from mythos.server.policies.page_queries import policy as find
from mythos.server.policies.pages.marks import mark_shown
from mythos.server.policies.pages.selection import select_policies
from mythos.server.policies.presentation import show_policies, show_policy
from mythos.server.policies.proving import ProofOrder, ask_for
from mythos.server.resilience.marks import mark_benign as put_on_record
from mythos.server.resilience.marks import revoke
from mythos.server.resilience.models import BenignMark
from mythos.server.resilience.standing_marks import mark_of
from mythos.server.web.answers import answer, signed_in
from mythos.server.web.problems import wants_json
from mythos.server.web.roles import require_operator, why_barred


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
    page = show_policy(
        digest.replace("\x00", ""),
        select_policies(request.GET.dict()),
        at=timezone.now(),
        barred=why_barred(request.user),
    )
    return answer(request, "policies/policy.html", page)


@require_POST
@signed_in
def mark_benign(request: HttpRequest, digest: str) -> HttpResponse:
    """Put a benign mark on record."""
    user = require_operator(request.user)
    order = order_of(digest, request.POST)
    mark = put_on_record(order, by=user.get_username(), at=timezone.now())
    return _marked(request, mark, status=201)


@require_POST
@signed_in
def revoke_mark(request: HttpRequest, digest: str, number: int) -> HttpResponse:
    """End a benign mark before its day."""
    user = require_operator(request.user)
    mark = mark_of(number, policy_set=digest)
    revoke(mark.pk, by=user.get_username(), why=request.POST.get("why", ""), at=timezone.now())
    return _marked(request, mark_of(number), status=200)


@require_POST
@signed_in
def prove(request: HttpRequest, digest: str) -> HttpResponse:
    """Ask for a proof: of coherence, alone or beside others, or of the difference to a version."""
    user = require_operator(request.user)
    order = ProofOrder(
        digest, against=request.POST.get("against", ""), beside=request.POST.get("beside", "")
    )
    proof = ask_for(order, by=user.get_username(), at=timezone.now())
    if wants_json(request):
        return JsonResponse({"state": proof.state, "asked_by": proof.asked_by}, status=202)
    return redirect(f"/policies/{digest}{order.query}")


@require_safe
@signed_in
def next_version(request: HttpRequest, digest: str) -> HttpResponse:
    """The next version of the document with the exceptions of its standing marks, as a file."""
    policy = find(digest.replace("\x00", ""))
    name, text = document_for(policy, request.GET.get("mark", ""), at=timezone.now())
    return _file(name, text)


@require_safe
@signed_in
def document(request: HttpRequest, digest: str) -> HttpResponse:
    """The document as it is, as a file for the command line."""
    del request
    return _file(*document_of(find(digest.replace("\x00", ""))))


def _file(name: str, text: str) -> HttpResponse:
    response = HttpResponse(text, content_type="application/yaml; charset=utf-8")
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    response.headers["Cache-Control"] = "no-store"
    return response


def _marked(request: HttpRequest, mark: BenignMark, *, status: int) -> HttpResponse:
    """The mark for a program; for a browser the list it now stands in."""
    if wants_json(request):
        return JsonResponse(asdict(mark_shown(mark, at=timezone.now())), status=status)
    return redirect(f"/policies/{mark.policy_set}#marks")
