"""The risk of one run, in [0, 1].

    risk = 1 - exp(-(sum of w(severity) over violated + u * undecidable + m * (1 - fitness)))

with w = 2, 1, 1/4 for critical, warning, info; u = 1/4; m = 1/2. It is 0 iff nothing was violated
or undecidable or misaligned, and never falls when any count rises. It reads this run alone; being
attacked (exposure) and being blocked enter nothing: a guard that works is no risk.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

from mythos.values.outcome import Outcome, Ruling, Severity

WEIGHTS = {Severity.CRITICAL: 2.0, Severity.WARNING: 1.0, Severity.INFO: 0.25}
UNDECIDABLE = 0.25
MISALIGNED = 0.5


def risk_of(rulings: Iterable[Ruling], *, fitness: float | None) -> float:
    """How much this run should worry its owner.

    Args:
        rulings: outcomes of its governed actions, sets in force only.
        fitness: its alignment to its workflow, in [0, 1]; None if it has none.

    Returns:
        A number in [0, 1]; 0 iff clean, and 1 only where the sum is too large to tell from it.
    """
    worry = 0.0 if fitness is None else MISALIGNED * (1.0 - fitness)
    for ruling in rulings:
        if ruling.outcome is Outcome.VIOLATED:
            worry += WEIGHTS[ruling.severity]
        elif ruling.outcome is Outcome.UNDECIDABLE:
            worry += UNDECIDABLE
    return -math.expm1(-worry)
