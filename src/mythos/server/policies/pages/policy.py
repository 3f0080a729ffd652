"""One policy set as one value: rules, facts, promises, where it judges, what it denied."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

import orjson

from mythos.engines.resilience.finding import fingerprint
from mythos.engines.resilience.moment import moment_of
from mythos.server.documents.facts import Mode
from mythos.server.documents.list_page import DocumentPage
from mythos.server.policies.pages.backtest import BacktestShown
from mythos.server.policies.pages.coherence import CoherenceShown, DifferenceShown
from mythos.server.policies.pages.facts import CallFact, PolicyFact
from mythos.server.policies.pages.marks import MarkShown
from mythos.server.policies.pages.outcomes import Counts
from mythos.server.policies.pages.rules import RuleList
from mythos.server.policies.pages.selection import PolicySelection
from mythos.server.policies.pages.sentences import promise_of, sentence_of
from mythos.server.policies.pages.versions import Comparison, VersionRow

MAX_CALLS, MAX_ARGUMENTS = 12, 4


@dataclass(frozen=True, slots=True)
class FactShown:
    """A declared fact: its name, a sentence, the declaration, and the rules that read it."""

    name: str
    sentence: str
    declared: str
    rules: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PromiseShown:
    """An entry of `expect`."""

    name: str
    sentence: str


@dataclass(frozen=True, slots=True)
class CallShown:
    """A kept call that was denied, with the flag it raised on its host."""

    at: datetime
    outcome: str
    tool: str
    agent: str
    arguments: tuple[tuple[str, str], ...]
    captured: bool
    rule: str
    severity: str
    missing: tuple[str, ...]
    host: str
    environment: str
    mode: Mode
    flag: str
    trace_id: str
    span_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyPage(DocumentPage):
    """`/policies/<digest>`."""

    selection: PolicySelection
    guard: bool
    packaged: bool
    covers: tuple[str, ...]
    counts: Counts
    shadow: Counts
    runs: int
    rules: RuleList
    facts: tuple[FactShown, ...]
    promises: tuple[PromiseShown, ...]
    calls: tuple[CallShown, ...]
    versions: tuple[VersionRow, ...]
    comparison: Comparison | None
    difference: DifferenceShown | None
    backtest: BacktestShown | None
    coherence: CoherenceShown
    marks: tuple[MarkShown, ...]
    barred: str
    file: str
    file_of_other: str

    @property
    def standing(self) -> int:
        """Benign marks that stand."""
        return sum(each.state == "standing" for each in self.marks)


def facts_of(policy: PolicyFact, read_by: Sequence[tuple[str, Iterable[str]]]) -> list[FactShown]:
    """Every declared fact in the order of the document; `read_by` are (rule, facts it reads)."""
    return [
        FactShown(
            name=name,
            sentence=sentence_of(fact),
            declared=orjson.dumps(fact.model_dump(mode="json", exclude_defaults=True)).decode(),
            rules=tuple(rule for rule, names in read_by if name in names),
        )
        for name, fact in policy.policy_set.facts.items()
    ]


def promises_of(policy: PolicyFact) -> tuple[PromiseShown, ...]:
    """Every promise in the order of the document."""
    return tuple(PromiseShown(each.name, promise_of(each)) for each in policy.policy_set.expect)


def calls_of(calls: Iterable[CallFact], policy: PolicyFact) -> tuple[CallShown, ...]:
    """Kept calls that were denied, newest first, at most twelve."""
    newest = sorted(calls, key=lambda each: (each.sample.at, each.sample.span_id), reverse=True)
    return tuple(_call(each, policy) for each in newest[:MAX_CALLS])


def _call(call: CallFact, policy: PolicyFact) -> CallShown:
    sample = call.sample
    name = policy.policy_set.policy_set
    subject = f"{call.node_id}/{sample.agent}/{name}/{sample.rule}"
    given = sample.arguments or {}
    return CallShown(
        at=moment_of(sample.at),
        outcome=sample.outcome.value,
        tool=sample.tool,
        agent=sample.agent,
        arguments=tuple((name, orjson.dumps(value).decode()) for name, value in given.items())[
            :MAX_ARGUMENTS
        ],
        captured=sample.arguments is not None,
        rule=sample.rule,
        severity=sample.severity.value,
        missing=sample.missing,
        host=call.node_id,
        environment=call.environment,
        mode=call.mode,
        flag=fingerprint("POLICY_VIOLATION", subject),
        trace_id=sample.trace_id,
        span_id=sample.span_id,
    )
