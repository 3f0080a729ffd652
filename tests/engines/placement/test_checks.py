"""Impossible questions are refused with the path of the field and a remedy."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import pytest

from mythos.engines.belief import BeliefCell, HourCount
from mythos.engines.placement import Arrivals, Exclusion, PlacementInput, recommend
from mythos.errors import EvidenceError, PlacementError
from mythos.values.environment import FleetNode
from tests.engines.placement.fleets import NOW_S, RULES, agent, environment, question, seen

FINE = question((agent(), agent("billing")), (environment("cloud-eu"), environment("cloud-us")))
SHARED_NODE = environment("edge").model_copy(update={"nodes": (FleetNode(name="cloud-eu-0"),)})


@pytest.mark.parametrize(
    ("asked", "where"),
    [
        (replace(FINE, agents=()), "agents"),
        (replace(FINE, tau=1.0), "tau"),
        (replace(FINE, tau=float("nan")), "tau"),
        (replace(FINE, half_life_s=0.0), "half_life_s"),
        (replace(FINE, horizon_s=0), "horizon_s"),
        (replace(FINE, seed=-1), "seed"),
        (replace(FINE, seed=2**31), "seed"),
        (replace(FINE, as_of=datetime(2026, 1, 1)), "as_of"),  # noqa: DTZ001  # refused for it
        (replace(FINE, agents=(agent(), agent())), r"agents\[1\]"),
        (replace(FINE, agents=(agent(replicas=0),)), r"agents\[0\].replicas"),
        (replace(FINE, agents=(agent(weight=float("nan")),)), r"agents\[0\].weight"),
        (replace(FINE, agents=(agent(weight=0.0),)), r"agents\[0\].weight"),
        (replace(FINE, agents=(agent(weight=-1.0),)), r"agents\[0\].weight"),
        (replace(FINE, agents=(agent(constructs=(RULES, RULES)),)), r"agents\[0\].constructs\[1\]"),
        (replace(FINE, environments=(environment("a"), environment("a"))), r"environments\[1\]"),
        (replace(FINE, environments=(*FINE.environments, SHARED_NODE)), r"environments.nodes\[2\]"),
        (replace(FINE, exclusions=(Exclusion("nobody"),)), r"exclusions\[0\].agent"),
        (replace(FINE, arrivals=(Arrivals("nobody", "w", 1, 1),)), r"arrivals\[0\].agent"),
        (replace(FINE, arrivals=(Arrivals("refunds", "w", -1, 1),)), r"arrivals\[0\].runs"),
        (replace(FINE, arrivals=(Arrivals("refunds", "w", 1, float("inf")),)), r"arrivals\[0\].h"),
        (replace(FINE, arrivals=(Arrivals("refunds", "w", 1, 1),) * 2), r"arrivals\[1\]"),
        (replace(FINE, agents=(agent(replicas=10**6), agent("b", replicas=1))), "agents"),
    ],
)
def test_an_impossible_field_is_named(asked: PlacementInput, where: str) -> None:
    with pytest.raises(PlacementError, match=f"^{where}") as caught:
        recommend(asked)
    assert caught.value.remedy


def test_evidence_from_the_future_is_refused() -> None:
    key = seen("cloud-eu", 1, 0).key
    ahead = BeliefCell(key, (HourCount(NOW_S + 7_200, 1, 0, "v1"),))
    with pytest.raises(EvidenceError, match="after the moment it is read"):
        recommend(replace(FINE, beliefs=(ahead,)))
