"""Strays: runs of the last 24 h that name a workflow nobody knows here.

They are held to no workflow, so they enter no score; the flag is for whoever misspelt the name, or
rolled out the agent without its workflow. An agent that has no workflow and names none is none.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from mythos.engines.evidence.row import EvidenceRow
from mythos.engines.evidence.window import DAY_S
from mythos.engines.evidence.workflow import WorkflowBody
from mythos.engines.resilience.facts import NodeFacts
from mythos.engines.resilience.finding import Finding, Scene
from mythos.engines.resilience.runs import pooled_last_day
from mythos.values.reading import EvidenceRef

MAX_NAMES = 3


def strays(rows: Iterable[EvidenceRow], *, facts: NodeFacts, scene: Scene) -> Iterator[Finding]:
    """Find the agents whose runs name an unknown workflow."""
    for (agent, workflow), body in pooled_last_day(rows, as_of=scene.as_of).items():
        if not workflow:
            yield _finding(facts.name_of(agent), body, scene=scene)


def _finding(agent: str, body: WorkflowBody, *, scene: Scene) -> Finding:
    names = sorted({sample.rule for sample in body.samples.clean})
    traces = dict.fromkeys(sample.trace_id for sample in body.samples.clean)
    return Finding(
        code="WORKFLOW_UNKNOWN",
        subject=scene.subject(agent),
        words={"agent": agent or "the agent", "workflow": ", ".join(names[:MAX_NAMES])},
        value=body.summary.runs,
        threshold=0,
        window_s=DAY_S,
        evidence=tuple(EvidenceRef(kind="trace", ref=trace) for trace in traces),
    )
