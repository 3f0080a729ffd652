"""Recommendations: which agent may run where, on what belief, with which reasons."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, JsonValue

from mythos.values.base import Share, Value

CellVerdict = Literal["yes", "canary", "no", "forbidden"]
PlanVerdict = Literal["deploy", "canary", "hold", "infeasible"]


class Posterior(Value):
    """Beta(a, b) belief that runs of (environment, agent, construct) are clean.

    `name`, `digest` and `kind` are the construct's: a policy set or a workflow. `kept` and
    `broken` are the runs that were seen; `own_runs` weighs other versions of the agent a quarter;
    age enters `a` and `b` alone.
    """

    name: str
    digest: str
    kind: Literal["policy", "workflow"]
    critical: bool = False
    a: float
    b: float
    mean: Share
    low: Share
    high: Share
    p_uphold: Share
    own_runs: float
    kept: float
    broken: float


class Cell(Value):
    """One (agent, environment): the verdict, why, and what would change it."""

    agent: str
    environment: str
    verdict: CellVerdict
    reason: str
    q: Share
    posteriors: tuple[Posterior, ...] = ()
    own_runs: float = 0.0
    needed_runs: int | None = None
    missing_labels: tuple[str, ...] = ()


class Reason(Value):
    """A coded reason; each field of `facts` backs the sentence rendered from it."""

    code: str
    environment: str = ""
    agent: str = ""
    text: str
    facts: dict[str, JsonValue] = Field(default_factory=dict)


class EnvironmentAdvice(Value):
    """The slice of one environment, ranked by `symbolic_alignment_score`."""

    target_environment: str
    symbolic_alignment_score: Share
    lower: Share
    coverage: Share
    belief: Share | None
    verdict: CellVerdict
    assistant_role_distribution: dict[str, JsonValue]
    ritual_density_projection: dict[str, JsonValue]
    codex_coherence_recommendation: str
    cells: tuple[Cell, ...]
    reasons: tuple[Reason, ...] = ()
    counterfactuals: tuple[Reason, ...] = ()


class Recommendation(Value):
    """The whole plan with its bound and gap, and one slice an environment, best first."""

    schema_: Literal["mythos.recommendation/1"] = Field(
        default="mythos.recommendation/1", alias="schema"
    )
    bundle: str
    evidence_as_of: str
    inputs_digest: str
    seed: int
    tau: Share
    verdict: PlanVerdict
    objective: float
    upper_bound: float
    gap: float
    status: Literal["optimal", "feasible", "infeasible", "degraded"]
    environments: tuple[EnvironmentAdvice, ...]
