"""Steps of which some have no order: what is known of what came before what.

The orders that a group may have had are not listed one by one: as words of labels they are the
paths of a lattice whose nodes are what was taken so far.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from mythos.errors import WorkflowError
from mythos.values.objection import shown

MAX_NODES = 1_024  # what ten unordered steps of different labels make

Edges = list[dict[str, int]]


@dataclass(frozen=True)
class Group:
    """Labels, and for each, as the bits of a number, which others of the group came before it.

    The places may be numbered in any order. `known` False: nobody looked which pairs are ordered,
    since there are too many; then the labels are taken as listed, and `before` is not read.

    Raises:
        WorkflowError: not one number a label, a number that names a place the group does not have,
            or labels that would have to come before themselves.
    """

    labels: tuple[str, ...]
    before: tuple[int, ...]
    known: bool = True

    def __post_init__(self) -> None:
        """Refuse a group that has no order."""
        if self.known and self.before != (0,) * len(self.labels):
            _check(self.labels, self.before)

    @classmethod
    def single(cls, label: str) -> Group:
        """A group of one."""
        return cls((label,), (0,))

    @cached_property
    def _needed(self) -> tuple[int, ...]:
        """`before`, and those of equal labels that may as well come first.

        Of two with one label, the one that waits for less and is waited for by more may always
        have been first: the two can change places, and the word stays the same.
        """
        after = [0] * len(self.labels)
        for i, bits in enumerate(self.before):
            for j in range(len(after)):
                after[j] |= (bits >> j & 1) << i
        needed = list(self.before)
        for i, label in enumerate(self.labels):
            for j, other in enumerate(self.labels):
                if i == j or label != other:
                    continue
                mine, theirs = (self.before[i], after[j]), (self.before[j], after[i])
                may_lead = all(m & t == m for m, t in zip(mine, theirs, strict=True))
                if may_lead and (mine != theirs or i < j):
                    needed[j] |= 1 << i
        return tuple(needed)

    def ready(self, taken: int) -> Iterator[int]:
        """Which may come next when those of the bits `taken` came."""
        for i, bits in enumerate(self._needed):
            if not taken >> i & 1 and bits & taken == bits:
                yield i

    def first_word(self) -> tuple[str, ...]:
        """The labels, always taking the first by the alphabet that may come next."""
        if not self.known:
            return self.labels
        taken, word = 0, list[str]()
        while len(word) < len(self.labels):
            label, i = min((self.labels[i], i) for i in self.ready(taken))
            word.append(label)
            taken |= 1 << i
        return tuple(word)

    def words(self) -> Iterator[tuple[str, ...]]:
        """The label sequences of its orders, in alphabetical order, each once."""
        yield from self._words(frozenset((0,)), ())

    def _words(self, here: frozenset[int], word: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
        if len(word) == len(self.labels):
            yield word
            return
        for label, onward in sorted(self.onward(here).items()):
            yield from self._words(onward, (*word, label))

    def onward(self, here: frozenset[int]) -> dict[str, frozenset[int]]:
        """From sets of what may have been taken, by the next label."""
        found: dict[str, set[int]] = {}
        for taken in here:
            for i in self.ready(taken):
                found.setdefault(self.labels[i], set()).add(taken | 1 << i)
        return {label: frozenset(sets) for label, sets in found.items()}

    def spelled(self, word: Sequence[str]) -> list[int]:
        """The first order, by places in the group, that spells a word of it."""
        if not self.known:
            return list(range(len(word)))
        stuck: set[int] = set()
        path: list[int] = []

        def walk(taken: int) -> bool:
            if len(path) == len(word):
                return True
            for i in self.ready(taken):
                onward = taken | 1 << i
                if self.labels[i] == word[len(path)] and onward not in stuck:
                    path.append(i)
                    if walk(onward):
                        return True
                    path.pop()
            stuck.add(taken)
            return False

        walk(0)
        return path


def _check(labels: Sequence[str], before: Sequence[int]) -> None:
    """Refuse what says of no order of the labels what came before what."""
    n = len(labels)
    if len(before) != n:
        raise WorkflowError(
            f"a group of {n} labels has {len(before)} numbers in `before`",
            remedy="give one number for each label, 0 where none of the group came before it",
        )
    for label, bits in zip(labels, before, strict=True):
        if not 0 <= bits < 1 << n:
            raise WorkflowError(
                f"{shown(bits)} in `before` of {shown(label)} names no places of a group of {n}",
                remedy="add up 2 to the power of the place, from 0, of each that came before it",
            )
    taken, left = 0, list(range(n))
    while left:
        stuck = []
        for i in left:
            if before[i] & ~taken:
                stuck.append(i)
            else:
                taken |= 1 << i
        if len(stuck) == len(left):
            raise WorkflowError(
                f"{', '.join(shown(labels[i]) for i in stuck[:5])} wait for one another or for "
                "themselves, so the group has no order",
                remedy="take out of `before` what leads back to the same place",
            )
        left = stuck


def lattice_of(group: Group, *, most: int) -> Edges | None:
    """The orders of a group as a deterministic automaton over labels, last node the end.

    Returns:
        For each node the next one by label; None if that takes more than `most` sets of steps.
    """
    numbers = {frozenset((0,)): 0}
    n_sets = 0
    edges: Edges = []
    level = list(numbers)
    for _ in group.labels:
        after: dict[frozenset[int], None] = {}
        for here in level:
            row = {}
            for label, onward in sorted(group.onward(here).items()):
                row[label] = numbers.setdefault(onward, len(numbers))
                after[onward] = None
                n_sets += len(onward)
            edges.append(row)
            if n_sets > most:
                return None
        level = list(after)
    return [*edges, {}]
