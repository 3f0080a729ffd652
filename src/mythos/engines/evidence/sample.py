"""Samples: a few observed actions, with the spans that show why they were judged so.

`Samples` keeps the 32 denied and the 8 other actions whose span ids have the least SHA-256. The
digest is the priority, so the choice depends on the spans alone: merging is associative,
commutative and idempotent, and no host can prefer the calls that flatter it. Arguments come
already masked by the node's redaction rules.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Self

from pydantic import JsonValue

from mythos.engines.evidence.body import (
    JsonObject,
    count,
    flag,
    items,
    mapping,
    members,
    refused,
    text,
    texts,
)
from mythos.engines.evidence.plain import plain, plain_text
from mythos.values.digest import canonical_bytes
from mythos.values.outcome import Outcome, Severity

N_VIOLATING = 32
N_CLEAN = 8
MAX_STEPS = 64
MAX_NAMES = 100  # of rules that took part, and of missing facts

_DENIED = frozenset({Outcome.VIOLATED, Outcome.BLOCKED})
_STEP_MEMBERS = ("span_id", "name", "kind", "at_ms", "failed", "text")
_SAMPLE_TEXTS = ("span_id", "trace_id", "tool", "agent", "rule", "why")
_SAMPLE_LISTS = ("rules", "missing")
_SAMPLE_MEMBERS = (
    *_SAMPLE_TEXTS,
    *_SAMPLE_LISTS,
    "at",
    "outcome",
    "severity",
    "arguments",
    "steps",
)


@dataclass(frozen=True, slots=True)
class Step:
    """A short span that shows why: `at_ms` milliseconds after the run began."""

    span_id: str
    name: str
    kind: str
    at_ms: int
    failed: bool = False
    text: str | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "at_ms", max(self.at_ms, 0))
        for name in ("name", "text"):
            value = getattr(self, name)
            if value is not None:
                object.__setattr__(self, name, plain_text(value))

    def to_json(self) -> JsonObject:
        """Write every member."""
        return {name: getattr(self, name) for name in _STEP_MEMBERS}

    @classmethod
    def from_json(cls, value: object) -> Step:
        """Read what `to_json` wrote; EvidenceError where it is anything else."""
        found = members(value, _STEP_MEMBERS, where="step")
        said = found["text"]
        return cls(
            span_id=text(found["span_id"], where="step span_id"),
            name=text(found["name"], where="step name"),
            kind=text(found["kind"], where="step kind"),
            at_ms=count(found["at_ms"], where="step at_ms"),
            failed=flag(found["failed"], where="step failed"),
            text=None if said is None else text(said, where="step text"),
        )


@dataclass(frozen=True, slots=True)
class Sample:
    """One observed action under one policy set. `at`: Unix seconds of its start.

    `arguments` are None when they were not captured; `missing` names the facts a permit wanted.
    Values with no canonical JSON form are kept as text (`plain`), of long lists the first names.
    """

    span_id: str
    trace_id: str
    tool: str
    agent: str
    at: int
    outcome: Outcome
    rule: str
    rules: tuple[str, ...] = ()
    severity: Severity = Severity.WARNING
    arguments: Mapping[str, JsonValue] | None = None
    missing: tuple[str, ...] = ()
    why: str = ""
    steps: tuple[Step, ...] = ()

    def __post_init__(self) -> None:
        for name in _SAMPLE_TEXTS:
            object.__setattr__(self, name, plain_text(getattr(self, name)))
        for name in _SAMPLE_LISTS:
            kept = getattr(self, name)[:MAX_NAMES]
            object.__setattr__(self, name, tuple(map(plain_text, kept)))
        if self.arguments is not None:
            object.__setattr__(self, "arguments", plain(self.arguments))
        object.__setattr__(self, "steps", self.steps[:MAX_STEPS])

    @property
    def violating(self) -> bool:
        """Whether the action was denied: seen all the same, or stopped in time."""
        return self.outcome in _DENIED

    def to_json(self) -> JsonObject:
        """Write every member."""
        return {
            **{name: getattr(self, name) for name in _SAMPLE_TEXTS},
            **{name: list(getattr(self, name)) for name in _SAMPLE_LISTS},
            "at": self.at,
            "outcome": self.outcome.value,
            "severity": self.severity.value,
            "arguments": None if self.arguments is None else dict(self.arguments),
            "steps": [step.to_json() for step in self.steps],
        }

    @classmethod
    def from_json(cls, value: object) -> Sample:
        """Read what `to_json` wrote; EvidenceError where it is anything else."""
        found = members(value, _SAMPLE_MEMBERS, where="sample")
        said = found["arguments"]
        steps = items(found["steps"], where="sample steps", at_most=MAX_STEPS)
        return cls(
            span_id=text(found["span_id"], where="sample span_id"),
            trace_id=text(found["trace_id"], where="sample trace_id"),
            tool=text(found["tool"], where="sample tool"),
            agent=text(found["agent"], where="sample agent"),
            rule=text(found["rule"], where="sample rule"),
            why=text(found["why"], where="sample why"),
            rules=texts(found["rules"], where="sample rules"),
            missing=texts(found["missing"], where="sample missing"),
            at=count(found["at"], where="sample at"),
            outcome=_outcome(found["outcome"]),
            severity=severity_of(found["severity"], where="sample severity"),
            arguments=None if said is None else mapping(said, where="sample arguments"),
            steps=tuple(Step.from_json(step) for step in steps),
        )


@dataclass(frozen=True, slots=True)
class Samples:
    """The bottom-k by SHA-256 of the span id: 32 denied actions and 8 others.

    Make it with `Samples.of`; both tuples are sorted by that digest, one sample a span.
    """

    violating: tuple[Sample, ...] = ()
    clean: tuple[Sample, ...] = ()

    @classmethod
    def of(cls, samples: Iterable[Sample]) -> Samples:
        """Choose from any samples; of two with one span id the lesser canonical JSON stands."""
        kept: dict[tuple[bool, str], Sample] = {}
        for sample in samples:
            key = sample.violating, sample.span_id
            there = kept.setdefault(key, sample)
            if there != sample:
                kept[key] = min(there, sample, key=_bytes_of)
        return cls(
            _bottom((s for s in kept.values() if s.violating), N_VIOLATING),
            _bottom((s for s in kept.values() if not s.violating), N_CLEAN),
        )

    def __bool__(self) -> bool:
        return bool(self.violating or self.clean)

    def __iter__(self) -> Iterator[Sample]:
        yield from self.violating
        yield from self.clean

    def __add__(self, other: Self) -> Samples:
        """Merge: union, then choose again."""
        if not other or self == other:
            return self
        return Samples.of((*self.violating, *self.clean, *other.violating, *other.clean))

    def to_json(self) -> JsonObject:
        """Write both lists."""
        return {
            "violating": [sample.to_json() for sample in self.violating],
            "clean": [sample.to_json() for sample in self.clean],
        }

    @classmethod
    def from_json(cls, value: object) -> Samples:
        """Read what `to_json` wrote; EvidenceError where it is anything else."""
        found = members(value, ("violating", "clean"), where="samples")
        denied = items(found["violating"], where="samples violating", at_most=N_VIOLATING)
        others = items(found["clean"], where="samples clean", at_most=N_CLEAN)
        listed = [Sample.from_json(item) for item in (*denied, *others)]
        chosen = cls.of(listed)
        if [*chosen.violating, *chosen.clean] != listed or len(chosen.violating) != len(denied):
            raise refused("samples order", "another order", "the order of SHA-256(span id)")
        return chosen


def severity_of(value: object, *, where: str) -> Severity:
    """Return `value` as a severity; EvidenceError where it is none."""
    if not isinstance(value, str) or value not in set(Severity):
        raise refused(where, value, "critical, warning or info")
    return Severity(value)


def _outcome(value: object) -> Outcome:
    if not isinstance(value, str) or value not in set(Outcome):
        raise refused("sample outcome", value, "upheld, violated, blocked or undecidable")
    return Outcome(value)


def _bottom(samples: Iterable[Sample], k: int) -> tuple[Sample, ...]:
    return tuple(sorted(samples, key=_priority)[:k])


def _priority(sample: Sample) -> bytes:
    return hashlib.sha256(sample.span_id.encode()).digest()


def _bytes_of(sample: Sample) -> bytes:
    return canonical_bytes(sample.to_json())
