"""The translation against Cedar itself, on random rules and requests.

Each seed is a rule with ten requests, up to three that z3 finds and as many that the solver may
find without it, each put to both for *satisfied* and for *errs*: every run makes some 3,500 such
checks. More are made by
`MYTHOS_ORACLE_SEEDS=900 pytest tests/engines/coherence/test_oracle.py`, or by `bench/policy.py`.
"""

from __future__ import annotations

import os

import pytest

from tests.engines.coherence.oracle import Count, check_seed

PORTION = 25
SEEDS = int(os.environ.get("MYTHOS_ORACLE_SEEDS", "250"))
PORTIONS = [range(first, min(first + PORTION, SEEDS)) for first in range(0, SEEDS, PORTION)]


@pytest.mark.parametrize("seeds", PORTIONS, ids=lambda each: f"{each.start}-{each.stop - 1}")
def test_satisfied_and_error_agree_with_cedar(seeds: range) -> None:
    count = Count()
    for seed in seeds:
        check_seed(seed, count)
    assert count.mismatches == []
    assert count.checks >= 10 * len(seeds)
    assert count.errors
