"""The drawing of a workflow: laws of where its blocks stand, and what the markup says."""

from __future__ import annotations

from dataclasses import dataclass
from xml.etree import ElementTree as ET

from hypothesis import given
from hypothesis import strategies as st
from pydantic import JsonValue

from mythos.server.web.charts.workflow_drawing import workflow_drawing
from mythos.server.web.charts.workflow_layout import WIDTH, Box, Layout, lay_out
from mythos.values.block import Act, Block, inner_blocks
from mythos.values.workflow import bare_workflow

LABELS = st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=200)
ACTS = st.builds(lambda label: {"act": label}, LABELS)


def _graph(inner: list[JsonValue], edges: list[tuple[int, int]]) -> JsonValue:
    names = [f"n{at}" for at in range(len(inner))]
    some: list[JsonValue] = [[names[a % len(names)], names[b % len(names)]] for a, b in edges]
    nodes: dict[str, JsonValue] = dict(zip(names, inner, strict=True))
    return {"graph": {"nodes": nodes, "start": [names[0]], "edges": some, "ends": [names[-1]]}}


def _operators(inner: st.SearchStrategy[JsonValue]) -> st.SearchStrategy[JsonValue]:
    some = st.lists(inner, min_size=1, max_size=5)
    most = st.integers(1, 9)
    edges = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=12)
    return st.one_of(
        st.builds(lambda kind, them: {kind: them}, st.sampled_from(["seq", "xor", "and"]), some),
        st.builds(lambda do, redo: {"loop": [do, redo]}, inner, inner),
        st.builds(lambda do, n: {"loop": {"do": do, "max": n}}, inner, most),
        st.builds(lambda do: {"opt": do}, inner),
        st.builds(lambda do, n: {"map": {"do": do, "max": n}}, inner, most),
        st.builds(_graph, some, edges),
    )


def _steps(tree: JsonValue) -> Block:
    return bare_workflow(tree).steps


TREES: st.SearchStrategy[JsonValue] = st.recursive(
    ACTS | st.just({"tau": True}), _operators, max_leaves=40
)
BLOCKS = TREES.map(_steps)


@dataclass(frozen=True)
class Strayed:
    skipped: int
    extra: int


def acts_of(block: Block, path: str = "steps") -> dict[str, str]:
    if isinstance(block, Act):
        return {path: block.act}
    found: dict[str, str] = {}
    for name, child in inner_blocks(block).items():
        found |= acts_of(child, f"{path}/{name}")
    return found


def apart(one: Box, other: Box) -> bool:
    return (
        one.x + one.width <= other.x
        or other.x + other.width <= one.x
        or one.y + one.height <= other.y
        or other.y + other.height <= one.y
    )


def holds(outer: Box, inner: Box) -> bool:
    return (
        outer.x < inner.x
        and outer.y < inner.y
        and inner.x + inner.width < outer.x + outer.width
        and inner.y + inner.height < outer.y + outer.height
    )


@given(BLOCKS)
def test_every_step_is_drawn_once(block: Block) -> None:
    drawn = [(box.path, box.text) for box in lay_out(block).boxes if box.kind == "act"]
    assert sorted(drawn) == sorted(acts_of(block).items())


@given(BLOCKS)
def test_two_boxes_are_apart_unless_one_frames_the_other(block: Block) -> None:
    boxes = lay_out(block).boxes
    for at, one in enumerate(boxes):
        for other in boxes[at + 1 :]:
            framed = one.kind == "frame" and holds(one, other) and _within(other, one)
            assert apart(one, other) or framed, (one, other)


def _within(inner: Box, outer: Box) -> bool:
    return inner.path.startswith(outer.path.removesuffix("#"))


@given(BLOCKS)
def test_nothing_leaves_the_paper(block: Block) -> None:
    paper = lay_out(block)
    assert paper.width >= WIDTH
    for box in paper.boxes:
        assert box.width > 0
        assert box.height > 0
        assert (box.x >= 0) & (box.x + box.width <= paper.width)
        assert (box.y >= 0) & (box.y + box.height <= paper.height)
    for line in paper.lines:
        for x, y in line.points:
            assert (0 <= x <= paper.width) & (0 <= y <= paper.height)
    assert all(0 <= word.y <= paper.height for word in paper.words)


@given(BLOCKS)
def test_no_line_crosses_a_step(block: Block) -> None:
    paper = lay_out(block)
    acts = [box for box in paper.boxes if box.kind == "act"]
    for line in paper.lines:
        for (x0, y0), (x1, y1) in zip(line.points, line.points[1:], strict=False):
            left, right, top, bottom = min(x0, x1), max(x0, x1), min(y0, y1), max(y0, y1)
            for box in acts:
                beside = right <= box.x or box.x + box.width <= left
                assert beside or bottom <= box.y or box.y + box.height <= top, (line, box)


@given(BLOCKS, st.dictionaries(LABELS, st.builds(Strayed, st.integers(0, 9), st.integers(0, 9))))
def test_the_markup_is_well_formed_and_names_every_step(
    block: Block, steps: dict[str, Strayed]
) -> None:
    labels = acts_of(block).values()
    svg = workflow_drawing(lay_out(block), steps, runs=9, name="<b>&")
    tree = ET.fromstring(svg)  # noqa: S314 - our own markup
    assert "style" not in {name for each in tree.iter() for name in each.attrib}
    titles = [each.text or "" for each in tree.findall("g/title")]
    for label in labels:
        assert any(title.startswith(label) for title in titles)
    assert tree.findtext("title") == "<b>&, drawn"
    assert (tree.findtext("desc") or "").startswith(f"{len(labels)} steps")


def test_a_skipped_step_is_told_in_numbers_and_tinted() -> None:
    block = bare_workflow({"seq": [{"act": "read"}, {"act": "pay"}]}).steps
    svg = workflow_drawing(lay_out(block), {"pay": Strayed(3, 0)}, runs=10, name="w")
    assert "skipped in 3 of 10, 30.0 %" in svg
    assert "never skipped in 10" in svg
    assert 'class="wf-tint l3"' in svg
    assert 'class="wf-tint l0"' in svg


def test_branches_stand_side_by_side_while_they_are_readable() -> None:
    def placed(n: int) -> Layout:
        return lay_out(bare_workflow({"xor": [{"act": f"a{i}"} for i in range(n)]}).steps)

    assert len({box.y for box in placed(2).boxes if box.kind == "act"}) == 1
    assert len({box.y for box in placed(5).boxes if box.kind == "act"}) == 5


def test_forty_steps_stay_as_wide_as_a_telephone() -> None:
    steps: list[JsonValue] = [
        {"xor": [{"act": f"a{i}"}, {"opt": {"act": f"b{i}"}}]} for i in range(20)
    ]
    assert lay_out(bare_workflow({"seq": steps}).steps).width == WIDTH
