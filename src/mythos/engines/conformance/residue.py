"""Where in a workflow a run may stand, as what is left of its tree.

For workflows too parallel for an automaton. A residue is a value, equal wherever it is made: the
blocks still open, each with what is left of its open part. Equal subtrees share one number and
parallel parts are sorted, so interchangeable branches are counted, not told apart.
"""

from __future__ import annotations

from bisect import bisect
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

from pydantic import JsonValue

from mythos.engines.conformance.costs import Costs
from mythos.engines.conformance.passage import Passage
from mythos.engines.conformance.tree import Kind, Node, Tree
from mythos.values.process import Walks

_TOGETHER = -1
_FRESH, _DO, _REDO = -1, 0, 1
_NO_LIMIT = -1
_MAX_REMEMBERED = 200_000  # open parts
_MAX_DEPTH = 200  # of nested residues in JSON; workflows nest at most 64 blocks


class Residue(NamedTuple):
    """A block and what is left of it.

    `spot` is the open child of a `seq`, `loop` or `graph`, or says that the block was not begun;
    `left` the rounds of a loop to come. Open parallel parts are a block of their own; without any
    nothing is left.
    """

    node: int
    spot: int = _FRESH
    left: int = 0
    parts: tuple[Residue, ...] = ()


DONE = Residue(_TOGETHER)

_Way = tuple[Residue, int]
_FormKey = tuple[Kind, int, tuple[int, ...], int | None, Walks | None]


@dataclass(frozen=True, slots=True)
class _Form:
    """A subtree; `cost` is of its cheapest word, `needs` the labels all cheapest words hold."""

    kind: Kind
    label: int
    children: tuple[int, ...]
    most: int | None
    walks: Walks | None
    labels: frozenset[int]
    cost: int
    needs: frozenset[int]
    passage: Passage | None


class Residues:
    """The residues of one tree."""

    def __init__(self, tree: Tree, costs: Costs) -> None:
        """Number the subtrees; residues are made when first asked for."""
        self._skips = costs.skips
        self._extras = costs.extras
        self._forms: list[_Form] = []
        self._numbers: dict[_FormKey, int] = {}
        self._known: dict[Node, int] = {}
        self._matches: dict[tuple[Residue, int], tuple[_Way, ...]] = {}
        self._endings: dict[Residue, int] = {}
        self._remembered = 0
        self.start = Residue(self._number(tree.root))

    def _number(self, node: Node) -> int:
        if node not in self._known:
            self._known[node] = self._numbered(node.copies or node)
        return self._known[node]

    def _numbered(self, node: Node) -> int:
        children = tuple(self._number(child) for child in node.children)
        walk = node.walk
        walks = Walks(walk.links, walk.starts, walk.ends) if walk else None
        key = (node.kind, node.label, children, node.most, walks)
        if key not in self._numbers:
            self._numbers[key] = len(self._forms)
            forms = [self._forms[child] for child in children]
            costs, wants = [form.cost for form in forms], [form.needs for form in forms]
            passage = Passage(walks, costs=costs, needs=wants) if walks else None
            cost, needs = self._least(node.kind, node.label, forms)
            if passage:
                cost, needs = passage.cost, passage.needs
            labels = frozenset(node.bounds.high)
            self._forms.append(_Form(*key, labels, cost, needs, passage))
        return self._numbers[key]

    def _least(self, kind: Kind, label: int, children: list[_Form]) -> tuple[int, frozenset[int]]:
        match kind:
            case "act":
                return self._skips[label], frozenset((label,))
            case "xor":
                cost = min(child.cost for child in children)
                cheapest = (child.needs for child in children if child.cost == cost)
                return cost, frozenset.intersection(*cheapest)
            case "loop":
                return children[_DO].cost, children[_DO].needs
            case _:
                needs = frozenset[int]().union(*(child.needs for child in children))
                return sum(child.cost for child in children), needs

    def ways(self, place: Residue, label: int) -> Sequence[_Way]:
        """See `Places`."""
        matches = self._matched(place, label)
        if self._is_next(place, label):
            return matches
        return (*matches, (place, self._extras[label]))

    def _is_next(self, place: Residue, label: int) -> bool:
        """Whether all ways on begin so, or a parallel part of all of them does.

        Then to match an event is never worse than to call it extra: if the label should come again,
        that event can be called extra instead.
        """
        if place.node == _TOGETHER or place.parts:
            return any(self._is_next(part, label) for part in place.parts)
        form = self._forms[place.node]
        children = (self._is_next(Residue(child), label) for child in form.children)
        match form.kind:
            case "act":
                return form.label == label
            case "xor":
                return all(children)
            case "and":
                return any(children)
            case "graph" if form.walks:
                firsts = (Residue(form.children[i]) for i in form.walks.starts)
                return all(self._is_next(first, label) for first in firsts)
            case _:
                return next(children, False)

    def _matched(self, place: Residue, label: int) -> Sequence[_Way]:
        known = self._matches.get((place, label))
        if known is None:
            best: dict[Residue, int] = {}
            for target, cost in self._all_matches(place, label):
                if cost < best.get(target, cost + 1):
                    best[target] = cost
            known = tuple(best.items())
            self._remember(place, label, known)
        return known

    def _remember(self, place: Residue, label: int, found: tuple[_Way, ...]) -> None:
        """Keep what was found, and not more than fits."""
        self._remembered += (1 + len(found)) * (1 + len(place.parts))
        if self._remembered > _MAX_REMEMBERED:
            self._matches.clear()
            self._endings.clear()
            self._remembered = 0
        self._matches[place, label] = found

    def _all_matches(self, place: Residue, label: int) -> Iterator[_Way]:
        if place.node == _TOGETHER:
            for i, part in _distinct(place.parts):
                for target, cost in self._matched(part, label):
                    yield _exchanged(place.parts, i, target), cost
            return
        form = self._forms[place.node]
        if label not in form.labels:
            return
        if form.kind == "act":
            yield DONE, 0
        elif form.kind == "xor":
            for child in form.children:
                yield from self._matched(Residue(child), label)
        elif form.kind == "and":
            parts = tuple(Residue(child) for child in form.children)
            yield from self._all_matches(_together(parts), label)
        else:
            yield from self._ways_on(place, form, label)

    def _ways_on(self, place: Residue, form: _Form, label: int) -> Iterator[_Way]:
        """Of a block of which one child is open at a time."""
        if form.kind == "seq":
            return self._ways_in_order(place, form, label)
        if form.passage:
            return self._ways_along(place, form, form.passage, label)
        return self._ways_around(place, form, label)

    def _ways_in_order(self, place: Residue, form: _Form, label: int) -> Iterator[_Way]:
        """In the open child, or over its cheapest ending in those after it."""
        spot = max(place.spot, 0)
        child = place.parts[0] if place.parts else Residue(form.children[spot])
        skipped = 0
        while True:
            cheapest = self.ending(child)
            on_the_way = False
            for target, cost in self._matched(child, label):
                yield self._seq(place.node, spot, target), skipped + cost
                on_the_way |= cost + self.ending(target) + self._skips[label] == cheapest
            spot += 1
            if on_the_way or spot == len(form.children):
                return  # what follows can be reached from there at no higher cost
            skipped += cheapest
            child = Residue(form.children[spot])

    def _ways_around(self, place: Residue, form: _Form, label: int) -> Iterator[_Way]:
        """In the open part, or once around; further rounds would only cost more."""
        do, redo = (Residue(child) for child in form.children)
        left = place.left
        if place.spot == _FRESH:
            left = _NO_LIMIT if form.most is None else form.most - 1
        part = place.parts[0] if place.parts else do
        for target, cost in self._matched(part, label):
            yield self._loop(place.node, max(place.spot, _DO), left, target), cost
        skipped = self.ending(part)
        if place.spot == _REDO:
            for target, cost in self._matched(do, label):
                yield self._loop(place.node, _DO, left, target), skipped + cost
            skipped += self.ending(do)
        if left == 0:
            return
        less = left if left == _NO_LIMIT else left - 1
        for target, cost in self._matched(redo, label):
            yield self._loop(place.node, _REDO, less, target), skipped + cost
        if place.spot != _REDO:
            skipped += self.ending(redo)
            for target, cost in self._matched(do, label):
                yield self._loop(place.node, _DO, less, target), skipped + cost

    def _ways_along(
        self, place: Residue, form: _Form, passage: Passage, label: int
    ) -> Iterator[_Way]:
        """In the open child, or over its cheapest ending along the cheapest walk to another.

        A child is left out where another that was entered leads there at no higher cost.
        """
        entered: dict[int, int] = {}
        skipped = 0
        if place.parts:
            (part,) = place.parts
            for target, cost in self._matched(part, label):
                yield self._walk(place.node, place.spot, target), cost
                self._lead(entered, passage, place.spot, cost + self.ending(target))
            skipped = self.ending(part)
        for spot, passed in passage.ahead(place.spot):
            before = skipped + passed
            if before >= entered.get(spot, before + 1) + self._skips[label]:
                continue
            for target, cost in self._matched(Residue(form.children[spot]), label):
                yield self._walk(place.node, spot, target), before + cost
                self._lead(entered, passage, spot, before + cost + self.ending(target))

    def _lead(self, entered: dict[int, int], passage: Passage, spot: int, cost: int) -> None:
        """Note what it costs to enter each child once child `spot` has ended at a cost."""
        for after, passed in passage.ahead(spot):
            if cost + passed < entered.get(after, cost + passed + 1):
                entered[after] = cost + passed

    def _walk(self, node: int, spot: int, part: Residue) -> Residue:
        """A child that none can follow stands for itself."""
        walks = self._forms[node].walks
        return Residue(node, spot, 0, (part,)) if walks and walks.links[spot] else part

    def _seq(self, node: int, spot: int, part: Residue) -> Residue:
        """The last child stands for itself."""
        children = self._forms[node].children
        if part == DONE and spot + 1 < len(children):
            return self._seq(node, spot + 1, Residue(children[spot + 1]))
        return part if spot + 1 == len(children) else Residue(node, spot, 0, (part,))

    def _loop(self, node: int, spot: int, left: int, part: Residue) -> Residue:
        """The last round stands for itself."""
        if part == DONE and spot == _REDO:
            return self._loop(node, _DO, left, Residue(self._forms[node].children[_DO]))
        return part if spot == _DO and left == 0 else Residue(node, spot, left, (part,))

    def cost_extra(self, label: int) -> int:
        """See `Places`."""
        return self._extras[label]

    def ending(self, place: Residue) -> int:
        """See `Places`."""
        if place.spot == _FRESH and place.node != _TOGETHER:
            return self._forms[place.node].cost
        known = self._endings.get(place)
        if known is None:
            known = self._later(place)[0] + sum(self.ending(part) for part in place.parts)
            self._endings[place] = known
            self._remembered += 1 + len(place.parts)
        return known

    def needs(self, place: Residue) -> frozenset[int]:
        """See `Places`."""
        if place.spot == _FRESH and place.node != _TOGETHER:
            return self._forms[place.node].needs
        return self._later(place)[1].union(*map(self.needs, place.parts))

    def _later(self, place: Residue) -> tuple[int, frozenset[int]]:
        """Cost and needed labels of what follows the open part on the cheapest way to the end."""
        if place.node == _TOGETHER:
            return 0, frozenset()
        form = self._forms[place.node]
        if form.passage:
            return form.passage.costs_after[place.spot], form.passage.needs_after[place.spot]
        if form.kind == "loop":
            children = form.children[:_REDO] if place.spot == _REDO else ()
        else:
            children = form.children[place.spot + 1 :]
        later = [self._forms[child] for child in children]
        needs = frozenset[int]().union(*(each.needs for each in later))
        return sum(each.cost for each in later), needs

    def size(self, place: Residue) -> int:
        """See `Places`."""
        return 1 + sum(map(self.size, place.parts))

    def to_json(self, place: Residue) -> JsonValue:
        """A residue as nested lists."""
        parts = [self.to_json(part) for part in place.parts]
        return [place.node, place.spot, place.left, parts]

    def from_json(self, value: JsonValue) -> Residue:
        """See `Places`."""
        return self._read(value, _MAX_DEPTH)

    def _read(self, value: JsonValue, depth: int) -> Residue:
        match value:
            case [int(node), int(spot), int(left), list(parts)] if depth > 0:
                read = Residue(node, spot, left, tuple(self._read(p, depth - 1) for p in parts))
                if self._may_be(read):
                    return read
        raise ValueError(f"{str(value)[:80]} is no residue of this workflow")

    def _may_be(self, place: Residue) -> bool:
        """Whether the parts go with the block, as far as is needed to go on from there."""
        node, spot, left, parts = place
        if node == _TOGETHER:
            sorted_ = all(one <= other for one, other in pairwise(parts))
            return spot == _FRESH and left == 0 and len(parts) != 1 and sorted_
        if not 0 <= node < len(self._forms):
            return False
        form = self._forms[node]
        if spot == _FRESH:
            return left == 0 and not parts
        if form.kind == "seq":
            return 0 <= spot < len(form.children) - 1 and left == 0 and len(parts) == 1
        if form.walks:
            known = 0 <= spot < len(form.children) and left == 0 and len(parts) == 1
            return known and bool(form.walks.links[spot])
        rounds = left == _NO_LIMIT if form.most is None else 0 <= left < form.most
        return form.kind == "loop" and spot in {_DO, _REDO} and rounds and len(parts) == 1


def _together(parts: Sequence[Residue]) -> Residue:
    """Open parts side by side, in one order, nested ones with the others."""
    flat: list[Residue] = []
    for part in parts:
        flat += part.parts if part.node == _TOGETHER else (part,)
    if len(flat) == 1:
        return flat[0]
    return Residue(_TOGETHER, parts=tuple(sorted(flat)))


def _exchanged(parts: tuple[Residue, ...], index: int, part: Residue) -> Residue:
    """The same with another part in place of one."""
    others = (*parts[:index], *parts[index + 1 :])
    if part.node == _TOGETHER or len(others) < 2:
        return _together((*others, part))
    at = bisect(others, part)
    return Residue(_TOGETHER, parts=(*others[:at], part, *others[at:]))


def _distinct(parts: Sequence[Residue]) -> Iterator[tuple[int, Residue]]:
    """Each part once, with its index; equal parts stand side by side."""
    for i, part in enumerate(parts):
        if i == 0 or part != parts[i - 1]:
            yield i, part
