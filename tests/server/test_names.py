"""What readings and pages call the documents that evidence names by digest."""

from __future__ import annotations

import pytest

from mythos.adapters.baseline import baseline_digest
from mythos.server.catalog.models import EncodedRitualBlueprint, Node
from mythos.server.resilience.page_queries import policy_sets
from mythos.server.resilience.readings import facts_of
from mythos.values.evidence import InForce
from mythos.values.workflow import canonical, load_workflow, workflow_digest
from tests.server.fleet import environment

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
    assert facts_of(node).name_of(baseline_digest()) == "mythos-baseline"
    assert policy_sets([baseline_digest()])[baseline_digest()].policy_set == "mythos-baseline"
    assert policy_sets(["sha256:" + "0" * 64]) == {}


def test_a_skip_weight_that_is_the_documents_default_counts_too() -> None:
    digest = workflow_digest(PAY)
    EncodedRitualBlueprint.objects.create(
        name="pay", version=1, encoded_steps=canonical(PAY), digest=digest
    )
    facts = facts_of(_node(InForce(workflows=(digest,))))
    assert facts.skip_weights[digest] == {"look": 6, "ask": 6, "thank": 1}
