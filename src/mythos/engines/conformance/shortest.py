"""Shortest paths on an automaton, forward, for costs alone.

A point is (events explained, state), numbered `events * width + state`, so a move is an addition. A
match costs nothing and is followed at once: a run that fits visits one point an event whatever the
size of the automaton, and no search visits points beyond its answer. After the last event the rest
is looked up, not searched.

Source: Dial, "Algorithm 360: shortest-path forest with topological ordering" (CACM 12, 1969), for
the buckets; with unit weights they are two lists.
"""

from __future__ import annotations

from collections.abc import Sequence
from heapq import heappop, heappush

from mythos.engines.conformance.automaton import Automaton

MAX_POINTS = 1_000_000
"""How many points a search may visit; runs of ordinary length need a hundredth of it."""

Sources = list[dict[int, list[int]]]

_FAR = 1 << 62


def unit_onward(automaton: Automaton) -> list[list[int]]:
    """For each state the distance, in point numbers, to the states one skip ahead."""
    return [
        sorted({target - state for target in row.values()} - {0})
        for state, row in enumerate(automaton.rows)
    ]


def weighted_onward(automaton: Automaton, skips: Sequence[int]) -> list[list[tuple[int, int]]]:
    """The same with the least weight of such a skip."""
    onward: list[list[tuple[int, int]]] = []
    for state, row in enumerate(automaton.rows):
        cheapest: dict[int, int] = {}
        for label, target in row.items():
            if target != state:
                ahead = target - state
                cheapest[ahead] = min(skips[label], cheapest.get(ahead, skips[label]))
        onward.append(sorted(cheapest.items()))
    return onward


def ending_costs(automaton: Automaton, sources: Sources, skips: Sequence[int]) -> list[int]:
    """For each state the least weight of skips that lead to acceptance."""
    best = [_FAR] * len(automaton.rows)
    heap: list[tuple[int, int]] = []
    for state, final in enumerate(automaton.final):
        if final:
            best[state] = 0
            heap.append((0, state))
    while heap:
        cost, state = heappop(heap)
        if cost > best[state]:
            continue
        for label, origins in sources[state].items():
            longer = cost + skips[label]
            for origin in origins:
                if longer < best[origin]:
                    best[origin] = longer
                    heappush(heap, (longer, origin))
    return best


def unit_cost(
    automaton: Automaton,
    onward: list[list[int]],
    ending: list[int],
    trace: Sequence[int],
    *,
    most: int,
) -> int | None:
    """The fewest deviations of a trace, level by level.

    Args:
        automaton: of the workflow.
        onward: `unit_onward` of it.
        ending: `ending_costs` of it with unit weights.
        trace: numbers of labels the automaton knows.
        most: how many points to visit.

    Returns:
        At least 0 and at most the trace's length plus the shortest word's; None if that takes
        too many points to find out.
    """
    rows = automaton.rows
    width, events = len(rows), len(trace)
    seen: set[int] = set()
    best, cost, level = events + ending[0], 0, [0]
    while cost < best:
        if len(seen) > most:
            return None
        following: list[int] = []
        for start in level:
            point, (i, state) = start, divmod(start, width)
            while point not in seen:
                seen.add(point)
                if i == events:
                    best = min(best, cost + ending[state])
                    break
                following.append(point + width)
                for ahead in onward[state]:
                    following.append(point + ahead)  # noqa: PERF401 - extend is slower here
                target = rows[state].get(trace[i])
                if target is None:
                    break
                point += width + target - state
                i, state = i + 1, target
        level = following
        cost += 1
    return best


def weighted_cost(
    automaton: Automaton,
    onward: list[list[tuple[int, int]]],
    ending: list[int],
    trace: Sequence[int],
    *,
    extras: Sequence[int],
    most: int,
) -> int | None:
    """The least weight of deviations of a trace, bucket by bucket.

    Args:
        automaton: of the workflow.
        onward: `weighted_onward` of it.
        ending: `ending_costs` of it.
        trace: numbers of labels the automaton knows.
        extras: what each label costs when extra.
        most: how many points to visit.

    Returns:
        At least 0 and at most all events as extras and the cheapest word skipped; None if that
        takes too many points to find out.
    """
    rows = automaton.rows
    width, events = len(rows), len(trace)
    seen: set[int] = set()
    best, cost = sum(extras[label] for label in trace) + ending[0], 0
    buckets: dict[int, list[int]] = {0: [0]}
    while cost < best:
        if len(seen) > most:
            return None
        level = buckets.setdefault(cost, [])
        for point in level:  # grows while moves are free
            if point in seen:
                continue
            seen.add(point)
            i, state = divmod(point, width)
            if i == events:
                best = min(best, cost + ending[state])
                continue
            target = rows[state].get(trace[i])
            if target is not None:
                level.append(point + width + target - state)
            buckets.setdefault(cost + extras[trace[i]], []).append(point + width)
            for ahead, weight in onward[state]:
                buckets.setdefault(cost + weight, []).append(point + ahead)
        del buckets[cost]
        cost += 1
    return best
