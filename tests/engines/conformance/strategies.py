"""Arbitrary workflows and traces, small enough that labels repeat and blocks nest."""

from __future__ import annotations

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


TREES = st.recursive(
    st.sampled_from(LABELS).map(act) | st.just({"tau": True}), _blocks, max_leaves=7
)
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
