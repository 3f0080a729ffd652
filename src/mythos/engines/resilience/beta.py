"""Beta distribution: quantiles and tail probabilities of a share that was counted.

The only module of this engine that needs scipy, so a node that never scores never loads it.
"""

from __future__ import annotations

from scipy.special import betainc, betaincinv

LOW, HIGH = 0.05, 0.95
JEFFREYS = 0.5


def quantile(level: float, *, hits: float, misses: float) -> float:
    """Quantile of a share after `hits` and `misses`, under Jeffreys' prior.

    Args:
        level: in (0, 1).
        hits, misses: counts, >= 0; fractions are allowed.

    Returns:
        A probability in (0, 1): the `level` quantile of Beta(hits + 1/2, misses + 1/2).

    Source: Brown, Cai and DasGupta, Interval Estimation for a Binomial Proportion, Statistical
    Science 16(2), 2001, section 3.1.3.
    """
    return float(betaincinv(hits + JEFFREYS, misses + JEFFREYS, level))


def probability_below(share: float, *, hits: float, misses: float) -> float:
    """Probability that the true share lies below `share`, under Jeffreys' prior."""
    return float(betainc(hits + JEFFREYS, misses + JEFFREYS, share))
