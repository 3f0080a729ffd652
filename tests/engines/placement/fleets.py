"""Small fleets to place: builders for tests, and hypothesis strategies over them."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import strategies as st

from mythos.engines.belief import BeliefCell, BeliefKey, Construct, HourCount
from mythos.engines.placement import Arrivals, Exclusion, PlacementInput, WantedAgent
from mythos.values.agent import Resources
from mythos.values.environment import Capacity, FleetEnvironment, FleetNode

NOW = datetime(2026, 1, 10, tzinfo=UTC)
NOW_S = int(NOW.timestamp())
RULES = Construct("sha256:rules", "policy", "refund-rules")
FLOW = Construct("sha256:flow", "workflow", "refund-flow")
VAULT = Construct("sha256:vault", "policy", "vault-rules", critical=True)


def agent(
    name: str = "refunds",
    *,
    replicas: int = 1,
    constructs: tuple[Construct, ...] = (RULES,),
    cpu_m: int = 100,
    weight: float = 1.0,
) -> WantedAgent:
    resources = Resources(cpu_m=cpu_m)
    return WantedAgent(name, "v1", "desk", replicas, constructs, resources, weight)


def environment(
    name: str, *cpu_m: int, labels: dict[str, str] | None = None, no_explore: bool = False
) -> FleetEnvironment:
    nodes = tuple(
        FleetNode(name=f"{name}-{at}", capacity=Capacity(cpu_m=cpu))
        for at, cpu in enumerate(cpu_m or (4_000,))
    )
    return FleetEnvironment(name=name, labels=labels or {}, no_explore=no_explore, nodes=nodes)


def seen(
    where: str,
    kept: int,
    broken: int,
    *,
    who: str = "refunds",
    construct: Construct = RULES,
    hours_ago: int = 2,
) -> BeliefCell:
    hour = HourCount(NOW_S - hours_ago * 3_600, kept, broken, "v1")
    return BeliefCell(BeliefKey(where, who, construct.digest), (hour,))


def question(
    agents: tuple[WantedAgent, ...],
    environments: tuple[FleetEnvironment, ...],
    *beliefs: BeliefCell,
    labels: dict[str, str] | None = None,
    arrivals: tuple[Arrivals, ...] = (),
    exclusions: tuple[Exclusion, ...] = (),
) -> PlacementInput:
    return PlacementInput(
        bundle="sha256:bundle",
        agents=agents,
        environments=environments,
        as_of=NOW,
        labels=labels or {},
        beliefs=beliefs,
        arrivals=arrivals,
        exclusions=exclusions,
    )


AGENTS = ("billing", "refunds", "triage")
ENVIRONMENTS = ("edge-1", "edge-2", "vault")

_agents = st.lists(
    st.builds(
        agent,
        st.sampled_from(AGENTS),
        replicas=st.integers(1, 25),
        constructs=st.sampled_from([(RULES,), (RULES,), (RULES, FLOW), (VAULT,), ()]),
        cpu_m=st.sampled_from([0, 100, 700]),
        weight=st.sampled_from([0.5, 1.0, 3.0]),
    ),
    min_size=1,
    max_size=3,
    unique_by=lambda each: each.name,
).map(tuple)

_environments = st.lists(
    st.builds(
        lambda name, cpu, region, shut: environment(
            name, *cpu, labels={"region": region}, no_explore=shut
        ),
        st.sampled_from(ENVIRONMENTS),
        st.lists(st.sampled_from([0, 1_000, 4_000]), min_size=1, max_size=3),
        st.sampled_from(["eu", "us"]),
        st.sampled_from([False, False, False, True]),
    ),
    max_size=3,
    unique_by=lambda each: each.name,
).map(tuple)

# Clean, nearly clean, mixed, bad, few and none, so that every verdict comes up.
_counts = st.sampled_from([(60, 0), (60, 0), (58, 2), (30, 14), (4, 9), (3, 0), (0, 0)])


@st.composite
def _beliefs(draw: st.DrawFn) -> list[BeliefCell]:
    return [
        seen(where, *draw(_counts), who=who, construct=construct, hours_ago=draw(st.integers(0, 9)))
        for where in ENVIRONMENTS
        for who in AGENTS
        for construct in (RULES, FLOW, VAULT)
    ]


@st.composite
def questions(draw: st.DrawFn) -> PlacementInput:
    agents = draw(_agents)
    arrivals = tuple(
        Arrivals(each.name, "refund-flow", draw(st.integers(0, 500)), 10, 30, 2_000)
        for each in agents
    )
    shut = draw(st.sampled_from([None] * 6 + [*agents]))
    return question(
        agents,
        draw(_environments),
        *draw(_beliefs()),
        labels=draw(st.sampled_from([{}, {}, {"region": "eu"}, {"note.owner": "x"}])),
        arrivals=arrivals,
        exclusions=(Exclusion(shut.name, ("drop rule 3",)),) if shut else (),
    )
