"""Made-up agents: runs drawn from a few ways of working, each a set of steps in an order."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

from mythos.engines.conformance.summary import pair_key
from mythos.engines.evidence.workflow import WorkflowSummary, variant_digest

Way = tuple[str, ...]


def ways(n: int, *, seed: int = 7) -> tuple[Way, ...]:
    """`n` different sequences of steps; they share most of them, as real runs do."""
    dice = random.Random(seed)
    found: dict[Way, None] = {}
    while len(found) < n:
        found[tuple(dice.choices("abcdefgh", k=dice.randint(3, 9)))] = None
    return tuple(found)


def zipf(n: int) -> list[float]:
    """Weights that fall as those of real variants do."""
    return [1 / rank for rank in range(1, n + 1)]


def moved(weights: Sequence[float], share: float) -> list[float]:
    """The same weights with a share of the first moved to the last."""
    found = list(weights)
    found[-1] += share * found[0]
    found[0] *= 1 - share
    return found


def observed(
    runs: int, known: Sequence[Way], weights: Sequence[float], *, dice: random.Random
) -> WorkflowSummary:
    """The summary of `runs` runs; only the first way fits."""
    drawn = Counter(dice.choices(range(len(known)), weights, k=runs))
    pairs: Counter[str] = Counter()
    deviations: Counter[str] = Counter()
    for way, n in drawn.items():
        for key in {pair_key(one, other) for one, other in pairwise(known[way])}:
            pairs[key] += n
        if way:
            deviations[f"extra:{known[way][0]}"] += n
    return WorkflowSummary(
        runs=runs,
        fitting=drawn[0],
        variants={variant_digest(known[way]): n for way, n in drawn.items()},
        dev_runs=dict(deviations),
        df_runs=dict(pairs),
    )
