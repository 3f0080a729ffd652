"""What certification asks for, and what would reach it: more clean runs, or a lower tau.

The doubt of an agent is Σ(1 − q) over its constructs, a union bound, so no independence is
assumed. It falls with every clean run and with every lower tau, so both questions have one exact
answer, found without trying plans.
"""

from __future__ import annotations

from collections.abc import Sequence

from scipy.special import betaincc

from mythos.values.recommendation import Posterior

TAU = 0.90
ALPHA, ALPHA_CRITICAL = 0.2, 0.05
MIN_OWN_RUNS = 5
MAX_NEEDED_RUNS = 10_000
LEAST_TAU_PERCENT = 50


def alpha_of(posteriors: Sequence[Posterior]) -> float:
    """The doubt allowed: 0.05 if any construct is critical, else 0.2."""
    return ALPHA_CRITICAL if any(each.critical for each in posteriors) else ALPHA


def doubt(posteriors: Sequence[Posterior], *, tau: float, more_clean: int = 0) -> float:
    """Σ(1 − P(share >= tau)) after `more_clean` clean runs of every construct, >= 0.

    Source: Boole's inequality.
    """
    return sum(1.0 - float(betaincc(each.a + more_clean, each.b, tau)) for each in posteriors)


def composite_q(posteriors: Sequence[Posterior], *, tau: float = TAU) -> float:
    """Least probability that every construct is upheld: max(0, 1 − doubt), in [0, 1]."""
    return max(0.0, 1.0 - doubt(posteriors, tau=tau))


def own_runs(posteriors: Sequence[Posterior]) -> float:
    """Runs of the agent's own behind the construct that has fewest; 0 without constructs."""
    return min((each.own_runs for each in posteriors), default=0.0)


def is_certified(
    posteriors: Sequence[Posterior], *, tau: float, alpha: float, more_clean: int = 0
) -> bool:
    """Whether doubt and own runs suffice after `more_clean` clean runs; never without constructs.

    Args:
        posteriors: one a construct.
        tau: the clean share asked for, in (0, 1).
        alpha: the doubt allowed, in (0, 1).
        more_clean: clean runs from now on, >= 0.

    Returns:
        True iff the doubt is at most alpha and every construct has five own runs.
    """
    if not posteriors or own_runs(posteriors) + more_clean < MIN_OWN_RUNS:
        return False
    return doubt(posteriors, tau=tau, more_clean=more_clean) <= alpha


def needed_clean_runs(
    posteriors: Sequence[Posterior], *, tau: float = TAU, alpha: float | None = None
) -> int | None:
    """How many clean runs from now on would certify the agent, by bisection.

    A run counts for every construct at once, and for the version that is to run.

    Args:
        posteriors: one a construct.
        tau: the clean share asked for, in (0, 1).
        alpha: the doubt allowed; by default `alpha_of(posteriors)`.

    Returns:
        Runs >= 0; None when more than 10,000 would be needed, or there is no construct.
    """
    alpha = alpha_of(posteriors) if alpha is None else alpha
    if not is_certified(posteriors, tau=tau, alpha=alpha, more_clean=MAX_NEEDED_RUNS):
        return None
    low, high = -1, MAX_NEEDED_RUNS
    while high - low > 1:
        middle = (low + high) // 2
        if is_certified(posteriors, tau=tau, alpha=alpha, more_clean=middle):
            high = middle
        else:
            low = middle
    return high


def admitting_tau(
    posteriors: Sequence[Posterior], *, tau: float = TAU, alpha: float | None = None
) -> float | None:
    """The largest clean share below `tau`, in hundredths, that would certify the agent now.

    Args:
        posteriors: one a construct.
        tau: the clean share asked for now.
        alpha: the doubt allowed; by default `alpha_of(posteriors)`.

    Returns:
        A share in [0.50, tau); None when own runs are missing or no such share admits.
    """
    alpha = alpha_of(posteriors) if alpha is None else alpha
    if own_runs(posteriors) < MIN_OWN_RUNS:
        return None
    for percent in range(99, LEAST_TAU_PERCENT - 1, -1):
        if percent / 100 < tau and is_certified(posteriors, tau=percent / 100, alpha=alpha):
            return percent / 100
    return None
