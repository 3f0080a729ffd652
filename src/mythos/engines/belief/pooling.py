"""Pooling: environments that share labels lend each other a little reputation, and no more.

For one agent and construct, what its runs in *other* environments say becomes the prior here. An
environment counts at most 20 effective runs, so a busy one does not own a label, and the prior
weighs at most 8 runs: estimated freely from adaptively chosen runs, that weight grows too large
and the intervals become dishonest. Leaving an environment's own runs out of its prior keeps them
from counting twice and makes "n more clean runs" exact.

Peers lend a bad name only up to 1.6 broken runs, what an average prior holds (8 runs, four of five
clean). Beyond that, one environment that fails would hold back a twin that never did: 20 clean runs
beside a neighbour's 20 broken ones gave P(share >= 0.90) = 0.04.

Several labels are joined by averaging their pseudo-counts. Averaging logits weighted by runs
would break the law that clean evidence never lowers a belief (a clean run can shift weight to
the worse label); averaging pseudo-counts keeps it. `note.` labels are description only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from mythos.engines.belief.forgetting import Memory
from mythos.values.environment import Labels

KAPPA = 8.0
ENVIRONMENT_CAP = 20.0
PRIOR_RUNS = 5.0
PRIOR_KEPT_RUNS = 4.0
WORST_NAME = KAPPA * (1 - PRIOR_KEPT_RUNS / PRIOR_RUNS)
"""The most broken runs that peers may lend."""

Label = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Prior:
    """Pseudo-counts of clean and broken runs, and the capped peer runs behind them."""

    a: float
    b: float
    peer_runs: float


@dataclass(frozen=True, slots=True)
class _Sum:
    kept: float = 0.0
    broken: float = 0.0

    def __add__(self, other: _Sum) -> _Sum:
        return _Sum(self.kept + other.kept, self.broken + other.broken)

    def __sub__(self, other: _Sum) -> _Sum:
        """Take one member out again; rounding may not leave less than nothing."""
        return _Sum(max(0.0, self.kept - other.kept), max(0.0, self.broken - other.broken))


@dataclass(frozen=True, slots=True)
class Pool:
    """Capped sums over all environments and over each label, for one agent and construct."""

    labels: Mapping[str, tuple[Label, ...]]
    own: Mapping[str, _Sum]
    whole: _Sum
    by_label: Mapping[Label, _Sum]

    @classmethod
    def of(cls, labels: Mapping[str, Labels], memories: Mapping[str, Memory]) -> Self:
        """Add up the memories of each environment of `labels`, in the order of their names."""
        groups = {name: _groups(labels[name]) for name in sorted(labels)}
        own = {name: _capped(memories.get(name, Memory())) for name in groups}
        whole = _Sum()
        by_label: dict[Label, _Sum] = {}
        for name, members in groups.items():
            whole += own[name]
            for label in members:
                by_label[label] = by_label.get(label, _Sum()) + own[name]
        return cls(groups, own, whole, by_label)

    def prior(self, environment: str) -> Prior:
        """What the other environments say of this one.

        With X, Y clean and broken capped runs of the others and x, y those under one label:
        m0 = (X + 4) / (X + Y + 5); m = (x + 5 m0) / (x + y + 5); n = x + y + 5;
        strength = 8 n / (n + 8); pseudo-counts m·strength and (1 − m)·strength, averaged over
        the labels, the broken ones at most 1.6. An environment without labels is a label with
        no other members.

        Args:
            environment: a name in `labels`.

        Returns:
            Pseudo-counts, each > 0, together at most 8.
        """
        own = self.own[environment]
        others = self.whole - own
        m0 = (others.kept + PRIOR_KEPT_RUNS) / (others.kept + others.broken + PRIOR_RUNS)
        groups = [self.by_label[label] - own for label in self.labels[environment]] or [_Sum()]
        pairs = [_pseudo_counts(group, m0=m0) for group in groups]
        return Prior(
            a=sum(a for a, _ in pairs) / len(pairs),
            b=min(WORST_NAME, sum(b for _, b in pairs) / len(pairs)),
            peer_runs=others.kept + others.broken,
        )


def _pseudo_counts(group: _Sum, *, m0: float) -> tuple[float, float]:
    """Both counts of one label, as m·strength and (1 − m)·strength with n cancelled."""
    scale = KAPPA / (group.kept + group.broken + PRIOR_RUNS + KAPPA)
    kept = group.kept + PRIOR_RUNS * m0
    broken = group.broken + PRIOR_RUNS * (1 - m0)
    return scale * kept, scale * broken


def _capped(memory: Memory) -> _Sum:
    runs = memory.kept + memory.broken
    weight = min(1.0, ENVIRONMENT_CAP / runs) if runs else 0.0
    return _Sum(weight * memory.kept, weight * memory.broken)


def _groups(labels: Labels) -> tuple[Label, ...]:
    return tuple(sorted(item for item in labels.items() if not item[0].startswith("note.")))
