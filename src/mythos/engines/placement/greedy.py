"""Greedy: best option first, as much as fits. A starting point, and the answer of last resort."""

from __future__ import annotations

from collections.abc import Sequence

from mythos.engines.placement.options import DIMENSIONS, Option, canary_budget


def fill(options: Sequence[Option]) -> tuple[int, ...]:
    """Give each option as many replicas as capacity, demand and canary budget leave.

    Options go by utility, then agent, environment and node, so the result is one for one input.

    Args:
        options: where replicas may go.

    Returns:
        Replicas of each option, in the order of `options`; never over any limit.
    """
    counts = [0] * len(options)
    left = {each.agent.name: each.agent.replicas for each in options}
    canaries = {each.agent.name: canary_budget(each.agent) for each in options}
    explored: set[tuple[str, str]] = set()
    room = {
        each.node.name: {name: int(getattr(each.node.capacity, name)) for name in DIMENSIONS}
        for each in options
    }
    for at in sorted(range(len(options)), key=lambda at: (-options[at].utility, at)):
        each = options[at]
        place = (each.agent.name, each.environment)
        count = min(each.most, left[each.agent.name], _room(each, room[each.node.name]))
        if each.mode == "canary":
            count = 0 if place in explored else min(count, canaries[each.agent.name])
            canaries[each.agent.name] -= count
            explored |= {place} if count else set()
        counts[at] = count
        left[each.agent.name] -= count
        for name in DIMENSIONS:
            room[each.node.name][name] -= count * int(getattr(each.agent.resources, name))
    return tuple(counts)


def _room(option: Option, room: dict[str, int]) -> int:
    needs = {name: int(getattr(option.agent.resources, name)) for name in DIMENSIONS}
    return min((room[name] // need for name, need in needs.items() if need), default=option.most)
