"""Outcome entropy: how unpredictable it is whether the next governed call will be denied.

H = sum over tools of share x h2(min(p, 1/2)), p = (x + p0) / (n + 1), p0 = all denied / all calls:
each tool's rate is drawn to the node's by one pseudo-call. The cap at one half keeps H from
falling again when nearly everything is denied, so H never falls when a call is denied.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from mythos.engines.evidence.action import ActionBody


def outcome_entropy(tools: Mapping[str, ActionBody], *, rate: float) -> float:
    """Return H in [0, 1] bits.

    Args:
        tools: calls `n` and denied calls `x` of each governed tool; at least one call in all.
        rate: the node's denied share p0 in [0, 1], or a quantile of it for a bound.

    Returns:
        Bits, 0 if every outcome is certain; non-decreasing in `rate`.

    Source: Shannon, A Mathematical Theory of Communication, 1948, section 6 (binary entropy).
    """
    total = sum(body.n for body in tools.values())
    return math.fsum(  # rounded once, so the order of the tools does not matter
        body.n / total * _binary(min((body.x + rate) / (body.n + 1), 0.5))
        for body in tools.values()
    )


def _binary(p: float) -> float:
    """Entropy in bits of a coin that falls one way with probability `p`."""
    if p in {0.0, 1.0}:
        return 0.0
    return -p * math.log2(p) - (1 - p) * math.log2(1 - p)
