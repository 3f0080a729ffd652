"""The normal form of blocks: what they mean, without how they were written down.

Laws used, all of which keep the set of allowed step sequences: `seq`, `xor` and `and` are
associative; `xor` and `and` commute; a repeated branch of `xor` adds nothing; `tau` is neutral in
`seq` and `and`; an operator with one child is that child; `opt a` is `xor [a, tau]`; a loop of at
most one round is its body. Documents that differ by these alone have one normal form. It is not
a decision procedure: other documents of equal meaning may still differ.

Children keep the path of the block they were written at, so that what is found out about the
normal form can be told in the author's terms.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from pydantic import JsonValue

from mythos.values.block import Act, And, Block, Graph, GraphBody, Loop, Map, Opt, Seq, Tau, Xor
from mythos.values.digest import canonical_bytes

Kind = Literal["act", "tau", "seq", "xor", "and", "loop", "map", "graph"]


@dataclass(frozen=True, slots=True)
class Process:
    """A block in normal form.

    `form` is its JSON and again a block. `path` leads to where the author wrote it. A loop has
    the children (do, redo) and at most `most` rounds, None without limit; a map between `least`
    and `most` copies of its only child. `act` names the step, `walks` says how a graph is walked.
    """

    kind: Kind
    form: JsonValue
    path: str
    children: tuple[Process, ...] = ()
    act: Act | None = None
    least: int = 0
    most: int | None = None
    walks: Walks | None = None


@dataclass(frozen=True, slots=True)
class Walks:
    """From which child of a graph to which a run may go on, and where it may begin and end.

    `links[i]` are the children that may follow child `i`. All are indices in ascending order.
    """

    links: tuple[tuple[int, ...], ...]
    starts: tuple[int, ...]
    ends: tuple[int, ...]


def normal_form(block: Block, *, path: str = "steps") -> Process:
    """Rewrite a block by the laws above; idempotent.

    Args:
        block: any block.
        path: where it stands in its document.

    Returns:
        The process, whose children are in the order of their canonical JSON where order has no
        meaning.
    """
    match block:
        case Act():
            process = Process("act", block.model_dump(mode="json"), f"{path}/act", act=block)
        case Tau():
            process = _tau(path)
        case Seq(seq=children):
            process = _seq(path, _each(children, f"{path}/seq"))
        case Xor(xor=children):
            process = _xor(path, _each(children, f"{path}/xor"))
        case And(and_=children):
            process = _and(path, _each(children, f"{path}/and"))
        case Opt(opt=child):
            process = _xor(path, [normal_form(child, path=f"{path}/opt"), _tau(path)])
        case Loop():
            process = _loop(path, block)
        case Map():
            process = _map(path, block)
        case Graph():
            process = _graph(path, block)
    return process


def _each(children: Iterable[Block], path: str) -> list[Process]:
    return [normal_form(child, path=f"{path}/{i}") for i, child in enumerate(children)]


def _tau(path: str) -> Process:
    return Process("tau", {"tau": True}, path)


def _flat(kind: Kind, children: Iterable[Process]) -> list[Process]:
    return [
        inner
        for child in children
        for inner in (child.children if child.kind == kind else (child,))
    ]


def _seq(path: str, children: list[Process]) -> Process:
    steps = [child for child in _flat("seq", children) if child.kind != "tau"]
    return _operator("seq", path, steps)


def _and(path: str, children: list[Process]) -> Process:
    branches = [child for child in _flat("and", children) if child.kind != "tau"]
    return _operator("and", path, sorted(branches, key=_order))


def _operator(kind: Literal["seq", "and"], path: str, children: list[Process]) -> Process:
    if not children:
        return _tau(path)
    if len(children) == 1:
        return children[0]
    return Process(kind, {kind: [child.form for child in children]}, path, tuple(children))


def _xor(path: str, children: list[Process]) -> Process:
    distinct: dict[bytes, Process] = {}
    for child in _flat("xor", children):
        distinct.setdefault(_order(child), child)
    branches = tuple(distinct[key] for key in sorted(distinct))
    if len(branches) == 1:
        return branches[0]
    return Process("xor", _xor_form(branches), path, branches)


def _xor_form(branches: tuple[Process, ...]) -> JsonValue:
    forms = [branch.form for branch in branches if branch.kind != "tau"]
    chosen: JsonValue = forms[0] if len(forms) == 1 else {"xor": forms}
    return chosen if len(forms) == len(branches) else {"opt": chosen}


def _loop(path: str, block: Loop) -> Process:
    body = block.body
    names = ("0", "1") if isinstance(block.loop, tuple) else ("do", "redo")
    do = normal_form(body.do, path=f"{path}/loop/{names[0]}")
    redo = normal_form(body.redo, path=f"{path}/loop/{names[1]}") if body.redo else _tau(path)
    if body.max == 1 or (do.kind == redo.kind == "tau"):
        return do
    form: dict[str, JsonValue] = {"do": do.form}
    if redo.kind != "tau":
        form["redo"] = redo.form
    if body.max is not None:
        form["max"] = body.max
    return Process("loop", {"loop": form}, path, (do, redo), most=body.max)


def _map(path: str, block: Map) -> Process:
    do = normal_form(block.map.do, path=f"{path}/map/do")
    form: dict[str, JsonValue] = {"do": do.form, "max": block.map.max}
    if block.map.min != 1:
        form["min"] = block.map.min
    return Process("map", {"map": form}, path, (do,), least=block.map.min, most=block.map.max)


def _graph(path: str, block: Graph) -> Process:
    graph = block.graph
    nodes = {
        name: normal_form(node, path=f"{path}/graph/nodes/{name}")
        for name, node in sorted(graph.nodes.items())
    }
    edges: list[JsonValue] = [[a, b] for a, b in sorted(set(graph.edges))]
    starts: list[JsonValue] = [*sorted(set(graph.start))]
    ends: list[JsonValue] = [*sorted(set(graph.ends))]
    forms: dict[str, JsonValue] = {name: node.form for name, node in nodes.items()}
    form: dict[str, JsonValue] = {"nodes": forms, "start": starts, "ends": ends}
    if edges:
        form["edges"] = edges
    return Process(
        "graph", {"graph": form}, path, tuple(nodes.values()), walks=_walks(graph, nodes)
    )


def _walks(graph: GraphBody, nodes: Iterable[str]) -> Walks:
    numbers = {name: number for number, name in enumerate(nodes)}
    links: list[set[int]] = [set() for _ in numbers]
    for before, after in graph.edges:
        links[numbers[before]].add(numbers[after])
    return Walks(
        tuple(tuple(sorted(after)) for after in links),
        tuple(sorted({numbers[name] for name in graph.start})),
        tuple(sorted({numbers[name] for name in graph.ends})),
    )


def _order(process: Process) -> bytes:
    return canonical_bytes(process.form)
