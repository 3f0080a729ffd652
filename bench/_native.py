"""Native evaluation against Cedar itself: random rules and requests, rule by rule."""

from __future__ import annotations

import sys
from pathlib import Path

from rows import Row

SEEDS = range(10_000, 11_300)
CHECKS = 10_000


def rows() -> list[Row]:
    """How many answers differ: whether a rule is satisfied, or whether it errs."""
    sys.path.append(str(Path(__file__).parents[1]))
    from tests.engines.policy.native_oracle import Count, check_seed  # noqa: PLC0415 - found now

    count = Count()
    for seed in SEEDS:
        check_seed(seed, count)
    assert count.checks >= CHECKS
    against = f"cedarpy, {count.checks:,} checks, {count.errors:,} of rules that err"
    return [Row("native differs", len(count.mismatches), "answers", against, goal="== 0")]
