"""Costs equal those that an independent implementation found on real and random workflows."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from mythos.engines.conformance import Interval, Model, Stream, compile_blueprint

LOGS = [
    *("a12f0n20-n9.0", "a12f0n50-n9.0", "bpic2012-n0.2", "helpdesk-n0.0", "helpdesk-n0.2"),
    *("receipt-n0.0", "receipt-n0.2", "repair-n0.0", "repair-n0.2", "reviewing-n0.0"),
    *("reviewing-n0.2", "roadtraffic-var-n0.0", "roadtraffic-var-n0.2"),
    *("running-example-n0.0", "running-example-n0.2"),
]


Case = dict[str, Any]


def read(shared: Path, name: str) -> Case:
    path = shared / "data" / "conformance" / f"{name}.json.gz"
    if not path.is_file():
        path = shared / "conformance" / f"{name}.json.gz"
    if not path.is_file():
        pytest.skip(f"no {name} in {shared}")
    case: Case = json.loads(gzip.decompress(path.read_bytes()))
    return case


def wrong(model: Model, case: Case) -> list[tuple[list[str], int, int, int]]:
    """Traces whose cost or explanation differs from the recorded cost."""
    variants = case["variants"]
    costs = model.costs([variant["trace"] for variant in variants])
    found = []
    for variant, cost in zip(variants, costs, strict=True):
        aligned = model.align(variant["trace"])
        if not (cost == aligned.cost == len(aligned.deviations) == variant["cost"]):
            found.append((variant["trace"], cost, aligned.cost, variant["cost"]))
    return found


def streamed_wrongly(model: Model, case: Case) -> list[tuple[list[str], Interval, int]]:
    """Traces whose cost, event by event, is not certain or differs from the recorded cost."""
    found = []
    for variant in case["variants"]:
        run = Stream(model)
        for label in variant["trace"]:
            run.add(label)
        if run.certificate != Interval(variant["cost"], variant["cost"]):
            found.append((variant["trace"], run.certificate, variant["cost"]))
    return found


@pytest.mark.parametrize("log", LOGS)
def test_costs_on_a_real_log_equal_the_oracle(shared: Path, log: str) -> None:
    case = read(shared, log)
    model = compile_blueprint(case["tree"])
    assert model.min_length == model.shortest_cost == case["model_min_length"]
    assert wrong(model, case) == []
    assert streamed_wrongly(model, case) == []


def test_costs_on_random_trees_equal_the_oracle(shared: Path) -> None:
    for case in read(shared, "random-trees")["models"]:
        model = compile_blueprint(case["tree"])
        assert model.min_length == case["model_min_length"], case["tree"]
        assert wrong(model, case) == [], case["tree"]
        assert streamed_wrongly(model, case) == [], case["tree"]
