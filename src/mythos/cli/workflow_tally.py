"""What runs add up to against one workflow, and how that is told.

Runs whose cost is known only as an interval enter no score. They are not forgotten either: those
that surely cost something do not fit, and at their upper cost they bound the consistency from
below.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Self

from mythos.cli.source_lines import plain
from mythos.engines.conformance.alignment import Alignment, Measured
from mythos.engines.conformance.consistency import MIN_RUNS, Followed

if TYPE_CHECKING:
    from mythos.cli.workflow_files import WorkflowFile


@dataclass(frozen=True, slots=True)
class Tally:
    """Counts of runs; a commutative monoid.

    followed: all runs, the inexact ones apart; at_worst: all, an inexact one at its upper cost;
    unfit: inexact runs that cost more than 0 in any case.
    """

    followed: Followed = field(default_factory=Followed)
    at_worst: Followed = field(default_factory=Followed)
    unfit: int = 0

    @classmethod
    def of(cls, found: Measured | Alignment, *, count: int = 1) -> Self:
        """`count` equal runs; only an `Alignment` tells whether inexact ones are unfit."""
        unfit = isinstance(found, Alignment) and not found.exact and found.lower > 0
        return cls(
            Followed.of(found, count=count),
            Followed.of(replace(found, exact=True), count=count),
            count * unfit,
        )

    def __add__(self, other: Self) -> Self:
        """Counts of both."""
        return type(self)(
            self.followed + other.followed,
            self.at_worst + other.at_worst,
            self.unfit + other.unfit,
        )

    @property
    def fitting_share(self) -> float | None:
        """Share of runs of cost 0 in those known to fit or not; None without any."""
        known = self.followed.counted + self.unfit
        return self.followed.fitting / known if known else None

    def reaches(self, bound: float) -> bool:
        """Whether the consistency can be said and is at least `bound`, inexact runs or not."""
        said = (self.followed.consistency, self.at_worst.consistency)
        return all(one is not None and one >= bound for one in said)

    def as_json(self, file: WorkflowFile) -> dict[str, Any]:
        """The totals."""
        from mythos.values.workflow import workflow_digest

        return {
            "workflow": file.workflow.name,
            "digest": workflow_digest(file.workflow),
            "runs": self.followed.runs,
            "inexact": self.followed.inexact,
            "fitting": self.fitting_share,
            "consistency": self.followed.consistency,
            "consistency_at_least": self.at_worst.consistency,
        }

    def lines(self, file: WorkflowFile) -> Iterator[str]:
        """The totals in words, after a note if inexact runs may lower the consistency."""
        followed, at_least = self.followed, self.at_worst.consistency
        consistency = followed.consistency
        if consistency is not None and at_least is not None and at_least < consistency:
            yield (
                f"note: with {followed.inexact:,} known only as an interval at their upper cost "
                f"the consistency is {at_least:.3f}, which --fail-under compares"
            )
        told = f"{plain(file.workflow.name)}: {followed.runs:,} runs"
        if (share := self.fitting_share) is not None:
            told += f", {followed.fitting:,} fit ({share:.0%})"
        if followed.inexact:
            told += f", {followed.inexact:,} known only as an interval"
        if consistency is not None:
            told += f"; consistency {consistency:.3f}"
        elif share is not None:
            few = "too few of known cost" if followed.inexact else "too few"
            told += f"; {few} for a consistency ({MIN_RUNS} are needed)"
        yield told
