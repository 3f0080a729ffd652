"""Circles of facts: those whose `where` leads back to themselves.

Law: every read that lies on a circle lies on one that is told, until `MAX_TOLD` are.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import pairwise

MAX_TOLD = 20


def circles(needs: Mapping[str, frozenset[str]]) -> Iterator[tuple[str, ...]]:
    """Names of facts that need each other, as `f, g, f`: the shortest for each read.

    Args:
        needs: for each fact the names of those that it reads; others are passed over.
    """
    left = _entangled(needs)
    told: set[tuple[str, str]] = set()
    n_told = 0
    for name, reads in left.items():
        for read in reads:
            way = () if (name, read) in told or n_told == MAX_TOLD else _way(left, read, name)
            if way:
                n_told += 1
                told.update(pairwise((name, *way)))
                yield (name, *way)


def _entangled(needs: Mapping[str, frozenset[str]]) -> dict[str, list[str]]:
    """The facts that are on a circle or lead to one, in their order, with what they read."""
    left = {name: sorted(reads & needs.keys()) for name, reads in needs.items()}
    readers: dict[str, list[str]] = {name: [] for name in left}
    for name, reads in left.items():
        for read in reads:
            readers[read].append(name)
    open_ = {name: len(reads) for name, reads in left.items()}
    settled = [name for name, count in open_.items() if not count]
    for name in settled:
        for reader in readers[name]:
            open_[reader] -= 1
            if not open_[reader]:
                settled.append(reader)
    gone = set(settled)
    return {n: [r for r in reads if r not in gone] for n, reads in left.items() if n not in gone}


def _way(reads: Mapping[str, list[str]], begin: str, end: str) -> tuple[str, ...]:
    """The shortest way from one fact to another over what they read; empty if there is none."""
    came: dict[str, str] = {begin: ""}
    ahead = [begin]
    for at in ahead:
        if at == end:
            way = [at]
            while came[way[-1]]:
                way.append(came[way[-1]])
            return tuple(reversed(way))
        for read in reads[at]:
            if read not in came:
                came[read] = at
                ahead.append(read)
    return ()
