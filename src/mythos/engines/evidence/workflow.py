"""How one workflow was followed: counts over closed runs, and a few runs that show why.

Every member is a sum, a pointwise sum, a min or a max, so sidecar, intake and a batch audit give
the same body in any order. `variants` keeps the 512 label sequences whose digests are least: a
sequence among the least of a union is among the least of each part that holds it, so its count is
exact and merging stays associative; the runs of the others are `runs` less what is kept. Tables of
labels are bounded the same way, since agents choose the names of their tools; skips, which only
name steps of the workflow, come before the rest.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Self

from pydantic import JsonValue

from mythos.engines.evidence.body import JsonObject, count, items, mapping, members, refused, text
from mythos.engines.evidence.sample import Samples

MAX_VARIANTS = 512
MAX_LABELS = 2_000
MAX_PAIR = 500  # characters of a key of these tables
COST_BUCKETS = 17
DURATION_BUCKETS = 40
_DIGEST_DIGITS = 16
_COUNTERS = (
    "runs", "fitting", "open", "inexact", "cost_sum", "denom_sum", "duration_ms_sum",
    "tokens_in", "tokens_out",
)  # fmt: skip
_TABLES = ("variants", "dev_runs", "df_runs")
_HISTOGRAMS = {"cost_hist": COST_BUCKETS, "duration_hist": DURATION_BUCKETS}
_TIMES = ("first_ts", "last_ts")
_MEMBERS = (*_COUNTERS, *_TABLES, *_HISTOGRAMS, *_TIMES)


@dataclass(frozen=True, slots=True)
class WorkflowSummary:
    """Closed runs of one workflow.

    runs: all of them; fitting: of cost 0; open, inexact: of them, but apart and in no score.
    cost_sum, denom_sum: weighted deviation costs and their denominators. cost_hist: runs by cost
    0 to 15 and above.
    variants: digest of the label sequence -> runs. dev_runs: `skip:label` or `extra:label` ->
    runs that have it. df_runs: `a>b` -> runs in which b directly followed a. duration_hist: runs
    by bit length of their milliseconds. first_ts, last_ts: Unix seconds, None when empty.
    """

    runs: int = 0
    fitting: int = 0
    open: int = 0
    inexact: int = 0
    cost_sum: int = 0
    denom_sum: int = 0
    duration_ms_sum: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    variants: Mapping[str, int] = field(default_factory=dict)
    dev_runs: Mapping[str, int] = field(default_factory=dict)
    df_runs: Mapping[str, int] = field(default_factory=dict)
    cost_hist: tuple[int, ...] = (0,) * COST_BUCKETS
    duration_hist: tuple[int, ...] = (0,) * DURATION_BUCKETS
    first_ts: int | None = None
    last_ts: int | None = None

    def __post_init__(self) -> None:
        for name in _COUNTERS:
            count(getattr(self, name), where=f"workflow {name}")
        if self.fitting + self.open + self.inexact > self.runs:
            seen = f"{self.fitting} fitting, {self.open} open, {self.inexact} inexact"
            raise refused("workflow fitting", seen, f"at most the {self.runs} runs together")
        if self.cost_sum > self.denom_sum:
            raise refused("workflow cost_sum", self.cost_sum, f"at most {self.denom_sum}")
        for name in ("dev_runs", "df_runs"):
            if len(table := getattr(self, name)) > MAX_LABELS:
                kept = sorted(sorted(table, key=_rank)[:MAX_LABELS])
                object.__setattr__(self, name, {label: table[label] for label in kept})

    @property
    def mean_duration_s(self) -> float:
        """Mean seconds of a run; 0 without runs."""
        return self.duration_ms_sum / 1_000 / self.runs if self.runs else 0.0

    @property
    def other(self) -> int:
        """Runs of the label sequences that are not kept in `variants`."""
        return self.runs - sum(self.variants.values())

    def __add__(self, other: Self) -> WorkflowSummary:
        """Merge disjoint runs."""
        return WorkflowSummary(
            **{name: getattr(self, name) + getattr(other, name) for name in _COUNTERS},
            variants=_least(_added(self.variants, other.variants)),
            dev_runs=_added(self.dev_runs, other.dev_runs),
            df_runs=_added(self.df_runs, other.df_runs),
            cost_hist=_pointwise(self.cost_hist, other.cost_hist),
            duration_hist=_pointwise(self.duration_hist, other.duration_hist),
            first_ts=_either(min, self.first_ts, other.first_ts),
            last_ts=_either(max, self.last_ts, other.last_ts),
        )

    @classmethod
    def total(cls, parts: Iterable[WorkflowSummary]) -> WorkflowSummary:
        """Merge any number of disjoint parts: the same as adding them, at the cost of one pass."""
        listed = list(parts)
        return WorkflowSummary(
            **{name: sum(getattr(each, name) for each in listed) for name in _COUNTERS},
            variants=_least(_sum_of(each.variants for each in listed)),
            dev_runs=_sum_of(each.dev_runs for each in listed),
            df_runs=_sum_of(each.df_runs for each in listed),
            cost_hist=tuple(map(sum, zip(*(each.cost_hist for each in listed), strict=True)))
            or (0,) * COST_BUCKETS,
            duration_hist=tuple(
                map(sum, zip(*(each.duration_hist for each in listed), strict=True))
            )
            or (0,) * DURATION_BUCKETS,
            first_ts=min((t for each in listed if (t := each.first_ts) is not None), default=None),
            last_ts=max((t for each in listed if (t := each.last_ts) is not None), default=None),
        )

    def to_json(self) -> JsonObject:
        """Write every member; histograms without trailing zeros."""
        return {
            **{name: getattr(self, name) for name in _COUNTERS},
            **{name: dict(getattr(self, name)) for name in _TABLES},
            **{name: _trimmed(getattr(self, name)) for name in _HISTOGRAMS},
            **{name: getattr(self, name) for name in _TIMES},
        }

    @classmethod
    def from_json(cls, value: object) -> WorkflowSummary:
        """Read what `to_json` wrote; EvidenceError where it is anything else."""
        found = members(value, _MEMBERS, where="workflow")
        return cls(
            **{name: count(found[name], where=f"workflow {name}") for name in _COUNTERS},
            variants=_table(found["variants"], where="variants", at_most=MAX_VARIANTS),
            dev_runs=_table(found["dev_runs"], where="dev_runs"),
            df_runs=_table(found["df_runs"], where="df_runs"),
            cost_hist=_histogram(found["cost_hist"], COST_BUCKETS, where="cost_hist"),
            duration_hist=_histogram(
                found["duration_hist"], DURATION_BUCKETS, where="duration_hist"
            ),
            first_ts=_time(found["first_ts"]),
            last_ts=_time(found["last_ts"]),
        )


@dataclass(frozen=True, slots=True)
class WorkflowBody:
    """The body of a `workflow` row: the summary, and samples whose steps are alignment moves."""

    summary: WorkflowSummary = field(default_factory=WorkflowSummary)
    samples: Samples = field(default_factory=Samples)

    def __add__(self, other: Self) -> WorkflowBody:
        """Merge disjoint evidence."""
        return WorkflowBody(self.summary + other.summary, self.samples + other.samples)

    def to_json(self) -> JsonObject:
        """Write both members."""
        return {"summary": self.summary.to_json(), "samples": self.samples.to_json()}

    @classmethod
    def from_json(cls, value: Mapping[str, JsonValue]) -> WorkflowBody:
        """Read what `to_json` wrote; EvidenceError where it is anything else."""
        found = members(value, ("summary", "samples"), where="workflow body")
        return cls(WorkflowSummary.from_json(found["summary"]), Samples.from_json(found["samples"]))


def variant_digest(labels: Iterable[str]) -> str:
    """Sixteen hexadecimal digits that name a sequence of labels."""
    written = "\0".join(labels).encode()
    return hashlib.sha256(written).hexdigest()[:_DIGEST_DIGITS]


def _added(one: Mapping[str, int], other: Mapping[str, int]) -> dict[str, int]:
    total = Counter(one)
    total.update(other)
    return dict(sorted(total.items()))


def _sum_of(tables: Iterable[Mapping[str, int]]) -> dict[str, int]:
    total: dict[str, int] = {}
    for table in tables:
        for name, n in table.items():
            total[name] = total.get(name, 0) + n
    return dict(sorted(total.items()))


def _least(variants: dict[str, int]) -> dict[str, int]:
    return {name: variants[name] for name in sorted(variants)[:MAX_VARIANTS]}


def _rank(label: str) -> tuple[bool, bytes]:
    return not label.startswith("skip:"), hashlib.sha256(label.encode()).digest()


def _pointwise(one: tuple[int, ...], other: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(a + b for a, b in zip(one, other, strict=True))


def _either(choose: Callable[[list[int]], int], one: int | None, other: int | None) -> int | None:
    known = [value for value in (one, other) if value is not None]
    return choose(known) if known else None


def _trimmed(histogram: tuple[int, ...]) -> list[JsonValue]:
    last = max((i for i, n in enumerate(histogram) if n), default=-1)
    return [*histogram[: last + 1]]


def _table(value: JsonValue, *, where: str, at_most: int = 10_000) -> dict[str, int]:
    found = mapping(value, where=f"workflow {where}")
    if len(found) > at_most:
        raise refused(f"workflow {where}", f"{len(found)} entries", f"at most {at_most}")
    what = f"workflow {where}"
    return {
        text(name, where=f"{what} name", at_most=MAX_PAIR): count(n, where=what)
        for name, n in sorted(found.items())
    }


def _histogram(value: JsonValue, buckets: int, *, where: str) -> tuple[int, ...]:
    found = items(value, where=f"workflow {where}", at_most=buckets)
    counts = [count(n, where=f"workflow {where}") for n in found]
    return (*counts, *(0,) * (buckets - len(counts)))


def _time(value: JsonValue) -> int | None:
    return None if value is None else count(value, where="workflow time")
