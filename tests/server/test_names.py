"""What readings and pages call the documents that evidence names by digest."""

from __future__ import annotations

import pytest

from mythos.adapters.baseline import baseline_digest
from mythos.server.catalog.models import EncodedRitualBlueprint, Node
from mythos.server.resilience.page_queries import policy_sets
from mythos.server.resilience.readings import facts_of, refresh
from mythos.values.evidence import InForce
from mythos.values.workflow import canonical, load_workflow, workflow_digest
from tests.server.fleet import environment
from tests.server.outpost import AT

pytestmark = pytest.mark.django_db

PAY = load_workflow(
    """
schema: mythos.ritual/1
name: pay
steps: {seq: [{act: look}, {loop: {do: {act: ask}}}, {opt: {act: thank}}]}
weights: {default: 6, thank: {skip: 1}}
""",
    source="pay.yaml",
)


def _node(in_force: InForce) -> Node:
    return Node.objects.create(
        node_id="till-1",
        environment=environment("shop"),
        key_id="0123456789",
        in_force=in_force.model_dump(mode="json"),
    )


def test_the_baseline_that_ships_with_mythos_is_called_by_its_name() -> None:
    node = _node(InForce(shadow_sets=(baseline_digest(),)))
    assert facts_of(node, at=AT).name_of(baseline_digest()) == "mythos-baseline"
    assert policy_sets([baseline_digest()])[baseline_digest()].policy_set == "mythos-baseline"
    assert policy_sets(["sha256:" + "0" * 64]) == {}


def test_a_skip_weight_that_is_the_documents_default_counts_too() -> None:
    digest = workflow_digest(PAY)
    EncodedRitualBlueprint.objects.create(
        name="pay", version=1, encoded_steps=canonical(PAY), digest=digest
    )
    facts = facts_of(_node(InForce(workflows=(digest,))), at=AT)
    assert facts.skip_weights[digest] == {"look": 6, "ask": 6, "thank": 1}


def test_what_ran_before_the_newest_rollout_keeps_its_name_and_weights() -> None:
    digest = workflow_digest(PAY)
    EncodedRitualBlueprint.objects.create(
        name="pay", version=1, encoded_steps=canonical(PAY), digest=digest
    )
    facts = facts_of(_node(InForce()), at=AT, seen={digest, "sha256:" + "0" * 64})
    assert facts.name_of(digest) == "pay"
    assert facts.skip_weights[digest]["ask"] == 6
    assert not facts.applies_workflow


def test_a_column_that_holds_nothing_is_named_whether_or_not_its_part_applies() -> None:
    stored = refresh(_node(InForce()).node_id, at=AT)
    assert stored is not None
    assert stored.memory_integrity_score == 0.0
    assert stored.unknown_components == [
        "codex_uptime_index",
        "memory_integrity_score",
        "ritual_execution_consistency",
    ]
    assert "memory_integrity_score" not in stored.reading["unknown_components"]
