"""Belief: what past runs say about whether the next ones will be clean.

Bucketed counts in, Beta posteriors and verdicts out. Counts merge in any order; forgetting,
pooling and surprise happen when reading. Nothing here reads a clock, a file or a database.
"""

from __future__ import annotations

from mythos.engines.belief.cell import BeliefCell, BeliefKey, HourCount, merge
from mythos.engines.belief.certify import certify, forbid
from mythos.engines.belief.forgetting import HALF_LIFE_S, Memory, remember
from mythos.engines.belief.needed import (
    MIN_OWN_RUNS,
    TAU,
    admitting_tau,
    alpha_of,
    composite_q,
    doubt,
    is_certified,
    needed_clean_runs,
    own_runs,
)
from mythos.engines.belief.pooling import Pool, Prior
from mythos.engines.belief.posterior import Construct, Subject, posterior, posteriors
from mythos.engines.belief.why import why, why_forbidden
from mythos.engines.belief.wording import TEMPLATES, reason, render

__all__ = [
    "HALF_LIFE_S",
    "MIN_OWN_RUNS",
    "TAU",
    "TEMPLATES",
    "BeliefCell",
    "BeliefKey",
    "Construct",
    "HourCount",
    "Memory",
    "Pool",
    "Prior",
    "Subject",
    "admitting_tau",
    "alpha_of",
    "certify",
    "composite_q",
    "doubt",
    "forbid",
    "is_certified",
    "merge",
    "needed_clean_runs",
    "own_runs",
    "posterior",
    "posteriors",
    "reason",
    "remember",
    "render",
    "why",
    "why_forbidden",
]
