"""The words of a tree by definition, and the cost of a trace by trying them all.

Slow and obvious on purpose: what the engine is compared with.
"""

from __future__ import annotations

from functools import cache
from itertools import product
from typing import cast

from tests.engines.conformance.strategies import Tree

Word = tuple[str, ...]


def words(tree: Tree, longest: int) -> frozenset[Word]:
    """Every word of a tree with at most `longest` labels."""
    ((kind, inner),) = ((key, value) for key, value in tree.items() if key != "match")
    match kind:
        case "act":
            found: set[Word] = {(str(inner),)}
        case "tau":
            found = {()}
        case "opt":
            found = {(), *words(cast("Tree", inner), longest)}
        case "loop":
            found = _loop_words(cast("Tree", inner), longest)
        case "map":
            found = _map_words(cast("Tree", inner), longest)
        case "graph":
            found = _graph_words(cast("Tree", inner), longest)
        case _:
            parts = [words(child, longest) for child in cast("list[Tree]", inner)]
            found = _combined(kind, parts, longest)
    return frozenset(word for word in found if len(word) <= longest)


def _combined(kind: str, parts: list[frozenset[Word]], longest: int) -> set[Word]:
    if kind == "xor":
        return {word for part in parts for word in part}
    found: set[Word] = {()}
    for part in parts:
        pairs = [(a, b) for a, b in product(found, part) if len(a) + len(b) <= longest]
        if kind == "seq":
            found = {a + b for a, b in pairs}
        else:
            found = {word for a, b in pairs for word in shuffles(a, b)}
    return found


def _loop_words(body: Tree, longest: int) -> set[Word]:
    do = words(cast("Tree", body["do"]), longest)
    redo = words(cast("Tree", body.get("redo") or {"tau": True}), longest)
    most = cast("int | None", body.get("max"))
    found = last = set(do)
    rounds = 1
    while most is None or rounds < most:
        last = {a + b + c for a in last for b in redo for c in do if len(a + b + c) <= longest}
        if last <= found:
            break
        found = found | last
        rounds += 1
    return found


def _map_words(body: Tree, longest: int) -> set[Word]:
    do = words(cast("Tree", body["do"]), longest)
    least, most = cast("int", body.get("min", 1)), cast("int", body["max"])
    by_copies = (_combined("and", [do] * n, longest) for n in range(least, most + 1))
    return set().union(*by_copies)


def _graph_words(body: Tree, longest: int) -> set[Word]:
    """Walk on from every (node just done, labels so far) until nothing new is found."""
    nodes = {
        name: words(node, longest) for name, node in cast("dict[str, Tree]", body["nodes"]).items()
    }
    starts, ends = cast("list[str]", body["start"]), cast("list[str]", body["ends"])
    edges = cast("list[list[str]]", body.get("edges", []))
    pending = [(name, word) for name in starts for word in nodes[name]]
    walked = set(pending)
    while pending:
        here, before = pending.pop()
        for after in (after for one, after in edges if one == here):
            ways = {(after, before + word) for word in nodes[after]}
            new = {way for way in ways if len(way[1]) <= longest} - walked
            walked |= new
            pending += new
    return {word for name, word in walked if name in ends}


@cache
def shuffles(a: Word, b: Word) -> frozenset[Word]:
    if not a or not b:
        return frozenset((a + b,))
    return frozenset(
        {(a[0], *rest) for rest in shuffles(a[1:], b)}
        | {(b[0], *rest) for rest in shuffles(a, b[1:])}
    )


def edits(trace: Word, word: Word) -> int:
    """Fewest insertions and deletions that turn one into the other."""
    row = list(range(len(word) + 1))
    for i, label in enumerate(trace, start=1):
        above, row = row, [i]
        for j, wanted in enumerate(word, start=1):
            best = above[j - 1] if label == wanted else min(above[j], row[j - 1]) + 1
            row.append(best)
    return row[-1]
