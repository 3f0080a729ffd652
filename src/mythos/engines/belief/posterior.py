"""Posteriors: Beta beliefs that an agent's runs in an environment are clean.

The prior comes from pooling, the counts from forgetting; the posterior adds them. One agent's
posteriors over all environments are computed together, because environments lend to each other.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from scipy.special import betaincc, betaincinv

from mythos.engines.belief.cell import BeliefCell, BeliefKey, merge
from mythos.engines.belief.forgetting import HALF_LIFE_S, Memory, remember
from mythos.engines.belief.pooling import Pool, Prior
from mythos.values.environment import Labels
from mythos.values.recommendation import Posterior

ByEnvironment = dict[str, tuple[Posterior, ...]]


@dataclass(frozen=True, slots=True, order=True)
class Construct:
    """What runs are judged by: a policy set or a workflow."""

    digest: str
    kind: Literal["policy", "workflow"]
    name: str
    critical: bool = False


@dataclass(frozen=True, slots=True)
class Subject:
    """An agent by name, the version that is to run, and the constructs it must uphold."""

    agent: str
    digest: str
    constructs: tuple[Construct, ...]


def posterior(construct: Construct, *, memory: Memory, prior: Prior, tau: float) -> Posterior:
    """Add remembered runs to a prior.

    Args:
        construct: policy set or workflow.
        memory: effective and plain counts of this cell.
        prior: pseudo-counts, each > 0.
        tau: the clean share asked for, in (0, 1).

    Returns:
        Beta(a, b) with its mean, 5 % and 95 % quantiles and P(share >= tau). `kept` and `broken`
        are the plain counts that were seen; `own_runs` weighs versions but not age.

    Source: Gelman et al., Bayesian Data Analysis, 3rd ed., section 2.4.
    """
    a, b = prior.a + memory.kept, prior.b + memory.broken
    return Posterior(
        name=construct.name,
        digest=construct.digest,
        kind=construct.kind,
        critical=construct.critical,
        a=a,
        b=b,
        mean=a / (a + b),
        low=float(betaincinv(a, b, 0.05)),
        high=float(betaincinv(a, b, 0.95)),
        p_uphold=float(betaincc(a, b, tau)),
        own_runs=memory.own_runs,
        kept=memory.n_kept,
        broken=memory.n_broken,
    )


def posteriors(
    subject: Subject,
    *,
    cells: Iterable[BeliefCell],
    labels: Mapping[str, Labels],
    as_of_s: int,
    tau: float,
    half_life_s: float = HALF_LIFE_S,
) -> ByEnvironment:
    """Believe about one agent in every environment.

    Args:
        subject: the agent, its version and its constructs.
        cells: evidence in any order; cells of other agents, constructs or environments are left
            out.
        labels: every environment with its labels.
        as_of_s: the moment, in Unix seconds.
        tau: the clean share asked for, in (0, 1).
        half_life_s: age in seconds at which a run counts half.

    Returns:
        For each environment one posterior a construct, in the order of name and digest. With no
        evidence at all the pooled prior answers.

    Raises:
        EvidenceError: evidence from the future, or a half-life that is not positive.
    """
    by_key = {cell.key: cell for cell in merge(cells)}
    believed: dict[str, list[Posterior]] = {name: [] for name in sorted(labels)}
    for construct in sorted(subject.constructs, key=lambda one: (one.name, one.digest)):
        keys = {name: BeliefKey(name, subject.agent, construct.digest) for name in believed}
        memories = {
            name: remember(
                by_key[key],
                agent_digest=subject.digest,
                as_of_s=as_of_s,
                half_life_s=half_life_s,
            )
            for name, key in keys.items()
            if key in by_key
        }
        pool = Pool.of(labels, memories)
        for name, found in believed.items():
            memory = memories.get(name, Memory())
            found.append(posterior(construct, memory=memory, prior=pool.prior(name), tau=tau))
    return {name: tuple(found) for name, found in believed.items()}
