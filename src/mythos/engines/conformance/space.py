"""The states of a tree, made one step at a time: what is left of the workflow after some steps.

A state is a residue: the operators still open, each with the states of its open children. Finished
parts leave no trace, so histories with the same future meet in one state. Nothing is expanded
before it is asked for, which is why forty parallel branches (3^40 states) are no obstacle. A
residue carries bounds on all of its completions; they are sums over the open parts, so a step
inside a parallel branch changes that branch's share alone.

States are shared through one table, and compared by identity.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from mythos.engines.conformance.tree import NOTHING, Bounds, Node, after_child, further_rounds
from mythos.engines.conformance.walk import Walk

_MAX_SHARED = 20_000
_DO, _REDO = 0, 1


class Change(NamedTuple):
    """How a step moves the bounds of one label."""

    label: int
    low: int
    high: int


class _Origin(NamedTuple):
    """Bounds as those of `whole` with the share of `old` exchanged for that of `new`."""

    whole: Bounds | State | _Onward
    old: State | None = None
    new: State | None = None


class _Onward(NamedTuple):
    """A child of a graph and what comes after it: bounds that few searches look at."""

    child: State
    node: Node
    walk: Walk
    spot: int

    @property
    def length(self) -> int:
        return self.child.length + self.walk.lengths[self.spot]

    @property
    def bounds(self) -> Bounds:
        return self.child.bounds + after_child(self.node, self.walk, self.spot)


class Step(NamedTuple):
    """One possible step: the leaf it executes and the residue it leaves.

    `old` and `new` are the innermost part that changes, before and after: the bounds of the whole
    change by as much as theirs. To skip an `idle` step is a waste: without it as much can follow.
    """

    leaf: int
    label: int
    target: State
    old: State
    new: State
    idle: bool = False


class State:
    """A residue, compared by identity. `final`: it needs nothing more; `length`: or so much."""

    __slots__ = (
        *("_bounds", "_origin", "changes", "final"),
        *("left", "length", "node", "parts", "spot", "steps"),
    )

    def __init__(self, key: _Key, origin: _Origin, *, final: bool) -> None:
        self.node, self.parts, self.spot, self.left = key
        self.final = final
        self.length: int = origin.whole.length
        if origin.old and origin.new:
            self.length += origin.new.length - origin.old.length
        self.steps: tuple[Step, ...] | None = None
        self.changes: dict[int, tuple[Change, ...]] | None = None
        self._origin = origin
        self._bounds: Bounds | None = None

    @property
    def bounds(self) -> Bounds:
        """What every completion holds; computed when first wanted, from the nearest known."""
        if self._bounds is None:
            origins, whole = [self._origin], self._origin.whole
            while isinstance(whole, State) and whole._bounds is None:  # noqa: SLF001 - of its own kind
                origins.append(whole._origin)  # noqa: SLF001
                whole = whole._origin.whole  # noqa: SLF001
            known = whole if isinstance(whole, Bounds) else whole.bounds
            self._bounds = _exchanged(known, reversed(origins))
            self._origin = _Origin(self._bounds)
        return self._bounds


_Key = tuple[Node | None, tuple[State, ...], int, int | None]


DONE = State((None, (), 0, None), _Origin(NOTHING), final=True)
DONE.steps = ()


class Space:
    """The states of one tree."""

    def __init__(self, root: Node) -> None:
        self._root = root
        self._table: dict[_Key, State] = {}
        self._needed: dict[Node, int] = {}

    def start(self) -> State:
        """The state before the first step."""
        return self._initial(self._root)

    def tidy(self) -> None:
        """Forget the states if they have become many; those in use stay valid."""
        if len(self._table) > _MAX_SHARED:
            self._table = {}

    def steps(self, state: State) -> tuple[Step, ...]:
        """The possible next steps, lowest leaf first."""
        known = state.steps
        if known is None:
            found = {(step.leaf, step.target): step for step in self._steps(state)}
            known = tuple(sorted(found.values(), key=lambda step: step.leaf))
            if state.final:  # so the part may be left as it is
                known = tuple(
                    step._replace(idle=True) if step.target is DONE else step for step in known
                )
            state.steps = known
        return known

    def change(self, state: State, place: int) -> tuple[Change, ...]:
        """How one of the next steps moves the bounds; `place` is its place among them."""
        if state.changes is None:
            state.changes = {}
        known = state.changes.get(place)
        if known is None:
            step = self.steps(state)[place]
            known = state.changes[place] = _difference(step.old.bounds, step.new.bounds)
        return known

    def cheapest_end(self, state: State) -> Iterator[tuple[int, int]]:
        """Leaf and label of each skip that completes a residue at least cost, lowest leaf first.

        Parallel parts are completed one after the other; of their interleavings none is visited.
        """
        node = state.node
        if node is None:
            for part in state.parts:
                yield from self.cheapest_end(part)
        elif node.kind == "act":
            yield node.leaf, node.label
        elif node.kind == "xor":
            cheapest = min(node.children, key=lambda child: child.bounds.cost)
            yield from self.cheapest_end(self._initial(cheapest))
        elif node.walk:
            yield from self._cheapest_walk(state, node, node.walk)
        else:
            yield from self.cheapest_end(state.parts[0])
            rest = slice(0, state.spot) if node.kind == "loop" else slice(state.spot + 1, None)
            for child in node.children[rest]:
                yield from self.cheapest_end(self._initial(child))

    def _cheapest_walk(self, state: State, node: Node, walk: Walk) -> Iterator[tuple[int, int]]:
        spot: int | None = walk.first
        if state.parts:
            yield from self.cheapest_end(state.parts[0])
            spot = walk.onward[state.spot]
        while spot is not None:
            yield from self.cheapest_end(self._initial(node.children[spot]))
            spot = walk.onward[spot]

    def _steps(self, state: State) -> Iterator[Step]:
        node = state.node
        if node is None:
            yield from self._steps_together(state)
        elif node.kind == "act":
            yield Step(node.leaf, node.label, DONE, state, DONE)
        elif node.kind == "xor":
            for child in node.children:
                yield from _jumped(state, self.steps(self._initial(child)))
        elif node.kind == "seq":
            yield from self._steps_in_order(state, node)
        elif node.walk:
            yield from self._steps_on_walk(state, node, node.walk)
        else:
            yield from self._steps_in_loop(state, node)

    def _steps_together(self, state: State) -> Iterator[Step]:
        for part, i in _distinct(state.parts):
            before, after = state.parts[:i], state.parts[i + 1 :]
            for step in self.steps(part):
                origin = _Origin(state, step.old, step.new)
                target = self._and((*before, step.target, *after), origin, changed=step.target)
                yield Step(step.leaf, step.label, target, step.old, step.new)

    def _steps_in_order(self, state: State, node: Node) -> Iterator[Step]:
        """Steps of the open child and, as long as children may be empty, of those after it."""
        yield from self._steps_of_part(state, node)
        here = state
        while here.node is node and here.parts[0].final:
            here = self._seq(node, here.spot, DONE, _Origin(here, here.parts[0], DONE))
            yield from _jumped(state, self._steps_inside(here, node))

    def _steps_in_loop(self, state: State, node: Node) -> Iterator[Step]:
        """Steps of the open part; if it may end, those of what may follow it.

        Both parts may be empty at once. Of the ways around the loop that do nothing only those
        that use up the fewest rounds are kept: with more rounds left, no word is lost.
        """
        yield from self._steps_of_part(state, node)
        if not state.parts[0].final:
            return
        do, redo = node.children
        if state.spot == _REDO:
            yield from self._steps_entered(state, node, _DO, state.left)
        if state.left != 0 and (state.spot == _DO or do.nullable):
            less = None if state.left is None else state.left - 1
            yield from self._steps_entered(state, node, _REDO, less)
            if state.spot == _DO and redo.nullable:
                yield from self._steps_entered(state, node, _DO, less)

    def _steps_on_walk(self, state: State, node: Node, walk: Walk) -> Iterator[Step]:
        """Steps of the open child; if it may end, or none was begun, those of what may follow."""
        first = walk.starts
        if state.parts:
            yield from self._steps_of_part(state, node)
            first = walk.links[state.spot] if state.parts[0].final else ()
        for spot in walk.entered(first, [child.nullable for child in node.children]):
            child = self._initial(node.children[spot])
            entered = self._walk(node, walk, spot, child, _Origin(_Onward(child, node, walk, spot)))
            yield from _jumped(state, self._steps_inside(entered, node))

    def _steps_entered(
        self, state: State, node: Node, spot: int, left: int | None
    ) -> Iterator[Step]:
        """The first steps of a part of the loop that is reached without a step."""
        yield from _jumped(state, self._steps_inside(self._entered(node, spot, left), node))

    def _steps_inside(self, state: State, node: Node) -> Iterable[Step]:
        """Steps of the open part alone; what follows it is asked for by the caller."""
        return self._steps_of_part(state, node) if state.node is node else self.steps(state)

    def _steps_of_part(self, state: State, node: Node) -> Iterator[Step]:
        for step in self.steps(state.parts[0]):
            origin = _Origin(state, step.old, step.new)
            yield step._replace(target=self._resumed(state, node, step.target, origin))

    def _resumed(self, state: State, node: Node, child: State, origin: _Origin) -> State:
        if node.kind == "seq":
            return self._seq(node, state.spot, child, origin)
        if node.walk:
            return self._walk(node, node.walk, state.spot, child, origin)
        return self._loop(node, state.spot, child, state.left, origin)

    def _initial(self, node: Node) -> State:
        origin = _Origin(node.bounds)
        match node.kind:
            case "and":
                return self._and(tuple(self._initial(child) for child in node.children), origin)
            case "map" if node.copies:
                return self._initial(node.copies)
            case "seq" if not node.children:
                return DONE
            case "seq":
                return self._seq(node, 0, self._initial(node.children[0]), origin)
            case "loop":
                return self._entered(node, _DO, None if node.most is None else node.most - 1)
            case _:
                return self._shared((node, (), 0, None), origin, final=node.nullable)

    def _and(
        self, parts: tuple[State, ...], origin: _Origin, *, changed: State | None = None
    ) -> State:
        """Open parts side by side; nested ones side by side with the others.

        If only `changed` is new among the parts, and still open, the others need no look.
        """
        if changed is None or changed.node is None:
            parts = tuple(_opened(parts))
        if len(parts) < 2:
            return parts[0] if parts else DONE
        final = (changed is None or changed.final) and all(part.final for part in parts)
        return self._shared((None, parts, 0, None), origin, final=final)

    def _seq(self, node: Node, spot: int, child: State, origin: _Origin) -> State:
        """Child number `spot` open and the rest to come; the last one stands for itself."""
        while child is DONE and spot + 1 < len(node.children):
            spot += 1
            child = self._initial(node.children[spot])
        if spot + 1 == len(node.children):
            return child
        final = child.final and spot >= self._last_needed(node)
        return self._shared((node, (child,), spot, None), origin, final=final)

    def _last_needed(self, node: Node) -> int:
        """The last child that may not be empty, -1 if all may."""
        known = self._needed.get(node)
        if known is None:
            needed = (i for i, child in enumerate(node.children) if not child.nullable)
            known = self._needed[node] = max(needed, default=-1)
        return known

    def _entered(self, node: Node, spot: int, left: int | None) -> State:
        do, redo = node.children
        bounds = do.bounds + Bounds(high=further_rounds(do, redo, left))
        if spot == _REDO:
            bounds = redo.bounds + bounds
        return self._loop(node, spot, self._initial(node.children[spot]), left, _Origin(bounds))

    def _loop(
        self, node: Node, spot: int, child: State, left: int | None, origin: _Origin
    ) -> State:
        """One of both parts open and `left` rounds to come; without any the part stands alone."""
        if child is DONE and spot == _REDO:
            return self._loop(node, _DO, self._initial(node.children[_DO]), left, origin)
        if spot == _DO and left == 0:
            return child
        final = child.final and (spot == _DO or node.children[_DO].nullable)
        return self._shared((node, (child,), spot, left), origin, final=final)

    def _walk(self, node: Node, walk: Walk, spot: int, child: State, origin: _Origin) -> State:
        """Child number `spot` of a graph open; one that nothing can follow stands for itself."""
        if not walk.links[spot]:
            return child
        final = child.final and walk.lengths[spot] == 0
        return self._shared((node, (child,), spot, None), origin, final=final)

    def _shared(self, key: _Key, origin: _Origin, *, final: bool) -> State:
        state = self._table.get(key)
        if state is None:
            state = self._table.setdefault(key, State(key, origin, final=final))
        return state


def _jumped(state: State, steps: Iterable[Step]) -> Iterator[Step]:
    """Steps of a residue that `state` turns into without a step."""
    for step in steps:
        yield step._replace(old=state, new=step.target)


def _distinct(parts: Sequence[State]) -> Iterator[tuple[State, int]]:
    """Each part with its first index; of copies that have come equally far one is enough."""
    seen: set[State] = set()
    for i, part in enumerate(parts):
        if part not in seen:
            seen.add(part)
            yield part, i


def _opened(parts: Iterable[State]) -> Iterator[State]:
    for part in parts:
        if part.node is None:
            yield from part.parts
        else:
            yield part


def _exchanged(known: Bounds, origins: Iterable[_Origin]) -> Bounds:
    """Bounds after the exchanges of these origins, one after another."""
    low, high, length, cost = dict(known.low), dict(known.high), known.length, known.cost
    for _, old, new in origins:
        if old and new:
            _move(low, old.bounds.low, new.bounds.low)
            _move(high, old.bounds.high, new.bounds.high)
            length += new.length - old.length
            cost += new.bounds.cost - old.bounds.cost
    return Bounds(low, high, length, cost)


def _move(total: dict[int, int], old: dict[int, int], new: dict[int, int]) -> None:
    for label, count in old.items():
        total[label] -= count
    for label, count in new.items():
        total[label] = total.get(label, 0) + count
    for label in old:
        if not total[label]:
            del total[label]


def _difference(old: Bounds, new: Bounds) -> tuple[Change, ...]:
    """Every label whose bounds differ."""
    changes = []
    for label in {*old.high, *new.high}:
        low = new.low.get(label, 0) - old.low.get(label, 0)
        high = new.high.get(label, 0) - old.high.get(label, 0)
        if low or high:
            changes.append(Change(label, low, high))
    return tuple(changes)
