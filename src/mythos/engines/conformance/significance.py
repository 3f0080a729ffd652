"""Significance: whether two samples of runs may come from one behaviour.

Exact tests, since a fleet's samples are small and many of its categories rare: asymptotic ones
raise up to three times the false alarms they promise. A permutation test draws from a generator
that is seeded by the counts themselves, so everybody who holds the counts gets the same p.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

DRAWS = 999
CLEARLY_NULL = 0.2  # an asymptotic p from here on is not worth a permutation
MOST_RUNS = 10**9  # of numpy's sampler; beyond, the asymptotic p is exact enough
_SAME = 1e-9  # statistics closer than this, relatively, are ties


def permutation_p(one: Sequence[int], other: Sequence[int]) -> float:
    """Probability of counts at least as different, had all runs been shuffled over both samples.

    Pearson's statistic of the 2 x K table; 999 tables with the same margins, drawn from the
    multivariate hypergeometric distribution.

    Args:
        one, other: runs by category, of equal length; each run in exactly one category, and the
            categories chosen without a look at which sample a run is in.

    Returns:
        p in (0, 1], the same with the samples swapped; 1 without runs in either.

    Raises:
        ValueError: the lengths differ.

    Source: Good, Permutation, Parametric and Bootstrap Tests of Hypotheses, 3rd ed., section 6.3.
    """
    import numpy as np  # noqa: PLC0415 - only what tests pays for it
    from scipy.special import chdtrc  # noqa: PLC0415

    small, large = sorted((tuple(one), tuple(other)), key=lambda counts: (sum(counts), counts))
    pairs = [pair for pair in zip(small, large, strict=True) if any(pair)]
    if len(pairs) < 2 or not sum(small):
        return 1.0
    drawn = np.array([pair[0] for pair in pairs], dtype=np.int64)
    pooled = drawn + np.array([pair[1] for pair in pairs], dtype=np.int64)
    seen = float(_pearson(drawn[None, :], pooled)[0])
    asymptotic = float(chdtrc(len(pairs) - 1, seen))
    if asymptotic >= CLEARLY_NULL or int(pooled.sum()) >= MOST_RUNS:
        return asymptotic
    shuffled = np.random.default_rng(_seed(pairs)).multivariate_hypergeometric(
        pooled, int(drawn.sum()), size=DRAWS, method="marginals"
    )
    extreme = int((_pearson(shuffled, pooled) >= seen * (1 - _SAME)).sum())
    return (1 + extreme) / (1 + DRAWS)


def _pearson(drawn: NDArray[np.int64], pooled: NDArray[np.int64]) -> NDArray[np.float64]:
    """Pearson's chi-squared of each row of `drawn` against what remains of `pooled`."""
    total, size = float(pooled.sum()), float(drawn[0].sum())
    excess = drawn - pooled * (size / total)
    scale = total**2 / (size * (total - size))
    found: NDArray[np.float64] = scale * (excess**2 / pooled).sum(axis=1)
    return found


def _seed(pairs: Sequence[tuple[int, int]]) -> int:
    return int.from_bytes(hashlib.sha256(repr(pairs).encode()).digest()[:16], "big")


def fisher_p(hits: int, runs: int, other_hits: int, other_runs: int) -> float:
    """Fisher's exact test, two-sided, of a share of runs against another.

    Args:
        hits, other_hits: runs that have something, of `runs` and `other_runs`.

    Returns:
        p in (0, 1]: of all tables with these margins, the probability of those no likelier than
        the one seen.

    Source: Agresti, Categorical Data Analysis, 3rd ed., section 3.5.
    """
    import numpy as np  # noqa: PLC0415

    pooled = hits + other_hits
    if not runs or not other_runs or pooled in {0, runs + other_runs}:
        return 1.0
    least, most = max(0, pooled - other_runs), min(pooled, runs)
    each = np.arange(least, most + 1, dtype=np.float64)
    log_p = _log_choose(runs, each) + _log_choose(other_runs, pooled - each)
    probability = np.exp(log_p - log_p.max())
    rare = probability <= probability[hits - least] * (1 + 1e-7)
    return min(float(probability[rare].sum() / probability.sum()), 1.0)


def _log_choose(n: int, k: NDArray[np.float64]) -> NDArray[np.float64]:
    from scipy.special import gammaln  # noqa: PLC0415

    found: NDArray[np.float64] = gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1)
    return found


def adjusted(p_values: Sequence[float]) -> tuple[float, ...]:
    """The q of each p: the least false discovery rate at which its test would be called.

    Args:
        p_values: of all tests made together, in any order.

    Returns:
        q in the same order, each at least its p and at most 1; empty for none.

    Source: Benjamini and Hochberg, Controlling the False Discovery Rate, JRSS B 57(1), 1995.
    """
    n = len(p_values)
    q_values = [1.0] * n
    least = 1.0
    for rank, index in reversed(list(enumerate(sorted(range(n), key=p_values.__getitem__), 1))):
        least = min(least, p_values[index] * n / rank)
        q_values[index] = max(least, p_values[index])
    return tuple(q_values)
