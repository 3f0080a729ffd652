"""The memory-log pages: parse, call one function, render."""

from __future__ import annotations

from dataclasses import asdict

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from mythos.server.documents.selection import select
from mythos.server.memories.entry_proof import proof_of
from mythos.server.memories.order_queries import order_fact
from mythos.server.memories.ordering import seen_in
from mythos.server.memories.pages.entry_selection import select_entries
from mythos.server.memories.pages.orders import shown
from mythos.server.memories.presentation import fork_of, note_of, show_memories, show_memory
from mythos.server.resilience.log_models import MemoryOrder
from mythos.server.resilience.memory_orders import order, withdraw
from mythos.server.web.answers import answer, signed_in
from mythos.server.web.problems import wants_json
from mythos.server.web.roles import require_operator, why_barred


@require_safe
@signed_in
def memories(request: HttpRequest) -> HttpResponse:
    """Every memory log: how it stands, its newest audit and what is witnessed."""
    page = show_memories(select(request.GET.dict()), at=timezone.now())
    return answer(request, "memories/memories.html", page)


@require_safe
@signed_in
def memory(request: HttpRequest, node_id: str, log: str) -> HttpResponse:
    """One memory log: integrity over time, its newest entries, and the witness's view."""
    page = show_memory(
        node_id.replace("\x00", ""),
        log.replace("\x00", ""),
        select_entries(request.GET.dict()),
        at=timezone.now(),
        by=request.user.get_username(),
        barred=why_barred(request.user),
    )
    return answer(request, "memories/memory.html", page)


@require_safe
@signed_in
def checkpoint(request: HttpRequest, node_id: str, log: str) -> HttpResponse:
    """The newest witnessed checkpoint as a file, cosigned."""
    del request
    name, note = note_of(node_id.replace("\x00", ""), log.replace("\x00", ""))
    return _file(HttpResponse(note, content_type="text/plain; charset=utf-8"), name)


@require_safe
@signed_in
def proof(request: HttpRequest, node_id: str, seq: int, log: str) -> HttpResponse:
    """The proof of one entry as a file, under the newest witnessed checkpoint."""
    del request
    name, text = proof_of(node_id.replace("\x00", ""), log.replace("\x00", ""), seq)
    return _file(HttpResponse(text, content_type="text/plain; charset=utf-8"), name)


@require_safe
@signed_in
def contradictions(request: HttpRequest, node_id: str, log: str) -> HttpResponse:
    """Both signed notes of each contradiction, with the proof that came, as a file."""
    del request
    name, fork = fork_of(node_id.replace("\x00", ""), log.replace("\x00", ""))
    return _file(JsonResponse({"log": log, **asdict(fork)}), name)


@require_POST
@signed_in
def order_acceptance(request: HttpRequest, node_id: str, log: str) -> HttpResponse:
    """Order the host to accept a key as it was shown."""
    user = require_operator(request.user)
    seen, why = seen_in(request.POST, node_id.replace("\x00", ""), log.replace("\x00", ""))
    made = order(seen, why=why, by=user.get_username(), at=timezone.now())
    return _ordered(request, made, status=201)


@require_POST
@signed_in
def withdraw_order(request: HttpRequest, node_id: str, order_id: str) -> HttpResponse:
    """Take an order back before its host has answered."""
    user = require_operator(request.user)
    made = withdraw(node_id, order_id, by=user.get_username(), at=timezone.now())
    return _ordered(request, made, status=200)


def _ordered(request: HttpRequest, made: MemoryOrder, *, status: int) -> HttpResponse:
    """The order for a program; for a browser the keys it stands beside."""
    if wants_json(request):
        return JsonResponse(asdict(shown(order_fact(made))), status=status)
    page = reverse("memory", args=(made.node_id, made.origin))
    return redirect(f"{page}#keys")


def _file(response: HttpResponse, name: str) -> HttpResponse:
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    response.headers["Cache-Control"] = "no-store"
    return response
