"""Route B: alignment block by block, where parallel branches share no label.

Forty parallel branches with labels of their own have 3^40 states together and three each. Which
branch an event belongs to is certain then, so each branch is aligned apart, and what they cost
adds up. Blocks around them are passages (see `parts`): the answer takes time in proportion to a
power of the events, however far a run has strayed. Branches that share labels are one part if
their automaton is small. Where it is not, no other way than the search of `frontier` is known.

The work has a budget all the same, because a loop around parallel branches is gone through once
for each round; past it the search takes over.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import prod
from threading import Lock

from mythos.engines.conformance.alignment import NumberedMove, Trail, with_extras
from mythos.engines.conformance.automaton import automaton_of
from mythos.engines.conformance.combined import Apart, Linked
from mythos.engines.conformance.costs import Costs, coarse
from mythos.engines.conformance.frontier import Frontier
from mythos.engines.conformance.parts import Part, Run, Small, SpentError
from mythos.engines.conformance.tree import Node, Tree, joined

BUDGET = 2_000_000
_NO_LIMIT = 1 << 62
_FIRST_LIMIT, _WIDER = 4, 4  # deviations of the dearest kind
_MAX_SMALL = 1_000
_MAX_CHUNK = 8  # longer chains of steps that may be left out have many hops


@dataclass(frozen=True, slots=True)
class _Solved:
    """The least cost, on the fine scale, and after how many events the last part is left."""

    run: Run
    cost: int
    end: int


class Blockwise:
    """The parts of a tree, asked about one trace after another."""

    def __init__(self, root: Part, costs: Costs, *, other: Frontier, budget: int = BUDGET) -> None:
        self._root = root
        self._extras = costs.refined().extras
        self._skips = costs.refined().skips
        self._other = other
        self._first_limit = _FIRST_LIMIT * max((*self._extras, *self._skips), default=1)
        self._budget = budget
        self._turn = Lock()  # parts share the states of their trees

    def cost(self, trace: Sequence[int]) -> int:
        """The least cost of a trace of known labels, or past both budgets an upper bound."""
        try:
            return coarse(self._solved(trace).cost)
        except SpentError:
            return self._other.cost(trace)

    def trail(self, trace: Sequence[int]) -> Trail:
        """A cheapest alignment, or past both budgets a complete one and a lower bound."""
        try:
            found = self._solved(trace)
        except SpentError:
            return self._other.trail(trace)
        found.run.left = _NO_LIMIT  # it is asked no more than it was
        with self._turn:
            moves = tuple(with_extras(trace, self._root.moves(found.run, 0, found.end)))
        if sum(map(self._weight, moves)) != found.cost:
            return self._other.trail(trace)
        return Trail(coarse(found.cost), coarse(found.cost), moves)

    def _solved(self, trace: Sequence[int]) -> _Solved:
        """Follow what loses little first, and more until what is found loses no more than that."""
        left, limit = self._budget, self._first_limit
        while True:
            run = Run(trace, self._extras, limit=limit, left=left)
            exits = self._root.exits(run, [(0, 0)])
            if exits:
                cost = exits[-1].cost + sum(self._extras[label] for label in trace)
                if cost <= limit:
                    return _Solved(run, cost, exits[-1].at)
                limit = cost
            else:
                limit *= _WIDER
            left = run.left

    def _weight(self, move: NumberedMove) -> int:
        match move.kind:
            case "extra":
                return self._extras[move.label]
            case "skip":
                return self._skips[move.label]
            case _:
                return 0


def parts_of(tree: Tree, costs: Costs, *, most: int = _MAX_SMALL) -> Part | None:
    """The parts of a tree, or None if parallel branches share labels and have many states.

    Args:
        tree: of the workflow.
        costs: by label number.
        most: states that a part may have, unless it cannot be taken apart.
    """
    try:
        return _Maker(tree, costs, most).part(tree.root)
    except _MixedError:
        return None


class _MixedError(Exception):
    """Parallel branches that share labels; not an error of the workflow."""


class _Maker:
    def __init__(self, tree: Tree, costs: Costs, most: int) -> None:
        self._tree = tree
        self._most = most
        self._costs = costs
        self._skips = costs.refined().skips
        self._sizes: dict[Node, int] = {}

    def part(self, node: Node) -> Part:
        """A node in one piece if it is small, else what it is made of."""
        small = None
        if not node.children or (node.kind != "and" and self._size(node) <= self._most):
            small = self._small(node)
        if small:
            return small
        if node.kind == "and":
            return self._apart(node)
        return self._whole(node) if node.kind == "map" else self._linked(node)

    def _linked(self, node: Node) -> Linked:
        nodes, walk = node.children, node.walk
        if node.kind == "seq" and self._size(node) > _MAX_CHUNK:
            nodes = tuple(self._chunks(node.children))
        every, most = range(len(nodes)), None
        links: Sequence[Sequence[int]] = [()] * len(nodes)
        starts: Sequence[int] = every
        ends: Sequence[int] = every
        if walk:
            links, starts, ends = walk.links, walk.starts, walk.ends
        elif node.kind == "loop":
            links, starts, ends = [(1,), (0,)], [0], [0]
            most = None if node.most is None else 2 * node.most - 1
        elif node.kind == "seq":
            links, starts, ends = [(i + 1,) for i in every[:-1]], [0], every[-1:]
            links = [*links, ()]
        return Linked(tuple(map(self.part, nodes)), links, starts, ends, most)

    def _apart(self, node: Node) -> Part:
        parts = tuple(
            self.part(branches[0]) if len(branches) == 1 else self._whole(joined("and", branches))
            for branches in _sharing(node.children)
        )
        return parts[0] if len(parts) == 1 else Apart(parts)

    def _whole(self, node: Node) -> Small:
        small = self._small(node)
        if small is None:
            raise _MixedError
        return small

    def _small(self, node: Node) -> Small | None:
        tree = Tree(node, self._tree.labels, self._tree.leaf_labels, self._tree.paths)
        automaton = automaton_of(tree)
        return Small(tree, automaton, self._costs, self._skips) if automaton else None

    def _chunks(self, children: Sequence[Node]) -> Iterator[Node]:
        """Neighbours in one piece as long as they are small."""
        chunk: list[Node] = []
        for child in children:
            if chunk and sum(map(self._size, [*chunk, child])) > _MAX_CHUNK:
                yield _in_order(chunk)
                chunk = []
            chunk.append(child)
        yield _in_order(chunk)

    def _size(self, node: Node) -> int:
        """About how many states a node's automaton has, and more than small if it is not small."""
        known = self._sizes.get(node)
        if known is None:
            inner = list(map(self._size, node.children))
            match node.kind:
                case "and":
                    known = prod(size + 1 for size in inner)
                case "map":
                    known = (inner[0] + 1) ** (node.most or 1)
                case "loop":
                    known = sum(inner) * (node.most or 1)
                case _:
                    known = max(1, sum(inner))
            known = self._sizes[node] = min(known, _MAX_SMALL + 1)
        return known


def _in_order(nodes: Sequence[Node]) -> Node:
    return nodes[0] if len(nodes) == 1 else joined("seq", tuple(nodes))


def _sharing(nodes: Sequence[Node]) -> list[tuple[Node, ...]]:
    """Nodes that share labels together, in the order of the first of each."""
    found: list[tuple[set[int], list[int]]] = []
    for i, node in enumerate(nodes):
        labels, members = set(node.bounds.high), [i]
        apart = []
        for others, indices in found:
            if labels.isdisjoint(others):
                apart.append((others, indices))
            else:
                labels |= others
                members = indices + members
        found = [*apart, (labels, members)]
    return [tuple(nodes[i] for i in sorted(each)) for each in sorted(m for _, m in found)]
