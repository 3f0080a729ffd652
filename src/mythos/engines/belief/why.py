"""Why a verdict was given: the construct that decides it, with the numbers behind it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from pydantic import JsonValue

from mythos.engines.belief.needed import MIN_OWN_RUNS, doubt, own_runs
from mythos.engines.belief.wording import reason
from mythos.values.recommendation import CellVerdict, Posterior, Reason


def why(
    agent: str,
    environment: str,
    posteriors: Sequence[Posterior],
    *,
    verdict: CellVerdict,
    tau: float,
    alpha: float,
    no_explore: bool = False,
) -> Reason:
    """Explain a verdict on an agent that is not forbidden.

    Args:
        agent: name of the agent.
        environment: name of the environment.
        posteriors: those the verdict was given on.
        verdict: `yes`, `canary` or `no`.
        tau: the clean share asked for, in (0, 1).
        alpha: the doubt allowed, in (0, 1).
        no_explore: the environment takes no canaries.

    Returns:
        A coded reason that names the construct which decides, its counts and its probability.
    """
    if not posteriors:
        code = "NO_CONSTRUCT_NO_EXPLORE" if no_explore else "NO_CONSTRUCT"
        return reason(code, environment=environment, agent=agent, facts={})
    code, deciding = _decide(posteriors, verdict=verdict, tau=tau, alpha=alpha)
    facts = _facts(deciding, tau=tau, alpha=alpha, risk=doubt(posteriors, tau=tau))
    facts["also"] = [*_also(posteriors, deciding, alpha=alpha)]
    return reason(code, environment=environment, agent=agent, facts=facts)


def why_forbidden(agent: str, environment: str, *, missing_labels: Mapping[str, str]) -> Reason:
    """Explain that labels (or, when none is missing, contradicting policy sets) keep it out."""
    labels: list[JsonValue] = [f"{key}={missing_labels[key]}" for key in sorted(missing_labels)]
    if not labels:
        return reason("INCOHERENT", environment=environment, agent=agent, facts={})
    facts: dict[str, JsonValue] = {"labels": labels}
    return reason("LABEL_MISSING", environment=environment, agent=agent, facts=facts)


def _decide(
    posteriors: Sequence[Posterior], *, verdict: CellVerdict, tau: float, alpha: float
) -> tuple[str, Posterior]:
    worst = min(posteriors, key=lambda each: each.p_uphold)
    if verdict == "yes":
        return "CERTIFIED", worst
    if verdict == "canary":
        return _decide_canary(posteriors, worst, tau=tau, alpha=alpha)
    least = min(posteriors, key=lambda each: each.high)
    if least.high >= tau or doubt(posteriors, tau=tau) <= alpha:
        return "NO_EXPLORE", worst
    return ("BROKEN" if least.kept + least.broken else "UNSEEN_DOUBTED"), least


def _decide_canary(
    posteriors: Sequence[Posterior], worst: Posterior, *, tau: float, alpha: float
) -> tuple[str, Posterior]:
    pooled = doubt(posteriors, tau=tau) <= alpha
    rarest = min(posteriors, key=lambda each: each.own_runs) if pooled else worst
    if rarest.kept + rarest.broken == 0:
        return "UNSEEN", rarest
    few = pooled and own_runs(posteriors) < MIN_OWN_RUNS
    return ("FEW_RUNS" if few else "UNCERTAIN"), rarest


def _also(posteriors: Sequence[Posterior], deciding: Posterior, *, alpha: float) -> Iterator[str]:
    """The other constructs that each alone raise more doubt than is allowed, worst first."""
    for each in sorted(posteriors, key=lambda one: (one.p_uphold, one.name)):
        if each is not deciding and 1 - each.p_uphold > alpha:
            yield f"{each.name} ({each.broken:.0f} of {each.kept + each.broken:.0f} runs broken)"


def _facts(each: Posterior, *, tau: float, alpha: float, risk: float) -> dict[str, JsonValue]:
    return {
        "construct": each.name,
        "digest": each.digest,
        "kind": each.kind,
        "kept": each.kept,
        "broken": each.broken,
        "runs": each.kept + each.broken,
        "own_runs": each.own_runs,
        "min_runs": MIN_OWN_RUNS,
        "p": each.p_uphold,
        "low": each.low,
        "high": each.high,
        "tau": tau,
        "alpha": alpha,
        "risk": risk,
    }
