"""A small control plane with everything in it: environments, a bundle, a node that reported."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from mythos.adapters.bundle_source import read_source
from mythos.adapters.dsse import sign_envelope
from mythos.adapters.key_file import SigningKey, create_key
from mythos.adapters.oci_layout import OciLayout
from mythos.engines.bundle.plan import assemble
from mythos.engines.evidence.policy import OutcomeCounts, PolicyBody, RunCounts
from mythos.server.catalog.commands import admit, import_fleet
from mythos.server.catalog.models import Node
from mythos.server.deployment.commands import assign, publish
from mythos.server.deployment.models import MythOSDeploymentPacket
from mythos.server.resilience.commands import accept_envelope
from mythos.server.resilience.readings import refresh
from mythos.values import evidence as wire
from mythos.values.digest import canonical_bytes
from mythos.values.enrolment import EnrolmentRequest
from mythos.values.environment import FleetEnvironment, FleetFile
from tests.adapters.fleet_site import write_tree


@dataclass(frozen=True)
class Fleet:
    """`node` reports and runs what `lab` was told to run; `quiet` enrolled and never spoke."""

    packet: MythOSDeploymentPacket
    node: str
    quiet: str
    n_rows: int


def enrolled_fleet(folder: Path, *, at: datetime) -> Fleet:
    """Make it in `settings.MYTHOS.home` and the database, by the same commands as an operator."""
    lab = FleetEnvironment(name="lab", labels={"tier": "gold"})
    environment, _ = import_fleet(FleetFile(environments=(lab, FleetEnvironment(name="cloud"))))
    layout = OciLayout(folder / "layout")
    layout.replace(assemble(read_source(write_tree(folder / "tree"))))
    packet = publish(layout, at=at)
    assign(packet, environment, decided_by="ops", decision="first", at=at)
    key = create_key(folder / "lab-1.pem")
    node = admit(EnrolmentRequest(node="lab-1", public_key=key.public.pem), "lab").node
    other = create_key(folder / "lab-2.pem")
    admit(EnrolmentRequest(node="lab-2", public_key=other.public.pem), "lab")
    rows = _rows(packet, node, at)
    accept_envelope(_envelope(packet, node, key, rows, at), at=at)
    refresh(node.node_id, at=at)
    return Fleet(packet, "lab-1", "lab-2", len(rows))


def _rows(packet: MythOSDeploymentPacket, node: Node, at: datetime) -> tuple[wire.Row, ...]:
    agent, policy = packet.included_assistants.get(), packet.bundled_codices.get()
    body = PolicyBody(rules={"ask-first": OutcomeCounts(upheld=2)}, runs=RunCounts(clean=2))
    starts = (at - timedelta(minutes=minute) for minute in (3, 4))
    return tuple(
        wire.Row(
            node=node.node_id,
            environment="lab",
            bundle=packet.digest,
            agent=agent.digest,
            kind="policy",
            subject=policy.digest,
            cell=int(start.timestamp()) // 60 * 60,
            width_s=60,
            body=body.to_json(),
        )
        for start in starts
    )


def _envelope(
    packet: MythOSDeploymentPacket,
    node: Node,
    key: SigningKey,
    rows: tuple[wire.Row, ...],
    at: datetime,
) -> bytes:
    envelope = wire.Envelope(
        node=node.node_id,
        environment="lab",
        key_id=key.key_id,
        epoch="0123456789abcdef",
        counter=0,
        sent_at=int(at.timestamp()),
        cell_s=60,
        heartbeat_s=60,
        in_force=wire.InForce(bundle=packet.digest, assignment_sequence=1),
        rows=rows,
    )
    payload = canonical_bytes(envelope.model_dump(mode="json", by_alias=True))
    return sign_envelope(payload, wire.PAYLOAD_TYPE, key)
