"""Drift of one workflow: how its runs now differ from those accepted as its baseline."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from mythos.values.base import Count, Share, Value


class DriftChange(Value):
    """One category: runs that have it before and now, and the bits it adds to the divergence.

    `label` is for people: `skip:approve`, `search → code`, or the steps of a variant where a kept
    run shows them. `p` is adjusted within the table; a variant has none of its own.
    """

    key: str
    label: str
    before: Count
    now: Count
    bits: Share
    p: Share | None = None


class DriftTable(Value):
    """One test: `p` and `q` (among all tests of the window), `jsd` in bits, largest changes first.

    `moved`: q below 0.05 and at least 0.02 bits.
    """

    name: Literal["variants", "deviations", "pairs"]
    before: Count
    now: Count
    p: Share
    q: Share
    jsd: Share
    moved: bool
    changes: tuple[DriftChange, ...] = ()


class FitPoint(Value):
    """The e-value at the end of an hour."""

    at: str
    e: float = Field(ge=0)


class FitTrend(Value):
    """The bet that runs fit less often than the baseline's, hour by hour since it ended.

    `null`: the share that the baseline has at least. `e` now; `peak` so far; an alarm from
    `alarm` on. `line`: the largest value of each stretch of hours, oldest first.
    """

    null: Share
    fitting: Count
    runs: Count
    e: float = Field(ge=0)
    peak: float = Field(ge=0)
    alarm: float
    line: tuple[FitPoint, ...] = ()


class WorkflowDrift(Value):
    """One workflow against its baseline.

    `value` is D of the `runs` in the window: how far `distance` (of directly-follows pairs) lies
    beyond what `chance` explains. `tables` compare the runs since `since`; none below five runs.
    """

    workflow: str
    baseline: str
    baseline_digest: str
    runs: Count
    distance: Share
    chance: Share
    value: Share
    since: str
    n_since: Count
    tables: tuple[DriftTable, ...] = ()
    fit: FitTrend
