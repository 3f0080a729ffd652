"""A plan: replicas by agent and node, what it is worth, and the bound no plan can exceed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from mythos.engines.placement.options import Mode, Option
from mythos.values.agent import Resources

Status = Literal["optimal", "feasible", "infeasible", "degraded"]


@dataclass(frozen=True, slots=True, order=True)
class Placed:
    """Replicas of one agent on one node."""

    agent: str
    environment: str
    node: str
    replicas: int
    mode: Mode


@dataclass(frozen=True, slots=True)
class Plan:
    """Placed replicas; `objective` <= `upper_bound`, both in units of weighted utility."""

    placed: tuple[Placed, ...]
    objective: float
    upper_bound: float
    status: Status

    @property
    def gap(self) -> float:
        """(bound − objective) / bound, in [0, 1]; 0 when the bound is 0."""
        if self.upper_bound <= 0:
            return 0.0
        return max(0.0, (self.upper_bound - self.objective) / self.upper_bound)

    def replicas(
        self, agent: str, *, environment: str | None = None, mode: Mode | None = None
    ) -> int:
        """Replicas of an agent, everywhere or in one environment, in any or one mode."""
        return sum(
            each.replicas
            for each in self.placed
            if each.agent == agent
            and environment in {None, each.environment}
            and mode in {None, each.mode}
        )

    def used(self, node: str, resources: Mapping[str, Resources]) -> dict[str, int]:
        """What the replicas on a node take, by dimension; `resources` are by agent name."""
        here = [each for each in self.placed if each.node == node]
        return {
            name: sum(each.replicas * int(getattr(resources[each.agent], name)) for each in here)
            for name in ("cpu_m", "memory_mb", "tokens_per_min")
        }


def placed_from(options: Iterable[Option], counts: Iterable[int]) -> tuple[Placed, ...]:
    """The options that got replicas, as sorted placements."""
    return tuple(
        sorted(
            Placed(each.agent.name, each.environment, each.node.name, count, each.mode)
            for each, count in zip(options, counts, strict=True)
            if count
        )
    )
