"""Alignments: are the costs right, what does one take, and does a stream keep up with events?

    python bench/conformance.py [--data DIR] [--peer pm4py] [--json]

`DIR` holds logs as gzipped JSON, `{"tree", "model_min_length", "variants": [{"trace", "cost"}]}`,
and files of many such `models`; the costs come from an independent implementation. Times are of
distinct variants, compilation apart. With `--peer pm4py` the peer is built from PyPI for this run
and aligns the same variants; only algorithms that were right on all they finished are held against
us, and of those the one that is fastest beside ours.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from statistics import median

import _pm4py
from _workflows import LOOP, Log, logs_in, on_the_tree, run_of
from rows import Row, cpu_seconds, report

from mythos.engines.conformance import Interval, Model, Stream, compile_blueprint

PEER_SECONDS = 5.0
SIZES = (1_000, 10_000)


def streamed(model: Model, traces: Sequence[Sequence[str]]) -> list[Interval]:
    return [run.certificate for run in (followed(model, trace) for trace in traces)]


def followed(model: Model, trace: Sequence[str]) -> Stream:
    run = Stream(model)
    for label in trace:
        run.add(label)
    return run


def mismatches(logs: Sequence[Log]) -> Iterator[Row]:
    """Differences from the recorded costs: both routes, explanations, streams."""
    found = dict.fromkeys(("automaton", "tree", "moves", "stream", "shortest word"), 0)
    for log in logs:
        model = compile_blueprint(log.tree)
        told = {
            "automaton": model.costs(log.traces),
            "tree": on_the_tree(log.tree).costs(log.traces),
            "moves": [len(model.align(trace).deviations) for trace in log.traces],
            "stream": [i.cost if i.exact else -1 for i in streamed(model, log.traces)],
        }
        for name, costs in told.items():
            found[name] += sum(a != b for a, b in zip(costs, log.costs, strict=True))
        found["shortest word"] += model.min_length != log.shortest
    n_variants = sum(len(log.traces) for log in logs)
    against = f"recorded costs, {n_variants:,} variants of {len(logs):,} workflows"
    for name, count in found.items():
        yield Row(f"differs: {name}", count, "answers", against, goal="== 0")


def speeds(logs: Sequence[Log]) -> Iterator[Row]:
    routes: dict[str, list[float]] = {"automaton": [], "tree": [], "moves": []}
    events = []
    for log in logs:
        model, other = compile_blueprint(log.tree), on_the_tree(log.tree)
        n_variants = len(log.traces)
        for name, work in {
            "automaton": lambda m=model, ts=log.traces: m.costs(ts),
            "tree": lambda m=other, ts=log.traces: m.costs(ts),
            "moves": lambda m=model, ts=log.traces: explained(m, ts),
        }.items():
            routes[name].append(cpu_seconds(work) / n_variants * 1e6)
        taken_s = cpu_seconds(lambda m=model, ts=log.traces: streamed(m, ts))
        events.append(taken_s / log.n_events * 1e9)
    for name, taken in routes.items():
        yield Row(f"{name}, median log", median(taken), "us/variant")
        yield Row(f"{name}, slowest log", max(taken), "us/variant")
    yield Row("stream, median log", median(events), "ns/event")
    yield Row("stream, slowest log", max(events), "ns/event", goal="<= 50000")


def explained(model: Model, traces: Sequence[Sequence[str]]) -> None:
    """Every alignment anew; a model remembers those it was asked for."""
    model._aligned.clear()  # noqa: SLF001
    for trace in traces:
        model.align(trace)


def growth() -> Iterator[Row]:
    """Ten times the events: about ten times the time, whether a run fits or not."""
    model = compile_blueprint(LOOP)
    assert model.costs([run_of(SIZES[0], 0.0)]) == [0]
    for share in (0.0, 0.01, 0.2):
        few, many = (costing(model, run_of(size, share)) for size in SIZES)
        # as long a measurement of the short run as of the long one, or noise decides
        short, long = cpu_seconds(lambda work=few: [work() for _ in range(10)]), cpu_seconds(many)
        name = f"10 times the events, {share:.0%} wrong"
        ratio = 10 * long / short
        yield Row(name, long / SIZES[1] * 1e9, "ns/event", "1,000 events", ratio, "<= 14")


def costing(model: Model, trace: list[str]) -> Callable[[], object]:
    return lambda: model.costs([trace])


def wide(n_branches: int) -> Iterator[Row]:
    """Parallel branches of two steps, four deviations."""
    branches = [{"seq": [{"act": f"a{i}"}, {"act": f"b{i}"}]} for i in range(n_branches)]
    trace = [f"{part}{i}" for part in "ab" for i in range(n_branches)]
    random.Random(1).shuffle(trace[:n_branches])
    trace = ["x", *trace[:7], "b30", *trace[8:-1]]
    model = compile_blueprint({"and": branches})
    aligned, run = model.align(trace), followed(model, trace)
    assert aligned.exact
    assert run.certificate == Interval(aligned.cost, aligned.cost)
    taken_s = cpu_seconds(costing(model, trace))
    yield Row(f"{n_branches} parallel branches", taken_s, "s", goal="<= 0.2")
    streamed_s = cpu_seconds(lambda: followed(model, trace)) / len(trace)
    yield Row(f"stream, {n_branches} parallel branches", streamed_s * 1e9, "ns/event")


def beside(logs: Sequence[Log]) -> Iterator[Row]:
    """Ratios by log, of costs against the peer's fastest right algorithm; then their medians."""
    fastest: list[float] = []
    certain: list[float] = []
    with_moves: list[float] = []
    with _pm4py.peer() as python:
        for log in logs:
            told = _pm4py.aligned(python, log.tree, log.traces, seconds=PEER_SECONDS)
            right = [each for each in told if each.costs and log.begins(each.costs)]
            ratios = {each.algorithm: ratio(each, log, Model.costs) for each in right}
            name = min(ratios, key=ratios.__getitem__)
            each = next(each for each in right if each.algorithm == name)
            against = f"{name}, {len(each.costs)} of {len(log.traces)} variants"
            value = sum(each.seconds) / len(each.costs) / ratios[name] * 1e6
            yield Row(f"peer, {log.name}", value, "us/variant", against, ratios[name], ">= 10")
            fastest.append(ratios[name])
            certain += [ratios[_pm4py.CERTAIN]] if _pm4py.CERTAIN in ratios else []
            with_moves.append(min(ratio(each, log, explained) for each in right))
    against = f"{_pm4py.PEER}, its fastest right algorithm on each log"
    yield Row("peer, median of logs", median(fastest), "ratio", against, goal=">= 40")
    yield Row("peer, median, with moves", median(with_moves), "ratio", against)
    yield Row("peer, least, with moves", min(with_moves), "ratio", against)
    against = f"{_pm4py.PEER}, A*"
    yield Row("peer, median of logs, A*", median(certain), "ratio", against, goal=">= 200")
    yield Row("peer, least of logs, A*", min(certain), "ratio", against, goal=">= 20")


def ratio(told: _pm4py.Told, log: Log, work: Callable[[Model, list[list[str]]], object]) -> float:
    """The peer's seconds over ours, on the variants that it finished."""
    model, traces = compile_blueprint(log.tree), log.traces[: len(told.costs)]
    return sum(told.seconds) / cpu_seconds(lambda: work(model, traces))


def main(argv: Sequence[str]) -> int:
    shared = Path(os.environ.get("MYTHOS_SHARED") or "../shared") / "data" / "conformance"
    parser = argparse.ArgumentParser(prog="bench/conformance.py", description="See the docs page.")
    parser.add_argument("--data", type=Path, default=shared)
    parser.add_argument("--peer", choices=["pm4py"])
    parser.add_argument("--json", action="store_true", help="print one line of JSON")
    asked = parser.parse_args(argv)
    logs = list(logs_in(asked.data))
    rows = [*growth(), *wide(40)]
    if logs:
        real = [log for log in logs if log.name]
        rows = [*mismatches(logs), *speeds(real), *rows, *(beside(real) if asked.peer else [])]
    else:
        print(f"no logs in {asked.data}: set --data or MYTHOS_SHARED", file=sys.stderr)
    return report("conformance", rows, ["--json"] if asked.json else [])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
