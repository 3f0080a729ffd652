"""Where the blocks of a workflow stand on paper: pure arithmetic, no markup.

Time runs down. A sequence is a column of boxes; every other operator is a frame with a caption
around what it holds. Branches stand side by side while each keeps a readable width, else below each
other. Laws: every step has one box; two boxes are apart, or the outer one holds the inner; nothing
leaves the paper. The width is that of a telephone unless nesting needs more. Units are CSS pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from mythos.values.block import Act, And, Block, Graph, Loop, Map, Opt, Seq, Tau, Xor, inner_blocks

WIDTH = 336
LEAST, MOST = 104, 264
ACT, EMPTY, CAPTION = 48, 24, 22
GAP, PAD, FORK, LANE = 18, 8, 10, 10
MAX_LANES = 12

BoxKind = Literal["act", "tau", "frame"]


@dataclass(frozen=True, slots=True)
class Box:
    """A step, an empty branch, or the frame of the operator `block`; `path` is from the root."""

    kind: BoxKind
    path: str
    x: int
    y: int
    width: int
    height: int
    text: str
    block: Block


@dataclass(frozen=True, slots=True)
class Line:
    """A connection through points; `arrow` at its end."""

    points: tuple[tuple[int, int], ...]
    arrow: bool = False


@dataclass(frozen=True, slots=True)
class Word:
    """A word between branches; `x` is its middle, `y` its base line, `width` what it may take."""

    x: int
    y: int
    width: int
    text: str


@dataclass(frozen=True, slots=True)
class Layout:
    """A drawing: frames before what they hold."""

    width: int
    height: int
    boxes: tuple[Box, ...]
    lines: tuple[Line, ...]
    words: tuple[Word, ...]


def lay_out(block: Block) -> Layout:
    """Place a block and all that it holds; equal blocks are placed equally."""
    width = max(WIDTH, _least(block) + 2)
    paper = _Paper()
    bottom = paper.place(block, "steps", _Area(1, 1, width - 2))
    boxes = sorted(paper.boxes, key=lambda box: (box.y, box.x, -box.height, -box.width))
    return Layout(width, bottom + 1, tuple(boxes), tuple(paper.lines), tuple(paper.words))


@dataclass(frozen=True, slots=True)
class _Area:
    """Where something may stand: from (x, y) downwards."""

    x: int
    y: int
    width: int

    @property
    def middle(self) -> int:
        return self.x + self.width // 2

    def below(self, y: int) -> _Area:
        return _Area(self.x, y, self.width)


def _least(block: Block) -> int:
    """The width that a block needs when its branches stand below each other."""
    inner = max(map(_least, inner_blocks(block).values()), default=LEAST)
    match block:
        case Act() | Tau() | Seq():
            return inner
        case Loop():
            return inner + 2 * PAD + LANE
        case Graph():
            return inner + 4 * PAD + LANE * len(_lanes(block))
        case _:
            return inner + 2 * PAD


class _Paper:
    def __init__(self) -> None:
        self.boxes: list[Box] = []
        self.lines: list[Line] = []
        self.words: list[Word] = []

    def place(self, block: Block, path: str, area: _Area) -> int:
        """Draw a block and answer where it ends."""
        match block:
            case Act():
                return self._leaf(block, path, area, height=ACT)
            case Tau():
                return self._leaf(block, path, area, height=EMPTY)
            case Seq():
                return self._column(_inner(block, path), area)
            case Graph():
                return self._graph(block, path, area)
            case _:
                return self._frame(block, path, area)

    def _leaf(self, block: Act | Tau, path: str, area: _Area, *, height: int) -> int:
        width = min(area.width, MOST)
        kind: BoxKind = "act" if isinstance(block, Act) else "tau"
        text = block.act if isinstance(block, Act) else "nothing"
        x = area.middle - width // 2
        self.boxes.append(Box(kind, path, x, area.y, width, height, text, block))
        return area.y + height

    def _column(self, inner: Sequence[tuple[str, Block]], area: _Area) -> int:
        """One below the other, joined by arrows."""
        y = area.y
        for at, (path, child) in enumerate(inner):
            if at:
                self._arrow((area.middle, y), (area.middle, y + GAP))
                y += GAP
            y = self.place(child, path, area.below(y))
        return y

    def _frame(self, block: Block, path: str, area: _Area) -> int:
        inner = _inner(block, path)
        gutter = LANE if isinstance(block, Loop) else 0
        inside = _Area(area.x + PAD, area.y + CAPTION, area.width - 2 * PAD - gutter)
        if isinstance(block, Xor | And) and _fit(inner, inside.width):
            bottom = self._beside(inner, inside)
        else:
            bottom = self._below(inner, inside, between=_between(block))
        if isinstance(block, Loop):
            right = inside.x + inside.width + LANE
            down, up = bottom, inside.y
            turn = ((inside.middle, down), (inside.middle, down + 5), (right, down + 5))
            back = ((right, up - 4), (inside.middle, up - 4), (inside.middle, up))
            self.lines.append(Line((*turn, *back), arrow=True))
        self._box(block, path, area, bottom=bottom + PAD)
        return bottom + PAD

    def _below(self, inner: Sequence[tuple[str, Block]], area: _Area, *, between: str) -> int:
        y = area.y
        for at, (path, child) in enumerate(inner):
            if at:
                self.words.append(Word(area.middle, y + GAP - 5, area.width, between))
                y += GAP
            y = self.place(child, path, area.below(y))
        return y

    def _beside(self, inner: Sequence[tuple[str, Block]], area: _Area) -> int:
        """Side by side: a fork above, a join below."""
        top, spare = area.y + FORK, area.width - _side_by_side(inner)
        columns, x = [], area.x
        for _, child in inner:
            width = _least(child) + spare // len(inner)
            columns.append(_Area(x, top, width))
            x += width + PAD
        ends = [
            self.place(child, path, column)
            for (path, child), column in zip(inner, columns, strict=True)
        ]
        bottom = max(ends) + FORK
        first, last = columns[0].middle, columns[-1].middle
        for y in (area.y, bottom):
            self.lines.append(Line(((first, y), (last, y))))
        for column, end in zip(columns, ends, strict=True):
            self._arrow((column.middle, area.y), (column.middle, top))
            self.lines.append(Line(((column.middle, end), (column.middle, bottom))))
        return bottom

    def _graph(self, block: Graph, path: str, area: _Area) -> int:
        """Nodes below each other, each in a frame that says where it leads; edges at the right."""
        lanes = _lanes(block)
        width = area.width - 2 * PAD - LANE * len(lanes)
        y, spans = area.y + CAPTION, {}
        for at, (name, node) in enumerate(block.graph.nodes.items()):
            y += GAP if at else 0
            top = y
            inside = _Area(area.x + 2 * PAD, top + CAPTION, width - 2 * PAD)
            y = self.place(node, f"{path}/graph/nodes/{name}", inside) + PAD
            place = f"{path}/graph/nodes/{name}#"
            x = area.x + PAD
            text = _node_caption(block, name)
            self.boxes.append(Box("frame", place, x, top, width, y - top, text, block))
            spans[name] = (top, y)
        right = area.x + PAD + width
        for number, lane in enumerate(lanes, 1):
            for one, other in lane:
                x = right + LANE * number - LANE // 2
                leave, enter = spans[one][1] - 6, spans[other][0] + 6
                points = ((right, leave), (x, leave), (x, enter), (right, enter))
                self.lines.append(Line(points, arrow=True))
        for one, other in pairwise(block.graph.nodes):
            if (one, other) in block.graph.edges:
                middle = area.x + PAD + width // 2
                self._arrow((middle, spans[one][1]), (middle, spans[other][0]))
        self._box(block, path, area, bottom=y + PAD)
        return y + PAD

    def _box(self, block: Block, path: str, area: _Area, *, bottom: int) -> None:
        height = bottom - area.y
        text = caption_of(block)
        self.boxes.append(Box("frame", path, area.x, area.y, area.width, height, text, block))

    def _arrow(self, start: tuple[int, int], end: tuple[int, int]) -> None:
        self.lines.append(Line((start, end), arrow=True))


def _inner(block: Block, path: str) -> list[tuple[str, Block]]:
    return [(f"{path}/{name}", child) for name, child in inner_blocks(block).items()]


def _side_by_side(inner: Sequence[tuple[str, Block]]) -> int:
    return sum(_least(child) for _, child in inner) + PAD * (len(inner) - 1)


def _fit(inner: Sequence[tuple[str, Block]], width: int) -> bool:
    return len(inner) > 1 and _side_by_side(inner) <= width


def _between(block: Block) -> str:
    match block:
        case Xor():
            return "or"
        case And():
            return "and"
        case _:
            return "before the next round"


def caption_of(block: Block) -> str:
    """What an operator says, in a few words."""
    text = ""
    match block:
        case Xor(xor=children):
            text = f"one of {len(children)}"
        case And(and_=children):
            text = f"all {len(children)}, in any order"
        case Loop():
            most = block.body.max
            text = "repeat" if most is None else f"repeat, at most {most:,} rounds"
        case Opt():
            text = "may be left out"
        case Map(map=body):
            text = f"for each: {body.min:,} to {body.max:,} at the same time"
        case Graph(graph=graph):
            text = f"starts at {', '.join(graph.start)}; may end at {', '.join(graph.ends)}"
    return text


def _node_caption(block: Graph, name: str) -> str:
    then = [other for one, other in block.graph.edges if one == name]
    leads = f", then {' or '.join(dict.fromkeys(then))}" if then else ""
    return f"{name}{leads}{', or end' if name in block.graph.ends and then else ''}"


def _lanes(block: Graph) -> list[list[tuple[str, str]]]:
    """Edges other than to the next node, such that those of one lane keep apart.

    Past twelve lanes none: the captions name every edge.
    """
    order = {name: at for at, name in enumerate(block.graph.nodes)}
    edges = [
        edge for edge in dict.fromkeys(block.graph.edges) if order[edge[1]] != order[edge[0]] + 1
    ]
    lanes: list[list[tuple[str, str]]] = []
    ends: list[int] = []
    for edge in sorted(edges, key=lambda edge: (min(order[name] for name in edge), edge)):
        low, high = sorted(order[name] for name in edge)
        at = next((i for i, end in enumerate(ends) if end < low), len(ends))
        if at == len(ends):
            lanes.append([])
            ends.append(-1)
        lanes[at].append(edge)
        ends[at] = high
    return lanes if len(lanes) <= MAX_LANES else []
