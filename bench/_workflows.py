"""Workflows and runs that the conformance benchmark times, and the other route to align them."""

from __future__ import annotations

import gzip
import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import JsonValue

from mythos.engines.conformance import Model, compile_blueprint
from mythos.engines.conformance.costs import fine
from mythos.engines.conformance.frontier import BUDGET, Frontier
from mythos.engines.conformance.tree import numbered
from mythos.values.process import normal_form
from mythos.values.workflow import bare_workflow

LOOP: dict[str, JsonValue] = {
    "seq": [
        {"act": "plan"},
        {
            "loop": [
                {
                    "xor": [
                        {"act": "search"},
                        {"act": "code"},
                        {"and": [{"act": "read"}, {"act": "grep"}, {"act": "test"}]},
                    ]
                },
                {"act": "review"},
            ]
        },
    ]
}


@dataclass(frozen=True, slots=True)
class Log:
    """One workflow with the variants of a log and what each costs."""

    name: str
    tree: dict[str, JsonValue]
    shortest: int
    traces: list[list[str]]
    costs: list[int]

    @property
    def n_events(self) -> int:
        """Of all variants together."""
        return sum(map(len, self.traces))

    def begins(self, costs: Sequence[int]) -> bool:
        """Whether these are the costs of the first variants."""
        return list(costs) == self.costs[: len(costs)]


def logs_in(folder: Path) -> Iterator[Log]:
    for path in sorted(folder.glob("*.json.gz")):
        read = json.loads(gzip.decompress(path.read_bytes()))
        for case in read.get("models", [read]):
            variants = case["variants"]
            yield Log(
                case.get("log", ""),
                case["tree"],
                case["model_min_length"],
                [variant["trace"] for variant in variants],
                [variant["cost"] for variant in variants],
            )


def on_the_tree(tree: dict[str, JsonValue]) -> Model:
    """The same workflow by the other route, whatever its size."""
    model = compile_blueprint(tree)
    steps = numbered(normal_form(bare_workflow(tree).steps), skip_of=lambda _: fine(1))
    model._route = Frontier(steps, model._costs, budget=BUDGET)  # noqa: SLF001
    return model


def run_of(size: int, share: float) -> list[str]:
    """A run of the loop, of about so many events, with a share of them replaced."""
    pick = random.Random(size)
    trace = ["plan"]
    while len(trace) < size:
        trace += ["search", "review", "code", "review", *pick.sample(["read", "grep", "test"], 3)]
        trace.append("review")
    del trace[-1]
    for at in range(len(trace)):
        if pick.random() < share:
            trace[at] = pick.choice(["search", "read", "plan", "elsewhere"])
    return trace
