"""Judging one closed run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from mythos.engines.conformance.alignment import Alignment
from mythos.engines.judge.concurrency import groups_of, timed
from mythos.engines.judge.recollection import Recollection, line_of
from mythos.engines.judge.risk import risk_of
from mythos.engines.judge.rulebook import JudgedWorkflow, Rulebook
from mythos.engines.judge.run_steps import RunStep, steps_of
from mythos.engines.policy.blocked import DeniedAttempt, obeyed
from mythos.engines.policy.facts.history import History
from mythos.engines.policy.rulings import Rulings, rulings_of
from mythos.engines.policy.uncatalogued import uncatalogued_rulings
from mythos.engines.telemetry.catalogue import choose_catalogue
from mythos.values.event import Event, Json, Kind, Run
from mythos.values.outcome import DEFAULT_RULE, Outcome, Ruling
from mythos.values.tools import ToolCatalogue


@dataclass(frozen=True, slots=True)
class Conformance:
    """A run's workflow and how it was followed: its labels and their optimal alignment.

    `steps` are what the labels stand for, one each. Where the order of some is not known, both are
    in the best order they may have had; `loose` says which.
    """

    workflow: JudgedWorkflow
    labels: tuple[str, ...]
    steps: tuple[RunStep, ...]
    loose: tuple[bool, ...]
    alignment: Alignment


@dataclass(frozen=True, slots=True)
class Judgement:
    """What is said of one run. `rulings` are of sets in force, `shadow` of the others.

    `asked` holds, by the span id of a ruling, the arguments of a call that was denied and not made.
    `observed` is False when no span came at all, only denials: then there was no run to count.
    `stray` is the workflow that the run names and nobody knows here, if so. `history` is what the
    run adds to facts that reach beyond it (`Recollection.commit`).
    """

    run: Run
    catalogue: ToolCatalogue | None
    rulings: tuple[Ruling, ...]
    shadow: tuple[Ruling, ...]
    conformance: Conformance | None
    risk: float
    asked: Mapping[str, Mapping[str, Json] | None] = field(default_factory=dict)
    observed: bool = True
    stray: str = ""
    history: History | None = field(default=None, compare=False)

    def count(self, outcome: Outcome) -> int:
        """How many (action, set in force) had this outcome."""
        return sum(ruling.outcome is outcome for ruling in self.rulings)


def judge_run(
    run: Run,
    rulebook: Rulebook,
    *,
    attempts: Sequence[DeniedAttempt] = (),
    claimed: bool = False,
    recollection: Recollection | None = None,
) -> Judgement:
    """Judge a closed run by a rulebook.

    Args:
        run: closed, its events sorted by (start, span id).
        rulebook: what it is judged by.
        attempts: what the node's decision point denied in this trace.
        claimed: count what the trace itself says was denied instead (offline audits only).
        recollection: what earlier runs left for facts that reach beyond one run; not changed.

    Returns:
        Rulings in the order of the actions, the alignment if the run has a workflow, the risk.
    """
    catalogue = choose_catalogue(run, rulebook.catalogues)
    ruled = _ruled(run, rulebook, catalogue, recollection)
    kept = () if claimed else obeyed(run, attempts)
    blocked = ruled.claimed if claimed else _rulings_of(kept)
    in_force = (*ruled.in_force, *blocked)
    conformance = conformance_of(run, rulebook)
    fitness = None if conformance is None else conformance.alignment.fitness
    risk = risk_of(in_force, fitness=fitness)
    return Judgement(
        run,
        catalogue,
        in_force,
        ruled.shadow,
        conformance,
        risk,
        asked=_asked(kept),
        stray=workflow_named(run) if conformance is None else "",
        history=ruled.history,
    )


def undecided(run: Run, rulebook: Rulebook, *, why: str) -> Judgement:
    """What is said of a run that cannot be judged: every action undecidable, never a pass.

    Args:
        run: closed.
        rulebook: names the sets in force.
        why: what went wrong.
    """
    rulings = tuple(_open_rulings(run, rulebook, rule=DEFAULT_RULE, why=why))
    return Judgement(run, None, rulings, (), None, risk_of(rulings, fitness=None))


def committed(judgement: Judgement, recollection: Recollection, *, now_ns: int) -> str:
    """Let a closed run's history count for the runs after it.

    Returns:
        What a host must keep to know it again (`Recollection.restore`); empty if nothing.
    """
    if judgement.catalogue is None or judgement.history is None:
        return ""
    domain = judgement.catalogue.domain
    recollection.commit(domain, judgement.history, now_ns=now_ns)
    return line_of(domain, judgement.history, now_ns=now_ns)


def judge_attempts(trace_id: str, attempts: Sequence[DeniedAttempt]) -> Judgement:
    """Judge denials of which no span ever came: blocked actions, but no run and no steps.

    Args:
        trace_id: the trace they named.
        attempts: at least one.

    Returns:
        Their rulings, all blocked; the first attempt stands for the root.
    """
    kept = sorted(attempts, key=lambda one: (one.at_ns, one.call_id, one.tool))
    first = kept[0]
    root = Event(
        trace_id=trace_id,
        span_id=trace_id,
        parent_id="",
        kind=Kind.OTHER,
        name="denied attempts",
        start_ns=first.at_ns,
        end_ns=first.at_ns,
        agent=first.agent,
    )
    run = Run(trace_id, root, (root,), kept[-1].at_ns, timed_out=True)
    return Judgement(
        run, None, _rulings_of(kept), (), None, 0.0, asked=_asked(kept), observed=False
    )


def _rulings_of(attempts: Sequence[DeniedAttempt]) -> tuple[Ruling, ...]:
    return tuple(ruling for attempt in attempts for ruling in attempt.rulings)


def _asked(attempts: Sequence[DeniedAttempt]) -> dict[str, Mapping[str, Json] | None]:
    return {ruling.span_id: one.arguments for one in attempts for ruling in one.rulings}


def _ruled(
    run: Run,
    rulebook: Rulebook,
    catalogue: ToolCatalogue | None,
    recollection: Recollection | None,
) -> Rulings:
    if catalogue is None:
        return uncatalogued_rulings(
            run, rulebook.uncatalogued, sets_of=rulebook.in_force, shadows_of=rulebook.in_shadow
        )
    return rulings_of(
        run,
        rulebook.engines[catalogue.domain],
        sets_of=rulebook.in_force,
        shadows_of=rulebook.in_shadow,
        past=recollection.past(catalogue.domain) if recollection else None,
    )


def _open_rulings(run: Run, rulebook: Rulebook, *, rule: str, why: str) -> Iterator[Ruling]:
    """No set can tell of any call: undecidable, never a pass."""
    for event in run.events:
        if event.kind is not Kind.TOOL_CALL:
            continue
        for digest in rulebook.in_force(event.agent):
            yield Ruling(
                policy_set=rulebook.policies[digest].policy_set,
                digest=digest,
                span_id=event.span_id,
                agent=event.agent,
                tool=event.tool,
                start_ns=event.start_ns,
                outcome=Outcome.UNDECIDABLE,
                rule=rule,
                why=why,
            )


def conformance_of(run: Run, rulebook: Rulebook) -> Conformance | None:
    """Align a run to its workflow: the one it names, else the agent's that costs least.

    Returns:
        None when it names an unknown workflow or its agent has none.
    """
    steps = steps_of(run)
    offered = rulebook.workflows_of(run.agent)
    if named := workflow_named(run):
        offered = tuple(one for one in rulebook.workflows.values() if one.answers_to(named))
    aligned = [_align(run, steps, workflow) for workflow in offered]
    return min(aligned, key=lambda one: one.alignment.cost, default=None)


def workflow_named(run: Run) -> str:
    """The workflow that the run names first; empty if it names none."""
    return next((event.workflow for event in run.events if event.workflow), "")


def _align(run: Run, steps: Sequence[RunStep], workflow: JudgedWorkflow) -> Conformance:
    numbered = workflow.labeller.numbered(one.step for one in steps)
    labelled = timed(run, [(steps[i], label) for i, label in numbered])
    skew_ns = workflow.document.order.skew_ms * 10**6
    groups = list(groups_of(labelled, skew_ns=skew_ns))
    loose = tuple(len(group.labels) > 1 for group in groups for _ in group.labels)
    order, alignment = workflow.model.align_groups(groups)
    best = [labelled[i] for i in order]
    return Conformance(
        workflow,
        labels=tuple(one.label for one in best),
        steps=tuple(one.step for one in best),
        loose=loose,
        alignment=alignment,
    )
