"""Arbitrary evidence, small enough to collide often."""

from __future__ import annotations

from dataclasses import replace
from typing import get_args

from hypothesis import strategies as st

from mythos.engines.evidence.action import ActionBody
from mythos.engines.evidence.body import Body
from mythos.engines.evidence.memory import MemoryBody
from mythos.engines.evidence.policy import OutcomeCounts, PolicyBody, RunCounts
from mythos.engines.evidence.row import EvidenceRow, RowKey
from mythos.engines.evidence.sample import Sample, Samples, Step
from mythos.engines.evidence.time import TimeBody
from mythos.engines.evidence.window import HOUR_S
from mythos.engines.evidence.workflow import (
    COST_BUCKETS,
    DURATION_BUCKETS,
    WorkflowBody,
    WorkflowSummary,
)
from mythos.values.evidence import RowKind
from mythos.values.memory import BadClass, Offender
from mythos.values.outcome import Outcome, Severity

COUNT = st.integers(0, 50)
NAME = st.sampled_from(["a", "b", "c", "d"])
CELL_S = 600

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=6,
)

PAYEE: st.SearchStrategy[dict[str, object]] = st.just({"to": "x"})


def samples(
    arguments: st.SearchStrategy[dict[str, object]] = PAYEE,
) -> st.SearchStrategy[Sample]:
    return st.builds(
        Sample,
        span_id=st.integers(0, 60).map(lambda n: f"{n:016x}"),
        trace_id=st.just("t"),
        tool=NAME,
        agent=NAME,
        at=COUNT,
        outcome=st.sampled_from(Outcome),
        rule=NAME,
        rules=st.lists(NAME, max_size=2).map(tuple),
        severity=st.sampled_from(Severity),
        arguments=st.none() | arguments,
        missing=st.just(()),
        why=st.text(max_size=5),
        steps=st.lists(
            st.builds(
                Step, NAME, NAME, NAME, COUNT, st.booleans(), st.none() | st.text(max_size=5)
            ),
            max_size=2,
        ).map(tuple),
    )


SAMPLES = st.lists(samples(), max_size=70).map(Samples.of)
FEW_SAMPLES = st.lists(samples(), max_size=3).map(Samples.of)


def _with_offenders(body: MemoryBody) -> st.SearchStrategy[MemoryBody]:
    """What the log says of none, some or all of the keys."""
    told = st.lists(st.sampled_from(sorted(body.keys)), unique=True) if body.keys else st.just([])
    return st.builds(
        lambda names, logged, seq: replace(
            body,
            offenders=tuple(
                Offender(key=name, kind=body.keys[name], seq=seq, logged=logged, ts=seq)
                for name in names
            ),
        ),
        told,
        st.none() | st.just("salted-sha256:" + "0" * 64),
        st.none() | COUNT,
    )


POLICY = st.builds(
    PolicyBody,
    st.dictionaries(NAME, st.builds(OutcomeCounts, COUNT, COUNT, COUNT, COUNT)),
    st.dictionaries(NAME, st.sampled_from(Severity)),
    st.builds(RunCounts, COUNT, COUNT, COUNT),
    FEW_SAMPLES,
)
ACTION = st.tuples(COUNT, COUNT).map(lambda pair: ActionBody(max(pair), min(pair)))
BITS = st.integers(0, 2 ** (HOUR_S // CELL_S) - 1)
TIME = st.builds(
    TimeBody, st.just(CELL_S), BITS, BITS, BITS, BITS, BITS, COUNT, COUNT, COUNT
) | st.just(TimeBody())
MEMORY = st.builds(
    MemoryBody,
    size=st.integers(0, 3),
    audited_at=st.integers(0, 3),
    root=NAME,
    ok=COUNT,
    altered=COUNT,
    missing=COUNT,
    unlogged=COUNT,
    expired=COUNT,
    proof_failed=st.booleans(),
    keys=st.dictionaries(NAME, st.sampled_from(get_args(BadClass))),
    written_since=COUNT,
    restarts=st.integers(0, 2),
    heard_at=st.integers(0, 2),
).flatmap(_with_offenders)

TABLE = st.dictionaries(NAME, COUNT)
TIMES = st.none() | COUNT
SUMMARY = st.builds(
    WorkflowSummary,
    runs=st.integers(150, 200),
    fitting=COUNT,
    open=COUNT,
    inexact=COUNT,
    cost_sum=COUNT,
    denom_sum=st.integers(50, 100),
    duration_ms_sum=COUNT,
    tokens_in=COUNT,
    tokens_out=COUNT,
    variants=TABLE,
    dev_runs=TABLE,
    df_runs=TABLE,
    cost_hist=st.tuples(*[COUNT] * COST_BUCKETS),
    duration_hist=st.just((1,) * DURATION_BUCKETS),
    first_ts=TIMES,
    last_ts=TIMES,
)
WORKFLOW = st.builds(WorkflowBody, SUMMARY | st.just(WorkflowSummary()), FEW_SAMPLES)

BY_KIND: dict[RowKind, st.SearchStrategy[Body]] = {
    "policy": POLICY,
    "shadow": POLICY,
    "action": ACTION,
    "time": TIME,
    "memory": MEMORY,
    "workflow": WORKFLOW,
}


@st.composite
def rows(draw: st.DrawFn) -> EvidenceRow:
    kind = draw(st.sampled_from(sorted(BY_KIND)))
    width = HOUR_S if kind == "time" else 60
    key = RowKey(
        node=draw(st.sampled_from(["n1", "n2"])),
        environment="prod",
        bundle="",
        agent="",
        kind=kind,
        subject="",
        cell=draw(st.integers(0, 30)) * HOUR_S + draw(st.sampled_from([0, width])),
        width_s=width,
    )
    return EvidenceRow(key, draw(BY_KIND[kind]))


ROWS = st.lists(rows(), max_size=8)
