"""Proofs as work: who asked, what is next, and a child process that does it.

Asking is a row; a thread of the server takes the oldest, has it proved in a process of its own with
a time limit, and keeps what came out. New policy sets are asked for without anybody asking, one at
a time, where the solver is installed. Nothing is ever proved while somebody waits for a page.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import cache
from importlib.util import find_spec

import orjson
from django.db.models import Q
from pydantic import JsonValue

from mythos.errors import ConflictError, NotFoundError, UnavailableError
from mythos.server.catalog.models import SwarmCodex, ToolCatalogueDocument
from mythos.server.policies.models import Proof
from mythos.values.digest import digest_of

LIMIT_S = 120
ABANDONED = timedelta(seconds=2 * LIMIT_S)
INSTALL = "pip install 'mythos-fleet[prove]'"
ITSELF = "MythOS"


@cache
def solver_installed() -> bool:
    """Whether z3 is there; found out without loading it."""
    return find_spec("z3") is not None


def ask(stored: SwarmCodex, other: SwarmCodex | None, *, by: str, at: datetime) -> Proof:
    """Ask for a proof; one that is there, or on its way, is not asked for again.

    Raises:
        UnavailableError: no solver is installed.
        ConflictError: no known catalogue declares tools for the set.
    """
    if not solver_installed():
        raise UnavailableError("no solver is installed", remedy=f"on the server: {INSTALL}")
    tools = tools_of(stored)
    if not tools:
        raise ConflictError(
            f"no bundle holds {stored} together with a tool catalogue",
            remedy="build a bundle with the catalogue of the tools it covers",
        )
    proof, created = Proof.objects.get_or_create(
        policy_set=stored.digest,
        against=other.digest if other else "",
        tools=key_of(tools),
        defaults={"asked_by": by, "asked_at": at},
    )
    if not created and proof.state == Proof.State.FAILED:
        Proof.objects.filter(pk=proof.pk, state=Proof.State.FAILED).update(
            state=Proof.State.WANTED, asked_by=by, asked_at=at, why=""
        )
        proof.refresh_from_db()
    return proof


def ask_for(digest: str, against: str, *, by: str, at: datetime) -> Proof:
    """Ask by digests; coherence where there is no other version.

    Raises:
        NotFoundError: a digest is not known here.
    """
    return ask(_document(digest), _document(against) if against else None, by=by, at=at)


def tools_of(stored: SwarmCodex) -> list[ToolCatalogueDocument]:
    """The tool catalogues of the newest bundle that holds a policy set."""
    newest = stored.packets.order_by("-pk").first()
    return [] if newest is None else list(newest.tool_catalogues.order_by("digest"))


def key_of(tools: Sequence[ToolCatalogueDocument]) -> str:
    """One digest for several catalogues."""
    return digest_of("\n".join(sorted(each.digest for each in tools)).encode())


def found_of(stored: SwarmCodex, other: SwarmCodex | None) -> Proof | None:
    """The proof under the tools of today; None before anybody asked."""
    return Proof.objects.filter(
        policy_set=stored.digest,
        against=other.digest if other else "",
        tools=key_of(tools_of(stored)),
    ).first()


def work_one(*, at: datetime) -> Proof | None:
    """Prove the oldest thing that is wanted, or a policy set nobody asked for yet.

    Returns:
        What was worked on; None when there was nothing to do.
    """
    if not solver_installed():
        return None
    proof = _taken(at=at) or _unasked(at=at)
    if proof is None:
        return None
    try:
        result = _proved(proof)
    except (ConflictError, NotFoundError) as error:
        _end(proof, at=at, state=Proof.State.FAILED, why=error.message)
    else:
        _end(proof, at=at, state=Proof.State.DONE, result=result)
    return proof


def _taken(*, at: datetime) -> Proof | None:
    """Take the oldest row that is wanted, or was left behind by a process that died."""
    left = Q(state=Proof.State.RUNNING, began_at__lt=at - ABANDONED)
    waiting = Proof.objects.filter(Q(state=Proof.State.WANTED) | left).order_by("id")
    for proof in waiting[:5]:
        same = Proof.objects.filter(pk=proof.pk, state=proof.state, began_at=proof.began_at)
        if same.update(state=Proof.State.RUNNING, began_at=at):
            return proof
    return None


def _unasked(*, at: datetime) -> Proof | None:
    """Ask for the newest policy set that has no proof, and take it."""
    for stored in SwarmCodex.objects.order_by("-pk")[:20]:
        if tools_of(stored) and found_of(stored, None) is None:
            ask(stored, None, by=ITSELF, at=at)
            return _taken(at=at)
    return None


def _proved(proof: Proof) -> dict[str, JsonValue]:
    """The result of a child process.

    Raises:
        NotFoundError: a document is not known any more.
        ConflictError: it took too long, or ended without a result.
    """
    try:
        done = subprocess.run(
            [sys.executable, "-m", "mythos.server.policies.prover"],
            input=orjson.dumps(_order(proof)),
            capture_output=True,
            timeout=LIMIT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise ConflictError(
            f"it took longer than {LIMIT_S} s", remedy="split the policy set, then ask again"
        ) from None
    if done.returncode:
        last = done.stderr.decode("utf-8", "replace").strip().splitlines()
        raise ConflictError(
            (last or ["the solver ended without a word"])[-1][:400],
            remedy="check the policy set with `mythos policy check`, then ask again",
        )
    result: dict[str, JsonValue] = orjson.loads(done.stdout)
    return result


def _order(proof: Proof) -> dict[str, JsonValue]:
    stored = _document(proof.policy_set)
    return {
        "policy_set": stored.document,
        "against": _document(proof.against).document if proof.against else None,
        "catalogues": [each.document for each in tools_of(stored)],
    }


def _document(digest: str) -> SwarmCodex:
    found = SwarmCodex.objects.filter(digest=digest.replace("\x00", "")).first()
    if found is None:
        raise NotFoundError(
            f"no bundle here holds a policy set {digest[:80]}",
            remedy="choose one of the list on /policies",
        )
    return found


def _end(
    proof: Proof,
    *,
    at: datetime,
    state: Proof.State,
    result: dict[str, JsonValue] | None = None,
    why: str = "",
) -> None:
    proof.state, proof.result, proof.why, proof.ended_at = state, result or {}, why[:500], at
    proof.save(update_fields=["state", "result", "why", "ended_at"])
