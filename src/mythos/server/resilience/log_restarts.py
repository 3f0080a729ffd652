"""Memory logs that an operator let begin anew: which beginning is an envelope's word about?

A restart ends what was remembered of a log at one envelope of its node. What the node said after
that envelope is of the new log, and what it said before is not, whenever it comes. Within an epoch
counters tell; of two epochs (state folders) the one that was first heard of later came later. The
node's clock, which a new disk may well have set back, is asked only where the epoch is not known.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace

from mythos.engines.evidence.memory import MemoryBody
from mythos.engines.evidence.row import EvidenceRow, from_wire
from mythos.server.resilience.log_models import LogRestart
from mythos.server.resilience.models import EnvelopeReceipt
from mythos.values.evidence import Envelope


@dataclass(frozen=True, slots=True)
class Beginnings:
    """Of each log that ever began anew: how often before an envelope was sealed, and in all.

    since: when the last of those before was, in Unix seconds.
    """

    then: Mapping[str, int]
    now: Mapping[str, int]
    since: Mapping[str, int]

    def of(self, body: MemoryBody, origin: str) -> MemoryBody:
        """What an envelope says of a log, with its beginning and whether the node knew of it.

        A checkpoint cosigned in the second of the restart may be from before it: not heard.
        """
        since = self.since.get(origin, 0)
        heard_at = since if body.heard_at > since else 0
        return replace(body, restarts=self.then.get(origin, 0), heard_at=heard_at)

    def past(self, origin: str) -> bool:
        """Whether the envelope speaks of a log that has begun anew since."""
        return self.then.get(origin, 0) < self.now.get(origin, 0)


def beginnings(envelope: Envelope) -> Beginnings:
    """Place an envelope among the restarts of its node's logs."""
    then: dict[str, int] = {}
    now: dict[str, int] = {}
    since: dict[str, int] = {}
    for restart in LogRestart.objects.filter(node_id=envelope.node).order_by("pk"):
        origin = restart.origin
        now[origin] = now.get(origin, 0) + 1
        if _after(envelope, restart):
            then[origin] = now[origin]
            since[origin] = int(restart.restarted_at.timestamp())
    return Beginnings(then, now, since)


def rows_of(envelope: Envelope, begun: Beginnings) -> Iterator[EvidenceRow]:
    """The rows of an envelope; each audit says of which beginning of its log it is."""
    for row in map(from_wire, envelope.rows):
        if isinstance(row.body, MemoryBody):
            yield EvidenceRow(row.key, begun.of(row.body, row.key.subject))
        else:
            yield row


def restarts_of(nodes: Collection[str] | None = None) -> dict[tuple[str, str], int]:
    """How often each log of these nodes, or of all, began anew: (node, log) to a number."""
    found = LogRestart.objects.all()
    if nodes is not None:
        found = found.filter(node_id__in=nodes)
    counts: dict[tuple[str, str], int] = defaultdict(int)
    for key in found.order_by().values_list("node_id", "origin"):
        counts[key] += 1
    return dict(counts)


def _after(envelope: Envelope, restart: LogRestart) -> bool:
    if not restart.epoch:
        return envelope.sent_at > restart.seen_at.timestamp()
    if envelope.epoch == restart.epoch:
        return envelope.counter > restart.counter
    return first_heard(envelope.node, envelope.epoch) > first_heard(restart.node_id, restart.epoch)


def first_heard(node_id: str, epoch: str) -> int:
    """A number that orders the epochs of a node by when the first envelope of each was counted.

    Returns:
        0 for an epoch that was never heard of.
    """
    receipts = EnvelopeReceipt.objects.filter(node_id=node_id, epoch=epoch)
    return receipts.order_by("pk").values_list("pk", flat=True).first() or 0
