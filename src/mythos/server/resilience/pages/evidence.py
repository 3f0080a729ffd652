"""The evidence rows of one host, added up by what they are about."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from mythos.engines.evidence.action import ActionBody
from mythos.engines.evidence.memory import MemoryBody
from mythos.engines.evidence.policy import PolicyBody
from mythos.engines.evidence.row import EvidenceRow
from mythos.engines.evidence.workflow import WorkflowBody


@dataclass(frozen=True, slots=True)
class HostEvidence:
    """Policy sets by (kind, digest), tools by name, memory audits by log, workflows by agent."""

    policies: Mapping[tuple[str, str], PolicyBody]
    tools: Mapping[str, ActionBody]
    memory: Mapping[str, Sequence[MemoryBody]]
    workflows: Mapping[tuple[str, str], WorkflowBody]

    def digests(self) -> set[str]:
        """Everything that has a name elsewhere: agents and workflows."""
        return {part for pair in self.workflows for part in pair}


def grouped(rows: Iterable[EvidenceRow]) -> HostEvidence:
    """Add up rows; what this page does not show is left out."""
    policies: dict[tuple[str, str], PolicyBody] = {}
    tools: dict[str, ActionBody] = {}
    memory: dict[str, list[MemoryBody]] = defaultdict(list)
    workflows: dict[tuple[str, str], WorkflowBody] = {}
    for row in rows:
        kind, subject, body = row.key.kind, row.key.subject, row.body
        if isinstance(body, PolicyBody):
            policies[kind, subject] = policies.get((kind, subject), PolicyBody()) + body
        elif isinstance(body, ActionBody):
            tools[subject] = tools.get(subject, ActionBody()) + body
        elif isinstance(body, MemoryBody):
            memory[subject].append(body)
        elif isinstance(body, WorkflowBody) and subject:
            pair = row.key.agent, subject
            workflows[pair] = workflows.get(pair, WorkflowBody()) + body
    return HostEvidence(policies, tools, memory, workflows)
