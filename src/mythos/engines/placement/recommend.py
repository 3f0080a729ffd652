"""Recommend: judge, place, score and explain, in that order, and rank the environments.

The score ranks and the plan places; neither sees the other. Text is joined from coded reasons,
never written freely.
"""

from __future__ import annotations

from pydantic import JsonValue

from mythos.engines.placement.alignment import align
from mythos.engines.placement.checks import check
from mythos.engines.placement.density import density_projection
from mythos.engines.placement.judgement import judge, verdict_over
from mythos.engines.placement.options import options
from mythos.engines.placement.plan import Status
from mythos.engines.placement.reasons import Slice, counterfactuals_of, reasons_of
from mythos.engines.placement.request import PlacementInput, inputs_digest, ordered
from mythos.engines.placement.roles import role_distribution
from mythos.engines.placement.solve import solve
from mythos.engines.placement.verdict import plan_verdict
from mythos.values.recommendation import (
    EnvironmentAdvice,
    PlanVerdict,
    Reason,
    Recommendation,
)


def recommend(request: PlacementInput) -> Recommendation:
    """Say where the agents of a bundle may run, how much of each, and why.

    Args:
        request: agents, environments, beliefs and arrivals, in any order.

    Returns:
        The plan with its bound and gap, and one slice an environment, by alignment score from
        the highest, then by mean belief, then by name. Equal requests give equal values, byte for
        byte. A fleet without nodes gets `hold`; one without evidence canaries and wide intervals.

    Raises:
        PlacementError: an impossible number or a name used twice; `where` is its path.
        EvidenceError: evidence from the future.

    Source: chance-constrained placement (Charnes and Cooper, 1959), the doubts joined by Boole's
        inequality; integer search by CP-SAT.
    """
    check(request)
    request = ordered(request)
    judgement = judge(request)
    plan = solve(options(request, judgement), seed=request.seed)
    verdict, why = plan_verdict(request, judgement=judgement, plan=plan)
    digest = inputs_digest(request)
    slices = [
        Slice(
            request,
            judgement,
            plan,
            environment,
            align(environment.name, request.agents, judgement=judgement, plan=plan),
        )
        for environment in request.environments
    ]
    slices.sort(key=lambda part: (-part.alignment.score, -_mean_belief(part), part.name))
    return Recommendation(
        bundle=request.bundle,
        evidence_as_of=request.as_of_text,
        inputs_digest=digest,
        seed=request.seed,
        tau=request.tau,
        verdict=verdict,
        objective=plan.objective,
        upper_bound=plan.upper_bound,
        gap=plan.gap,
        status=_status(verdict, plan.status),
        environments=tuple(_advice(part, digest=digest, why=why) for part in slices),
    )


def _mean_belief(part: Slice) -> float:
    """Mean posterior share over the wanted agents' constructs: orders scores that are equal."""
    cells = [part.judgement[agent.name, part.name].cell for agent in part.request.agents]
    means = [posterior.mean for cell in cells for posterior in cell.posteriors]
    return sum(means) / len(means) if means else 0.0


def _advice(part: Slice, *, digest: str, why: Reason) -> EnvironmentAdvice:
    cells, request = part.cells(), part.request
    told, would = reasons_of(part, plan_reason=why), counterfactuals_of(part)
    stamp: dict[str, JsonValue] = {
        "seed": request.seed,
        "inputs_digest": digest,
        "evidence_as_of": request.as_of_text,
    }
    roles = role_distribution(part.name, request.agents, cells=cells, plan=part.plan)
    density = density_projection(part.environment, request, cells=cells, plan=part.plan)
    return EnvironmentAdvice(
        target_environment=part.name,
        symbolic_alignment_score=part.alignment.score,
        lower=part.alignment.lower,
        coverage=part.alignment.coverage,
        belief=part.alignment.belief,
        verdict=verdict_over(cell.verdict for cell in cells),
        assistant_role_distribution=roles | stamp,
        ritual_density_projection=density | stamp,
        codex_coherence_recommendation=" ".join(each.text for each in (*told, *would)),
        cells=cells,
        reasons=told,
        counterfactuals=would,
    )


def _status(verdict: PlanVerdict, found: Status) -> Status:
    """An infeasible request says so, whatever the search proved of the part that can be placed."""
    return "infeasible" if verdict == "infeasible" else found
