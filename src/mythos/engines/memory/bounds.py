"""Bounds of the memory integrity score: exact for a census, a Beta interval for a sample.

Of a sample, missing and unlogged keys are known exactly, because every key was looked at; only the
share of altered contents is estimated. With k contents drawn and a of them altered, that share has
the posterior Beta(a + 1/2, k - a + 1/2) (Jeffreys); its 5 % and 95 % quantiles bound the score.
299 clean draws put less than one altered memory in a hundred with 95 % confidence.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from mythos.values.memory import MemoryAudit

_TAIL = 0.05
_STEPS = 200
_TINY = 1e-300


@dataclass(frozen=True, slots=True)
class ScoreBounds:
    """The score, each in [0, 1]: `low <= mid <= high`, equal for a census."""

    low: float
    mid: float
    high: float


def bounds_of(audit: MemoryAudit) -> ScoreBounds | None:
    """Return the score of an audit with its bounds; None without a log."""
    score = audit.score
    if score is None:
        return None
    altered = len(audit.altered)
    drawn = audit.ok + altered
    if audit.proof_failed is not None or audit.present is None or drawn >= audit.present:
        return ScoreBounds(score, score, score)
    seen = audit.present + len(audit.missing) + len(audit.unlogged)
    share = audit.present / seen if seen else 1.0
    a, b = altered + 0.5, audit.ok + 0.5
    low, high = (share * (1 - beta_quantile(1 - tail, a, b)) for tail in (_TAIL, 1 - _TAIL))
    return ScoreBounds(min(low, score), score, max(high, score))


def beta_quantile(p: float, a: float, b: float) -> float:
    """Return x with I_x(a, b) = p, by bisection; p in (0, 1), a and b > 0."""
    low, high = 0.0, 1.0
    for _ in range(_STEPS):
        middle = (low + high) / 2
        if middle in {low, high}:
            break
        if beta_cdf(middle, a, b) < p:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def beta_cdf(x: float, a: float, b: float) -> float:
    """Return the regularised incomplete beta function I_x(a, b), x in (0, 1).

    Source: DLMF, section 8.17.22 (continued fraction), evaluated by Lentz's method.
    """
    if x > (a + 1) / (a + b + 2):
        return 1.0 - beta_cdf(1.0 - x, b, a)
    log_front = (
        math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)
    )
    return math.exp(log_front) / a / _fraction(x, a, b)


def _fraction(x: float, a: float, b: float) -> float:
    value, c, d = 1.0, 1.0, 0.0
    for step in range(1, 10_000):
        m = step // 2
        if step % 2:
            term = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        else:
            term = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        d = 1.0 / (1.0 + term * d or _TINY)
        c = 1.0 + term / c or _TINY
        value *= c * d
        if abs(c * d - 1.0) < 1e-15:
            break
    return value
