"""The translation against Cedar itself, on random rules and requests.

`MYTHOS_ORACLE_SEEDS=400 pytest tests/engines/coherence/test_oracle.py` asks more than the portion
that every run asks: each seed is a rule with ten requests.
"""

from __future__ import annotations

import os

import pytest

from tests.engines.coherence.oracle import Count, check_seed

PORTION = 25
SEEDS = int(os.environ.get("MYTHOS_ORACLE_SEEDS", "100"))
PORTIONS = [range(first, min(first + PORTION, SEEDS)) for first in range(0, SEEDS, PORTION)]


@pytest.mark.parametrize("seeds", PORTIONS, ids=lambda each: f"{each.start}-{each.stop - 1}")
def test_satisfied_and_error_agree_with_cedar(seeds: range) -> None:
    count = Count()
    for seed in seeds:
        check_seed(seed, count)
    assert count.mismatches == []
    assert count.checks >= 6 * len(seeds)
