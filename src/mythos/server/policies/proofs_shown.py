"""Proofs as the pages show them: what was found, or why it is not known and what to do."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mythos.errors import NotFoundError
from mythos.server.policies import page_queries as queries
from mythos.server.policies import proving
from mythos.server.policies.models import Proof
from mythos.server.policies.pages.coherence import (
    CoherenceShown,
    DifferenceShown,
    MemberShown,
    State,
    TogetherShown,
    changes_of,
    charges_of,
)
from mythos.server.policies.pages.facts import PolicyFact
from mythos.server.policies.pages.finding import FindingShown, eased, findings_of
from mythos.server.policies.pages.matrix import RuleNamed, matrix_of
from mythos.server.policies.pages.rules import read
from mythos.server.policies.pages.suggestion import suggestions_of
from mythos.server.policies.pages.together import Group
from mythos.server.policies.subjects import proof_of, proofs_of, subject_of, subjects_of


def coherence_shown(
    policy: PolicyFact, groups: Sequence[Group], *, chosen: str = ""
) -> CoherenceShown:
    """The coherence of a policy set: alone, or with those that judge beside it.

    Args:
        policy: the set.
        groups: the groups it judges in.
        chosen: the key of the group to show; empty for the set alone.

    Raises:
        NotFoundError: it judges in no such group.
    """
    alone = Group((policy.digest,), frozenset(), (), 0)
    keyed = {"": alone, **{each.key: each for each in groups}}
    subjects = subjects_of([each.members for each in keyed.values()])
    proofs = proofs_of(subjects)
    stands = {
        key: Stand(each, proofs.get(subject.digest), bool(subject.tools))
        for (key, each), subject in zip(keyed.items(), subjects, strict=True)
    }
    if chosen not in stands:
        raise NotFoundError(
            f"no host lets it judge with the policy sets {chosen}",
            remedy="choose one of the groups listed",
        )
    sets = _sets(policy, groups)
    listed = tuple(
        _together(key, each, sets, chosen=key == chosen) for key, each in stands.items() if groups
    )
    return _shown(stands[chosen], sets, listed)


@dataclass(frozen=True, slots=True)
class Stand:
    """A policy set alone or with others, and how far its proof has come."""

    group: Group
    proof: Proof | None
    tools: bool


def _sets(policy: PolicyFact, groups: Iterable[Group]) -> dict[str, PolicyFact]:
    """The documents of all groups' members; a set that no bundle here holds is left out."""
    wanted = {digest for each in groups for digest in each.members}
    return {policy.digest: policy, **queries.policies_by_digest(wanted)}


def _together(
    key: str, stand: Stand, sets: Mapping[str, PolicyFact], *, chosen: bool
) -> TogetherShown:
    group, proof = stand.group, stand.proof
    state, _ = _state(proof, tools=stand.tools)
    result = proof.result if proof and state == "done" else {}
    findings = _findings(result, group, sets) if result else ()
    gravities = [each.gravity for each in findings]
    return TogetherShown(
        key=key,
        members=tuple(
            MemberShown(
                name=sets[each].policy_set.policy_set if each in sets else each[7:15],
                version=sets[each].policy_set.version if each in sets else 0,
                digest=each,
                shadow=each in group.shadowed,
            )
            for each in group.members
        ),
        agents=group.agents,
        hosts=group.hosts,
        state=state,
        coherence=result.get("coherence"),
        errors=gravities.count("error"),
        warnings=gravities.count("warning"),
        chosen=chosen,
    )


def _shown(
    stand: Stand, sets: Mapping[str, PolicyFact], listed: tuple[TogetherShown, ...]
) -> CoherenceShown:
    proof, members = stand.proof, [sets[each] for each in stand.group.members if each in sets]
    state, why = _state(proof, tools=stand.tools)
    if proof is None or state != "done":
        asked_by, asked_at = (proof.asked_by, proof.asked_at) if proof else ("", None)
        return CoherenceShown(state, why, asked_by, asked_at, together=listed)
    result = proof.result
    findings = _findings(result, stand.group, sets)
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
        matrix=matrix_of(_rules(members), findings),
        suggestions=suggestions_of(result),
        together=listed,
    )


def _findings(
    result: Mapping[str, Any], group: Group, sets: Mapping[str, PolicyFact]
) -> tuple[FindingShown, ...]:
    """Of several sets, as far as the modes on their hosts let them matter."""
    found = findings_of(result)
    watching = {sets[each].policy_set.policy_set for each in group.shadowed if each in sets}
    return eased(found, watching) if watching else found


def _rules(members: Sequence[PolicyFact]) -> list[RuleNamed]:
    several = len(members) > 1
    return [
        RuleNamed(
            f"{each.policy_set.policy_set}/{rule.id}" if several else rule.id, each.digest, rule
        )
        for each in members
        for rule in read(each.policy_set.rules)
    ]


def difference_shown(policy: PolicyFact, other: PolicyFact) -> DifferenceShown:
    """What one version allows and denies that the other does not."""
    subject = subject_of(policy.digest)
    proof = proof_of(subject, against=other.digest)
    state, why = _state(proof, tools=bool(subject.tools))
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
        charges=charges_of(proof.result),
    )


def coherence_numbers() -> dict[str, float]:
    """The newest coherence number of each policy set that was proved."""
    done = Proof.objects.filter(state=Proof.State.DONE, against="").order_by("pk")
    rows = done.values_list("policy_set", "result__coherence")
    return {digest: number for digest, number in rows if number is not None}


def _state(proof: Proof | None, *, tools: bool) -> tuple[State, str]:
    if proof is not None:
        return Proof.State(proof.state).value, proof.why  # type: ignore[return-value]
    if not tools:
        return "no_tools", "It stands in no bundle together with a tool catalogue."
    if not proving.solver_installed():
        return "no_solver", f"No solver is installed on the server: {proving.INSTALL}"
    return "unasked", ""
