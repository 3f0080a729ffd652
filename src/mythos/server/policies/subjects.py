"""What is proved, and under which tools: one policy set, or several that judge together."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from django.db.models import Max
from pydantic import JsonValue

from mythos.adapters.baseline import baseline_digest, baseline_policy_set
from mythos.engines.policy.identity import canonical
from mythos.errors import NotFoundError
from mythos.server.catalog.models import SwarmCodex
from mythos.server.deployment.models import MythOSDeploymentPacket
from mythos.server.policies.models import Proof
from mythos.server.policies.pages.together import group_digest
from mythos.values.digest import digest_of


@dataclass(frozen=True, slots=True)
class Subject:
    """What is proved: one policy set, or the `members` that stand under one digest.

    `tools` are digests of the tool catalogues of the newest bundles that hold the sets.
    """

    digest: str
    tools: tuple[str, ...]
    members: tuple[str, ...]

    @property
    def tools_key(self) -> str:
        """One digest for all catalogues."""
        return digest_of("\n".join(self.tools).encode())


def subject_of(*members: str) -> Subject:
    """One policy set, or several that are proved together."""
    return subjects_of([members])[0]


def subjects_of(groups: Iterable[Sequence[str]]) -> list[Subject]:
    """Many at once, in two queries."""
    listed = [tuple(sorted(members)) for members in groups]
    tools = _tools({digest for members in listed for digest in members})
    return [
        Subject(
            digest=group_digest(members),
            tools=tuple(sorted({tool for each in members for tool in tools.get(each, ())})),
            members=members,
        )
        for members in listed
    ]


def _tools(digests: Collection[str]) -> dict[str, tuple[str, ...]]:
    """Digests of tool catalogues by policy set: those of the newest bundle that holds it."""
    rows = SwarmCodex.objects.filter(digest__in=digests, packets__isnull=False)
    newest = dict(rows.annotate(newest=Max("packets")).values_list("digest", "newest"))
    held: dict[int, list[str]] = defaultdict(list)
    bundles = MythOSDeploymentPacket.objects.filter(
        pk__in=newest.values(), tool_catalogues__isnull=False
    )
    for packet, tool in bundles.values_list("pk", "tool_catalogues__digest"):
        held[packet].append(tool)
    return {digest: tuple(held[packet]) for digest, packet in newest.items()}


def proof_of(subject: Subject, *, against: str = "") -> Proof | None:
    """The proof under the tools of today; None before anybody asked."""
    return Proof.objects.filter(
        policy_set=subject.digest, against=against, tools=subject.tools_key
    ).first()


def proofs_of(subjects: Sequence[Subject]) -> dict[str, Proof]:
    """Proofs of coherence by the digest of their subject, in one query."""
    wanted = {(each.digest, each.tools_key) for each in subjects}
    found = Proof.objects.filter(against="", policy_set__in=[digest for digest, _ in wanted])
    return {each.policy_set: each for each in found if (each.policy_set, each.tools) in wanted}


def document_of(digest: str) -> dict[str, JsonValue]:
    """A policy set's document; the baseline that ships with MythOS is known without a bundle.

    Raises:
        NotFoundError: nothing here has that digest.
    """
    if digest == baseline_digest():
        return canonical(baseline_policy_set())
    document: dict[str, JsonValue] = stored_of(digest).document
    return document


def stored_of(digest: str) -> SwarmCodex:
    """A policy set that a bundle brought.

    Raises:
        NotFoundError: none has that digest.
    """
    found = SwarmCodex.objects.filter(digest=digest.replace("\x00", "")).first()
    if found is None:
        raise NotFoundError(
            f"no bundle here holds a policy set {digest[:80]}",
            remedy="choose one of the list on /policies",
        )
    return found
