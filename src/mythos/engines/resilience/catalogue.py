"""The catalogue of flags: every code, how loud it is, what it concerns, what to do about it.

A code's severity is its default; `POLICY_VIOLATION` is critical when the broken rule is. The
sentence is a template: the finding fills in the names.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

FlagSeverity: TypeAlias = Literal["info", "warning", "critical"]

SEVERITIES: tuple[FlagSeverity, ...] = ("info", "warning", "critical")
_POLICY, _WORKFLOW = "codex_uptime_index", "ritual_execution_consistency"
_MEMORY, _DRIFT = "memory_integrity_score", "drift"


@dataclass(frozen=True, slots=True)
class FlagKind:
    """One code. `suggested_action` may use the names its finding passes."""

    code: str
    severity: FlagSeverity
    component: str
    suggested_action: str


_KINDS = (
    FlagKind(
        "POLICY_VIOLATION", "warning", _POLICY,
        "Open the cited calls to see why {rule} denies them; stop {agent} on {node}, or roll its"
        " bundle back, if they were not meant to happen.",
    ),
    FlagKind(
        "POLICY_BURN_FAST", "warning", _POLICY,
        "Look at the last hour now: {agent} breaks {rule} often enough to spend its budget in"
        " days; roll back the newest change.",
    ),
    FlagKind(
        "POLICY_BURN_SLOW", "warning", _POLICY,
        "Plan a fix: {agent} breaks {rule} steadily and will spend its budget before the month"
        " ends.",
    ),
    FlagKind(
        "WORKFLOW_NONCONFORMANT", "warning", _WORKFLOW,
        "Compare the cited runs of {agent} with {workflow}{skipped}; restore the steps, or"
        " release a workflow that allows what the runs do.",
    ),
    FlagKind(
        "WORKFLOW_DRIFT", "warning", _DRIFT,
        "Compare the runs of {workflow} since {since} with its baseline ({changes}); accept a new"
        " baseline if the change was intended.",
    ),
    FlagKind(
        "WORKFLOW_UNKNOWN", "info", _WORKFLOW,
        "Correct the workflow that runs of {agent} name ({workflow}), or give that workflow to"
        " whoever judges them.",
    ),
    FlagKind(
        "MEMORY_ALTERED", "critical", _MEMORY,
        "Stop the agent of {log} and find out who wrote the cited files past the log; put back"
        " what was logged, from the bundle or a backup.",
    ),
    FlagKind(
        "MEMORY_LOG_FORK", "critical", _MEMORY,
        "Keep a copy of {log} as it is and stop its agent: the log does not prove its own past;"
        " compare it with the last checkpoint the control plane holds (`mythos witness list`).",
    ),
    FlagKind(
        "MEMORY_LOG_UNPROVED", "warning", _MEMORY,
        "Update the node of {log}, or carry to it what `mythos witness export` writes: the log"
        " grew, and has not proved that it extends its {size} witnessed entries.",
    ),
    FlagKind(
        "MEMORY_MISSING", "warning", _MEMORY,
        "Find out who removed the cited files of {log}; put them back from the bundle or a"
        " backup.",
    ),
    FlagKind(
        "MEMORY_UNLOGGED", "warning", _MEMORY,
        "Find out who wrote the cited files of {log} past the log, and remove them.",
    ),
    FlagKind(
        "MEMORY_AUDIT_OVERDUE", "info", _MEMORY,
        "Check that the sidecar of {log} runs: the last audit is older than its schedule.",
    ),
    FlagKind(
        "BUNDLE_DIGEST_MISMATCH", "critical", "bundle",
        "Have {node} pull and launch {assigned}, or halt it: what it runs is not what it was"
        " assigned.",
    ),
    FlagKind(
        "NODE_IDENTITY_MISMATCH", "critical", "node",
        "Refuse the key and enrol the node again: somebody speaks in its name with another key.",
    ),
    FlagKind(
        "EVIDENCE_FORK", "critical", "node",
        "Treat the host as cloned or tampered with: one envelope number came with two contents, or"
        " an older state folder went on after a newer had begun."
        " Stop {node}, keep its state folder, enrol it anew.",
    ),
    FlagKind(
        "NODE_SILENT", "warning", "node",
        "Check that {node} is up, that its sidecar runs and that it reaches the control plane, or"
        " import its newest evidence file.",
    ),
    FlagKind(
        "TELEMETRY_LOSS", "warning", "telemetry",
        "Compare the exporter's queue with the spans received; raise its queue or batch size.",
    ),
    FlagKind(
        "CLOCK_SKEW", "info", "telemetry",
        "Synchronise the clock of the host.",
    ),
    FlagKind(
        "MODEL_CHANGED", "warning", "agent",
        "Confirm that the change of model was intended, and acknowledge it with its rollout.",
    ),
    FlagKind(
        "TOOL_CATALOGUE_CHANGED", "warning", "agent",
        "Review the added or changed tools, then release a policy set that covers them.",
    ),
    FlagKind(
        "RUNAWAY_LOOP", "warning", "agent",
        "Stop the run: it repeats the same call without an end.",
    ),
    FlagKind(
        "EVIDENCE_BLIND", "info", _POLICY,
        "Switch on the capture of tool arguments and results on {node}{facts}: calls without them"
        " cannot be decided.",
    ),
    FlagKind(
        "TOOLS_UNKNOWN", "info", _POLICY,
        "Give the tool catalogue of {agent} to whoever judges it: its service.name names none,"
        " and not exactly one declares the tools it calls.",
    ),
    FlagKind(
        "EVIDENCE_LOW", "info", "telemetry",
        "Let {node} run on: the score meets the target, its lower bound does not yet.",
    ),
)  # fmt: skip

CATALOGUE: dict[str, FlagKind] = {kind.code: kind for kind in _KINDS}
