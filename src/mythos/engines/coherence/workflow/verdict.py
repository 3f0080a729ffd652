"""Verdicts: what a search says of each step of a workflow, and of the workflow.

| status                  | means                                                                 |
|-------------------------|-----------------------------------------------------------------------|
| `reachable`             | wherever it comes, some call of it is permitted                        |
| `sometimes blocked`     | permitted in some states of the facts, in others no call of it is      |
| `never permitted`       | it comes, and no call of it is permitted in any state it comes in      |
| `behind a blocked step` | it never comes, because of a step that is not permitted before it      |
| `undecided`             | whether it is permitted could not be told, or if it comes              |
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from mythos.engines.coherence.workflow.permits import Denial
from mythos.engines.coherence.workflow.steps import WorkflowStep
from mythos.engines.policy.request import Request

Status = Literal[
    "reachable", "sometimes blocked", "never permitted", "behind a blocked step", "undecided"
]


@dataclass(frozen=True, slots=True)
class Taken:
    """One entry of a path: a step and what became of it, or, without a step, what the user did."""

    step: WorkflowStep | None
    outcome: str = ""

    @property
    def text(self) -> str:
        """How a person says it."""
        if self.step is None:
            return "the user confirms" if self.outcome == "user.confirm" else "the user speaks"
        told = {"error": " fails", "user.confirm": ", the user confirms", "declined": " in vain"}
        return self.step.label + told.get(self.outcome, "")


Path = tuple[Taken, ...]


@dataclass(frozen=True, slots=True)
class FactState:
    """One fact of a policy set as it is, or as it would have to be."""

    policy_set: str
    fact: str
    value: str


@dataclass(frozen=True, slots=True)
class Lack:
    """A fact that stands in the way: what it is where the step comes, and what would do."""

    policy_set: str
    fact: str
    value: str
    wanted: str


@dataclass(frozen=True, slots=True)
class Blocked:
    """Facts with which no call of a step is permitted, and a path to where they are so."""

    facts: tuple[FactState, ...]
    path: Path
    denial: Denial | None


@dataclass(frozen=True, slots=True)
class StepVerdict:
    """What is said of one step.

    `path` is a shortest one to where it comes (to the step that blocks it, if it is behind one).
    `permitted` is a call of it that was decided and allowed; `blocked` tells where it is not;
    `missing` the smallest change of facts that would permit a step that never is: empty where no
    facts would. `denial` is a call that was decided and denied. `behind` is the path of the block
    that is in its way.
    """

    step: WorkflowStep
    status: Status
    path: Path = ()
    permitted: Request | None = None
    blocked: tuple[Blocked, ...] = ()
    missing: tuple[Lack, ...] = ()
    denial: Denial | None = None
    behind: str = ""
    why: str = ""


@dataclass(frozen=True, slots=True)
class WorkflowVerdict:
    """Whether a workflow can finish under policy sets: None if that could not be told, and `why`.

    Every step of `path` is permitted by itself in the state of facts it comes in; that one run
    can take them all is likely, not certain. `deferred` are rules that only the monitor can
    judge. `unjudged` are steps that are no call of a tool and nothing the user does.
    """

    name: str
    domain: str
    can_finish: bool | None
    why: str = ""
    path: Path = ()
    steps: tuple[StepVerdict, ...] = ()
    deferred: tuple[str, ...] = ()
    unjudged: tuple[str, ...] = ()
    n_states: int = 0
    n_queries: int = 0

    def of(self, path: str) -> StepVerdict:
        """The verdict on the step at a block path."""
        return next(each for each in self.steps if each.step.path == path)
