"""Drift: whether the runs of a workflow differ from those that were accepted as its baseline.

Three tables: variants (a run has exactly one), deviations and directly-follows pairs (runs that
have the key; events of one run depend on each other and must not be counted as if they did not).
A table has moved iff its q over all tests of the window is below 0.05 *and* its Jensen-Shannon
divergence, with weights one half, is at least 0.02 bits: a difference that is both real and large.

Categories are the commonest of both samples *together*, so that they do not depend on which sample
a run is in and the permutation test keeps its level; and what is new has a category of its own.
Chosen from the baseline alone, a test of runs that are nearly all different would never alarm.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from mythos.engines.conformance.significance import adjusted, fisher_p, permutation_p
from mythos.engines.evidence.workflow import WorkflowSummary

TableName: TypeAlias = Literal["variants", "deviations", "pairs"]

Q_LIMIT = 0.05
JSD_LIMIT = 0.02  # bits
MAX_VARIANTS = 64
MAX_KEYS = 256
TOP = 8
OTHER = "(other)"
NO_DEVIATION = "(fits)"


@dataclass(frozen=True, slots=True)
class Change:
    """One category: runs that have it `before` and `now`, and the bits it adds to the divergence.

    p: of Fisher's exact test, adjusted within its table; None for a variant.
    """

    key: str
    before: int
    now: int
    bits: float
    p: float | None = None


@dataclass(frozen=True, slots=True)
class Table:
    """One table of a comparison.

    before, now: runs compared. p: of the whole table. jsd: bits in [0, 1]. changes: the categories
    that add most to it, first the largest.
    """

    name: TableName
    before: int
    now: int
    p: float
    jsd: float
    changes: tuple[Change, ...]


def compare(baseline: WorkflowSummary, now: WorkflowSummary) -> tuple[Table, Table, Table]:
    """Compare two disjoint samples of runs of one workflow.

    Returns:
        The tables of variants, deviations and pairs. p is that of a permutation test for variants
        and Simes' of Fisher's exact tests for keys; both are valid at any number of runs. Swapping
        the samples swaps `before` and `now` and changes nothing else.

    Source: Lin, Divergence Measures Based on the Shannon Entropy, IEEE Trans. Inf. Theory 37(1).
    """
    return _variants(baseline, now), _deviations(baseline, now), _pairs(baseline, now)


def verdicts(tables: Sequence[Table], *, elsewhere: Iterable[float] = ()) -> tuple[float, ...]:
    """The q of each table among all tests of a window.

    Args:
        tables: of every workflow compared here.
        elsewhere: p of the tests made at other nodes.
    """
    return adjusted([*(table.p for table in tables), *elsewhere])[: len(tables)]


def has_moved(table: Table, *, q: float) -> bool:
    """Whether a table differs by more than chance and by enough to matter."""
    return q < Q_LIMIT and table.jsd >= JSD_LIMIT


def divergence(one: Mapping[str, int], other: Mapping[str, int]) -> float:
    """Jensen-Shannon divergence of two tables of counts, in bits, with weights one half.

    Returns:
        0 for equal shares (and for two empty tables) to 1 where nothing is shared.
    """
    return min(math.fsum(_terms(one, other).values()), 1.0)


def _variants(one: WorkflowSummary, other: WorkflowSummary) -> Table:
    pooled = (one + other).variants  # those that both kept whole
    keys = _commonest(pooled, MAX_VARIANTS)
    before, now = _by_category(one, keys), _by_category(other, keys)
    p = permutation_p([before[key] for key in before], [now[key] for key in before])
    return _table("variants", before, now, runs=(one.runs, other.runs), p=p)


def _by_category(summary: WorkflowSummary, keys: Sequence[str]) -> dict[str, int]:
    counts = {key: summary.variants.get(key, 0) for key in keys}
    return counts | {OTHER: max(summary.runs - sum(counts.values()), 0)}


def _deviations(one: WorkflowSummary, other: WorkflowSummary) -> Table:
    keys = _commonest((one + other).dev_runs, MAX_KEYS)
    before = {key: one.dev_runs.get(key, 0) for key in keys} | {NO_DEVIATION: one.fitting}
    now = {key: other.dev_runs.get(key, 0) for key in keys} | {NO_DEVIATION: other.fitting}
    return _tested("deviations", before, now, runs=(finished(one), finished(other)))


def _pairs(one: WorkflowSummary, other: WorkflowSummary) -> Table:
    keys = _commonest((one + other).df_runs, MAX_KEYS)
    before = {key: one.df_runs.get(key, 0) for key in keys}
    now = {key: other.df_runs.get(key, 0) for key in keys}
    return _tested("pairs", before, now, runs=(one.runs, other.runs))


def finished(summary: WorkflowSummary) -> int:
    """Runs that ended and whose cost is known."""
    return summary.runs - summary.open - summary.inexact


def _commonest(pooled: Mapping[str, int], at_most: int) -> list[str]:
    return sorted(sorted(pooled, key=lambda key: (-pooled[key], key))[:at_most])


def _tested(
    name: TableName, before: Mapping[str, int], now: Mapping[str, int], *, runs: tuple[int, int]
) -> Table:
    """A table whose every key is a share of runs of its own."""
    raw = [
        fisher_p(min(before[key], runs[0]), runs[0], min(now[key], runs[1]), runs[1])
        for key in before
    ]
    tested = dict(zip(before, adjusted(raw), strict=True))
    p = min(tested.values(), default=1.0)
    return _table(name, before, now, runs=runs, p=p, tested=tested)


def _table(
    name: TableName,
    before: Mapping[str, int],
    now: Mapping[str, int],
    *,
    runs: tuple[int, int],
    p: float,
    tested: Mapping[str, float] | None = None,
) -> Table:
    terms = _terms(before, now)
    changes = [
        Change(key, before[key], now[key], bits, tested[key] if tested else None)
        for key, bits in sorted(terms.items(), key=lambda term: (-term[1], term[0]))
        if before[key] or now[key]
    ]
    jsd = min(math.fsum(terms.values()), 1.0)
    return Table(name, *runs, p=p, jsd=jsd, changes=tuple(changes[:TOP]))


def _terms(one: Mapping[str, int], other: Mapping[str, int]) -> dict[str, float]:
    """What each key adds to the divergence; where one side is empty, all the other has is new."""
    n, m = sum(one.values()), sum(other.values())
    if not n and not m:
        return {}
    keys = [*one, *(key for key in other if key not in one)]
    if not n or not m:
        whole = one if n else other
        return {key: whole.get(key, 0) / (n or m) for key in keys}
    return {key: _term(one.get(key, 0) / n, other.get(key, 0) / m) for key in keys}


def _term(p: float, q: float) -> float:
    middle = (p + q) / 2
    found = sum(share / 2 * math.log2(share / middle) for share in (p, q) if share)
    return max(found, 0.0)
