"""From a score to its cause: the call, the rule it broke, what was missing, what it cost.

Made only from a flag and the evidence it refers to; what the evidence does not hold is left out,
never guessed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

import orjson
from pydantic import JsonValue

from mythos.engines.evidence.sample import Sample
from mythos.engines.judge.redaction import is_redacted
from mythos.engines.resilience.moment import moment_of, read
from mythos.server.resilience.pages.facts import NodeFact
from mythos.server.resilience.pages.parts import Cost, cost_of
from mythos.server.resilience.pages.state import StateNow
from mythos.values.outcome import Outcome
from mythos.values.policy import PolicySet
from mythos.values.reading import EvidenceRef, Flag, Reading, State

MAX_LINES = 60
DAYS, MAX_DAYS, SHORTEST_WHY, LONGEST_WHY = 7, 90, 10, 500
_SEVERITIES = ("critical", "warning", "info")
_QUIET = {"benign": 1, "resolved": 2}
_INPUT = re.compile(r"context\.(?:input|origin)\.([A-Za-z_][A-Za-z0-9_]*)")
_ID = re.compile(r'@id\s*\(\s*"([^"]*)"\s*\)')


@dataclass(frozen=True, slots=True)
class SampleFact:
    """A kept sample, with the policy set and the bundle it was judged under."""

    policy_set: str
    bundle: str
    sample: Sample


@dataclass(frozen=True, slots=True)
class Choice:
    """An argument a mark may name, or may not for it is `masked`.

    `suggested` when the rule reads it; of a rule that reads none, all are: the narrowest mark.
    """

    name: str
    value: str
    suggested: bool
    masked: bool


@dataclass(frozen=True, slots=True)
class Marking:
    """What it takes to mark the call benign; `barred` says why this reader may not."""

    policy_set: str
    at: int
    span_id: str
    rule: str
    choices: tuple[Choice, ...]
    days: int
    most_days: int
    shortest_why: int
    barred: str


@dataclass(frozen=True, slots=True)
class Argument:
    """One argument of a call; `hit` when the rule reads it."""

    name: str
    value: str
    hit: bool


@dataclass(frozen=True, slots=True)
class Call:
    """The call that was made; `arguments` None when they were not captured."""

    tool: str
    agent: str
    at: datetime
    trace_id: str
    span_id: str
    outcome: str
    why: str
    arguments: tuple[Argument, ...] | None

    @property
    def short(self) -> tuple[Argument, ...]:
        """The first arguments, as many as fit on a line."""
        return (self.arguments or ())[:4]


@dataclass(frozen=True, slots=True)
class RuleLine:
    """One line of the policy set's rules; `hit` when it belongs to the rule's body."""

    number: int
    text: str
    hit: bool


@dataclass(frozen=True, slots=True)
class BrokenRule:
    """The rule a call was charged to, with its lines in the rules of its policy set."""

    policy_set: str
    version: int
    digest: str
    bundle: str
    rule: str
    explanation: str
    lines: tuple[RuleLine, ...]


@dataclass(frozen=True, slots=True)
class StepShown:
    """One span of the run; `hit` for the call itself."""

    name: str
    kind: str
    at_ms: int
    failed: bool
    text: str
    hit: bool


@dataclass(frozen=True, slots=True)
class Remembered:
    """What the run of a call wrote into memory: `entries` of the newest of the log `log`."""

    log: str
    entries: int


@dataclass(frozen=True, slots=True)
class Why:
    """The drawer: what the worst or chosen flag of a host is made of."""

    host: str
    environment: str
    state: State
    reason: str
    flag: Flag | None
    call: Call | None
    rule: BrokenRule | None
    missing: tuple[str, ...]
    steps: tuple[StepShown, ...]
    evidence: tuple[EvidenceRef, ...]
    cost: Cost | None
    other_flags: tuple[Flag, ...]
    marking: Marking | None = None
    remembered: Remembered | None = None

    @property
    def title(self) -> str:
        """The state and the flag in words."""
        state = self.state.replace("_", " ").capitalize()
        return f"{state}: {self.flag.code.replace('_', ' ').lower()}" if self.flag else state


def choose_flag(reading: Reading | None, fingerprint: str) -> Flag | None:
    """The asked-for flag, else the loudest newest one that still fires; None without any."""
    flags = sorted_flags(reading)
    asked = next((flag for flag in flags if fingerprint and flag.fingerprint == fingerprint), None)
    return asked or next((flag for flag in flags if flag.state != "resolved"), None)


def sorted_flags(reading: Reading | None) -> list[Flag]:
    """Firing before benign before resolved, loud before quiet, new before old."""
    flags = sorted(reading.flags if reading else (), key=lambda flag: flag.last_seen, reverse=True)
    return sorted(
        flags,
        key=lambda flag: (_QUIET.get(flag.state, 0), _SEVERITIES.index(flag.severity)),
    )


def stretch_of(flag: Flag) -> tuple[datetime, datetime]:
    """When a flag was seen: where its samples lie."""
    return read(flag.since), read(flag.last_seen)


def why_of(
    node: NodeFact,
    now: StateNow,
    *,
    reading: Reading | None,
    flag: Flag | None,
    chosen: SampleFact | None = None,
    policy_sets: Mapping[str, PolicySet] | None = None,
    barred: str = "",
    remembered: Remembered | None = None,
) -> Why:
    """Lay out the drawer of one host.

    Args:
        node: the host.
        now: its state.
        reading: its newest reading.
        flag: the flag the drawer is about.
        chosen: the flag's own call, if it was kept.
        policy_sets: documents by digest.
        barred: why the reader may not act; empty when they may.
        remembered: what the run of `chosen` wrote into memory, if anything is known.
    """
    rule = _rule(chosen, policy_sets or {}) if chosen else None
    return Why(
        host=node.node_id,
        environment=node.environment.name,
        state=now.state,
        reason=now.reason,
        flag=flag,
        call=call_of(chosen.sample, rule) if chosen else None,
        rule=rule,
        missing=chosen.sample.missing if chosen else (),
        steps=_steps(chosen.sample) if chosen else (),
        evidence=flag.evidence if flag else (),
        cost=cost_of(reading) if reading else None,
        other_flags=tuple(each for each in sorted_flags(reading) if each != flag),
        marking=_marking(flag, chosen, rule, barred=barred),
        remembered=remembered,
    )


def _marking(
    flag: Flag | None, chosen: SampleFact | None, rule: BrokenRule | None, *, barred: str
) -> Marking | None:
    """How the call of a violation may be marked; None for whatever cannot be marked."""
    if flag is None or flag.code != "POLICY_VIOLATION" or flag.state == "benign" or chosen is None:
        return None
    sample = chosen.sample
    if sample.outcome is not Outcome.VIOLATED:
        return None
    if sample.arguments is None:
        barred = barred or "Its arguments were not captured: no mark could tell it from others."
    call = call_of(sample, rule)
    return Marking(
        policy_set=chosen.policy_set,
        at=sample.at,
        span_id=sample.span_id,
        rule=sample.rule,
        choices=_choices(call.arguments or (), sample.arguments or {}),
        days=DAYS,
        most_days=MAX_DAYS,
        shortest_why=SHORTEST_WHY,
        barred=barred,
    )


def _choices(arguments: Iterable[Argument], given: Mapping[str, JsonValue]) -> tuple[Choice, ...]:
    shown = [(each, is_redacted(given[each.name])) for each in arguments]
    read = {each.name for each, masked in shown if each.hit and not masked}
    return tuple(
        Choice(each.name, each.value, each.name in read or not read, masked)
        for each, masked in shown
    )


def choose_sample(flag: Flag | None, samples: Iterable[SampleFact]) -> SampleFact | None:
    """The newest sample that a flag refers to, by span or run, or else by rule; None if none."""
    if flag is None:
        return None
    newest = sorted(samples, key=lambda each: each.sample.at, reverse=True)
    refs = {part for each in flag.evidence for part in re.split(r"[/:#]", each.ref)}
    ranked = [
        *(each for each in newest if each.sample.span_id in refs),
        *(each for each in newest if each.sample.trace_id in refs),
        *(each for each in newest if _charged(each.sample, flag.subject)),
    ]
    return next(iter(ranked), None)


def _charged(sample: Sample, subject: str) -> bool:
    """Whether a denied call is of the rule that a flag's subject names."""
    return sample.violating and sample.rule in subject.split("/")


def call_of(sample: Sample, rule: BrokenRule | None = None) -> Call:
    """A kept call, with the arguments that the rule reads marked."""
    body = "\n".join(line.text for line in rule.lines if line.hit) if rule else ""
    used = set(_INPUT.findall(body))
    arguments = None
    if sample.arguments is not None:
        arguments = tuple(
            Argument(name, orjson.dumps(value).decode(), name in used)
            for name, value in sample.arguments.items()
        )
    return Call(
        tool=sample.tool,
        agent=sample.agent,
        at=moment_of(sample.at),
        trace_id=sample.trace_id,
        span_id=sample.span_id,
        outcome=sample.outcome.value,
        why=sample.why,
        arguments=arguments,
    )


def _rule(chosen: SampleFact, policy_sets: Mapping[str, PolicySet]) -> BrokenRule | None:
    known = policy_sets.get(chosen.policy_set)
    if known is None:
        return None
    lines = lines_of_rule(known.rules, chosen.sample.rule)
    return BrokenRule(
        policy_set=known.policy_set,
        version=known.version,
        digest=chosen.policy_set,
        bundle=chosen.bundle,
        rule=chosen.sample.rule,
        explanation=_explanation(lines),
        lines=lines,
    )


def lines_of_rule(rules: str, name: str) -> tuple[RuleLine, ...]:
    """The lines of one rule: its annotations and, as hits, its body up to the semicolon.

    Args:
        rules: verbatim Cedar text.
        name: the rule's `@id`.

    Returns:
        Lines numbered from 1 within the rules; empty when no rule has that name.
    """
    lines = rules.splitlines()
    at = next((i for i, line in enumerate(lines) if name in _ID.findall(line)), None)
    if at is None:
        return ()
    first = at
    while first and lines[first - 1].strip().startswith("@"):
        first -= 1
    last = next(
        (i for i in range(at, len(lines)) if lines[i].rstrip().endswith(";")), len(lines) - 1
    )
    return tuple(
        RuleLine(i + 1, lines[i], not lines[i].strip().startswith(("@", "//")))
        for i in range(first, min(last + 1, first + MAX_LINES))
    )


def _explanation(lines: Iterable[RuleLine]) -> str:
    found = re.search(
        r'@explain\s*\(\s*"((?:[^"\\]|\\.)*)"', "\n".join(line.text for line in lines)
    )
    return found.group(1) if found else ""


def _steps(sample: Sample) -> tuple[StepShown, ...]:
    return tuple(
        StepShown(
            name=step.name,
            kind=step.kind,
            at_ms=step.at_ms,
            failed=step.failed,
            text=step.text or "",
            hit=step.span_id == sample.span_id,
        )
        for step in sample.steps
    )
