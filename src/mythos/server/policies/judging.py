"""Reads of where policy sets judge: hosts, rollouts, and which sets judge together."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection

from mythos.adapters.baseline import baseline_digest, baseline_policy_set
from mythos.server.catalog.models import Assistant, Node, SwarmCodex
from mythos.server.deployment.models import MythOSDeploymentPacket, Rollout
from mythos.server.policies.pages.facts import AgentFact, HostFact, RolloutFact
from mythos.server.policies.pages.together import Group, groups_of

MAX_ROLLOUTS = 500


def hosts() -> list[HostFact]:
    """Every host that is not retired, with the policy sets it says judge there."""
    rows = Node.objects.filter(retired_at=None).values_list(
        "node_id", "environment__name", "in_force", "last_beat_at"
    )
    return [
        HostFact(
            node_id=node_id,
            environment=environment,
            enforced=frozenset(in_force.get("policy_sets", ())),
            shadowed=frozenset(in_force.get("shadow_sets", ())),
            last_beat_at=beat,
            agents=frozenset(in_force.get("agents", {}).values()),
        )
        for node_id, environment, in_force, beat in rows
    ]


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


def rollouts() -> list[RolloutFact]:
    """The newest 500 rollouts with the policy sets of their bundles, oldest first."""
    found = list(
        Rollout.objects.order_by("-pk").select_related("environment", "packet")[:MAX_ROLLOUTS]
    )
    held: dict[int, set[str]] = defaultdict(set)
    sets = MythOSDeploymentPacket.objects.filter(pk__in={each.packet_id for each in found})
    for packet, digest in sets.values_list("pk", "bundled_codices__digest"):
        held[packet].add(digest)
    return [_rollout(each, frozenset(held[each.packet_id])) for each in reversed(found)]


def _rollout(rollout: Rollout, policy_sets: frozenset[str]) -> RolloutFact:
    return RolloutFact(
        environment=rollout.environment.name,
        sequence=rollout.sequence,
        bundle=str(rollout.packet),
        bundle_digest=rollout.packet.digest,
        halted=rollout.state == Rollout.State.HALTED,
        at=rollout.created_at,
        policy_sets=policy_sets,
    )


def hosts_by_set(hosts: Collection[HostFact]) -> dict[str, int]:
    """On how many hosts each policy set judges."""
    counted: dict[str, int] = defaultdict(int)
    for host in hosts:
        for digest in host.enforced | host.shadowed:
            counted[digest] += 1
    return dict(counted)
