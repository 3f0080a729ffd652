"""An audit for people: nodes worst first, then the worst finding with the rule it broke.

Readable without colour: a state is an icon and a word. What senders wrote is shown with its
control characters taken out, so that a trace cannot write to the terminal.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from rich.console import Console
from rich.table import Table
from rich.text import Text

from mythos.cli.audit_ledger import AuditedNode
from mythos.cli.source_lines import call_line, plain, rule_lines, shortened, wanted_rule
from mythos.engines.evidence.policy import PolicyBody
from mythos.engines.evidence.row import EvidenceRow
from mythos.engines.evidence.sample import Sample
from mythos.engines.evidence.workflow import WorkflowBody
from mythos.engines.policy.document import PolicyDocument
from mythos.engines.policy.rule import Rule
from mythos.engines.resilience.facts import NodeFacts
from mythos.values.outcome import DEFAULT_RULE, Outcome
from mythos.values.reading import Bounds, Flag, State

MAX_NODES = 50
MAX_BEFORE = 4
PIPE_WIDTH = 120
_LABEL_WIDTH = 9

_LOOKS: dict[State, tuple[str, str]] = {
    "CRITICAL": ("✖", "bold red"),
    "DEGRADED": ("▼", "red"),
    "SILENT": ("◌", "dim"),
    "BLIND": ("▒", "dim"),
    "AT_RISK": ("▲", "yellow"),
    "UNKNOWN": ("?", "dim"),
    "IDLE": ("–", "dim"),
    "HEALTHY": ("✔", "green"),
}
_BY_RULE = "POLICY_VIOLATION"
_LOUD = ("critical", "warning", "info")


@dataclass(frozen=True, slots=True)
class Told:
    """What is told. `documents`: by policy-set digest; `notes`: said above the table."""

    nodes: Sequence[AuditedNode]
    facts: NodeFacts
    documents: Mapping[str, PolicyDocument]
    title: str
    notes: Sequence[str] = ()


def tell(told: Told) -> None:
    """Print to standard output."""
    width = None if sys.stdout.isatty() else PIPE_WIDTH
    console = Console(file=sys.stdout, width=width, highlight=False, soft_wrap=False)
    console.print(Text(told.title))
    for note in told.notes:
        console.print(Text(f"note: {note}"))
    if not told.nodes:
        return
    console.print(Text(f"actions × policy sets: {_totals(told.nodes)}\n"))
    console.print(_table(told.nodes))
    if len(told.nodes) > MAX_NODES:
        console.print(Text(f"and {len(told.nodes) - MAX_NODES} more; --json lists them all"))
    worst = _worst(told.nodes)
    if worst is None:
        console.print(Text("\nNo finding."), *_reason(told.nodes[0]))
        return
    for line in _finding(*worst, told):
        console.print(line, soft_wrap=True)


def _table(nodes: Sequence[AuditedNode]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("State", no_wrap=True)
    table.add_column("Node", overflow="fold")
    table.add_column("Score (5–95 %)", justify="right", no_wrap=True)
    table.add_column("Runs", justify="right", no_wrap=True)
    table.add_column("Violated", justify="right", no_wrap=True)
    table.add_column("Top flag", overflow="fold")
    for node in nodes[:MAX_NODES]:
        icon, style = _LOOKS[node.reading.state]
        table.add_row(
            Text(f"{icon} {node.reading.state}", style=style),
            Text(node.reading.node),
            Text(_score(node.reading.resilience)),
            Text(f"{node.runs:,}"),
            Text(f"{node.outcomes[Outcome.VIOLATED]:,}"),
            Text(_top_flag(node)),
        )
    return table


def _totals(nodes: Iterable[AuditedNode]) -> str:
    total = Counter[Outcome]()
    for node in nodes:
        total.update(node.outcomes)
    return ", ".join(f"{total[outcome]:,} {outcome}" for outcome in Outcome)


def _score(bounds: Bounds) -> str:
    mid = "unknown" if bounds.mid is None else f"{bounds.mid:.3f}"
    return f"{mid} ({bounds.low:.2f}–{bounds.high:.2f})"


def _top_flag(node: AuditedNode) -> str:
    flag = min(node.reading.flags, key=_loudness, default=None)
    if flag is None:
        return "–"
    what = plain(flag.subject).rpartition("/")[2] if flag.code == _BY_RULE else flag.code
    return f"{flag.severity}{' (resolved)' if flag.state == 'resolved' else ''}: {what}"


def _loudness(flag: Flag) -> tuple[bool, int]:
    return flag.state == "resolved", _LOUD.index(flag.severity)


def _worst(nodes: Sequence[AuditedNode]) -> tuple[AuditedNode, Flag] | None:
    """The loudest flag that fires on the worst node that has one; information is no finding."""
    found = [
        (_loudness(flag), place, node, flag)
        for place, node in enumerate(nodes)
        for flag in node.reading.flags
        if flag.severity != "info"
    ]
    if not found:
        return None
    _, _, node, flag = min(found, key=lambda each: each[:2])
    return node, flag


def _reason(node: AuditedNode) -> Iterator[Text]:
    """Why the worst node is no better; nothing of a healthy one."""
    if node.reading.state != "HEALTHY":
        yield Text(f"{node.reading.node}: {plain(node.reading.reason)}")


def _finding(node: AuditedNode, flag: Flag, told: Told) -> Iterator[Text]:
    yield Text("")
    title = f"Worst finding: {flag.code}, {flag.severity}: {plain(flag.subject)}"
    yield Text(title, style="bold")
    if policy := _policy_sample(node.rows, flag, told.facts):
        row, sample = policy
        yield from _call(sample)
        yield from _rule(told.documents.get(row.key.subject), sample)
        yield from _labelled("before", _before(sample))
    elif alignment := _alignment_sample(node.rows, flag, told.facts):
        yield from _labelled("run", [f"trace {alignment.trace_id}"])
        yield from _labelled("steps", [" → ".join(_moves(alignment))])
    yield from _labelled("state", [f"{node.reading.state}: {plain(node.reading.reason)}"])
    yield from _labelled("do", [plain(flag.suggested_action)])


def _call(sample: Sample) -> Iterator[Text]:
    at = datetime.fromtimestamp(sample.at, UTC)
    yield from _labelled(
        "call", [f"{call_line(sample.tool, sample.arguments)}  at {at:%Y-%m-%d %H:%M:%S}Z"]
    )
    yield from _labelled("where", [f"trace {sample.trace_id}, span {sample.span_id}"])
    yield from _labelled("why", [plain(sample.why)])
    yield from _labelled("missing", [", ".join(map(plain, sample.missing))])


def _rule(document: PolicyDocument | None, sample: Sample) -> Iterator[Text]:
    if document is None:
        return
    rules = {rule.id: rule for rule in document.rules}
    broken = rules.get(sample.rule)
    label = "rule"
    if broken is None and sample.rule == DEFAULT_RULE:
        label = "wanted"
        broken = wanted_rule(document, sample.tool)
    if broken is None:
        yield from _labelled("policy", [document.places.source])
        return
    yield from _labelled(label, [document.places.rule(broken.line), *rule_lines(document, broken)])
    yield from _labelled("facts", _facts(document, broken))


def _facts(document: PolicyDocument, rule: Rule) -> Iterator[str]:
    """What each fact that the rule reads is made of."""
    for name in sorted(rule.use.facts):
        declared = document.policy_set.facts[name].model_dump(mode="json", exclude_defaults=True)
        parts = (
            f"{key} {', '.join(value) if isinstance(value, list) else value}"
            for key, value in declared.items()
        )
        yield f"{name}: {' '.join(parts)}"


def _before(sample: Sample) -> Iterator[str]:
    """The last steps before the call, each with its second of the run."""
    earlier = [step for step in sample.steps if step.span_id != sample.span_id]
    for step in earlier[-MAX_BEFORE:]:
        said = f": {shortened(step.text)}" if step.text else ""
        failed = " (failed)" if step.failed else ""
        yield f"{step.at_ms / 1000:8.1f} s  {plain(step.name)}{failed}{said}"


def _moves(sample: Sample) -> Iterator[str]:
    for step in sample.steps:
        name = plain(step.name)
        yield name if step.kind == "match" else f"[{step.kind} {name}]"


def _policy_sample(
    rows: Iterable[EvidenceRow], flag: Flag, facts: NodeFacts
) -> tuple[EvidenceRow, Sample] | None:
    refs = {ref.ref for ref in flag.evidence if ref.kind == "span"}
    for row in rows:
        if row.key.kind != "policy" or not isinstance(row.body, PolicyBody):
            continue
        about = f"{row.key.node}/{facts.name_of(row.key.agent)}/{facts.name_of(row.key.subject)}"
        for sample in row.body.samples.violating:
            known = f"{sample.trace_id}/{sample.span_id}" in refs
            if known and f"{about}/{sample.rule}" == flag.subject:
                return row, sample
    return None


def _alignment_sample(rows: Iterable[EvidenceRow], flag: Flag, facts: NodeFacts) -> Sample | None:
    for row in rows:
        agent, workflow = facts.name_of(row.key.agent), facts.name_of(row.key.subject)
        if f"{row.key.node}/{agent}/{workflow}" == flag.subject:
            body = row.body
            if isinstance(body, WorkflowBody) and body.samples.violating:
                return body.samples.violating[0]
    return None


def _labelled(label: str, lines: Iterable[str]) -> Iterator[Text]:
    for number, line in enumerate(filter(None, lines)):
        head = label if number == 0 else ""
        yield Text(f"  {head:<{_LABEL_WIDTH}}{line}")
