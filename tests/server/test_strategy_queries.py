"""What the database adds up for a recommendation is what adding the rows themselves gives."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from mythos.engines.belief import BeliefCell, BeliefKey, HourCount, merge
from mythos.engines.evidence.policy import PolicyBody
from mythos.engines.evidence.row import EvidenceRow
from mythos.engines.evidence.row import merge as merge_by_key
from mythos.engines.evidence.window import HOUR_S, cell_of
from mythos.engines.evidence.workflow import WorkflowBody, WorkflowSummary
from mythos.engines.placement.request import Arrivals
from mythos.server.deployment.models import MythOSDeploymentPacket
from mythos.server.resilience import models
from mythos.server.resilience.commands import merge_rows
from mythos.server.strategy.queries import placement_input
from tests.engines.evidence.strategies import rows
from tests.server.fleet import file_example
from tests.server.outpost import AT

pytestmark = pytest.mark.django_db
LATE = cell_of(AT.timestamp(), HOUR_S)


@pytest.fixture
def packet() -> MythOSDeploymentPacket:
    return file_example()


@given(data=st.data())
@examples(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_beliefs_and_arrivals_are_the_sums_of_the_rows(
    packet: MythOSDeploymentPacket, data: st.DataObject
) -> None:
    agent = packet.included_assistants.get(name="refunds")
    workflow = packet.ritual_archive.get(name="return-order")
    names = {agent.digest: "refunds", "name:refunds": "refunds", "name:other": "other"}
    subjects = st.sampled_from([workflow.digest, "sha256:" + "0" * 64])

    def placed(row: EvidenceRow) -> EvidenceRow:
        key = replace(
            row.key,
            agent=data.draw(st.sampled_from(sorted(names))),
            subject=data.draw(subjects),
            cell=LATE - row.key.cell,
        )
        return EvidenceRow(key, row.body)

    kept = merge_by_key([placed(row) for row in data.draw(st.lists(rows(), max_size=12))])
    models.EvidenceRow.objects.all().delete()
    merge_rows(kept)
    asked = placement_input(packet, at=AT)
    assert merge(asked.beliefs) == _beliefs(kept, names)
    assert list(asked.arrivals) == _arrivals(kept, names, workflow.digest)


def _beliefs(rows: list[EvidenceRow], names: dict[str, str]) -> tuple[BeliefCell, ...]:
    cells = []
    for row in rows:
        kept, broken = _kept_and_broken(row)
        if kept or broken:
            key = BeliefKey(row.key.environment, names[row.key.agent], row.key.subject)
            hour = HourCount(cell_of(row.key.cell, HOUR_S), kept, broken, row.key.agent)
            cells.append(BeliefCell(key, (hour,)))
    return merge(cells)


def _kept_and_broken(row: EvidenceRow) -> tuple[int, int]:
    if row.key.kind == "policy" and isinstance(row.body, PolicyBody):
        return row.body.runs.clean, row.body.runs.violated
    if isinstance(row.body, WorkflowBody):
        one = row.body.summary
        return one.fitting, one.runs - one.open - one.inexact - one.fitting
    return 0, 0


def _arrivals(rows: list[EvidenceRow], names: dict[str, str], digest: str) -> list[Arrivals]:
    parts: defaultdict[str, list[WorkflowSummary]] = defaultdict(list)
    for row in rows:
        if isinstance(row.body, WorkflowBody) and row.key.subject == digest:
            parts[names[row.key.agent]].append(row.body.summary)
    return [_arrival(name, WorkflowSummary.total(parts[name])) for name in sorted(parts)]


def _arrival(agent: str, total: WorkflowSummary) -> Arrivals:
    since = AT.timestamp() if total.first_ts is None else total.first_ts
    return Arrivals(
        agent=agent,
        workflow="return-order",
        runs=float(total.runs),
        hours=max((AT.timestamp() - since) / HOUR_S, 1 / 60),
        duration_s=total.mean_duration_s,
        tokens=(total.tokens_in + total.tokens_out) / total.runs if total.runs else 0.0,
    )
