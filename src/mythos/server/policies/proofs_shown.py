"""Proofs as the pages show them: what was found, or why it is not known and what to do."""

from __future__ import annotations

from mythos.server.catalog.models import SwarmCodex
from mythos.server.policies import proving
from mythos.server.policies.models import Proof
from mythos.server.policies.pages.coherence import (
    CoherenceShown,
    DifferenceShown,
    State,
    changes_of,
    findings_of,
    matrix_of,
)
from mythos.server.policies.pages.facts import PolicyFact
from mythos.server.policies.pages.rules import read


def coherence_shown(policy: PolicyFact) -> CoherenceShown:
    """The coherence of one policy set by itself."""
    stored = SwarmCodex.objects.filter(digest=policy.digest).first()
    proof = proving.found_of(stored, None) if stored else None
    state, why = _state(stored, proof)
    if proof is None or state != "done":
        return CoherenceShown(
            state, why, proof.asked_by if proof else "", proof.asked_at if proof else None
        )
    result = proof.result
    findings = findings_of(result)
    gravities = [each.gravity for each in findings]
    return CoherenceShown(
        state="done",
        why="",
        asked_by=proof.asked_by,
        at=proof.ended_at,
        coherence=result["coherence"],
        obligations=result["obligations"],
        tools=result["tools"],
        cpu_s=result["cpu_s"],
        errors=gravities.count("error"),
        warnings=gravities.count("warning"),
        overrides=sum(each.kind == "override" for each in findings),
        findings=findings,
        matrix=matrix_of(read(policy.policy_set.rules), findings),
    )


def difference_shown(policy: PolicyFact, other: PolicyFact) -> DifferenceShown:
    """What one version allows and denies that the other does not."""
    stored, before = (
        SwarmCodex.objects.filter(digest=each.digest).first() for each in (policy, other)
    )
    proof = proving.found_of(stored, before) if stored and before else None
    state, why = _state(stored and before and stored, proof)
    if proof is None or state != "done":
        return DifferenceShown(
            state, why, proof.asked_by if proof else "", proof.asked_at if proof else None
        )
    return DifferenceShown(
        state="done",
        why="",
        asked_by=proof.asked_by,
        at=proof.ended_at,
        verdict=proof.result["verdict"],
        cpu_s=proof.result["cpu_s"],
        calls=changes_of(proof.result),
        doubts=tuple(proof.result["doubts"]),
    )


def coherence_numbers() -> dict[str, float]:
    """The newest coherence number of each policy set that was proved."""
    done = Proof.objects.filter(state=Proof.State.DONE, against="").order_by("pk")
    rows = done.values_list("policy_set", "result__coherence")
    return {digest: number for digest, number in rows if number is not None}


def _state(stored: SwarmCodex | None, proof: Proof | None) -> tuple[State, str]:
    if proof is not None:
        return Proof.State(proof.state).value, proof.why  # type: ignore[return-value]
    if stored is None or not proving.tools_of(stored):
        return "no_tools", "It stands in no bundle together with a tool catalogue."
    if not proving.solver_installed():
        return "no_solver", f"No solver is installed on the server: {proving.INSTALL}"
    return "unasked", ""
