"""Certification: may this agent run in this environment, and why?

`yes` asks for two things: the doubts over all constructs together are at most alpha, and every
construct has at least five runs of the agent's own there. Own runs weigh a quarter when another
version made them and do not age: an old run still says that the agent was seen there, while its
age widens the posterior. What other environments lend earns `canary`, never `yes`. Nothing here
knows capacities.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mythos.engines.belief.needed import (
    TAU,
    alpha_of,
    composite_q,
    doubt,
    is_certified,
    needed_clean_runs,
    own_runs,
)
from mythos.engines.belief.why import why, why_forbidden
from mythos.errors import PlacementError
from mythos.values.recommendation import Cell, CellVerdict, Posterior


def certify(
    agent: str,
    environment: str,
    posteriors: Sequence[Posterior],
    *,
    tau: float = TAU,
    alpha: float | None = None,
    no_explore: bool = False,
) -> Cell:
    """Decide whether an agent may run in an environment that it is not forbidden.

    Args:
        agent: name of the agent.
        environment: name of the environment.
        posteriors: one a construct.
        tau: the clean share asked for, in (0, 1).
        alpha: the doubt allowed, in (0, 1); by default `alpha_of(posteriors)`.
        no_explore: the environment takes no canaries.

    Returns:
        A cell with verdict `yes`, `canary` or `no`, a sentence that says why, the composite q
        and the clean runs that are missing to `yes` (0 for `yes`, None above 10,000). Canary
        means that the doubts are small enough but own runs are missing, or that every
        construct's 95 % quantile still reaches tau. An agent without constructs is never
        certified: its q is 1 by the formula and its verdict `canary`.

    Raises:
        PlacementError: tau or alpha is not strictly between 0 and 1.
    """
    alpha = alpha_of(posteriors) if alpha is None else alpha
    _check_share("tau", tau)
    _check_share("alpha", alpha)
    verdict = _verdict(posteriors, tau=tau, alpha=alpha, no_explore=no_explore)
    explained = why(
        agent,
        environment,
        posteriors,
        verdict=verdict,
        tau=tau,
        alpha=alpha,
        no_explore=no_explore,
    )
    return Cell(
        agent=agent,
        environment=environment,
        verdict=verdict,
        reason=explained.text,
        q=composite_q(posteriors, tau=tau),
        posteriors=tuple(posteriors),
        own_runs=own_runs(posteriors),
        needed_runs=needed_clean_runs(posteriors, tau=tau, alpha=alpha),
    )


def forbid(
    agent: str,
    environment: str,
    posteriors: Sequence[Posterior] = (),
    *,
    missing_labels: Mapping[str, str],
) -> Cell:
    """The cell of an agent that labels or contradicting policy sets keep out.

    Args:
        agent: name of the agent.
        environment: name of the environment.
        posteriors: shown beside the verdict; they do not enter it.
        missing_labels: labels with the values wanted; empty means that the agent's policy sets
            contradict each other.

    Returns:
        A cell with verdict `forbidden` and q = 0. No number of runs would change it.
    """
    return Cell(
        agent=agent,
        environment=environment,
        verdict="forbidden",
        reason=why_forbidden(agent, environment, missing_labels=missing_labels).text,
        q=0.0,
        posteriors=tuple(posteriors),
        own_runs=own_runs(posteriors),
        missing_labels=tuple(sorted(missing_labels)),
    )


def _verdict(
    posteriors: Sequence[Posterior], *, tau: float, alpha: float, no_explore: bool
) -> CellVerdict:
    if is_certified(posteriors, tau=tau, alpha=alpha):
        return "yes"
    pooled = doubt(posteriors, tau=tau) <= alpha
    hopeful = all(each.high >= tau for each in posteriors)
    return "canary" if (pooled or hopeful) and not no_explore else "no"


def _check_share(name: str, value: float) -> None:
    if not 0.0 < value < 1.0:
        raise PlacementError(
            f"{name}={value} is not strictly between 0 and 1",
            remedy="ask for a share such as tau 0.90 and a doubt such as alpha 0.2",
        )
