"""The question put to placement, in one value: wanted agents, environments, beliefs, arrivals.

The same question listed in another order is the same question: `ordered` sorts every part and
`inputs_digest` names the sorted one.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime

from pydantic import JsonValue, TypeAdapter

from mythos.engines.belief import HALF_LIFE_S, TAU, BeliefCell, Construct, merge
from mythos.values.agent import Resources
from mythos.values.digest import canonical_bytes, digest_of
from mythos.values.environment import FleetEnvironment, Labels

_ANY: TypeAdapter[object] = TypeAdapter(object)
_JSON: TypeAdapter[JsonValue] = TypeAdapter(JsonValue)


@dataclass(frozen=True, slots=True)
class WantedAgent:
    """An agent of the bundle: its version, how many replicas, what each takes and must uphold.

    `replicas` is what is wanted here (`resources.replicas` is only the document's default);
    `weight` is the agent's share in the alignment score, 1 unless the operator says otherwise.
    """

    name: str
    digest: str
    role: str
    replicas: int
    constructs: tuple[Construct, ...] = ()
    resources: Resources = field(default_factory=Resources)
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class Exclusion:
    """An agent whose policy sets contradict each other, with the changes that were suggested."""

    agent: str
    suggested_changes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Arrivals:
    """Runs of one agent and workflow: `runs` (may be discounted) seen in `hours`.

    `workflow` is a name; `duration_s` and `tokens` are means of one run.
    """

    agent: str
    workflow: str
    runs: float
    hours: float
    duration_s: float = 0.0
    tokens: float = 0.0


@dataclass(frozen=True, slots=True)
class PlacementInput:
    """Everything a recommendation depends on; `as_of` and `seed` stand in for clock and chance.

    `labels` are the bundle's; `beliefs` of environments or agents that are not named here are
    left out; `horizon_s` is how far the load is projected.
    """

    bundle: str
    agents: tuple[WantedAgent, ...]
    environments: tuple[FleetEnvironment, ...]
    as_of: datetime
    labels: Labels = field(default_factory=dict)
    beliefs: tuple[BeliefCell, ...] = ()
    exclusions: tuple[Exclusion, ...] = ()
    arrivals: tuple[Arrivals, ...] = ()
    tau: float = TAU
    half_life_s: float = HALF_LIFE_S
    horizon_s: int = 3_600
    seed: int = 0

    @property
    def as_of_s(self) -> int:
        """The moment in whole Unix seconds."""
        return int(self.as_of.timestamp())

    @property
    def as_of_text(self) -> str:
        """The moment as ISO 8601 in UTC, to the second."""
        return self.as_of.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def ordered(request: PlacementInput) -> PlacementInput:
    """The same request with every part sorted and beliefs of equal keys added up."""
    return replace(
        request,
        agents=tuple(
            replace(each, constructs=tuple(sorted(each.constructs)))
            for each in sorted(request.agents, key=lambda each: each.name)
        ),
        environments=tuple(
            each.model_copy(update={"nodes": tuple(sorted(each.nodes, key=lambda node: node.name))})
            for each in sorted(request.environments, key=lambda each: each.name)
        ),
        beliefs=merge(request.beliefs),
        exclusions=tuple(sorted(request.exclusions, key=lambda each: each.agent)),
        arrivals=tuple(sorted(request.arrivals, key=lambda each: (each.agent, each.workflow))),
    )


def inputs_digest(request: PlacementInput) -> str:
    """Name an ordered request by the digest of its canonical JSON."""
    return digest_of(canonical_bytes(_document(request)))


def _document(request: PlacementInput) -> JsonValue:
    parts = {
        "bundle": request.bundle,
        "agents": [
            asdict(replace(each, resources=Resources()))
            | {"resources": each.resources.model_dump(mode="json")}
            for each in request.agents
        ],
        "environments": [each.model_dump(mode="json") for each in request.environments],
        "as_of": request.as_of_text,
        "labels": request.labels,
        "beliefs": [asdict(each) for each in request.beliefs],
        "exclusions": [asdict(each) for each in request.exclusions],
        "arrivals": [asdict(each) for each in request.arrivals],
        "tau": request.tau,
        "half_life_s": request.half_life_s,
        "horizon_s": request.horizon_s,
        "seed": request.seed,
    }
    return _JSON.validate_json(_ANY.dump_json(parts))
