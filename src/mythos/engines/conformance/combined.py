"""Parts made of parts: side by side where they share no label, or one after another."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from heapq import heappop, heappush
from itertools import pairwise

from mythos.engines.conformance.alignment import NumberedMove
from mythos.engines.conformance.parts import Entry, Exit, Part, Run, Visit


@dataclass(frozen=True, eq=False)
class Apart:
    """Parallel parts that share no label: what each costs adds up."""

    parts: tuple[Part, ...]

    @cached_property
    def labels(self) -> frozenset[int]:
        """See `Part`."""
        return frozenset[int]().union(*(part.labels for part in self.parts))

    def exits(self, run: Run, entries: Sequence[Entry]) -> list[Exit]:
        """See `Part`."""
        return _stairs(
            Exit(at, cost + paid, entered)
            for entered, cost in entries
            for at, paid in self._sums(run, entered)
        )

    def _sums(self, run: Run, start: int) -> Iterator[tuple[int, int]]:
        """Every place where a part has become cheaper, and what all of them cost by then."""
        total, ready, changes = 0, start, list[tuple[int, int]]()
        for part in self.parts:
            exits = run.exits(part, start)
            if not exits:
                return
            if exits[0].at > exits[0].entered:
                ready = max(ready, exits[0].at)
            total += exits[0].cost
            changes += ((way.at, way.cost - before.cost) for before, way in pairwise(exits))
        run.spend(len(self.parts) + len(changes))
        changes.sort()
        first = bisect_right(changes, ready, key=lambda change: change[0])
        total += sum(change for _, change in changes[:first])
        yield ready, total
        for at, change in changes[first:]:
            total += change
            yield at, total

    def moves(self, run: Run, start: int, end: int) -> list[NumberedMove]:
        """See `Part`."""
        each = []
        for part in self.parts:
            exits = run.exits(part, start)
            last = max(bisect_right(exits, end, key=lambda way: way.at), 1) - 1
            each.append(part.moves(run, exits[last].entered, exits[last].at))
        return list(_woven(each))


@dataclass(frozen=True, eq=False)
class Linked:
    """Parts of which one is open at a time: after part `i` comes one of `links[i]`, or the end."""

    parts: tuple[Part, ...]
    links: Sequence[Sequence[int]]
    starts: Sequence[int]
    ends: Sequence[int]
    most: int | None = None  # parts on one way

    @cached_property
    def labels(self) -> frozenset[int]:
        """See `Part`."""
        return frozenset[int]().union(*(part.labels for part in self.parts))

    def exits(self, run: Run, entries: Sequence[Entry]) -> list[Exit]:
        """See `Part`."""
        return _stairs(
            way._replace(entered=each[end].origins[way.entered])
            for each in self._rounds(run, entries)
            for end in self.ends
            if end in each
            for way in each[end].exits.values()
        )

    def _rounds(self, run: Run, entries: Sequence[Entry]) -> list[dict[int, Visit]]:
        """Go from part to part, as long as one is entered cheaper than before."""
        asked = self, tuple(entries)
        if asked in run.rounds:
            return run.rounds[asked]
        limits = {at: cost + run.paid_before(self, at) + run.limit for at, cost in entries}
        entered = [_Stairs() for _ in self.parts]
        waiting = {i: [(at, cost, at, -1) for at, cost in entries] for i in self.starts}
        rounds: list[dict[int, Visit]] = []
        while waiting and (self.most is None or len(rounds) < self.most):
            visits: dict[int, Visit] = {}
            onward: dict[int, list[tuple[int, int, int, int]]] = {}
            for i, ways in sorted(waiting.items()):
                kept = [
                    way
                    for way in sorted(ways)
                    if way[1] + run.paid_before(self, way[0]) <= limits[way[2]]
                    and entered[i].add(way[0], way[1])
                ]
                run.spend(len(ways))
                if kept:
                    visits[i] = visit = self._visit(run, i, kept)
                    for after in self.links[i]:
                        onward.setdefault(after, []).extend(
                            (way.at, way.cost, visit.origins[way.entered], i)
                            for way in visit.exits.values()
                        )
            rounds.append(visits)
            waiting = onward
        if len(entries) == 1:
            run.rounds[asked] = rounds
        return rounds

    def _visit(self, run: Run, index: int, kept: list[tuple[int, int, int, int]]) -> Visit:
        exits = self.parts[index].exits(run, [(at, cost) for at, cost, _, _ in kept])
        return Visit(
            {at: origin for at, _, origin, _ in kept},
            {at: source for at, _, _, source in kept},
            {way.at: way for way in exits},
        )

    def moves(self, run: Run, start: int, end: int) -> list[NumberedMove]:
        """See `Part`; the way of the fewest parts."""
        rounds = self._rounds(run, [(start, 0)])
        _, last, here = min(
            (each[i].exits[end].cost, n, i)
            for n, each in enumerate(rounds)
            for i in self.ends
            if i in each and end in each[i].exits
        )
        told: list[list[NumberedMove]] = []
        for n in range(last, -1, -1):
            visit = rounds[n][here]
            before = visit.exits[end].entered
            told.append(self.parts[here].moves(run, before, end))
            here, end = visit.sources[before], before
        return [move for moves in reversed(told) for move in moves]


@dataclass(slots=True)
class _Stairs:
    """Places and costs: later ones only where they are cheaper."""

    places: list[int] = field(default_factory=list)
    costs: list[int] = field(default_factory=list)

    def add(self, at: int, cost: int) -> bool:
        """Take in a step, unless one as cheap is as early."""
        i = bisect_right(self.places, at)
        if i and self.costs[i - 1] <= cost:
            return False
        first = bisect_left(self.places, at)
        last = first
        while last < len(self.costs) and self.costs[last] >= cost:
            last += 1
        self.places[first:last] = [at]
        self.costs[first:last] = [cost]
        return True


def _stairs(ways: Iterable[Exit]) -> list[Exit]:
    """The exits that no other is as early and as cheap as."""
    found: list[Exit] = []
    for way in sorted(ways):
        if not found or way.cost < found[-1].cost:
            found.append(way)
    return found


def _woven(each: list[list[NumberedMove]]) -> Iterator[NumberedMove]:
    """Moves of parallel parts in one row: matches as the events came, skips when they must come.

    Of the skips that may come next the lowest step is taken.
    """
    matches = sorted(
        (move.index, i) for i, moves in enumerate(each) for move in moves if move.index >= 0
    )
    heads = [0] * len(each)
    waiting = [(moves[0].leaf, i) for i, moves in enumerate(each) if moves and moves[0].index < 0]
    waiting.sort()

    def taken(i: int) -> NumberedMove:
        move = each[i][heads[i]]
        heads[i] += 1
        if heads[i] < len(each[i]) and each[i][heads[i]].index < 0:
            heappush(waiting, (each[i][heads[i]].leaf, i))
        return move

    for _, owner in matches:
        while each[owner][heads[owner]].index < 0:
            yield taken(heappop(waiting)[1])
        yield taken(owner)
    while waiting:
        yield taken(heappop(waiting)[1])
