"""The drift index D of one workflow: how far its directly-follows pairs lie from the baseline's.

D = (d - d95) / (1 - d95), no less than 0, where d is the Jensen-Shannon distance and d95 bounds
the 95 % quantile of d when nothing has drifted. Pairs of one run depend on each other and evidence
does not say how, so the bound is one that holds however they do.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from mythos.engines.conformance.drift import divergence
from mythos.engines.evidence.workflow import WorkflowSummary

_CHI2_95 = 3.841_458_820_694_124  # 95 % quantile of chi-squared with one degree of freedom


@dataclass(frozen=True, slots=True)
class DriftIndex:
    """distance: d in [0, 1]; chance: d95, what chance alone may reach; value: D in [0, 1]."""

    distance: float
    chance: float
    value: float


def drift_index(baseline: WorkflowSummary, now: WorkflowSummary) -> DriftIndex:
    """D of the runs of `now` against those of `baseline`.

    Method: with mu distinct pairs in a run and K in all, the divergence of two samples of n and m
    runs of one behaviour is to second order a quadratic form of asymptotically normal shares whose
    mean is at most (K / mu - 1) (1 / n + 1 / m) / (8 ln 2) bits. Of all such forms with that mean
    the one with a single degree of freedom has the largest 95 % quantile: 3.84 times the mean.

    Returns:
        The index; D is 0 where either has no runs.

    Source: Szekely and Bakirov, Extremal Probabilities for Gaussian Quadratic Forms, Probability
    Theory and Related Fields 126, 2003 (the largest quantile).
    """
    if not baseline.runs or not now.runs:
        return DriftIndex(0.0, 1.0, 0.0)
    pooled = (baseline + now).df_runs
    before = {key: baseline.df_runs.get(key, 0) for key in pooled}
    after = {key: now.df_runs.get(key, 0) for key in pooled}
    distance = math.sqrt(divergence(before, after))
    chance = _chance(pooled, baseline.runs, now.runs)
    above = max(distance - chance, 0.0)
    return DriftIndex(distance, chance, above / (1 - chance) if above else 0.0)


def _chance(pooled: Mapping[str, int], n: int, m: int) -> float:
    total = sum(pooled.values())
    if not total:
        return 0.0
    spread = max(len(pooled) * (n + m) / total - 1, 0.0)
    mean = spread * (1 / n + 1 / m) / (8 * math.log(2))
    return min(math.sqrt(_CHI2_95 * mean), 1.0)
