"""Orders on their way to hosts, and what hosts answer.

Orders that wait go along with every signed view of their node until it has answered or they were
withdrawn: none is lost on its way, and a host does one that comes again no second time. While a log
contradicts what the witness remembers, those about it are held back.
"""

from __future__ import annotations

from datetime import datetime

from django.db.models import Count, QuerySet

from mythos.server.catalog.models import Node
from mythos.server.resilience.forgotten_keys import forget_erased, forget_keys
from mythos.server.resilience.log_models import MemoryOrder
from mythos.server.resilience.models import IntakeFinding
from mythos.server.resilience.witness_findings import CODE
from mythos.values.accept_order import MAX_ORDERS, AcceptOrder, OrderAnswer
from mythos.values.evidence import Envelope

_WAITS = {"withdrawn_at": None, "answered_at": None}


def waiting(node_id: str) -> QuerySet[MemoryOrder]:
    """Orders that wait for a node, the oldest first."""
    return MemoryOrder.objects.filter(node_id=node_id, **_WAITS).order_by("pk")


def deliverable(node_id: str) -> QuerySet[MemoryOrder]:
    """Those of them that the node is told of, the oldest first."""
    forks = IntakeFinding.objects.filter(node_id=node_id, code=CODE, resolved_at=None)
    return waiting(node_id).exclude(origin__in=forks.values("subject"))


def waiting_by_log() -> dict[str, int]:
    """How many orders wait, by the name of their log."""
    counts = MemoryOrder.objects.filter(**_WAITS).order_by().values("origin")
    return dict(counts.annotate(n=Count("pk")).values_list("origin", "n"))


def orders_for(node: Node) -> tuple[AcceptOrder, ...]:
    """What a node is told to do; nothing where it is retired."""
    if node.retired_at is not None:
        return ()
    documents = deliverable(node.node_id).values_list("order", flat=True)[:MAX_ORDERS]
    return tuple(AcceptOrder.model_validate(each) for each in documents)


def lock_node(node_id: str) -> bool:
    """Let changes to a node's orders take turns; False where it is retired or not known."""
    locked = Node.objects.select_for_update().filter(node_id=node_id)
    return any(retired_at is None for retired_at in locked.values_list("retired_at", flat=True))


def withdraw_all(origin: str, *, at: datetime) -> int:
    """Take back what waits of a log that begins anew, with its node locked; says how many."""
    ours = list(MemoryOrder.objects.filter(origin=origin, **_WAITS))
    MemoryOrder.objects.filter(pk__in=[made.pk for made in ours]).update(withdrawn_at=at)
    for node_id in {made.node_id for made in ours}:
        forget_keys(node_id, [made for made in ours if made.node_id == node_id])
    return len(ours)


def take_answers(envelope: Envelope, node: Node, *, at: datetime) -> None:
    """Keep what a node says became of its orders; call inside a transaction, after the witness.

    Answers about orders of other nodes, or about none, say nothing. Where several come of one
    order, the one that names an entry stands, in whatever order they come. Orders that have ended
    forget the names of keys that the log's newest entries say were erased.
    """
    if not (envelope.answers or envelope.tails):
        return
    lock_node(node.node_id)
    answers = {answer.id: answer for answer in sorted(envelope.answers, key=_rank, reverse=True)}
    asked = MemoryOrder.objects.filter(node_id=node.node_id, order_id__in=sorted(answers))
    taken = [known for known in asked if _take(known, answers[known.order_id], at=at)]
    forget_keys(node.node_id, taken)
    forget_erased(node.node_id, {tail.origin for tail in envelope.tails})


def _take(known: MemoryOrder, answer: OrderAnswer, *, at: datetime) -> bool:
    """Keep one answer, unless another stands; says whether it was kept."""
    stands = (known.outcome, _place(known.entry), known.answer)
    if known.answered_at is not None and stands <= _rank(answer):
        return False
    known.answered_at = known.answered_at or at
    known.outcome, known.entry, known.answer = answer.outcome, answer.seq, answer.why
    known.save(update_fields=["answered_at", "outcome", "entry", "answer"])
    return True


def _rank(answer: OrderAnswer) -> tuple[str, int, str]:
    """Where an answer stands among several of one order: the least stands."""
    return answer.outcome, _place(answer.seq), answer.why


def _place(seq: int | None) -> int:
    return -1 if seq is None else seq
