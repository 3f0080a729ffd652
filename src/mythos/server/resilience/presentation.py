"""What the pages answer: reads, then pure functions, then one frozen value a page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from mythos.engines.evidence.sample import Sample
from mythos.engines.memory.checkpoint import log_origin
from mythos.errors import MemoryLogError, NotFoundError
from mythos.server.resilience import page_queries as queries
from mythos.server.resilience.memory_tails import entries_of_run
from mythos.server.resilience.pages import evidence, fleet, host, hosts, parts, why
from mythos.server.resilience.pages.beats import beats_of
from mythos.server.resilience.pages.drift_shown import accepting, drifts_shown
from mythos.server.resilience.pages.facts import NodeFact, TimeBlock
from mythos.server.resilience.pages.history import history_of, table_of
from mythos.server.resilience.pages.matrix import matrix_of
from mythos.server.resilience.pages.selection import SPANS, Selection, Span, fitting_span
from mythos.server.resilience.pages.state import StateNow, state_now
from mythos.server.resilience.pages.workflow_runs import workflows_of
from mythos.server.resilience.queries import evidence_of
from mythos.server.resilience.standing_baselines import history
from mythos.server.web.charts.beat_strip import Beat
from mythos.server.web.paging import pages_of, rows_on
from mythos.values.reading import Reading

WINDOW = timedelta(days=28)
Judged = Sequence[tuple[NodeFact, StateNow]]


@dataclass(frozen=True, slots=True)
class _Scene:
    """The moment and range of a page, with what was read about the hosts it shows."""

    at: datetime
    span: Span
    blocks: Mapping[str, Sequence[TimeBlock]]
    readings: Mapping[str, Reading]

    def beats(self, node: NodeFact) -> tuple[Beat, ...]:
        return beats_of(
            node,
            self.blocks.get(node.node_id, ()),
            at=self.at,
            span_s=SPANS[self.span],
            critical=hosts.critical_stretches(self.readings.get(node.node_id)),
        )


def show_fleet(selection: Selection, *, at: datetime, barred: str = "") -> fleet.FleetPage:
    """The fleet page; `barred` says why its reader may not act."""
    known = queries.environments()
    nodes = queries.nodes(known)
    judged = [(node, state_now(node, at=at)) for node in nodes]
    found = hosts.matching(judged, selection)
    shown = rows_on(found, selection.page, limit=hosts.PER_PAGE)
    focus = _focus(judged, found, selection)
    scene = _scene([*shown, *focus], selection.span, at=at)
    runs = queries.run_counts(at=at)
    return fleet.FleetPage(
        at=at,
        command=fleet.command_of("/system/resilience", selection),
        selection=selection,
        span=scene.span,
        spans=tuple(SPANS),
        bucket_s=fleet.bucket_seconds(scene.span),
        states=fleet.state_counts(judged),
        n_hosts=len(judged),
        n_environments=len(known),
        n_runs=sum(node.reading.runs for node in nodes if node.reading),
        matrix=matrix_of(list(known.values()), judged, runs),
        hosts=hosts.HostList(
            rows=tuple(hosts.host_row(node, now, scene.beats(node)) for node, now in shown),
            matching=len(found),
            page=selection.page,
            pages=pages_of(len(found), limit=hosts.PER_PAGE),
        ),
        history=_history(focus[0][0], scene) if focus else None,
        why=_why(*focus[0], scene, selection.flag, barred=barred) if focus else None,
        first_step=fleet.first_step(list(known.values()), nodes),
    )


def show_host(
    node_id: str, selection: Selection, *, at: datetime, barred: str = ""
) -> host.HostPage:
    """The page of one host; `barred` says why its reader may not act.

    Raises:
        NotFoundError: no node that is not retired has this id.
    """
    node = _called(node_id, queries.nodes(queries.environments(), called=node_id))
    now = state_now(node, at=at)
    scene = _scene([(node, now)], selection.span, at=at)
    reading = scene.readings.get(node_id)
    rows = evidence_of(node_id, until=at, window_s=int(WINDOW.total_seconds()))
    found = evidence.grouped(rows)
    names = queries.policy_sets(digest for _, digest in found.policies)
    environment = node.environment
    flows = {workflow for _, workflow in found.workflows}
    named = queries.names(found.digests())
    return host.HostPage(
        at=at,
        command=fleet.command_of(f"/system/resilience/{node_id}", selection),
        node_id=node_id,
        environment=environment.name,
        air_gapped=environment.air_gapped,
        observed_only=node.presence.observed_only,
        labels=environment.labels,
        key_id=node.key_id,
        enrolled_at=node.enrolled_at,
        last_beat_at=node.last_beat_at,
        by_file_at=node.last_file_at if environment.air_gapped else None,
        heartbeat_s=node.presence.heartbeat_s,
        now=now,
        reading=reading,
        parts=parts.parts_of(reading) if reading else (),
        cost=parts.cost_of(reading) if reading else None,
        flags=tuple(why.sorted_flags(reading)),
        policies=host.policies_of(found.policies, names),
        calls=host.calls_of(found.policies, names),
        tools=host.tools_of(found.tools),
        workflows=workflows_of(found.workflows, named),
        drifts=drifts_shown(flows, named, history(node_id, environment.name, flows), reading),
        accepting=accepting(first=node.enrolled_at, at=at, barred=barred),
        memory=host.memory_of(found.memory),
        in_force=host.in_force_of(node),
        span=scene.span,
        spans=tuple(SPANS),
        bucket_s=fleet.bucket_seconds(scene.span),
        beats=scene.beats(node),
        history=_history(node, scene),
    )


def _focus(judged: Judged, found: Judged, selection: Selection) -> Judged:
    """The one host that the time axis and the drawer are about; none on an empty page."""
    wanted = selection.host
    if selection.flag and not wanted:
        wanted = queries.node_with_flag(selection.flag, [node for node, _ in judged])
    if not wanted:
        return found[:1]
    node = _called(wanted, [node for node, _ in judged])
    return [pair for pair in judged if pair[0] is node]


def _called(node_id: str, nodes: Sequence[NodeFact]) -> NodeFact:
    found = next((node for node in nodes if node.node_id == node_id), None)
    if found is None:
        raise NotFoundError(
            f"no host is called {node_id!r}",
            remedy="choose one of the fleet page; retired hosts leave it",
        )
    return found


def _scene(shown: Judged, span: Span | None, *, at: datetime) -> _Scene:
    nodes = [node for node, _ in shown]
    span = span or fitting_span(max((_age_s(node, at) for node in nodes), default=0.0))
    return _Scene(
        at=at,
        span=span,
        blocks=queries.time_blocks({each.node_id for each in nodes}, at=at, span_s=SPANS[span]),
        readings=queries.readings({each.reading.id for each in nodes if each.reading}),
    )


def _age_s(node: NodeFact, at: datetime) -> float:
    return (at - node.enrolled_at).total_seconds()


def _history(node: NodeFact, scene: _Scene) -> fleet.History | None:
    axis = history_of(
        node.node_id,
        queries.scores(node.node_id, at=scene.at, span_s=SPANS[scene.span]),
        queries.rollouts(node.environment.name),
        scene.beats(node),
        at=scene.at,
        span_s=SPANS[scene.span],
        reading=scene.readings.get(node.node_id),
    )
    return fleet.History(node.node_id, axis, table_of(axis)) if axis else None


def _why(
    node: NodeFact, now: StateNow, scene: _Scene, fingerprint: str, *, barred: str
) -> why.Why | None:
    """The drawer; none for a healthy host without flags."""
    reading = scene.readings.get(node.node_id)
    flag = why.choose_flag(reading, fingerprint)
    if now.state == "HEALTHY" and flag is None:
        return None
    samples = []
    if flag is not None and flag.component == "codex_uptime_index":
        since, until = why.stretch_of(flag)
        samples = queries.samples(node, since=since, until=until)
    chosen = why.choose_sample(flag, samples)
    known = queries.policy_sets([chosen.policy_set]) if chosen else {}
    return why.why_of(
        node,
        now,
        reading=reading,
        flag=flag,
        chosen=chosen,
        policy_sets=known,
        barred=barred,
        remembered=_remembered(node.node_id, chosen.sample) if chosen else None,
    )


def _remembered(node_id: str, call: Sample) -> why.Remembered | None:
    """What the run of a call wrote into its agent's memory; None where nothing is known."""
    try:
        log = log_origin(node_id, call.agent)
    except MemoryLogError:  # no agent, or a name that no log has
        return None
    entries = entries_of_run(node_id, log, call.trace_id)
    return why.Remembered(log, entries) if entries else None
