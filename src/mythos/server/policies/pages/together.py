"""Which policy sets judge together: for each agent of each host, those that decide it.

An agent is decided by the sets that its document names; one that no document describes, by every
set on its host. Sets in shadow are counted as if they were in force: what they would do is what a
reader wants to know before they are. One group is one combination of sets, wherever it occurs.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from mythos.server.documents.facts import HostFact
from mythos.server.policies.pages.facts import AgentFact
from mythos.values.digest import digest_of

MAX_GROUPS = 8
KEY_DIGITS = 12


@dataclass(frozen=True, slots=True)
class Group:
    """Policy sets that judge together: on how many hosts, which agents, which only in shadow."""

    members: tuple[str, ...]
    shadowed: frozenset[str]
    agents: tuple[str, ...]
    hosts: int

    @property
    def digest(self) -> str:
        """One digest for the combination, whatever the mode."""
        return group_digest(self.members)

    @property
    def key(self) -> str:
        """The start of the digest, as links name it."""
        return self.digest.removeprefix("sha256:")[:KEY_DIGITS]


def group_digest(members: Sequence[str]) -> str:
    """One digest for several; of one, its own."""
    return members[0] if len(members) == 1 else digest_of("\n".join(sorted(members)).encode())


def groups_of(
    hosts: Iterable[HostFact], agents: Mapping[str, AgentFact], names: Mapping[str, str]
) -> list[Group]:
    """Every combination of two sets or more, the most hosts first.

    Args:
        hosts: what each says runs and judges there.
        agents: agents by digest.
        names: the name of each policy set by digest.
    """
    found: dict[tuple[str, ...], list[tuple[HostFact, str]]] = {}
    for host in hosts:
        for agent, members in _decided(host, agents, names):
            found.setdefault(members, []).append((host, agent))
    groups = [_group(members, there) for members, there in found.items() if len(members) > 1]
    return sorted(groups, key=lambda each: (-each.hosts, each.members))


def groups_with(digest: str, groups: Sequence[Group]) -> list[Group]:
    """The groups that a policy set is in, at most eight."""
    return [each for each in groups if digest in each.members][:MAX_GROUPS]


def _decided(
    host: HostFact, agents: Mapping[str, AgentFact], names: Mapping[str, str]
) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Agents of a host, each with the sets that judge it, by digest."""
    for digest in sorted(host.agents) or [""]:
        known = agents.get(digest)
        wanted = host.enforced if known is None else _named(host.enforced, known.policies, names)
        yield known.name if known else "", tuple(sorted({*wanted, *host.shadowed}))


def _named(
    digests: Iterable[str], wanted: Collection[str], names: Mapping[str, str]
) -> Iterator[str]:
    return (each for each in digests if names.get(each) in wanted)


def _group(members: tuple[str, ...], there: Sequence[tuple[HostFact, str]]) -> Group:
    shadowed = [host.shadowed for host, _ in there]
    return Group(
        members=members,
        shadowed=frozenset.intersection(*shadowed),
        agents=tuple(sorted({agent for _, agent in there if agent})),
        hosts=len({host.node_id for host, _ in there}),
    )
