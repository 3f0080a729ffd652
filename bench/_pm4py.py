"""The peer pm4py from PyPI, in an environment of its own that goes away afterwards.

It is under the AGPL: nothing of it is imported here, and nothing here depends on it. Its own
process aligns the variants of a log by four of its exact algorithms, each until its time is up, and
says what each variant cost and took. A variant is aligned twice and the faster time counts.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pydantic import JsonValue

PEER = "pm4py==2.7.23.11"
CERTAIN = "A*"
ALIGN = """
import json, sys, time
from pm4py import convert_to_petri_net
from pm4py.algo.conformance.alignments.petri_net import algorithm as nets
from pm4py.algo.conformance.alignments.process_tree import algorithm as trees
from pm4py.objects.log.obj import Event, Trace
from pm4py.objects.process_tree.obj import Operator, ProcessTree

OPERATORS = {"seq": Operator.SEQUENCE, "xor": Operator.XOR, "and": Operator.PARALLEL,
             "loop": Operator.LOOP}

def tree_of(block):
    (kind, inner), = block.items()
    if kind in ("act", "tau"):
        return ProcessTree(label=inner if kind == "act" else None)
    tree = ProcessTree(operator=OPERATORS[kind])
    for child in map(tree_of, inner):
        child.parent = tree
        tree.children.append(child)
    return tree

def by_net(variant):
    alone = {"enable_best_worst_cost": False}
    def align(trace):
        return nets.apply_trace(trace, *net, parameters=dict(alone), variant=variant)
    return align

def by_tree(trace):
    return trees.apply(trace, tree, variant=trees.Variants.SEARCH_GRAPH_PT)

def visible(pair):
    sides = [getattr(side, "label", side) for side in pair]
    return ">>" in sides and any(side not in (">>", None) for side in sides)

def deviations(found):
    return sum(map(visible, found["alignment"]))

asked = json.load(sys.stdin)
tree = tree_of(asked["tree"])
net = convert_to_petri_net(tree)
ways = {
    "A*": by_net(nets.Variants.VERSION_STATE_EQUATION_A_STAR),
    "Dijkstra": by_net(nets.Variants.VERSION_DIJKSTRA_NO_HEURISTICS),
    "Dijkstra, less memory": by_net(nets.Variants.VERSION_DIJKSTRA_LESS_MEMORY),
    "tree search": by_tree,
}
told = {}
for name, align in ways.items():
    told[name], end = [], time.process_time() + asked["seconds"]
    for labels in asked["traces"]:
        trace, taken = Trace([Event({"concept:name": label}) for label in labels]), []
        for _ in range(2):
            start = time.process_time()
            found = align(trace)
            taken.append(time.process_time() - start)
        if time.process_time() > end or found is None:
            break
        told[name].append([deviations(found), min(taken)])
json.dump(told, open(sys.argv[1], "w"))
"""


@dataclass(frozen=True, slots=True)
class Told:
    """What one algorithm found of the first variants of a log: costs and CPU-seconds."""

    algorithm: str
    costs: tuple[int, ...]
    seconds: tuple[float, ...]


@contextmanager
def peer() -> Iterator[Path]:
    """The interpreter of an environment with the peer in it."""
    with tempfile.TemporaryDirectory() as home:
        python = Path(home) / "bin" / "python"
        subprocess.run([sys.executable, "-m", "venv", home], check=True)
        install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", PEER]
        subprocess.run([python, *install], check=True, stdout=sys.stderr)
        yield python


def aligned(
    python: Path, tree: JsonValue, traces: list[list[str]], *, seconds: float
) -> list[Told]:
    """What the peer says of a log.

    Args:
        python: an interpreter that has the peer.
        tree: of the workflow.
        traces: its variants.
        seconds: CPU-seconds for each algorithm; what is not finished in them is left out.

    Raises:
        subprocess.CalledProcessError: the peer failed.
    """
    asked = json.dumps({"tree": tree, "traces": traces, "seconds": seconds})
    with tempfile.NamedTemporaryFile() as answer:
        words = [python, "-c", ALIGN, answer.name]
        subprocess.run(words, check=True, input=asked, text=True, stdout=sys.stderr)
        told = json.load(answer)
    return [
        Told(name, tuple(cost for cost, _ in found), tuple(taken for _, taken in found))
        for name, found in told.items()
    ]
