"""What one closed run adds to the evidence of its workflow."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from mythos.engines.conformance.alignment import Alignment
from mythos.engines.evidence.workflow import (
    COST_BUCKETS,
    DURATION_BUCKETS,
    WorkflowSummary,
    variant_digest,
)


def summarise(
    alignment: Alignment,
    trace: Sequence[str],
    *,
    started_s: float,
    ended_s: float,
    tokens_in: int = 0,
    tokens_out: int = 0,
) -> WorkflowSummary:
    """The summary of one closed run.

    Args:
        alignment: of the run's labels with its workflow.
        trace: those labels.
        started_s, ended_s: Unix seconds; an end before the start counts as no time.
        tokens_in, tokens_out: of its model calls.

    Returns:
        Counts of this run alone. An inexact run stands apart: it is no cost and no fit.
    """
    exact = alignment.exact
    milliseconds = max(round((ended_s - started_s) * 1_000), 0)
    moves = {f"{move.kind}:{move.label}" for move in alignment.moves if move.kind != "match"}
    follows = {f"{one}>{two}" for one, two in pairwise(trace)}
    return WorkflowSummary(
        runs=1,
        fitting=int(exact and alignment.cost == 0),
        inexact=int(not exact),
        cost_sum=alignment.cost if exact else 0,
        denom_sum=alignment.denominator if exact else 0,
        duration_ms_sum=milliseconds,
        tokens_in=tokens_in,
        tokens_out=tokens_out,
        variants={variant_digest(trace): 1},
        dev_runs=dict.fromkeys(sorted(moves), 1),
        df_runs=dict.fromkeys(sorted(follows), 1),
        cost_hist=_bucket(min(alignment.cost, COST_BUCKETS - 1), COST_BUCKETS),
        duration_hist=_bucket(
            min(milliseconds.bit_length(), DURATION_BUCKETS - 1), DURATION_BUCKETS
        ),
        first_ts=int(started_s),
        last_ts=int(ended_s),
    )


def _bucket(index: int, buckets: int) -> tuple[int, ...]:
    return tuple(int(i == index) for i in range(buckets))
