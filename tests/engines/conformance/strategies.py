"""Arbitrary workflows and traces, small enough that labels repeat and blocks nest."""

from __future__ import annotations

from itertools import pairwise
from typing import TypeAlias

from hypothesis import strategies as st
from pydantic import JsonValue

Tree: TypeAlias = dict[str, JsonValue]

LABELS = "abcd"


def act(label: str) -> Tree:
    return {"act": label}


def block(kind: str, *children: JsonValue) -> Tree:
    return {kind: list(children)}


def acts(labels: str) -> list[JsonValue]:
    return [act(label) for label in labels]


def _loop(do: Tree, redo: Tree | None, most: int | None) -> Tree:
    body: Tree = {"do": do}
    if redo is not None:
        body["redo"] = redo
    if most is not None:
        body["max"] = most
    return {"loop": body}


def _blocks(inner: st.SearchStrategy[Tree]) -> st.SearchStrategy[Tree]:
    kinds = st.sampled_from(["seq", "xor", "and"])
    many = st.builds(block, kinds, inner, inner)
    three = st.builds(block, kinds, inner, inner, inner)
    loops = st.builds(_loop, inner, st.none() | inner, st.none() | st.integers(1, 3))
    opts: st.SearchStrategy[Tree] = inner.map(lambda tree: {"opt": tree})
    return many | three | loops | opts


LEAVES: st.SearchStrategy[Tree] = st.sampled_from(LABELS).map(act) | st.just({"tau": True})
TREES = st.recursive(LEAVES, _blocks, max_leaves=7)
TREES_OF_TWO = st.recursive(LEAVES, _blocks, max_leaves=2)


def mapped(do: Tree, least: int, more: int) -> Tree:
    return {"map": {"do": do, "min": least, "max": max(least + more, 1)}}


MAPS = st.builds(mapped, TREES_OF_TWO, st.integers(0, 2), st.integers(0, 1))


@st.composite
def graphs(draw: st.DrawFn, inner: st.SearchStrategy[Tree]) -> Tree:
    """A graph of at most four nodes that has a walk; some nodes may be on none."""
    nodes = draw(st.lists(inner, min_size=1, max_size=4))
    names = st.sampled_from([f"n{i}" for i in range(len(nodes))])
    walk = draw(st.lists(names, min_size=1, max_size=3))
    edges = draw(st.lists(st.tuples(names, names), max_size=6)) + list(pairwise(walk))
    return {
        "graph": {
            "nodes": {f"n{i}": node for i, node in enumerate(nodes)},
            "start": [walk[0], *draw(st.lists(names, max_size=1))],
            "edges": [list(edge) for edge in edges],
            "ends": [walk[-1], *draw(st.lists(names, max_size=1))],
        }
    }


GRAPHS = graphs(TREES_OF_TWO | MAPS)


def _with_maps(inner: st.SearchStrategy[Tree]) -> st.SearchStrategy[Tree]:
    return _blocks(inner) | MAPS | st.builds(mapped, inner, st.integers(0, 2), st.integers(0, 2))


MAPPED = st.recursive(LEAVES, _with_maps, max_leaves=5)
ALL_BLOCKS = st.recursive(LEAVES, lambda t: _with_maps(t) | graphs(t), max_leaves=5)
TRACES = st.lists(st.sampled_from(LABELS + "x"), max_size=7)
WEIGHT = st.integers(0, 9)
WEIGHTS = st.fixed_dictionaries(
    {"default": WEIGHT},
    optional={
        label: st.fixed_dictionaries({}, optional={"skip": WEIGHT, "extra": WEIGHT})
        for label in LABELS
    },
)


def workflow(
    steps: Tree, weights: dict[str, JsonValue] | None = None, extra: str = "count"
) -> Tree:
    return {
        "schema": "mythos.ritual/1",
        "name": "w",
        "steps": steps,
        "weights": weights or {},
        "extra": extra,
    }
