"""The tree an engine computes on: labels as numbers, and bounds on the words of every node.

A *word* is the sequence of labels of one complete run the workflow allows. For each node and
label the tree knows the fewest and the most times a word of that node holds the label, and the
length of its shortest word; both follow from the children by sums (`seq`, `and`, `map`), minima
and maxima (`xor`), the body (`loop`), or the shortest walk (`graph`). `tau` does not occur: it is a
node of kind `seq` without children.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Literal

from mythos.engines.conformance.walk import Walk, trimmed
from mythos.errors import WorkflowError
from mythos.values.block import MAX_STEPS
from mythos.values.process import Process, Walks

Kind = Literal["act", "seq", "xor", "and", "loop", "map", "graph"]

MANY = 1 << 40
"""Stands for "without limit": sums and differences of it still compare as very large."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """What every completion of a word is known to hold.

    `low` and `high` count a label's occurrences (absent means 0), `length` is the fewest steps
    and `cost` the fewest skip weights of any completion.
    """

    low: dict[int, int] = field(default_factory=dict)
    high: dict[int, int] = field(default_factory=dict)
    length: int = 0
    cost: int = 0

    def __add__(self, other: Bounds) -> Bounds:
        """Bounds of one completion after or beside another."""
        return Bounds(
            _merged(self.low, other.low),
            _merged(self.high, other.high),
            self.length + other.length,
            self.cost + other.cost,
        )


NOTHING = Bounds()


@dataclass(frozen=True, slots=True, eq=False)
class Node:
    """One operator. `nullable`: the empty word is among its words. Compared by identity.

    A map between `least` and `most` times holds its child once, and as `copies` what it stands for:
    an `and` of so many copies, those past `least` optional.
    """

    kind: Kind
    children: tuple[Node, ...]
    bounds: Bounds
    nullable: bool
    label: int = -1
    leaf: int = -1
    least: int = 0
    most: int | None = None
    copies: Node | None = None
    walk: Walk | None = None


@dataclass(frozen=True, slots=True)
class Tree:
    """A workflow's steps, numbered.

    `labels` are the distinct labels in order of their first leaf; `paths` says where each leaf
    stands in the document, `leaf_labels` which label it has.
    """

    root: Node
    labels: tuple[str, ...]
    leaf_labels: tuple[int, ...]
    paths: tuple[str, ...]


def numbered(process: Process, *, skip_of: Callable[[str], int]) -> Tree:
    """Number the labels and leaves of a process, in the order of its normal form.

    Args:
        process: steps in normal form.
        skip_of: the cost of skipping one step of a label, not negative.

    Returns:
        The tree; labels and leaves count from 0.

    Raises:
        WorkflowError: a graph that no run can walk through or a map of too many steps at once,
            named by its path.
    """
    builder = _Builder(skip_of)
    root = builder.node(process)
    return Tree(root, tuple(builder.labels), tuple(builder.leaf_labels), tuple(builder.paths))


class _Builder:
    def __init__(self, skip_of: Callable[[str], int]) -> None:
        self.labels: dict[str, int] = {}
        self.leaf_labels: list[int] = []
        self.paths: list[str] = []
        self._skip_of = skip_of

    def node(self, process: Process) -> Node:
        if process.act is not None:
            return self._leaf(process.act.act, process.path)
        if process.kind == "map":
            return self._map(process)
        if process.walks is not None:
            return self._graph(process, process.walks)
        children = tuple(self.node(child) for child in process.children)
        return joined(process.kind, children, most=process.most)

    def _map(self, process: Process) -> Node:
        do, most = self.node(process.children[0]), process.most or 1
        if most * _width(do) > MAX_STEPS:
            raise WorkflowError(
                f"{process.path}/map: {most * _width(do)} steps at the same time",
                remedy=f"lower max until at most {MAX_STEPS} steps can be open at once",
            )
        return _mapped(do, process.least, most)

    def _graph(self, process: Process, walks: Walks) -> Node:
        kept, walks = trimmed(walks)
        if not kept:
            raise WorkflowError(
                f"{process.path}/graph: no walk leads from a start to an end",
                remedy="add the edges that lead from a start to an end, or name other ends",
            )
        return _walked(tuple(self.node(process.children[i]) for i in kept), walks)

    def _leaf(self, label: str, path: str) -> Node:
        number = self.labels.setdefault(label, len(self.labels))
        self.leaf_labels.append(number)
        self.paths.append(path)
        bounds = Bounds({number: 1}, {number: 1}, 1, self._skip_of(label))
        return Node("act", (), bounds, nullable=False, label=number, leaf=len(self.paths) - 1)


def joined(kind: str, children: tuple[Node, ...], *, most: int | None = None) -> Node:
    """A node of these children, with the bounds that follow from theirs."""
    match kind:
        case "xor":
            return Node("xor", children, _choice(children), any(c.nullable for c in children))
        case "loop":
            do, redo = children
            bounds = _rounds(do, redo, most)
            return Node("loop", children, bounds, do.nullable, most=most)
        case "and":
            return Node("and", children, _together(children), all(c.nullable for c in children))
        case _:
            return Node("seq", children, _together(children), all(c.nullable for c in children))


def _mapped(do: Node, least: int, most: int) -> Node:
    bounds = _times(do.bounds, least, most)
    nullable = least == 0 or do.nullable
    maybe = joined("xor", (do, Node("seq", (), NOTHING, nullable=True)))
    copies = Node("and", (do,) * least + (maybe,) * (most - least), bounds, nullable)
    return Node("map", (do,), bounds, nullable, least=least, most=most, copies=copies)


def _times(bounds: Bounds, least: int, most: int) -> Bounds:
    return Bounds(
        {label: least * count for label, count in bounds.low.items()} if least else {},
        {label: most * count for label, count in bounds.high.items()},
        least * bounds.length,
        least * bounds.cost,
    )


def _walked(children: tuple[Node, ...], walks: Walks) -> Node:
    walk = Walk(
        walks,
        lengths=[child.bounds.length for child in children],
        costs=[child.bounds.cost for child in children],
    )
    first = _choice(tuple(children[i] for i in walk.starts))
    high: dict[int, int] = {}
    for i, child in enumerate(children):
        _add(high, _highest(child, walk, i))
    bounds = Bounds(
        first.low,
        high,
        min(children[i].bounds.length + walk.lengths[i] for i in walk.starts),
        min(children[i].bounds.cost + walk.costs[i] for i in walk.starts),
    )
    return Node("graph", children, bounds, bounds.length == 0, walk=walk)


def _highest(child: Node, walk: Walk, index: int) -> dict[int, int]:
    if index in walk.again:
        return dict.fromkeys(child.bounds.high, MANY)
    return child.bounds.high


def after_child(node: Node, walk: Walk, index: int) -> Bounds:
    """Bounds of what comes after a child of a graph; what must come is not told."""
    high: dict[int, int] = {}
    for i in walk.reached(index):
        _add(high, _highest(node.children[i], walk, i))
    return Bounds({}, high, walk.lengths[index], walk.costs[index])


def _width(node: Node) -> int:
    """The most steps that can be open at the same time."""
    widths = [_width(child) for child in node.children]
    if node.kind == "map":
        return (node.most or 1) * widths[0]
    return sum(widths) if node.kind == "and" else max(widths, default=1)


def _together(children: Iterable[Node]) -> Bounds:
    low: dict[int, int] = {}
    high: dict[int, int] = {}
    length = cost = 0
    for child in children:
        _add(low, child.bounds.low)
        _add(high, child.bounds.high)
        length += child.bounds.length
        cost += child.bounds.cost
    return Bounds(low, high, length, cost)


def _choice(children: tuple[Node, ...]) -> Bounds:
    every = [child.bounds for child in children]
    shared = set(every[0].low).intersection(*(bounds.low for bounds in every))
    high: dict[int, int] = {}
    for bounds in every:
        for label, count in bounds.high.items():
            high[label] = max(count, high.get(label, 0))
    return Bounds(
        {label: min(bounds.low[label] for bounds in every) for label in shared},
        high,
        min(bounds.length for bounds in every),
        min(bounds.cost for bounds in every),
    )


def _rounds(do: Node, redo: Node, most: int | None) -> Bounds:
    high = dict(do.bounds.high)
    _add(high, further_rounds(do, redo, None if most is None else most - 1))
    return Bounds(do.bounds.low, high, do.bounds.length, do.bounds.cost)


def further_rounds(do: Node, redo: Node, left: int | None) -> dict[int, int]:
    """The most occurrences of each label in `left` more rounds of redo and do; None: no limit."""
    both = _merged(do.bounds.high, redo.bounds.high)
    if left == 0:
        return {}
    return {label: MANY if left is None else count * left for label, count in both.items()}


def _merged(one: dict[int, int], other: dict[int, int]) -> dict[int, int]:
    total = dict(one)
    _add(total, other)
    return total


def _add(total: dict[int, int], more: dict[int, int]) -> None:
    for label, count in more.items():
        total[label] = total.get(label, 0) + count
