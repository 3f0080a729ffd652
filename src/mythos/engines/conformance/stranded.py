"""Nodes of graph blocks that lie on no walk: written down, and no step of the workflow."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from mythos.values.block import Block, Graph, GraphBody, inner_blocks


@dataclass(frozen=True, slots=True)
class Stranded:
    """A node and where it stands. `reached`: a start leads to it, but it leads to no end."""

    path: str
    name: str
    reached: bool


def stranded_in(block: Block, *, path: str = "steps") -> Iterator[Stranded]:
    """Every node that no walk from a start to an end comes to, at any depth.

    Args:
        block: steps of a workflow.
        path: where they stand in the document.
    """
    pending = [(path, block)]
    while pending:
        where, here = pending.pop()
        if isinstance(here, Graph):
            yield from _stranded(here.graph, where)
        pending += [(f"{where}/{key}", child) for key, child in inner_blocks(here).items()]


def _stranded(graph: GraphBody, path: str) -> Iterator[Stranded]:
    reached = _reached(graph.start, graph.edges)
    leading = _reached(graph.ends, ((after, before) for before, after in graph.edges))
    for name in graph.nodes:
        if name not in reached or name not in leading:
            yield Stranded(f"{path}/graph/nodes/{name}", name, name in reached)


def _reached(first: Iterable[str], edges: Iterable[tuple[str, str]]) -> set[str]:
    onward: dict[str, list[str]] = defaultdict(list)
    for before, after in edges:
        onward[before].append(after)
    seen, pending = set(first), [*first]
    while pending:
        new = set(onward[pending.pop()]) - seen
        seen |= new
        pending += new
    return seen
