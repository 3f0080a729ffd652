"""The host page as one value: the score and its parts, flags, policy sets, workflows, memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from mythos.engines.evidence.action import ActionBody
from mythos.engines.evidence.memory import MemoryBody
from mythos.engines.evidence.policy import PolicyBody
from mythos.engines.resilience.components import newest_audit
from mythos.engines.resilience.moment import moment_of
from mythos.server.resilience.pages.drift_shown import Accepting, DriftShown
from mythos.server.resilience.pages.facts import NodeFact
from mythos.server.resilience.pages.fleet import History
from mythos.server.resilience.pages.parts import Cost, Part
from mythos.server.resilience.pages.selection import Span
from mythos.server.resilience.pages.state import StateNow
from mythos.server.resilience.pages.why import Call, call_of
from mythos.server.resilience.pages.workflow_runs import WorkflowShown
from mythos.server.web.charts.beat_strip import Beat
from mythos.values.policy import PolicySet
from mythos.values.reading import Flag, Reading

_LOUD = ("violated", "undecidable", "blocked", "upheld")


@dataclass(frozen=True, slots=True)
class RuleCount:
    """Outcomes counted under one rule of a policy set."""

    rule: str
    severity: str
    upheld: int
    violated: int
    blocked: int
    undecidable: int


@dataclass(frozen=True, slots=True)
class PolicyShown:
    """One policy set on this host: calls by outcome, runs, and the rules that were hit."""

    name: str
    version: int | None
    digest: str
    mode: str
    upheld: int
    violated: int
    blocked: int
    undecidable: int
    runs: int
    rules: tuple[RuleCount, ...]


@dataclass(frozen=True, slots=True)
class CallShown:
    """A kept call: what was called and how it was judged, under which rule of which set."""

    call: Call
    policy_set: str
    mode: str
    rule: str
    severity: str
    missing: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ToolCount:
    """Governed calls of one tool, and how many were denied."""

    tool: str
    calls: int
    denied: int


@dataclass(frozen=True, slots=True)
class MemoryShown:
    """The audit of one memory log that stands; `keys` are (name, what is wrong)."""

    log: str
    audited_at: datetime | None
    size: int
    ok: int
    altered: int
    missing: int
    unlogged: int
    expired: int
    written_since: int
    proof_failed: bool
    root: str
    keys: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class InForceShown:
    """Desired against running: what the environment was told, what the host says it runs."""

    desired: str
    desired_name: str
    sequence: int | None
    halted: bool
    running: str
    same: bool
    agents: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class HostPage:
    """`/system/resilience/<node_id>`."""

    at: datetime
    command: str
    node_id: str
    environment: str
    air_gapped: bool
    observed_only: bool
    labels: Mapping[str, str]
    key_id: str
    enrolled_at: datetime
    last_beat_at: datetime | None
    by_file_at: datetime | None
    heartbeat_s: int
    now: StateNow
    reading: Reading | None
    parts: tuple[Part, ...]
    cost: Cost | None
    flags: tuple[Flag, ...]
    policies: tuple[PolicyShown, ...]
    calls: tuple[CallShown, ...]
    tools: tuple[ToolCount, ...]
    workflows: tuple[WorkflowShown, ...]
    drifts: tuple[DriftShown, ...]
    accepting: Accepting
    memory: tuple[MemoryShown, ...]
    in_force: InForceShown
    span: Span
    spans: tuple[Span, ...]
    bucket_s: float
    beats: tuple[Beat, ...]
    history: History | None


def policies_of(
    counted: Mapping[tuple[str, str], PolicyBody], known: Mapping[str, PolicySet]
) -> tuple[PolicyShown, ...]:
    """Policy sets by (mode, digest), those with violations first."""
    shown = [
        _policy(mode, digest, body, known.get(digest)) for (mode, digest), body in counted.items()
    ]
    return tuple(sorted(shown, key=lambda each: (each.mode, -each.violated, each.name)))


def _policy(mode: str, digest: str, body: PolicyBody, known: PolicySet | None) -> PolicyShown:
    outcomes = body.outcomes
    rules = [
        RuleCount(
            rule,
            body.severity(rule).value,
            each.upheld,
            each.violated,
            each.blocked,
            each.undecidable,
        )
        for rule, each in body.rules.items()
    ]
    return PolicyShown(
        name=known.policy_set if known else digest,
        version=known.version if known else None,
        digest=digest,
        mode="in force" if mode == "policy" else mode,
        upheld=outcomes.upheld,
        violated=outcomes.violated,
        blocked=outcomes.blocked,
        undecidable=outcomes.undecidable,
        runs=body.runs.total,
        rules=tuple(sorted(rules, key=lambda each: (-each.violated, -each.undecidable, each.rule))),
    )


def calls_of(
    counted: Mapping[tuple[str, str], PolicyBody],
    known: Mapping[str, PolicySet],
    *,
    at_most: int = 12,
) -> tuple[CallShown, ...]:
    """Kept calls, those that broke a rule first, then those that could not be judged, newest."""
    found = [
        CallShown(
            call=call_of(sample),
            policy_set=known[digest].policy_set if digest in known else digest,
            mode="in force" if mode == "policy" else mode,
            rule=sample.rule,
            severity=sample.severity.value,
            missing=sample.missing,
        )
        for (mode, digest), body in counted.items()
        for sample in body.samples
    ]
    found.sort(key=lambda each: each.call.at, reverse=True)
    found.sort(key=lambda each: (each.mode != "in force", _LOUD.index(each.call.outcome)))
    return tuple(found[:at_most])


def tools_of(counted: Mapping[str, ActionBody]) -> tuple[ToolCount, ...]:
    """Governed tools, those denied most first."""
    shown = [ToolCount(tool, body.n, body.x) for tool, body in counted.items()]
    return tuple(sorted(shown, key=lambda each: (-each.denied, -each.calls, each.tool)))


def memory_of(audits: Mapping[str, Sequence[MemoryBody]]) -> tuple[MemoryShown, ...]:
    """Memory logs by origin, the audit that stands of each."""
    return tuple(_memory(log, newest_audit(bodies)) for log, bodies in sorted(audits.items()))


def _memory(log: str, body: MemoryBody) -> MemoryShown:
    return MemoryShown(
        log=log,
        audited_at=moment_of(body.audited_at) if body.audited_at else None,
        size=body.size,
        ok=body.ok,
        altered=body.altered,
        missing=body.missing,
        unlogged=body.unlogged,
        expired=body.expired,
        written_since=body.written_since,
        proof_failed=body.proof_failed,
        root=body.root,
        keys=tuple(sorted(body.keys.items())),
    )


def in_force_of(node: NodeFact) -> InForceShown:
    """Lay what was told beside what runs."""
    desired = node.environment.desired
    return InForceShown(
        desired=desired.digest if desired else "",
        desired_name=f"{desired.bundle} v{desired.version}" if desired else "",
        sequence=desired.sequence if desired else None,
        halted=bool(desired and desired.halted),
        running=node.running,
        same=bool(desired and desired.digest == node.running),
        agents=tuple(sorted(node.running_agents.items())),
    )
