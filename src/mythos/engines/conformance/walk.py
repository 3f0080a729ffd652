"""Walks through the children of a graph block: which are of use, and what lies ahead of each.

Children are numbers here, with what they need on their own given as weights.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from heapq import heappop, heappush

from mythos.values.process import Walks

Links = Sequence[Sequence[int]]


class Walk:
    """A graph of which each child lies on a walk from a start to an end.

    `lengths[i]` and `costs[i]` are the least that comes after child `i`, 0 at an end. The cheapest
    walk begins with child `first`; `onward[i]` is the next child after `i`, None at its end.
    `again` holds the children that one walk may come to more than once, and perhaps others.
    """

    def __init__(self, walks: Walks, *, lengths: Sequence[int], costs: Sequence[int]) -> None:
        """Look ahead, given the length and cost of each child's cheapest word."""
        self.links, self.starts, self.ends = walks.links, walks.starts, walks.ends
        self._before = before = _turned(walks.links)
        self._around: dict[int, set[int]] = {}
        self.lengths, _ = _ahead(before, walks.ends, lengths)
        self.costs, self.onward = _ahead(before, walks.ends, costs)
        self.first = min(walks.starts, key=lambda child: costs[child] + self.costs[child])
        self.again = _left(before, walks.links) & _left(walks.links, before)

    def reached(self, index: int) -> set[int]:
        """The children that may come after child `index`; itself only on a cycle."""
        if index in self._around:
            return self._around[index]
        reached = _reached(self.links, self.links[index])
        if index in reached:  # so all that lead back to it reach the same
            around = reached & _reached(self._before, self._before[index])
            self._around |= dict.fromkeys(around, reached)
        return reached

    def entered(self, first: Iterable[int], empty: Sequence[bool]) -> list[int]:
        """The children that may come first if `first` may and those that are `empty` may do so."""
        onward = [links if empty[i] else () for i, links in enumerate(self.links)]
        return sorted(_reached(onward, first))


def trimmed(walks: Walks) -> tuple[list[int], Walks]:
    """Drop the children that no walk from a start to an end comes to.

    Returns:
        The children kept, in order, and the walks through them, numbered anew.
    """
    used = _reached(walks.links, walks.starts) & _reached(_turned(walks.links), walks.ends)
    kept = sorted(used)
    numbers = {child: number for number, child in enumerate(kept)}

    def renumbered(children: Iterable[int]) -> tuple[int, ...]:
        return tuple(numbers[child] for child in children if child in numbers)

    links = tuple(renumbered(walks.links[child]) for child in kept)
    return kept, Walks(links, renumbered(walks.starts), renumbered(walks.ends))


def _turned(links: Links) -> list[list[int]]:
    turned: list[list[int]] = [[] for _ in links]
    for before, after in enumerate(links):
        for child in after:
            turned[child].append(before)
    return turned


def _reached(links: Links, first: Iterable[int]) -> set[int]:
    seen = set(first)
    pending = list(seen)
    while pending:
        new = set(links[pending.pop()]) - seen
        seen |= new
        pending += new
    return seen


def _ahead(
    before: Links, ends: Iterable[int], weights: Sequence[int]
) -> tuple[list[int], list[int | None]]:
    """The least sum of weights after each child on its way to an end, and the child next on it."""
    found: dict[int, int] = {}
    onward: list[int | None] = [None] * len(weights)
    heap = [(0, end, -1) for end in ends]
    while heap:
        ahead, child, after = heappop(heap)
        if child in found:
            continue
        found[child] = ahead
        onward[child] = None if after < 0 else after
        for earlier in before[child]:
            if earlier not in found:
                heappush(heap, (ahead + weights[child], earlier, child))
    return [found[child] for child in range(len(weights))], onward


def _left(before: Links, links: Links) -> set[int]:
    """What is left when children with nothing before them are taken away, again and again."""
    n_before = [len(each) for each in before]
    pending = [child for child, n in enumerate(n_before) if n == 0]
    gone = set(pending)
    while pending:
        for child in links[pending.pop()]:
            n_before[child] -= 1
            if n_before[child] == 0:
                gone.add(child)
                pending.append(child)
    return set(range(len(before))) - gone
