"""The books of an audit: every run judged once, counted by node, and scored at the end.

Memory grows with nodes and time cells, never with spans: a run's evidence is merged into its
node's rows and forgotten. Rows are rolled up on entry, to hours in the last two days before
`as_of` and to days before that; what lies before the score's window is counted and not scored.
Sums and bitsets do not change by that, so the reading is the same: the one hour in which the last
24 h begin stays in its cells, because flags look back so far.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from pydantic import JsonValue

from mythos.engines.evidence.body import Body
from mythos.engines.evidence.row import EvidenceRow, RowKey, roll_up
from mythos.engines.evidence.window import DAY_S, HOUR_S, cell_of
from mythos.engines.judge.judgement import Judgement, committed, judge_run
from mythos.engines.judge.recollection import Recollection
from mythos.engines.judge.rows import Place, rows_of
from mythos.engines.judge.rulebook import Rulebook
from mythos.engines.resilience.baseline import (
    Baseline,
    kept_in,
    of_workflow,
    pooled,
    ways_of,
)
from mythos.engines.resilience.facts import NodeFacts
from mythos.engines.resilience.presence import Presence
from mythos.engines.resilience.reading import WINDOW_S, read_node
from mythos.engines.telemetry.dialect import node_of
from mythos.values.event import Run
from mythos.values.outcome import Outcome
from mythos.values.reading import WORST_FIRST, Reading

CELL_S = 60
RECENT_S = 2 * DAY_S
NO_NODE = "unknown"
NO_ENVIRONMENT = "audit"
_ENVIRONMENT_KEYS = ("deployment.environment.name", "deployment.environment")
_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9._-]+")
_MAX_NAME = 150


@dataclass(slots=True)
class _Page:
    """One node so far."""

    runs: int = 0
    outcomes: Counter[Outcome] = field(default_factory=Counter)
    bodies: dict[RowKey, Body] = field(default_factory=dict)
    recollection: Recollection | None = None

    def add(self, rows: Iterable[EvidenceRow]) -> None:
        """Merge rows in."""
        for row in rows:
            there = self.bodies.get(row.key)
            self.bodies[row.key] = row.body if there is None else there + row.body

    def __iter__(self) -> Iterator[tuple[RowKey, Body]]:
        """Keys with their bodies, in the order of the keys."""
        return ((key, self.bodies[key]) for key in sorted(self.bodies))


@dataclass(frozen=True, slots=True)
class AuditedNode:
    """One node's counts over the whole archive, its reading, and the rows behind that."""

    reading: Reading
    runs: int
    outcomes: Mapping[Outcome, int]
    rows: tuple[EvidenceRow, ...]

    @property
    def found(self) -> bool:
        """Whether something was violated, or a warning or worse fires."""
        loud = any(f.state == "firing" and f.severity != "info" for f in self.reading.flags)
        return loud or self.outcomes[Outcome.VIOLATED] > 0


class Ledger:
    """Judges runs by one rulebook and keeps the books of every node."""

    def __init__(self, rulebook: Rulebook, *, as_of: datetime) -> None:
        """Begin empty books.

        Args:
            rulebook: what every run is judged by.
            as_of: the newest span's end, with its zone.
        """
        self._rulebook = rulebook
        self._as_of = as_of
        self._pages: dict[tuple[str, str], _Page] = {}
        self.facts = _facts(rulebook)
        self.n_runs = self.n_timed_out = 0

    def enter(self, run: Run) -> dict[str, JsonValue]:
        """Judge a run, count it, and say what one line says of it."""
        node, environment = _name(node_of(run.root), NO_NODE), _environment(run)
        page = self._pages.setdefault((node, environment), _Page())
        past = page.recollection = page.recollection or Recollection(self._rulebook)
        judged = judge_run(run, self._rulebook, claimed=True, recollection=past)
        committed(judged, past, now_ns=run.ended_ns)
        self.n_runs += 1
        self.n_timed_out += run.timed_out
        page.runs += 1
        page.outcomes.update(ruling.outcome for ruling in judged.rulings)
        place = Place(node, environment, "", CELL_S)
        page.add(self._kept(rows_of(judged, place, agent_ref=self._rulebook.agent_ref)))
        return _line(judged, node)

    def _kept(self, rows: Iterable[EvidenceRow]) -> Iterable[EvidenceRow]:
        end = self._as_of.timestamp()
        day_ago = cell_of(end - DAY_S, HOUR_S)
        recent: list[EvidenceRow] = []
        older: list[EvidenceRow] = []
        for row in rows:
            age_s = end - row.key.cell
            if cell_of(row.key.cell, HOUR_S) == day_ago:
                yield row
            elif age_s < RECENT_S:
                recent.append(row)
            elif age_s < WINDOW_S + row.key.width_s:
                older.append(row)
        yield from roll_up(recent, width_s=3600)
        yield from roll_up(older, width_s=86400)

    def baselines(self) -> tuple[Baseline, ...]:
        """How each workflow was run in this archive, over all nodes, as baselines of another."""
        rows = [EvidenceRow(key, body) for page in self._pages.values() for key, body in page]
        return tuple(
            Baseline(
                id="--baseline",
                workflow=workflow,
                summary=pooled(own),
                until_s=0,
                ways=ways_of(kept_in(own)),
            )
            for workflow in sorted(self._rulebook.workflows)
            if (own := of_workflow(rows, workflow))
        )

    def compare_with(self, baselines: Iterable[Baseline]) -> None:
        """Read every node beside these baselines from now on."""
        self.facts = replace(self.facts, baselines=tuple(baselines))

    def nodes(self) -> list[AuditedNode]:
        """Every node with its reading, worst first."""
        names = list(self._pages)
        read = [self._audited(*name, self.facts) for name in names]
        if self.facts.baselines:  # the false discovery rate is over the tests of all nodes
            tests = [_tests_of(node) for node in read]
            for at, name in enumerate(names):
                elsewhere = tuple(
                    p for other, found in enumerate(tests) for p in found if other != at
                )
                facts = replace(self.facts, drift_elsewhere=elsewhere)
                read[at] = self._audited(*name, facts)
        return sorted(read, key=_badness)

    def _audited(self, node: str, environment: str, facts: NodeFacts) -> AuditedNode:
        page = self._pages[node, environment]
        rows = tuple(EvidenceRow(key, body) for key, body in page)
        reading = read_node(
            rows, node=node, environment=environment, as_of=self._as_of, facts=facts
        )
        return AuditedNode(reading, page.runs, page.outcomes, rows)


def _tests_of(node: AuditedNode) -> list[float]:
    return [table.p for drift in node.reading.drift for table in drift.tables]


def _facts(rulebook: Rulebook) -> NodeFacts:
    return NodeFacts(
        presence=Presence(kind="telemetry"),
        applies_policy=bool(rulebook.policies),
        applies_workflow=bool(rulebook.workflows),
        names={
            **{digest: one.policy_set for digest, one in rulebook.policies.items()},
            **{digest: one.document.name for digest, one in rulebook.workflows.items()},
            **{one.digest: one.name for one in rulebook.agents.values()},
        },
        skip_weights={
            digest: {label: one.document.weights.skip_of(label) for label in one.model.labels}
            for digest, one in rulebook.workflows.items()
        },
    )


def _environment(run: Run) -> str:
    named = next((v for key in _ENVIRONMENT_KEYS if (v := run.root.resource.get(key))), "")
    return _name(named if isinstance(named, str) else "", NO_ENVIRONMENT)


def _name(claimed: str, fallback: str) -> str:
    """A sender's name in the letters evidence may use."""
    return _NOT_IN_NAMES.sub("-", claimed).lstrip("._-")[:_MAX_NAME] or fallback


def _line(judged: Judgement, node: str) -> dict[str, JsonValue]:
    found = judged.conformance
    violated = judged.count(Outcome.VIOLATED)
    return {
        "trace_id": judged.run.trace_id,
        "node_id": node,
        "agent": judged.run.agent,
        "workflow": found.workflow.document.name if found else None,
        "upheld": judged.count(Outcome.UPHELD),
        "violated": violated,
        "blocked": judged.count(Outcome.BLOCKED),
        "undecidable": judged.count(Outcome.UNDECIDABLE),
        "cost": found.alignment.cost if found else None,
        "fitness": found.alignment.fitness if found else None,
        "risk": judged.risk,
        "alarm": violated > 0,
    }


def _badness(node: AuditedNode) -> tuple[int, float, int, str, str]:
    reading = node.reading
    mid = reading.resilience.mid
    return (
        WORST_FIRST.index(reading.state),
        reading.resilience.low if mid is None else mid,
        -node.outcomes[Outcome.VIOLATED],
        reading.node,
        reading.environment,
    )
