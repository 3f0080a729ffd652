"""Forgetting: old runs count less, other versions a quarter, and a surprise cuts a good name.

Counts are replayed hour by hour and weighted when read, never when written, so the order in
which evidence arrived cannot matter. An hour that the belief before it held for nearly
impossible says that the environment changed: the clean runs before it then count a tenth. Broken
runs are not cut, so that one more broken run now can never raise a belief and one more clean run
now can never lower it. Runs that arrive late, for an hour before the newest, can change whether
a later hour was a surprise; that law is not promised for them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter

import numpy as np
from scipy.special import betainc, betaln, gammaln, logsumexp

from mythos.engines.belief.cell import BeliefCell, HourCount
from mythos.errors import EvidenceError

HALF_LIFE_S = 7 * 86_400
CLOCK_SKEW_S = 3_600
OTHER_VERSION_WEIGHT = 0.25
SURPRISE_P = 0.005
SURPRISE_KEEP = 0.1
SURPRISE_BATCH = 4
# What an environment with no peers is believed: 4 of 5 runs clean, with the weight of 40/13 runs.
PRIOR_KEPT, PRIOR_BROKEN = 32 / 13, 8 / 13
_LARGE_BATCH = 10_000


@dataclass(frozen=True, slots=True)
class Memory:
    """What is left of one cell at one moment.

    `kept` and `broken` are effective (weighted) runs and enter the posterior. `own_runs` weighs
    versions but not age: it asks whether the agent was ever seen there, and age already widens
    the posterior. The `n_` fields are plain counts; `surprises` are the hours of resets.
    """

    kept: float = 0.0
    broken: float = 0.0
    own_runs: float = 0.0
    n_kept: int = 0
    n_broken: int = 0
    n_other_version: int = 0
    newest_s: int | None = None
    surprises: tuple[int, ...] = ()


def remember(
    cell: BeliefCell, *, agent_digest: str, as_of_s: int, half_life_s: float = HALF_LIFE_S
) -> Memory:
    """Weigh the runs of one cell as they count at one moment.

    Each run weighs 2^(-age / half-life), a quarter of that if another version of the agent made
    it. Before an hour is added, its plain counts are tested against the belief so far under a
    beta-binomial; at or below a probability of 0.005 the clean runs so far are cut to a tenth.
    The test uses the belief of an environment without peers, so a cell is read on its own.

    Args:
        cell: hourly counts.
        agent_digest: the version that is to run now.
        as_of_s: the moment, in Unix seconds.
        half_life_s: age in seconds at which a run counts half, > 0.

    Returns:
        Effective and plain counts; all zero for a cell without hours.

    Raises:
        EvidenceError: an hour starts more than one hour after `as_of_s`, or the half-life is not
            a positive number.

    Source: discounted Beta-Bernoulli (Raj and Kalyani, 2017); beta-binomial predictive check
        (Gelman et al., Bayesian Data Analysis, 3rd ed., section 6.3).
    """
    _check(cell, as_of_s=as_of_s, half_life_s=half_life_s)
    kept = broken = 0.0
    at_s = 0
    surprises = []
    for start_s, versions in _by_hour(cell.hours):
        fade = 0.5 ** ((start_s - at_s) / half_life_s)
        kept, broken, at_s = kept * fade, broken * fade, start_s
        if _is_surprise(versions, kept=kept, broken=broken):
            kept *= SURPRISE_KEEP
            surprises.append(start_s)
        kept += sum(_weight(hour, agent_digest) * hour.kept for hour in versions)
        broken += sum(_weight(hour, agent_digest) * hour.broken for hour in versions)
    fade = 0.5 ** (max(0, as_of_s - at_s) / half_life_s)
    return _summary(
        cell.hours,
        agent_digest=agent_digest,
        kept=kept * fade,
        broken=broken * fade,
        surprises=tuple(surprises),
    )


def _summary(
    hours: tuple[HourCount, ...],
    *,
    agent_digest: str,
    kept: float,
    broken: float,
    surprises: tuple[int, ...],
) -> Memory:
    return Memory(
        kept=kept,
        broken=broken,
        own_runs=sum(_weight(hour, agent_digest) * (hour.kept + hour.broken) for hour in hours),
        n_kept=sum(hour.kept for hour in hours),
        n_broken=sum(hour.broken for hour in hours),
        n_other_version=sum(
            hour.kept + hour.broken for hour in hours if hour.agent_digest != agent_digest
        ),
        newest_s=hours[-1].start_s if hours else None,
        surprises=surprises,
    )


def _by_hour(hours: Iterable[HourCount]) -> Iterator[tuple[int, list[HourCount]]]:
    for start_s, versions in groupby(hours, key=attrgetter("start_s")):
        yield start_s, list(versions)


def _weight(hour: HourCount, agent_digest: str) -> float:
    return 1.0 if hour.agent_digest == agent_digest else OTHER_VERSION_WEIGHT


def _is_surprise(versions: list[HourCount], *, kept: float, broken: float) -> bool:
    """Whether so few clean runs were nearly impossible; a small hour is filled up with clean ones.

    Filling up, rather than skipping hours of fewer than four runs, keeps one more clean run from
    ever making an hour more surprising.
    """
    n_broken = sum(hour.broken for hour in versions)
    if n_broken == 0:
        return False
    n_runs = max(SURPRISE_BATCH, n_broken + sum(hour.kept for hour in versions))
    a, b = PRIOR_KEPT + kept, PRIOR_BROKEN + broken
    return beta_binomial_cdf(n_runs - n_broken, n=n_runs, a=a, b=b) < SURPRISE_P


def beta_binomial_cdf(k: int, *, n: int, a: float, b: float) -> float:
    """Probability of at most `k` clean runs among `n` when the clean share is Beta(a, b).

    Above 10,000 runs the share itself stands for k / n: the difference is below 1 / n.

    Args:
        k: clean runs, 0 <= k <= n.
        n: runs.
        a: pseudo-count of clean runs, > 0.
        b: pseudo-count of broken runs, > 0.

    Returns:
        A probability in [0, 1].
    """
    if k >= n:
        return 1.0
    if n > _LARGE_BATCH:
        return float(betainc(a, b, k / n))
    i = np.arange(k + 1)
    ways = gammaln(n + 1) - gammaln(i + 1) - gammaln(n - i + 1)
    return min(1.0, float(np.exp(logsumexp(ways + betaln(a + i, b + n - i) - betaln(a, b)))))


def _check(cell: BeliefCell, *, as_of_s: int, half_life_s: float) -> None:
    if not 0 < half_life_s < float("inf"):
        raise EvidenceError(
            f"half_life_s={half_life_s} is not a positive number",
            remedy="use a half-life of 1, 3, 7 or 28 days",
        )
    if cell.hours and cell.hours[-1].start_s > as_of_s + CLOCK_SKEW_S:
        raise EvidenceError(
            f"evidence of {cell.key.agent} in {cell.key.environment} starts at "
            f"{cell.hours[-1].start_s}, after the moment it is read ({as_of_s})",
            remedy="correct the clock of the node that sent it, or read as of a later moment",
        )
