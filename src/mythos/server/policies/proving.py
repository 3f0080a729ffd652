"""Proofs as work: who asked, what is next, and a child process that does it.

Asking is a row; a thread of the server takes the oldest, has it proved in a process of its own with
a time limit, and keeps what came out. New policy sets are asked for without anybody asking, one at
a time, where the solver is installed: each alone, then those that judge together. Nothing is ever
proved while somebody waits for a page.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache as remembered
from importlib.util import find_spec
from urllib.parse import urlencode

import orjson
from django.core.cache import cache
from django.db.models import Q
from pydantic import JsonValue

from mythos.adapters.baseline import baseline_digest
from mythos.errors import ConflictError, NotFoundError, UnavailableError
from mythos.server.catalog.models import SwarmCodex, ToolCatalogueDocument
from mythos.server.documents import queries as documents
from mythos.server.policies import judging
from mythos.server.policies.models import Proof
from mythos.server.policies.pages.facts import POLICY_SETS
from mythos.server.policies.pages.together import groups_with
from mythos.server.policies.subjects import (
    Subject,
    document_of,
    proof_of,
    proofs_of,
    stored_of,
    subject_of,
    subjects_of,
)

LIMIT_S = 120
ABANDONED = timedelta(seconds=2 * LIMIT_S)
INSTALL = "pip install 'mythos-fleet[prove]'"
ITSELF = "MythOS"
MAX_TOGETHER, LOOK_AGAIN_S, _LOOKED = 20, 30, "policies.together.looked"


@dataclass(frozen=True, slots=True)
class ProofOrder:
    """What a form asks for: a set's coherence, alone or beside others, or against a version."""

    policy_set: str
    against: str = ""
    beside: str = ""

    @property
    def query(self) -> str:
        """Where on the page of the set the answer will stand."""
        if self.against:
            return f"?{urlencode({'against': self.against})}#comparison"
        return f"?{urlencode({'beside': self.beside})}#coherence" if self.beside else "#coherence"


@remembered
def solver_installed() -> bool:
    """Whether z3 is there; found out without loading it."""
    return find_spec("z3") is not None


def ask(stored: SwarmCodex, other: SwarmCodex | None, *, by: str, at: datetime) -> Proof:
    """Ask for a proof; one that is there, or on its way, is not asked for again.

    Raises:
        UnavailableError: no solver is installed.
        ConflictError: no known catalogue declares tools for the set.
    """
    against = other.digest if other else ""
    return _asked(subject_of(stored.digest), against=against, by=by, at=at)


def ask_together(members: Sequence[str], *, by: str, at: datetime) -> Proof:
    """Ask for the coherence of policy sets that judge together, by their digests.

    Raises:
        UnavailableError: no solver is installed.
        ConflictError: no known catalogue declares tools for them.
        NotFoundError: a digest is not known here.
    """
    for each in members:
        document_of(each)
    return _asked(subject_of(*members), against="", by=by, at=at)


def _asked(subject: Subject, *, against: str, by: str, at: datetime) -> Proof:
    if not solver_installed():
        raise UnavailableError("no solver is installed", remedy=f"on the server: {INSTALL}")
    if not subject.tools:
        raise ConflictError(
            "no bundle holds it together with a tool catalogue",
            remedy="build a bundle with the catalogue of the tools it covers",
        )
    proof, created = Proof.objects.get_or_create(
        policy_set=subject.digest,
        against=against,
        tools=subject.tools_key,
        defaults={"asked_by": by, "asked_at": at, "members": list(subject.members)},
    )
    if not created and proof.state == Proof.State.FAILED:
        Proof.objects.filter(pk=proof.pk, state=Proof.State.FAILED).update(
            state=Proof.State.WANTED, asked_by=by, asked_at=at, why=""
        )
        proof.refresh_from_db()
    return proof


def ask_for(order: ProofOrder, *, by: str, at: datetime) -> Proof:
    """Ask by digests, as a form does.

    Raises:
        NotFoundError: a digest is not known here, or no host lets the set judge in that group.
        UnavailableError: no solver is installed.
        ConflictError: no known catalogue declares tools for it.
    """
    if order.beside:
        groups = groups_with(order.policy_set, judging.groups(documents.hosts(POLICY_SETS)))
        group = next((each for each in groups if each.key == order.beside), None)
        if group is None:
            raise NotFoundError(
                f"no host lets it judge with the policy sets {order.beside[:20]!r}",
                remedy="choose one of the groups listed",
            )
        return ask_together(group.members, by=by, at=at)
    other = stored_of(order.against) if order.against else None
    return ask(stored_of(order.policy_set), other, by=by, at=at)


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
        _end(proof, at=at, state=Proof.State.FAILED, why=f"{error.message}; {error.remedy}")
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
        subject = subject_of(stored.digest)
        if subject.tools and proof_of(subject) is None:
            ask(stored, None, by=ITSELF, at=at)
            return _taken(at=at)
    return _unasked_together(at=at)


def _unasked_together(*, at: datetime) -> Proof | None:
    """Ask for the sets that judge together on most hosts and have no proof, and take it."""
    if not cache.add(_LOOKED, value=True, timeout=LOOK_AGAIN_S):
        return None
    groups = judging.groups(documents.hosts(POLICY_SETS))[:MAX_TOGETHER]
    subjects = subjects_of([each.members for each in groups])
    known = proofs_of(subjects)
    for subject in subjects:
        if subject.tools and subject.digest not in known and _all_known(subject):
            cache.delete(_LOOKED)
            ask_together(subject.members, by=ITSELF, at=at)
            return _taken(at=at)
    return None


def _all_known(subject: Subject) -> bool:
    """Whether every document is here; a host may say that it runs one that nobody sent."""
    known = SwarmCodex.objects.filter(digest__in=subject.members).values_list("digest", flat=True)
    return {*subject.members} <= {baseline_digest(), *known}


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
    members = proof.members or [proof.policy_set]
    tools = ToolCatalogueDocument.objects.filter(digest__in=subject_of(*members).tools)
    return {
        "policy_sets": [document_of(each) for each in members],
        "against": document_of(proof.against) if proof.against else None,
        "catalogues": [each.document for each in tools.order_by("digest")],
    }


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
