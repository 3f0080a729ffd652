"""Agents × environments, worst first: the view that makes the fleet page.

An agent is in an environment when the bundle assigned there includes it; the cell shows the worst
host of that environment, how many share its state, and the agent's own runs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mythos.server.resilience.pages.facts import AgentFact, EnvironmentFact, NodeFact, RunCounts
from mythos.server.resilience.pages.state import QUIET, RANK, StateNow
from mythos.values.reading import State

MAX_AGENTS, MAX_ENVIRONMENTS = 10, 6


@dataclass(frozen=True, slots=True)
class MatrixCell:
    """One agent in one environment; `host` is the worst one, `runs` are of the last 24 h."""

    environment: str
    state: State
    host: str
    low: float
    mid: float | None
    high: float
    hosts_in_state: int
    hosts: int
    runs: int
    reason: str

    @property
    def quiet(self) -> bool:
        """Whether there is no score to draw, only a reason to read."""
        return self.state in QUIET or self.mid is None


@dataclass(frozen=True, slots=True)
class MatrixRow:
    """One agent; a cell is None where the agent is not deployed."""

    agent: str
    role: str
    policy_sets: int
    workflows: int
    cells: tuple[MatrixCell | None, ...]


@dataclass(frozen=True, slots=True)
class MatrixColumn:
    """One environment."""

    name: str
    hosts: int
    air_gapped: bool
    bundle: str


@dataclass(frozen=True, slots=True)
class Matrix:
    """The matrix; `agents` and `environments` count all, shown or not."""

    columns: tuple[MatrixColumn, ...]
    rows: tuple[MatrixRow, ...]
    agents: int
    environments: int
    unassigned: tuple[str, ...]


Judged = Sequence[tuple[NodeFact, StateNow]]


def matrix_of(environments: Sequence[EnvironmentFact], judged: Judged, runs: RunCounts) -> Matrix:
    """Lay out the matrix, worst agents and environments first."""
    by_environment = {
        environment.name: [pair for pair in judged if pair[0].environment.name == environment.name]
        for environment in environments
    }
    assigned = [each for each in environments if each.desired and by_environment[each.name]]
    assigned.sort(key=lambda each: (_worst_rank(by_environment[each.name]), each.name))
    names = {agent.name: agent for each in assigned for agent in _agents(each)}
    shown = assigned[:MAX_ENVIRONMENTS]
    rows = [_row(agent, shown, by_environment, runs) for agent in names.values()]
    rows.sort(key=lambda row: (_row_rank(row), row.agent))
    return Matrix(
        columns=tuple(_column(each, len(by_environment[each.name])) for each in shown),
        rows=tuple(rows[:MAX_AGENTS]),
        agents=len(names),
        environments=len(assigned),
        unassigned=tuple(each.name for each in environments if not each.desired),
    )


def _agents(environment: EnvironmentFact) -> tuple[AgentFact, ...]:
    return environment.desired.agents if environment.desired else ()


def _column(environment: EnvironmentFact, hosts: int) -> MatrixColumn:
    desired = environment.desired
    bundle = f"{desired.bundle} v{desired.version}" if desired else ""
    return MatrixColumn(environment.name, hosts, environment.air_gapped, bundle)


def _row(
    agent: AgentFact,
    environments: Sequence[EnvironmentFact],
    judged: Mapping[str, Judged],
    runs: RunCounts,
) -> MatrixRow:
    cells = tuple(_cell(agent, each, judged[each.name], runs) for each in environments)
    return MatrixRow(agent.name, agent.role, len(agent.policies), len(agent.workflows), cells)


def _cell(
    agent: AgentFact, environment: EnvironmentFact, judged: Judged, runs: RunCounts
) -> MatrixCell | None:
    here = next((each for each in _agents(environment) if each.name == agent.name), None)
    if here is None:
        return None
    node, now = min(judged, key=_badness)
    return MatrixCell(
        environment=environment.name,
        state=now.state,
        host=node.node_id,
        low=now.low,
        mid=now.mid,
        high=now.high,
        hosts_in_state=sum(other.state == now.state for _, other in judged),
        hosts=len(judged),
        runs=runs.get((environment.name, agent.name), 0),
        reason=now.reason,
    )


def _badness(pair: tuple[NodeFact, StateNow]) -> tuple[int, float, str]:
    node, now = pair
    return RANK[now.state], now.low, node.node_id


def _worst_rank(judged: Judged) -> tuple[int, float]:
    return min((RANK[now.state], now.low) for _, now in judged)


def _row_rank(row: MatrixRow) -> tuple[int, float]:
    ranks = ((RANK[cell.state], cell.low) for cell in row.cells if cell)
    return min(ranks, default=(len(RANK), 1.0))
