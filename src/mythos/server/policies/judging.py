"""Which policy sets judge together, and on how many hosts each judges."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection

from mythos.adapters.baseline import baseline_digest, baseline_policy_set
from mythos.server.catalog.models import Assistant, SwarmCodex
from mythos.server.documents.facts import HostFact
from mythos.server.policies.pages.facts import AgentFact
from mythos.server.policies.pages.together import Group, groups_of


def agents(digests: Collection[str]) -> dict[str, AgentFact]:
    """Agents by digest, those that are known."""
    rows = Assistant.objects.filter(digest__in=digests).values_list("digest", "name", "document")
    return {
        digest: AgentFact(name, tuple(document.get("policies", ())))
        for digest, name, document in rows
    }


def groups(hosts: Collection[HostFact]) -> list[Group]:
    """The policy sets that judge together on these hosts."""
    known = agents({agent for host in hosts for agent in host.agents})
    judging = {digest for host in hosts for digest in host.enforced | host.shadowed}
    rows = SwarmCodex.objects.filter(digest__in=judging).values_list("digest", "title")
    names = {baseline_digest(): baseline_policy_set().policy_set, **dict(rows)}
    return groups_of(hosts, known, names)


def hosts_by_set(hosts: Collection[HostFact]) -> dict[str, int]:
    """On how many hosts each policy set judges."""
    counted: dict[str, int] = defaultdict(int)
    for host in hosts:
        for digest in host.enforced | host.shadowed:
            counted[digest] += 1
    return dict(counted)
