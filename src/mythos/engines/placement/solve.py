"""Solve: the node-level plan of greatest utility, with the solver's own bound.

One integer a (agent, node), one capacity row a node and resource, one demand row an agent, the
canary budgets. The first replica on a node earns a hair more than the next, so equals spread. One
worker, a fixed seed and deterministic time make equal requests give equal plans on any load of
the machine. The greedy plan is the hint, and the answer wherever the search finds none better.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass

from ortools.sat.python import cp_model

from mythos.engines.placement.greedy import fill
from mythos.engines.placement.options import DIMENSIONS, Option, canary_budget
from mythos.engines.placement.plan import Plan, Status, placed_from

SCALE = 1_000_000
SPREAD_BONUS = 100
DETERMINISTIC_TIME = 2.0
MAX_OPTIONS = 20_000


@dataclass(frozen=True, slots=True)
class _Worth:
    """Integer worth of options: `SCALE` is one replica at full belief of the heaviest agent."""

    unit: float
    values: tuple[int, ...]

    def of(self, counts: Sequence[int]) -> int:
        """Worth of a plan, the bonus for spreading included."""
        return sum(
            count * value + SPREAD_BONUS * (count > 0)
            for count, value in zip(counts, self.values, strict=True)
        )


def solve(options: Sequence[Option], *, seed: int) -> Plan:
    """Place replicas so that weighted utility is greatest.

    Args:
        options: where replicas may go, in a fixed order.
        seed: seed of the search, 0 <= seed < 2^31.

    Returns:
        A plan that keeps every limit. `optimal` is proved; `feasible` ran out of deterministic
        time; `degraded` is greedy, for more than 20,000 options or a search without a result.
    """
    if not options:
        return Plan((), objective=0.0, upper_bound=0.0, status="optimal")
    worth = _worth(options)
    counts, bound = fill(options), _trivial_bound(options, worth)
    status: Status = "degraded"
    if len(options) <= MAX_OPTIONS:
        counts, bound, status = _search(options, worth, hint=counts, bound=bound, seed=seed)
    return Plan(
        placed_from(options, counts),
        objective=worth.of(counts) * worth.unit,
        upper_bound=max(bound, worth.of(counts)) * worth.unit,
        status=status,
    )


def _worth(options: Sequence[Option]) -> _Worth:
    heaviest = max(each.agent.weight for each in options)
    values = tuple(max(1, round(SCALE * each.utility / heaviest)) for each in options)
    return _Worth(heaviest / SCALE, values)


def _trivial_bound(options: Sequence[Option], worth: _Worth) -> int:
    """Every wanted replica at its best option, each alone on its node."""
    best: dict[str, int] = {}
    for each, value in zip(options, worth.values, strict=True):
        best[each.agent.name] = max(best.get(each.agent.name, 0), value + SPREAD_BONUS)
    replicas = {each.agent.name: each.agent.replicas for each in options}
    return sum(replicas[name] * value for name, value in best.items())


def _search(
    options: Sequence[Option], worth: _Worth, *, hint: tuple[int, ...], bound: int, seed: int
) -> tuple[tuple[int, ...], int, Status]:
    model = cp_model.CpModel()
    counts = _model(model, options, worth)
    for count, at in zip(counts, hint, strict=True):
        model.add_hint(count, at)
    solver = cp_model.CpSolver()
    solver.parameters.num_workers = 1
    solver.parameters.random_seed = seed
    solver.parameters.max_deterministic_time = DETERMINISTIC_TIME
    found = solver.solve(model)
    if found not in {cp_model.OPTIMAL, cp_model.FEASIBLE}:
        return hint, bound, "degraded"
    best = tuple(solver.value(count) for count in counts)
    status: Status = "optimal" if found == cp_model.OPTIMAL else "feasible"
    bound = min(bound, round(solver.best_objective_bound))
    return max(best, hint, key=worth.of), bound, status


def _model(
    model: cp_model.CpModel, options: Sequence[Option], worth: _Worth
) -> list[cp_model.IntVar]:
    counts = [model.new_int_var(0, each.most, f"x{at}") for at, each in enumerate(options)]
    used = [model.new_bool_var(f"y{at}") for at in range(len(options))]
    for count, any_here in zip(counts, used, strict=True):
        model.add(any_here <= count)
    for indices in _groups(options, lambda each: each.agent.name).values():
        agent = options[indices[0]].agent
        model.add(sum(counts[at] for at in indices) <= agent.replicas)
        canaries = [at for at in indices if options[at].mode == "canary"]
        model.add(sum(counts[at] for at in canaries) <= canary_budget(agent))
    for indices in _groups(options, lambda each: (each.agent.name, each.environment)).values():
        if options[indices[0]].mode == "canary":
            model.add(sum(counts[at] for at in indices) <= 1)
    for indices in _groups(options, lambda each: each.node.name).values():
        _add_capacity(model, options, counts, indices)
    model.maximize(
        cp_model.LinearExpr.weighted_sum(counts, worth.values)
        + SPREAD_BONUS * cp_model.LinearExpr.sum(used)
    )
    return counts


def _add_capacity(
    model: cp_model.CpModel,
    options: Sequence[Option],
    counts: Sequence[cp_model.IntVar],
    indices: Sequence[int],
) -> None:
    capacity = options[indices[0]].node.capacity
    for name in DIMENSIONS:
        taken = [int(getattr(options[at].agent.resources, name)) for at in indices]
        here = [counts[at] for at in indices]
        model.add(cp_model.LinearExpr.weighted_sum(here, taken) <= int(getattr(capacity, name)))


def _groups(
    options: Sequence[Option], key: Callable[[Option], Hashable]
) -> dict[Hashable, list[int]]:
    groups: dict[Hashable, list[int]] = {}
    for at, each in enumerate(options):
        groups.setdefault(key(each), []).append(at)
    return groups
