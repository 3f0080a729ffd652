"""The fleet page as one value: states, matrix, time axis, hosts, and why the worst is the worst."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from mythos.server.resilience.pages.facts import EnvironmentFact, NodeFact
from mythos.server.resilience.pages.hosts import HostList
from mythos.server.resilience.pages.matrix import Matrix
from mythos.server.resilience.pages.selection import SPANS, Selection, Span
from mythos.server.resilience.pages.state import MEANING, StateNow
from mythos.server.resilience.pages.why import Why
from mythos.server.web.charts.score_axis import Moment, ScoreAxis
from mythos.values.reading import WORST_FIRST, State


@dataclass(frozen=True, slots=True)
class StateCount:
    """How many hosts are in a state; `meaning` says what the state is."""

    state: State
    count: int
    meaning: str


@dataclass(frozen=True, slots=True)
class History:
    """The time axis and the same values as a table, newest first."""

    host: str
    axis: ScoreAxis
    table: tuple[Moment, ...]


@dataclass(frozen=True, slots=True)
class FirstStep:
    """What is missing before there is anything to see, and the commands that add it."""

    missing: str
    then: str
    commands: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FleetPage:
    """`/system/resilience`."""

    at: datetime
    command: str
    selection: Selection
    span: Span
    spans: tuple[Span, ...]
    bucket_s: float
    states: tuple[StateCount, ...]
    n_hosts: int
    n_environments: int
    n_runs: int
    matrix: Matrix
    hosts: HostList
    history: History | None
    why: Why | None
    first_step: FirstStep | None


def state_counts(judged: Sequence[tuple[NodeFact, StateNow]]) -> tuple[StateCount, ...]:
    """Hosts by state, worst first; states without hosts are counted 0."""
    counted = Counter(now.state for _, now in judged)
    return tuple(StateCount(state, counted[state], MEANING[state]) for state in WORST_FIRST)


def command_of(path: str, selection: Selection) -> str:
    """The command line that gives the same answer; the session is the reader's own."""
    address = f"{path}{selection.link_for_page}format=json"
    return f'curl --cookie "sessionid=$SESSION" "$MYTHOS{address}"'


def first_step(
    environments: Sequence[EnvironmentFact], nodes: Sequence[NodeFact]
) -> FirstStep | None:
    """The next thing to do on a control plane that knows too little; None once hosts report."""
    if not environments:
        return FirstStep(
            "There is no environment yet",
            "An environment is a named group of hosts with labels. The demo sets up a whole "
            "fleet on this machine; your own environments come from a fleet file.",
            ("mythos demo", "mythos trust init --fleet examples/retail-care/fleet.yaml"),
        )
    if not nodes:
        return FirstStep(
            "No host is enrolled yet",
            "Make a one-time code on the server, then use it on the host: its sidecar makes a "
            "key of its own and registers it with the code.",
            (
                f"mythos node enroll --new-code --node NAME --environment {environments[0].name}",
                "mythos node enroll --server URL --node NAME --code CODE",
            ),
        )
    if not any(node.reading for node in nodes):
        return FirstStep(
            "No evidence has arrived yet",
            "Hosts are enrolled. Start the sidecar on each; its first beat appears here within "
            "a minute, its first score when an agent has acted.",
            ("mythos node run",),
        )
    return None


def bucket_seconds(span: Span) -> float:
    """Length of one bucket of the heartbeat strip."""
    return SPANS[span] / 90
