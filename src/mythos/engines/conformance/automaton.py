"""The minimal deterministic automaton of a tree, built from the leaves upward.

What an alignment costs depends on the words of a workflow alone, not on how its tree writes them,
so each operator is applied to the automata of its children and the result is minimised at once:
`seq`, `xor`, `loop` and `graph` link accepting states to starts and determinise, `and` interleaves
two automata at a time, and `map` counts its copies by the states they are in. States that cannot
reach acceptance never arise, because no operator is built from an empty language.

Parallel branches multiply states, so the work is bounded by counts, never by time: the same tree
takes the same route on every machine.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import reduce

from mythos.engines.conformance.tree import Node, Tree

MAX_STATES = 1_000  # as many as nine or ten parallel steps make; above, route L is faster
_MAX_BETWEEN = 4_096
_MAX_BUILT = 30_000
_MAX_MOVES = 1_000_000
_MAX_HOPS = 50_000  # from state to state: 300 steps in a row of which each may be left out

Links = Mapping[int, tuple[int, ...]]
Moves = Callable[[int], Iterable[tuple[int, frozenset[int]]]]


@dataclass(frozen=True, slots=True)
class Automaton:
    """Rows of label → state; the start is 0; every state can reach an accepting one."""

    rows: tuple[dict[int, int], ...]
    final: tuple[bool, ...]


def automaton_of(tree: Tree) -> Automaton | None:
    """The minimal automaton of a tree, or None if it or a step towards it is too large.

    Long workflows may have as many states as a few times their steps; it is states beyond that,
    made by interleaving, that the bound is against. Steps that may all be left out have few states
    and a hop from each to each. A search takes every hop, so those are bounded too.
    """
    most = max(MAX_STATES, 4 * len(tree.leaf_labels))
    try:
        built = _Builder(max(_MAX_BETWEEN, most)).build(tree.root)
    except _TooLargeError:
        return None
    hops = sum(len(set(row.values())) for row in built.rows)
    return built if len(built.rows) <= most and hops <= _MAX_HOPS else None


class _TooLargeError(Exception):
    """More states than the bounds allow; not an error of the workflow."""


class _Builder:
    """Applies operators, counting every state and every move that is made."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._left = _MAX_BUILT
        self._moves_left = _MAX_MOVES

    def build(self, node: Node) -> Automaton:
        if node.kind == "act":
            return Automaton(({node.label: 1}, {}), (False, True))
        if not node.children:
            return Automaton(({},), (True,))
        parts = [self.build(child) for child in node.children]
        match node.kind:
            case "seq":
                links = {i: (i + 1,) for i in range(len(parts) - 1)}
                built = self._linked(parts, links, starts=[0], ends=[len(parts) - 1])
            case "xor":
                every = range(len(parts))
                built = self._linked(parts, {}, starts=every, ends=every)
            case "and":
                built = reduce(self._interleaved, parts)
            case "map":
                built = self._copied(parts[0], node.least, node.most or 1)
            case "graph" if node.walk:
                walk = node.walk
                edges = dict(enumerate(walk.links))
                built = self._linked(parts, edges, starts=walk.starts, ends=walk.ends)
            case _:
                built = self._looped(*parts, most=node.most)
        return built

    def _looped(self, do: Automaton, redo: Automaton, *, most: int | None) -> Automaton:
        if most is None:
            return self._linked([do, redo], {0: (1,), 1: (0,)}, starts=[0], ends=[0])
        if most * (len(do.rows) + len(redo.rows)) > self._most:
            raise _TooLargeError
        parts = [do, *([redo, do] * (most - 1))]
        links = {i: (i + 1,) for i in range(len(parts) - 1)}
        return self._linked(parts, links, starts=[0], ends=range(0, len(parts), 2))

    def _linked(
        self,
        parts: list[Automaton],
        links: Links,
        *,
        starts: Iterable[int],
        ends: Iterable[int],
    ) -> Automaton:
        """Join automata by silent moves from the accepting states of one to another's start."""
        offsets = [0]
        for part in parts:
            offsets.append(offsets[-1] + len(part.rows))
        entries, n_hops = list[frozenset[int]](), 0
        for i in range(len(parts)):
            entries.append(_entered(i, parts, links, offsets))
            n_hops += len(entries[-1])
            if n_hops > _MAX_HOPS:
                raise _TooLargeError
        reach: list[frozenset[int]] = []
        for i, part in enumerate(parts):
            onward = frozenset[int]().union(*(entries[j] for j in links.get(i, ())))
            for state, final in enumerate(part.final):
                here = frozenset((offsets[i] + state,))
                reach.append(here | onward if final else here)
        rows = [
            [(label, reach[offsets[i] + target]) for label, target in row.items()]
            for i, part in enumerate(parts)
            for row in part.rows
        ]
        accepting = {
            offsets[i] + state for i in ends for state, yes in enumerate(parts[i].final) if yes
        }
        start = frozenset[int]().union(*(entries[i] for i in starts))
        return self._deterministic(start, rows.__getitem__, accepting.__contains__)

    def _interleaved(self, one: Automaton, other: Automaton) -> Automaton:
        width = len(other.rows)

        def moves(state: int) -> Iterable[tuple[int, frozenset[int]]]:
            p, q = divmod(state, width)
            for label, target in one.rows[p].items():
                yield label, frozenset((target * width + q,))
            for label, target in other.rows[q].items():
                yield label, frozenset((p * width + target,))

        def accepting(state: int) -> bool:
            p, q = divmod(state, width)
            return one.final[p] and other.final[q]

        return self._deterministic(frozenset((0,)), moves, accepting)

    def _copied(self, do: Automaton, least: int, most: int) -> Automaton:
        """Copies side by side: how many were begun, and the states of those still open."""
        done = [final and not row for final, row in zip(do.final, do.rows, strict=True)]
        numbers: dict[tuple[int, tuple[int, ...]], int] = {(0, ()): 0}
        keys = [*numbers]

        def number(begun: int, others: Iterable[int], target: int) -> frozenset[int]:
            key = begun, tuple(sorted(others if done[target] else (*others, target)))
            if key not in numbers:
                self._count(len(keys))
                numbers[key] = len(keys)
                keys.append(key)
            return frozenset((numbers[key],))

        def moves(state: int) -> Iterable[tuple[int, frozenset[int]]]:
            begun, going = keys[state]
            for i, each in enumerate(going):
                if i and each == going[i - 1]:
                    continue
                for label, target in do.rows[each].items():
                    yield label, number(begun, (*going[:i], *going[i + 1 :]), target)
            if begun < most:
                for label, target in do.rows[0].items():
                    yield label, number(begun + 1, going, target)

        def accepting(state: int) -> bool:
            begun, going = keys[state]
            return (begun >= least or do.final[0]) and all(do.final[each] for each in going)

        return self._deterministic(frozenset((0,)), moves, accepting)

    def _deterministic(
        self, start: frozenset[int], moves: Moves, accepting: Callable[[int], bool]
    ) -> Automaton:
        """Subset construction, then minimisation."""
        numbers = {start: 0}
        rows: list[dict[int, int]] = []
        order = [start]
        for subset in order:
            together: dict[int, frozenset[int]] = {}
            for state in subset:
                for label, targets in moves(state):
                    known = together.get(label)
                    together[label] = targets if known is None else known | targets
            row: dict[int, int] = {}
            for label in sorted(together):
                target = together[label]
                if target not in numbers:
                    self._count(len(order))
                    numbers[target] = len(order)
                    order.append(target)
                row[label] = numbers[target]
            self._moves_left -= len(row)
            if self._moves_left < 0:
                raise _TooLargeError
            rows.append(row)
        final = tuple(any(accepting(state) for state in subset) for subset in order)
        return minimised(Automaton(tuple(rows), final))

    def _count(self, states: int) -> None:
        self._left -= 1
        if states >= self._most or self._left < 0:
            raise _TooLargeError


def _entered(
    index: int, parts: list[Automaton], links: Links, offsets: list[int]
) -> frozenset[int]:
    """Start of a part with the starts that are reached from it without a step."""
    seen, pending = {index}, [index]
    while pending:
        part = pending.pop()
        onward = links.get(part, ()) if parts[part].final[0] else ()
        pending += (more for more in onward if more not in seen)
        seen.update(onward)
    return frozenset(offsets[part] for part in seen)


def minimised(automaton: Automaton) -> Automaton:
    """The smallest automaton with the same words, numbered by breadth from the start.

    Source: Hopcroft, "An n log n algorithm for minimizing states in a finite automaton" (1971);
    a missing move needs no sink state, because every block is a splitter at first.
    """
    block_of = _refined(automaton)
    numbers = {block_of[0]: 0}
    order = [0]
    rows: list[dict[int, int]] = []
    for state in order:
        row: dict[int, int] = {}
        for label, target in automaton.rows[state].items():
            block = block_of[target]
            if block not in numbers:
                numbers[block] = len(order)
                order.append(target)
            row[label] = numbers[block]
        rows.append(row)
    return Automaton(tuple(rows), tuple(automaton.final[state] for state in order))


def _refined(automaton: Automaton) -> list[int]:
    """The block of each state in the coarsest partition that no move can tell apart."""
    sources = sources_of(automaton)
    block_of = [int(final) for final in automaton.final]
    blocks = [{q for q, b in enumerate(block_of) if b == side} for side in (0, 1)]
    waiting = {0, 1}
    while waiting:
        splitter = blocks[waiting.pop()].copy()
        arriving: dict[int, set[int]] = {}
        for target in splitter:
            for label, origins in sources[target].items():
                arriving.setdefault(label, set()).update(origins)
        for origins_of_label in arriving.values():
            _split(origins_of_label, blocks, block_of, waiting)
    return block_of


def _split(
    origins: set[int], blocks: list[set[int]], block_of: list[int], waiting: set[int]
) -> None:
    """Part each block into the states that are in `origins` and those that are not."""
    touched: dict[int, set[int]] = {}
    for state in origins:
        touched.setdefault(block_of[state], set()).add(state)
    for block, members in touched.items():
        if len(members) == len(blocks[block]):
            continue
        blocks[block] -= members
        new = len(blocks)
        blocks.append(members)
        for state in members:
            block_of[state] = new
        smaller = new if len(members) <= len(blocks[block]) else block
        waiting.add(new if block in waiting else smaller)


def sources_of(automaton: Automaton) -> list[dict[int, list[int]]]:
    """For each state and label the states one move before it."""
    sources: list[dict[int, list[int]]] = [{} for _ in automaton.rows]
    for state, row in enumerate(automaton.rows):
        for label, target in row.items():
            sources[target].setdefault(label, []).append(state)
    return sources
