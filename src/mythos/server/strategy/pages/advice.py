"""The strategy page as one value: environments ranked, the matrix, one cell's belief, the load."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from pydantic import JsonValue

from mythos.server.strategy.pages.load import LoadShown, loads_of
from mythos.server.web.charts.beta_curve import Curve
from mythos.values.recommendation import Cell, EnvironmentAdvice, Reason, Recommendation

MAX_ENVIRONMENTS, MAX_AGENTS = 6, 12


@dataclass(frozen=True, slots=True)
class CellShown:
    """One agent in one environment; `change` is what would make the answer yes."""

    agent: str
    environment: str
    verdict: str
    q: float
    own_runs: float
    change: str
    reason: str


@dataclass(frozen=True, slots=True)
class AgentRow:
    """One agent with its cells in the order of the environments."""

    agent: str
    role: str
    wanted: int | None
    placed: int | None
    constructs: int
    critical: bool
    cells: tuple[CellShown | None, ...]


@dataclass(frozen=True, slots=True)
class Said:
    """What is said of one agent, or of the environment, in the order of the record."""

    about: str
    texts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class EnvironmentColumn:
    """One environment, best first, with the brief's fields."""

    target_environment: str
    symbolic_alignment_score: float
    lower: float
    coverage: float
    belief: float | None
    verdict: str
    placed: int
    codex_coherence_recommendation: str
    reasons: tuple[Said, ...]
    counterfactuals: tuple[Said, ...]
    assistant_role_distribution: Mapping[str, JsonValue]
    ritual_density_projection: Mapping[str, JsonValue]


@dataclass(frozen=True, slots=True)
class BeliefShown:
    """The belief in one construct: its curve now, and after the runs that are needed."""

    name: str
    kind: str
    digest: str
    critical: bool
    a: float
    b: float
    mean: float
    low: float
    high: float
    p_uphold: float
    own_runs: float
    kept: float
    broken: float
    curves: tuple[Curve, ...]


@dataclass(frozen=True, slots=True)
class CellDetail:
    """The chosen cell, whole."""

    cell: CellShown
    beliefs: tuple[BeliefShown, ...]
    doubt: float


@dataclass(frozen=True, slots=True)
class HistoryRow:
    """An earlier recommendation."""

    id: int
    bundle: str
    verdict: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class PlanShown:
    """The whole plan: its verdict, bound and gap."""

    id: int
    bundle: str
    bundle_name: str
    verdict: str
    status: str
    objective: float
    upper_bound: float
    gap: float
    tau: float
    seed: int
    inputs_digest: str
    evidence_as_of: str
    counts: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class StrategyPage:
    """`/deploy/strategy`; `plan` is None before the first recommendation."""

    at: datetime
    command: str
    plan: PlanShown | None
    environments: tuple[EnvironmentColumn, ...]
    n_environments: int
    rows: tuple[AgentRow, ...]
    n_agents: int
    chosen: CellDetail | None
    loads: tuple[LoadShown, ...]
    history: tuple[HistoryRow, ...]


def empty_page(*, at: datetime, command: str) -> StrategyPage:
    """The page before the first recommendation."""
    return StrategyPage(at, command, None, (), 0, (), 0, None, (), ())


def strategy_page(
    stored_id: int,
    advice: Recommendation,
    *,
    bundle_name: str,
    agent: str,
    environment: str,
    history: tuple[HistoryRow, ...],
    at: datetime,
) -> StrategyPage:
    """Lay out a recommendation."""
    shown = advice.environments[:MAX_ENVIRONMENTS]
    rows = agent_rows(shown)
    return StrategyPage(
        at=at,
        command=f"mythos strategy recommend --bundle {advice.bundle}",
        plan=_plan(stored_id, advice, bundle_name),
        environments=tuple(_column(each) for each in shown),
        n_environments=len(advice.environments),
        rows=rows[:MAX_AGENTS],
        n_agents=len(rows),
        chosen=chosen_cell(advice, agent=agent, environment=environment),
        loads=loads_of(advice.environments),
        history=history,
    )


def _plan(stored_id: int, advice: Recommendation, bundle_name: str) -> PlanShown:
    verdicts = [cell.verdict for each in advice.environments for cell in each.cells]
    return PlanShown(
        id=stored_id,
        bundle=advice.bundle,
        bundle_name=bundle_name,
        verdict=advice.verdict,
        status=advice.status,
        objective=advice.objective,
        upper_bound=advice.upper_bound,
        gap=advice.gap,
        tau=advice.tau,
        seed=advice.seed,
        inputs_digest=advice.inputs_digest,
        evidence_as_of=advice.evidence_as_of,
        counts={each: verdicts.count(each) for each in ("yes", "canary", "no", "forbidden")},
    )


def _column(advice: EnvironmentAdvice) -> EnvironmentColumn:
    return EnvironmentColumn(
        target_environment=advice.target_environment,
        symbolic_alignment_score=advice.symbolic_alignment_score,
        lower=advice.lower,
        coverage=advice.coverage,
        belief=advice.belief,
        verdict=advice.verdict,
        placed=sum(here for _, here, _, _ in _roles(advice)),
        codex_coherence_recommendation=advice.codex_coherence_recommendation,
        reasons=_said(advice.reasons),
        counterfactuals=_said(advice.counterfactuals),
        assistant_role_distribution=advice.assistant_role_distribution,
        ritual_density_projection=advice.ritual_density_projection,
    )


def _said(reasons: Sequence[Reason]) -> tuple[Said, ...]:
    """Reasons by the agent they are about; those about no agent are the environment's."""
    texts: dict[str, list[str]] = {}
    for each in reasons:
        texts.setdefault(each.agent or "Environment", []).append(each.text)
    return tuple(Said(about, tuple(listed)) for about, listed in texts.items())


def _roles(advice: EnvironmentAdvice) -> list[tuple[Mapping[str, JsonValue], int, int, int]]:
    """Roles of a slice with replicas placed here, placed anywhere and wanted."""
    roles = advice.assistant_role_distribution.get("roles")
    found: list[tuple[Mapping[str, JsonValue], int, int, int]] = []
    for role in roles if isinstance(roles, list) else []:
        if isinstance(role, dict):
            here = role.get("by_environment")
            replicas = sum(
                _whole(each.get("replicas"))
                for each in (here if isinstance(here, list) else [])
                if isinstance(each, dict)
            )
            found.append((role, replicas, _whole(role.get("placed")), _whole(role.get("wanted"))))
    return found


def _whole(value: JsonValue) -> int:
    return value if isinstance(value, int) else 0


def agent_rows(environments: Sequence[EnvironmentAdvice]) -> tuple[AgentRow, ...]:
    """The matrix by agent name."""
    cells = {(c.agent, c.environment): c for each in environments for c in each.cells}
    roles = {
        str(role.get("agent")): (str(role.get("role")), placed, wanted)
        for each in environments
        for role, _, placed, wanted in _roles(each)
    }
    names = sorted({agent for agent, _ in cells})
    return tuple(
        _row(name, [cells.get((name, e.target_environment)) for e in environments], roles.get(name))
        for name in names
    )


def _row(name: str, cells: Sequence[Cell | None], role: tuple[str, int, int] | None) -> AgentRow:
    known = [cell for cell in cells if cell]
    return AgentRow(
        agent=name,
        role=role[0] if role else "",
        placed=role[1] if role else None,
        wanted=role[2] if role else None,
        constructs=max((len(cell.posteriors) for cell in known), default=0),
        critical=any(each.critical for cell in known for each in cell.posteriors),
        cells=tuple(_cell(cell) if cell else None for cell in cells),
    )


def _cell(cell: Cell) -> CellShown:
    return CellShown(
        agent=cell.agent,
        environment=cell.environment,
        verdict=cell.verdict,
        q=cell.q,
        own_runs=cell.own_runs,
        change=_change(cell),
        reason=cell.reason,
    )


def _change(cell: Cell) -> str:
    """What would make the answer yes, in a few words."""
    if cell.verdict == "yes":
        return ""
    if cell.missing_labels:
        return f"lacks {', '.join(cell.missing_labels)}"
    if cell.verdict == "forbidden":
        return "its policy sets contradict each other"
    if cell.needed_runs:
        runs = "run makes" if cell.needed_runs == 1 else "runs make"
        return f"{cell.needed_runs} more clean {runs} it yes"
    broken = max(cell.posteriors, key=lambda each: each.broken, default=None)
    if broken and broken.broken:
        return f"{broken.broken:g} runs broke {broken.name}"
    return "no number of clean runs alone makes it yes"


def chosen_cell(advice: Recommendation, *, agent: str, environment: str) -> CellDetail | None:
    """The asked-for cell, else the first that is neither yes nor forbidden, else the first."""
    cells = [cell for each in advice.environments for cell in each.cells]
    asked = [each for each in cells if (each.agent, each.environment) == (agent, environment)]
    open_ones = [each for each in cells if each.verdict in {"canary", "no"}]
    found = next(iter([*asked, *open_ones, *cells]), None)
    if found is None:
        return None
    return CellDetail(
        cell=_cell(found),
        beliefs=tuple(_belief(found, index) for index in range(len(found.posteriors))),
        doubt=sum(1 - each.p_uphold for each in found.posteriors),
    )


def _belief(cell: Cell, index: int) -> BeliefShown:
    each = cell.posteriors[index]
    curves = [Curve(f"now: Beta({each.a:.1f}, {each.b:.1f})", each.a, each.b, "mid")]
    if cell.needed_runs:
        after = each.a + cell.needed_runs
        name = f"after {cell.needed_runs} more clean runs: Beta({after:.1f}, {each.b:.1f})"
        curves.append(Curve(name, after, each.b, "next-l"))
    return BeliefShown(
        name=each.name,
        kind=each.kind,
        digest=each.digest,
        critical=each.critical,
        a=each.a,
        b=each.b,
        mean=each.mean,
        low=each.low,
        high=each.high,
        p_uphold=each.p_uphold,
        own_runs=each.own_runs,
        kept=each.kept,
        broken=each.broken,
        curves=tuple(curves),
    )
