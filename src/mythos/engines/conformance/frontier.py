"""Route L: alignment by A* on the states of the tree, for workflows too parallel for an automaton.

A point is (events explained, state). The estimate of what remains is the larger of two lower
bounds, both read off the state's bounds without search: for each label, events the residue cannot
use up and steps the events cannot supply; and the shortest completion against the number of events
left. Both are consistent, so no point is expanded twice. Ties go to the point that has come
furthest; without that rule all interleavings of equally cheap skips would be visited.

Repeated labels in wide parallel blocks can still make the search exponential, so it has a budget.
When a share of it is spent, the columns of a stream are asked as well (`columns`): they take a skip
only when an event needs it. Past all of it the answer is an interval: the better of what the best
open point and the columns promise, and the cheapest way found to finish, for which a last, greedy
search may look. It is never a silent approximation.

Source: van der Aalst, Adriansyah, van Dongen, "Replaying history on process models for conformance
checking and performance analysis" (WIREs DMKD 2012), for alignment as a shortest path.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from heapq import heappop, heappush
from itertools import accumulate, count
from threading import Lock

from mythos.engines.conformance.alignment import MoveKind, NumberedMove, Trail, with_extras
from mythos.engines.conformance.columns import follow
from mythos.engines.conformance.costs import Costs, coarse
from mythos.engines.conformance.ground import Ground, ground_of
from mythos.engines.conformance.space import Change, Space, State, Step
from mythos.engines.conformance.tree import Tree

BUDGET = 20_000
_MAX_WORK = 10_000_000  # points reached × what each takes: a few seconds at worst
_FIRST_SHARE = 10  # of the budget is spent before the columns are tried
_GREED = 4
_NEVER = 1 << 80  # what no alignment costs

_Point = tuple[int, State]
_Move = tuple[MoveKind, int, int, int]
_Open = tuple[int, int, int, _Point, int, int]
"""A waiting point: its estimate, progress and serial, which order the queue; the point; its cost
and surplus. A plain tuple, because most of the time goes into making these."""


class Frontier:
    """The states of a tree, searched on demand."""

    def __init__(self, tree: Tree, costs: Costs, *, budget: int) -> None:
        self._budget = budget
        self._tree = tree
        self._space = Space(tree.root)
        self._weights = costs
        self._costs = costs.refined()
        self._n_labels = len(tree.labels)
        self._turn = Lock()  # two searches would share states by chance, and spend unequal budgets

    @cached_property
    def _ground(self) -> Ground:
        return ground_of(self._tree, None, self._weights)

    def cost(self, trace: Sequence[int]) -> int:
        """The least cost of a trace of known labels, or past the budget an upper bound."""
        return self.trail(trace).cost

    def trail(self, trace: Sequence[int]) -> Trail:
        """A cheapest alignment, or past the budget a complete one and a lower bound."""
        with self._turn:
            found = self._search(trace, greed=1, share=_FIRST_SHARE)
            if found.lower < found.cost:
                found = self._followed(trace, found)
            for greed in (1, _GREED):
                if found.lower < found.cost:
                    found = _better(found, self._search(trace, greed=greed))
        return found

    def _followed(self, trace: Sequence[int], found: Trail) -> Trail:
        """The better of both bounds, of a search that was given up and of the columns of a stream.

        A stream takes a skip only when an event needs it, so it often comes through where the
        search is lost among skips that might have been.
        """
        seen = follow(self._ground, self._tree.labels, trace)
        found = replace(found, lower=min(max(found.lower, seen.lower), found.cost))
        told = None
        if seen.matched is not None and seen.cost < found.cost:
            told = self._told(trace, seen.matched)
        return _better(found, told) if told else found

    def _told(self, trace: Sequence[int], matched: Sequence[int]) -> Trail | None:
        """The moves of a cheapest alignment that matches these events and no others."""
        costs = Costs(self._costs.skips, (_NEVER,) * len(self._costs.extras))
        search = _Search(self._space, costs, [trace[i] for i in matched], greed=1)
        word = search.run(self._budget, self._n_labels, most=_MAX_WORK // _FIRST_SHARE)
        self._space.tidy()
        if any(move.kind == "extra" for move in word.moves):
            return None
        moves = [
            replace(move, index=matched[move.index]) if move.index >= 0 else move
            for move in word.moves
        ]
        told = tuple(with_extras(trace, moves))
        extras = sum(self._costs.extras[move.label] for move in told if move.kind == "extra")
        skips = sum(self._costs.skips[move.label] for move in told if move.kind == "skip")
        return Trail(coarse(extras + skips), 0, told)

    def _search(self, trace: Sequence[int], *, greed: int, share: int = 1) -> Trail:
        search = _Search(self._space, self._costs, trace, greed=greed)
        found = search.run(self._budget // share, self._n_labels, most=_MAX_WORK // share)
        self._space.tidy()
        return found if greed == 1 else replace(found, lower=0)


class _Search:
    """One search; `surplus` is the bound by labels, kept up to date move by move.

    With `greed` 1 the first complete point is a cheapest one. With more the estimate counts more
    than the cost so far, and the search dives: what it finds is complete, and a bound on nothing.
    """

    def __init__(self, space: Space, costs: Costs, trace: Sequence[int], *, greed: int) -> None:
        self._greed = greed
        self._space = space
        self._skips = costs.skips
        self._extras = costs.extras
        self._cheapest_skip = min(costs.skips, default=0)
        self._trace = trace
        self._where = _positions(trace)
        tails = accumulate((self._extras[label] for label in reversed(trace)), initial=0)
        self._tails = list(tails)[::-1]
        self._queue: list[_Open] = []
        self._serials = count()
        self._best: dict[_Point, int] = {}
        self._came: dict[_Point, tuple[_Point, _Move]] = {}

    def run(self, budget: int, n_labels: int, *, most: int) -> Trail:
        """Expand points until one is complete or the budget or the `most` work is spent."""
        start = self._space.start()
        self._best[0, start] = 0
        self._push((0, start), 0, self._first_surplus(start), 0)
        finish, upper = (0, start), self._tails[0] + start.bounds.cost
        expanded = work = 0
        while expanded < budget:
            waiting = heappop(self._queue)
            _, _, _, here, cost, _ = waiting
            at, state = here
            if self._best[here] < cost:
                continue
            if at == len(self._trace) and state.final:
                return self._trail(here, cost, cost)
            reachable = cost + self._tails[at] + state.bounds.cost
            if reachable < upper:
                finish, upper = here, reachable
            work += 5 * n_labels + self._work(at, state)
            if work > most:  # one state alone may be too much
                return self._trail(finish, upper, min(waiting[0], upper))
            self._expand(waiting)
            expanded += 1
        return self._trail(finish, upper, min(self._queue[0][0], upper))

    def _work(self, i: int, state: State) -> int:
        """What expanding a point will take: a constant a step, open parts and labels if of use."""
        useful = list(self._useful(i, state))
        labels = sum(len(step.old.bounds.high) for _, step in useful)
        steps = self._space.steps(state)
        return 12 * len(steps) + (88 + len(state.parts)) * len(useful) + 4 * labels

    def _useful(self, i: int, state: State) -> Iterator[tuple[int, Step]]:
        """The steps that match the next event or may have to be skipped, each with its place."""
        event = self._trace[i] if i < len(self._trace) else -1
        for place, step in enumerate(self._space.steps(state)):
            if step.label == event or not step.idle:
                yield place, step

    def _expand(self, waiting: _Open) -> None:
        """Reach every point one move ahead: by match, then extra, then skips, lowest step first."""
        i, state = waiting[3]
        event = self._trace[i] if i < len(self._trace) else -1
        skips: list[tuple[Step, int]] = []
        for place, step in self._useful(i, state):
            skipped, matched = self._shifts(state, self._space.change(state, place), i, event)
            if not step.idle:
                skips.append((step, skipped))
            if step.label == event:
                target = (i + 1, step.target)
                self._reach(waiting, target, 0, matched, ("match", event, step.leaf, i))
        if event >= 0:
            _, used_up = self._shifts(state, (), i, event)
            move: _Move = ("extra", event, -1, i)
            self._reach(waiting, (i + 1, state), self._extras[event], used_up, move)
        for step, shift in skips:
            move = ("skip", step.label, step.leaf, -1)
            self._reach(waiting, (i, step.target), self._skips[step.label], shift, move)

    def _reach(self, waiting: _Open, target: _Point, weight: int, shift: int, move: _Move) -> None:
        _, progress, _, source, cost, surplus = waiting
        cost += weight
        known = self._best.get(target)
        if known is None or cost < known:
            self._best[target] = cost
            self._came[target] = (source, move)
            further = 2 if move[0] == "extra" else 1
            self._push(target, cost, surplus + shift, progress - further)

    def _push(self, point: _Point, cost: int, surplus: int, progress: int) -> None:
        at, state = point
        missing = (state.length - len(self._trace) + at) * self._cheapest_skip
        estimate = cost + self._greed * max(missing, surplus)
        heappush(self._queue, (estimate, progress, next(self._serials), point, cost, surplus))

    def _first_surplus(self, state: State) -> int:
        bounds = state.bounds
        return sum(
            self._penalty(
                label, bounds.low.get(label, 0), bounds.high.get(label, 0), self._count(label, 0)
            )
            for label in {*bounds.high, *self._where}
        )

    def _shifts(
        self, state: State, changes: tuple[Change, ...], i: int, event: int
    ) -> tuple[int, int]:
        """How the surplus moves when the bounds change; and if event `i` is used up as well."""
        lows, highs = state.bounds.low, state.bounds.high
        shift = 0
        low_event, high_event = lows.get(event, 0), highs.get(event, 0)
        for label, more_low, more_high in changes:
            low, high, found = lows.get(label, 0), highs.get(label, 0), self._count(label, i)
            shift -= self._penalty(label, low, high, found)
            shift += self._penalty(label, low + more_low, high + more_high, found)
            if label == event:
                low_event, high_event = low + more_low, high + more_high
        if event < 0:
            return shift, shift
        found = self._count(event, i)
        used_up = self._penalty(event, low_event, high_event, found - 1)
        return shift, shift + used_up - self._penalty(event, low_event, high_event, found)

    def _penalty(self, label: int, low: int, high: int, found: int) -> int:
        """Least cost if `found` events of a label meet a residue that takes `low` to `high`."""
        if found < low:
            return (low - found) * self._skips[label]
        if found > high:
            return (found - high) * self._extras[label]
        return 0

    def _count(self, label: int, i: int) -> int:
        """Events of a label from index `i` on."""
        where = self._where.get(label)
        return len(where) - bisect_left(where, i) if where else 0

    def _trail(self, finish: _Point, cost: int, lower: int) -> Trail:
        moves: list[_Move] = []
        point = finish
        while point in self._came:
            point, move = self._came[point]
            moves.append(move)
        moves.reverse()
        at, state = finish
        moves += (("extra", self._trace[i], -1, i) for i in range(at, len(self._trace)))
        moves += (("skip", label, leaf, -1) for leaf, label in self._space.cheapest_end(state))
        return Trail(coarse(cost), coarse(lower), tuple(NumberedMove(*move) for move in moves))


def _better(one: Trail, other: Trail) -> Trail:
    """The cheaper moves, and the higher lower bound."""
    cheaper = other if other.cost < one.cost else one
    return replace(cheaper, lower=min(max(one.lower, other.lower), cheaper.cost))


def _positions(trace: Sequence[int]) -> dict[int, list[int]]:
    where: dict[int, list[int]] = {}
    for i, label in enumerate(trace):
        where.setdefault(label, []).append(i)
    return where
