"""The story the demo tells, phase by phase, and what it prints at the end.

1 build, sign, assign     2 enrol and launch        3 every agent works, all is well
4 one node goes wrong     5 every agent works on    6 what the control plane says
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import click

from mythos.cli.demo.stage import Stage, StagedNode
from mythos.errors import UnavailableError
from mythos.values.bundle import ConstructKind

RUNS = 10
EVERY_S = 1.5
SLOW_S = 6.0
PATIENCE_S = 120.0
INVITED_S = 15 * 60  # as long as a sign-in link lives
AFTER_FAULT = 10
FAULTY_AGENT = "refunds"
TAMPERED_FILE = "limits.md"
FOREVER = 10**9


def tell(stage: Stage, *, once: bool) -> dict[str, Any]:
    """Play the story; with `once` end there, else keep turning until interrupted."""
    began = time.monotonic()
    _say("building the bundle from", str(stage.example.name))
    bundle = stage.build()
    _say("signed and assigned", bundle.digest)
    stage.release()
    stage.start_server()
    invite(stage.url)
    invited = time.monotonic()
    for node in stage.nodes:
        stage.enrol(node)
        for agent in stage.agents():
            stage.direct(node, agent, runs=RUNS, every_s=EVERY_S)
        stage.start_node(node)
        _say("enrolled", f"{node.name} in {node.environment}{' (by file)' * node.air_gapped}")
    _work(stage, RUNS, "all is well")
    _say("fault", f"{stage.faulty.name}: {FAULTY_AGENT} stops asking, {TAMPERED_FILE} is changed")
    stage.tamper(stage.faulty, FAULTY_AGENT, TAMPERED_FILE)
    for node, agent in stage.each():
        wrong = node == stage.faulty and agent == FAULTY_AGENT
        stage.direct(node, agent, runs=RUNS + AFTER_FAULT, every_s=EVERY_S, skip_confirmation=wrong)
    _work(stage, RUNS + AFTER_FAULT, "one node goes wrong")
    result = conclude(stage, seconds=time.monotonic() - began)
    _print(result)
    if not once:
        _keep_turning(stage, invited=invited)
    return result


def conclude(stage: Stage, *, seconds: float) -> dict[str, Any]:
    """What the control plane says now, in the demo's JSON form."""
    from django.utils import timezone

    from mythos.server.deployment.models import MythOSDeploymentPacket
    from mythos.server.resilience.readings import refresh
    from mythos.server.strategy.commands import refresh as recommend

    packet = MythOSDeploymentPacket.objects.get(digest=stage.bundle.digest)
    for node in stage.nodes:
        refresh(node.name, at=timezone.now())
    advice = recommend(packet, at=timezone.now())
    told = [stage.status(node) for node in stage.nodes]
    return {
        "bundle": {
            "digest": stage.bundle.digest,
            "agents": _named(stage, "agent"),
            "policy_sets": _named(stage, "policy_set"),
            "workflows": _named(stage, "workflow"),
        },
        "nodes": [_node(node) for node in stage.nodes],
        "runs": sum(int(one.get("runs_judged", 0)) for one in told),
        "spans_received": sum(int(one.get("spans_received", 0)) for one in told),
        "strategy": [
            {
                "target_environment": one.target_environment,
                "symbolic_alignment_score": one.symbolic_alignment_score,
                "verdict": one.verdict,
            }
            for one in advice.slices.all()
        ],
        "seconds": round(seconds, 1),
    }


def _named(stage: Stage, kind: ConstructKind) -> list[str]:
    return [one.name for one in stage.bundle.constructs if one.kind == kind]


def _node(node: StagedNode) -> dict[str, Any]:
    from mythos.server.catalog.models import Node
    from mythos.server.resilience.queries import newest_readings

    reading = newest_readings([node.name]).get(node.name)
    stored = Node.objects.get(node_id=node.name)
    return {
        "node_id": node.name,
        "environment": node.environment,
        "state": reading.state if reading else "UNKNOWN",
        "running_digest": (stored.in_force or {}).get("bundle") or None,
        "resilience": {
            "low": reading.low if reading else 0.0,
            "mid": reading.mid if reading else None,
            "high": reading.high if reading else 1.0,
        },
        "flags": [flag["code"] for flag in reading.symbolic_warning_flags] if reading else [],
    }


def _work(stage: Stage, target: int, label: str) -> None:
    """Wait until every agent has done its runs and every node has judged and told them."""
    from mythos.cli.output import bar

    total = target * len(list(stage.each()))
    with bar(label, total=total) as progress:
        done = 0
        deadline = time.monotonic() + PATIENCE_S
        while done < total:
            stage.children.check()
            now_done = sum(min(stage.finished(node, agent), target) for node, agent in stage.each())
            progress.advance(now_done - done)
            done = now_done
            _patience(deadline, f"only {done} of {total} runs were finished")
            time.sleep(0.2)
        runs = target * len(stage.agents())
        _until(
            lambda: all(_told(stage, node, runs) for node in stage.nodes),
            deadline,
            "not every node has told the control plane",
        )
    for node in stage.nodes:
        if node.air_gapped:
            stage.carry_report(node)


def _told(stage: Stage, node: StagedNode, runs: int) -> bool:
    status = stage.status(node)
    backlog = status.get("backlog", {})
    if status.get("runs_judged", 0) < runs or status.get("open_traces", 1):
        return False
    return not backlog.get("rows") and (node.air_gapped or not backlog.get("unsent"))


def _until(holds: Callable[[], bool], deadline: float, what: str) -> None:
    while not holds():
        _patience(deadline, what)
        time.sleep(0.2)


def _patience(deadline: float, what: str) -> None:
    if time.monotonic() > deadline:
        raise UnavailableError(
            f"{what} after {PATIENCE_S:.0f} s",
            remedy="is the machine very busy? run it again with --keep DIR and read DIR/logs",
        )


def _keep_turning(stage: Stage, *, invited: float) -> None:
    """Go on at a slower pace until Ctrl-C; the enclave's report is carried now and then."""
    for node, agent in stage.each():
        wrong = node == stage.faulty and agent == FAULTY_AGENT
        stage.direct(node, agent, runs=FOREVER, every_s=SLOW_S, skip_confirmation=wrong)
    _say("the ring keeps turning", "press Ctrl-C to end it")
    carried = time.monotonic()
    try:
        while True:
            time.sleep(0.5)
            stage.children.check()
            if time.monotonic() - invited > INVITED_S:
                invited = time.monotonic()
                invite(stage.url)
            if time.monotonic() - carried > 60:
                carried = time.monotonic()
                for node in stage.nodes:
                    if node.air_gapped:
                        stage.carry_report(node)
    except KeyboardInterrupt:
        _say("ending", "every process the demo started")


def invite(url: str) -> None:
    """Print a link that signs one browser in, and how long it does."""
    from django.contrib.auth import get_user_model
    from django.utils import timezone

    from mythos.server.web.commands import make_login_link

    user, _ = get_user_model().objects.get_or_create(
        username="demo", defaults={"is_staff": True, "is_superuser": True}
    )
    code = make_login_link(user, at=timezone.now())
    _say("open", f"{url}/login/once?code={code}")
    _say("", f"works once, for {INVITED_S // 60} minutes; then the demo prints another")


def _say(what: str, detail: str) -> None:
    click.echo(f"  {what:<24} {detail}", err=True)


def _print(result: dict[str, Any]) -> None:
    for node in result["nodes"]:
        flags = ", ".join(sorted(set(node["flags"]))) or "-"
        mid = node["resilience"]["mid"]
        score = "unknown" if mid is None else f"{mid:.3f}"
        _say(node["node_id"], f"{node['state']:<9} {score}  {flags}")
    for rank, one in enumerate(result["strategy"], start=1):
        _say(
            f"{rank}. {one['target_environment']}",
            f"{one['symbolic_alignment_score']:.3f} {one['verdict']}",
        )
