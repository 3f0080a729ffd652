"""Alignment: the share of the wanted fleet that an environment can be expected to keep compliant.

A_e = Σ ω d q / Σ ω d over the wanted agents, with q = 0 where labels or contradictions exclude
the environment. Capacity does not enter: that is what `coverage` is for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mythos.engines.placement.judgement import Judged
from mythos.engines.placement.plan import Plan
from mythos.engines.placement.request import WantedAgent
from mythos.values.recommendation import Cell


@dataclass(frozen=True, slots=True)
class Alignment:
    """Score and low end of an environment, the share placed there and how sure that share is."""

    score: float
    lower: float
    coverage: float
    belief: float | None


def align(
    environment: str,
    agents: Sequence[WantedAgent],
    *,
    judgement: Mapping[tuple[str, str], Judged],
    plan: Plan,
) -> Alignment:
    """Score one environment.

    Args:
        environment: its name.
        agents: the wanted agents, at least one.
        judgement: judged cells by (agent, environment).
        plan: what was placed.

    Returns:
        `score` = A_e in [0, 1]; `lower` <= score, the same with each construct's probability
        replaced by its 5 % quantile where that is lower; `coverage` = placed here of all wanted;
        `belief` = mean q of what is placed here, weighted alike, None when nothing is.
    """
    cells = {each.name: judgement[each.name, environment].cell for each in agents}
    here = {each.name: plan.replicas(each.name, environment=environment) for each in agents}
    wanted = sum(each.weight * each.replicas for each in agents)
    placed = sum(each.weight * here[each.name] for each in agents)
    return Alignment(
        score=_unit(
            sum(each.weight * each.replicas * cells[each.name].q for each in agents) / wanted
        ),
        lower=_unit(
            sum(each.weight * each.replicas * low_q(cells[each.name]) for each in agents) / wanted
        ),
        coverage=sum(here.values()) / sum(each.replicas for each in agents),
        belief=_unit(
            sum(each.weight * here[each.name] * cells[each.name].q for each in agents) / placed
        )
        if placed
        else None,
    )


def low_q(cell: Cell) -> float:
    """The composite q at the low end of every belief; 0 for a forbidden cell, at most `cell.q`."""
    doubt = sum(1.0 - min(each.p_uphold, each.low) for each in cell.posteriors)
    return min(cell.q, max(0.0, 1.0 - doubt))


def _unit(share: float) -> float:
    """Rounding may not carry a share out of [0, 1]."""
    return min(1.0, max(0.0, share))
