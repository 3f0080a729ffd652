"""The search is exact on small fleets, keeps its bound and repeats itself."""

from __future__ import annotations

from itertools import product

from hypothesis import given, settings
from hypothesis import strategies as st

from mythos.engines.placement import PlacementInput
from mythos.engines.placement.greedy import fill
from mythos.engines.placement.judgement import judge
from mythos.engines.placement.options import Option, canary_budget, options
from mythos.engines.placement.plan import placed_from
from mythos.engines.placement.request import ordered
from mythos.engines.placement.solve import MAX_OPTIONS, SPREAD_BONUS, _worth, solve
from mythos.values.environment import Capacity, FleetNode
from tests.engines.placement.fleets import agent, environment, question, questions, seen

few = settings(max_examples=30)
two_nodes = st.tuples(st.integers(0, 9), st.integers(0, 9)).map(
    lambda rooms: [
        FleetNode(name=f"n{at}", capacity=Capacity(cpu_m=r)) for at, r in enumerate(rooms)
    ]
)


def is_allowed(found: list[Option], counts: tuple[int, ...]) -> bool:
    rows = list(zip(found, counts, strict=True))
    agents = {each.agent.name: each.agent for each in found}
    nodes = {each.node.name: each.node for each in found}
    return all(
        sum(n for o, n in rows if o.agent.name == name) <= one.replicas
        and sum(n for o, n in rows if o.agent.name == name and o.mode == "canary")
        <= canary_budget(one)
        for name, one in agents.items()
    ) and all(
        sum(n * o.agent.resources.cpu_m for o, n in rows if o.node.name == name)
        <= node.capacity.cpu_m
        for name, node in nodes.items()
    )


@few
@given(two_nodes, st.lists(st.tuples(st.integers(1, 4), st.integers(1, 3)), min_size=1, max_size=2))
def test_the_plan_is_the_best_of_all_plans(
    nodes: list[FleetNode], wanted: list[tuple[int, int]]
) -> None:
    found = [
        Option(agent(f"a{at}", replicas=replicas, cpu_m=cpu), "e", node, "certified", replicas, u)
        for (at, (cpu, replicas)), u in zip(enumerate(wanted), (0.9, 0.5), strict=False)
        for node in nodes
    ]
    worth = _worth(found)
    every = product(*(range(each.most + 1) for each in found))
    best = max(worth.of(counts) for counts in every if is_allowed(found, counts))
    plan = solve(found, seed=0)
    assert plan.status == "optimal"
    assert round(plan.objective / worth.unit) == round(plan.upper_bound / worth.unit) == best


@few
@given(questions())
def test_the_plan_is_never_worse_than_greedy_and_greedy_keeps_every_limit(
    asked: PlacementInput,
) -> None:
    asked = ordered(asked)
    found = list(options(asked, judge(asked)))
    if not found:
        return
    counts = fill(found)
    assert is_allowed(found, counts)
    assert solve(found, seed=0).objective >= _worth(found).of(counts) * _worth(found).unit - 1e-9


def test_equal_nodes_share_the_replicas() -> None:
    asked = ordered(
        question((agent(replicas=3),), (environment("e", 4_000, 4_000, 4_000),), seen("e", 60, 0))
    )
    plan = solve(options(asked, judge(asked)), seed=0)
    assert [each.replicas for each in plan.placed] == [1, 1, 1]


def test_the_heavier_agent_gets_the_last_room() -> None:
    both = (agent("light", weight=1.0, cpu_m=1_000), agent("heavy", weight=2.0, cpu_m=1_000))
    beliefs = (seen("e", 60, 0, who="light"), seen("e", 60, 0, who="heavy"))
    asked = ordered(question(both, (environment("e", 1_000),), *beliefs))
    plan = solve(options(asked, judge(asked)), seed=0)
    assert [each.agent for each in plan.placed] == ["heavy"]


def test_a_search_of_fifty_nodes_and_twenty_agents_is_proved_and_repeats() -> None:
    agents = tuple(
        agent(f"a{at:02}", replicas=1 + at % 9, cpu_m=300 + 170 * (at % 7)) for at in range(20)
    )
    fleet = tuple(environment(f"e{at}", *(4_000,) * 10) for at in range(5))
    beliefs = [
        seen(f"e{e}", 40 + e, (a + e) % 4, who=f"a{a:02}") for e in range(5) for a in range(20)
    ]
    asked = ordered(question(agents, fleet, *beliefs))
    found = options(asked, judge(asked))
    first = solve(found, seed=7)
    assert first == solve(found, seed=7)
    assert first.gap <= 0.005


def test_beyond_the_size_of_the_search_the_greedy_plan_says_degraded() -> None:
    node = FleetNode(name="n", capacity=Capacity(cpu_m=500))
    one = agent(replicas=2)
    found = [Option(one, "e", node, "certified", 2, 0.9)] * (MAX_OPTIONS + 1)
    plan = solve(found, seed=0)
    assert (plan.status, sum(each.replicas for each in plan.placed)) == ("degraded", 2)
    assert plan.objective <= plan.upper_bound


def test_options_without_replicas_are_no_placements() -> None:
    node = FleetNode(name="n")
    one = Option(agent(), "e", node, "certified", 1, 0.9)
    assert placed_from([one], [0]) == ()
    assert _worth([one]).of([0]) == 0
    assert _worth([one]).of([1]) == 900_000 + SPREAD_BONUS
