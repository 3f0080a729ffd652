"""What one closed run adds to the evidence of its workflow.

The sums live in `engines.evidence.workflow`: a run is summarised once, and from then on only added.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from itertools import pairwise

from mythos.engines.conformance.alignment import Alignment
from mythos.engines.evidence.workflow import (
    COST_BUCKETS,
    DURATION_BUCKETS,
    MAX_PAIR,
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
        Counts of this run alone. A run whose cost is known only as an interval stands apart: it
        counts as inexact, with its variant, pairs, duration and tokens, but as no cost, no fit
        and no deviation.
    """
    exact = alignment.exact
    milliseconds = max(round((ended_s - started_s) * 1_000), 0)
    deviations = {f"{move.kind}:{move.label}" for move in alignment.deviations if exact}
    follows = {pair_key(one, other) for one, other in pairwise(trace)}
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
        dev_runs=dict.fromkeys(sorted(deviations), 1),
        df_runs=dict.fromkeys(sorted(follows), 1),
        cost_hist=_histogram(alignment.cost, COST_BUCKETS, n=int(exact)),
        duration_hist=_histogram(milliseconds.bit_length(), DURATION_BUCKETS, n=1),
        first_ts=int(started_s),
        last_ts=int(max(started_s, ended_s)),
    )


def pair_key(one: str, other: str) -> str:
    """The key of a directly-follows pair; no two pairs share one.

    Returns:
        `a>b` with `%` and `>` escaped; where that is longer than a row may hold, the digest of it
        after `%~`, which no escape begins with.
    """
    key = f"{_escaped(one)}>{_escaped(other)}"
    return key if len(key) <= MAX_PAIR else f"%~{hashlib.sha256(key.encode()).hexdigest()}"


def _escaped(label: str) -> str:
    return label.replace("%", "%25").replace(">", "%3E")


def _histogram(bucket: int, buckets: int, *, n: int) -> tuple[int, ...]:
    """`n` runs in one bucket; the last bucket is open."""
    return tuple(n * (i == min(bucket, buckets - 1)) for i in range(buckets))
