"""An operator orders a host to accept a wrong key; the order travels signed, the answer is kept."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from django.db import connection
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st

from mythos.adapters.dsse import open_envelope
from mythos.adapters.root_keys import keys_of
from mythos.engines.evidence.memory import MemoryBody
from mythos.engines.memory.entry import MAX_REF_CHARS, ordered_ref, reason_ref
from mythos.errors import ConflictError, MythosError, NotFoundError, UsageError
from mythos.server.actions.ledger import check, newest
from mythos.server.catalog.commands import admit
from mythos.server.catalog.models import Environment, Node
from mythos.server.deployment import trust
from mythos.server.resilience.commands import accept_envelope
from mythos.server.resilience.log_models import MemoryOrder
from mythos.server.resilience.memory_orders import Seen, checked_why, longest_why, order, withdraw
from mythos.server.resilience.models import IntakeFinding
from mythos.server.resilience.orders_under_way import orders_for
from mythos.server.resilience.witness_files import remembered, restart_log, view_for
from mythos.server.resilience.witness_findings import CODE
from mythos.values.accept_order import MAX_ORDERS, AcceptOrder, OrderAnswer
from mythos.values.digest import digest_of
from mythos.values.memory import Offender
from mythos.values.witness import VIEW_TYPE, WitnessView
from tests.server.outpost import AT, Outpost, minutes
from tests.server.test_witness import ORIGIN, Log
from tests.server.wrong_keys import IS, OTHER, TOLD, WHY, give, seen_of, tell

pytestmark = pytest.mark.django_db


def _view(data: bytes) -> WitnessView:
    """What the node reads of a signed view, with the key of the root it was enrolled with."""
    environment = Environment.objects.get(name="lab")
    online, *_ = keys_of(trust.deployments(environment, at=AT).root(), "targets")
    return WitnessView.model_validate_json(open_envelope(data, online, payload_type=VIEW_TYPE))


@pytest.mark.parametrize("offender", TOLD, ids=lambda each: each.kind)
def test_an_order_says_what_the_operator_saw_and_stands_in_the_log_of_actions(
    offender: Offender, outpost: Outpost
) -> None:
    tell(outpost, *TOLD)
    made = AcceptOrder.model_validate(give(offender, why=f"  {WHY}\n ").order)
    assert (made.key, made.kind, made.seq, made.found) == (
        offender.key, offender.kind, offender.seq, offender.found,
    )  # fmt: skip
    assert (made.by, made.why, made.origin) == ("ada", WHY, ORIGIN)
    assert made.ts == (AT + minutes(1)).timestamp() * 1_000
    (entry,) = newest(limit=1)
    assert (entry.action, entry.subject, entry.by, entry.why) == (
        "memory.accept", ORIGIN, "ada", WHY,
    )  # fmt: skip
    assert entry.details["order"] == made.id
    assert entry.details["key_sha256"] == digest_of(offender.key.encode())
    assert offender.key not in entry.details.values()


def test_orders_travel_in_the_signed_view_until_they_are_answered(outpost: Outpost) -> None:
    assert tell(outpost, *TOLD).orders == 0
    orders = [give(each).order for each in TOLD]
    for nth in (1, 2):
        accepted = tell(outpost, *TOLD, nth=nth)
        assert (accepted.orders, accepted.tells_view) == (3, True)
        view = _view(view_for("lab-1", at=AT + minutes(nth)))
        assert [each.model_dump(mode="json") for each in view.orders] == orders
    answers = tuple(
        OrderAnswer(id=each["id"], outcome="accepted", seq=nth) for nth, each in enumerate(orders)
    )
    assert tell(outpost, nth=3, answers=answers).orders == 0
    assert b"orders" not in view_for("lab-1", at=AT)
    assert _view(view_for("lab-1", at=AT)).orders == ()


def test_the_answer_to_evidence_carries_the_orders(client: Client, outpost: Outpost) -> None:
    tell(outpost, *TOLD)
    made = give(TOLD[2])
    sealed = outpost.sealed([outpost.covered()], counter=7)
    for status in ("counted", "already counted"):
        response = client.post("/api/v1/evidence", sealed, content_type="application/json")
        told = response.json()
        assert (response.status_code, told["status"], told["orders"]) == (200, status, 1)
        (waiting,) = _view(told["view"].encode()).orders
        assert waiting.id == made.order_id


def test_an_order_travels_although_no_checkpoint_was_witnessed(outpost: Outpost) -> None:
    at = AT
    body = MemoryBody(
        size=1, audited_at=1, unlogged=1, keys={"c.md": "unlogged"}, offenders=TOLD[2:]
    )
    sealed = outpost.sealed([outpost.row("memory", body, subject=ORIGIN, at=at)])
    accept_envelope(sealed, at=at)
    with pytest.raises(NotFoundError):
        view_for("lab-1", at=at)
    give(TOLD[2])
    assert len(_view(view_for("lab-1", at=at)).orders) == 1


@pytest.mark.parametrize(
    ("offender", "said"),
    [
        (Offender(key="x", kind="altered", seq=3), "hash of what is there"),
        (Offender(key="x", kind="unlogged"), "hash of what is there"),
        (Offender(key="x", kind="altered", found=IS), "which entry"),
        (Offender(key="x", kind="missing"), "which entry"),
        (
            Offender(key=f"sha256:{'a' * 64}", kind="missing", seq=3),
            "name of this key may not be known",
        ),
    ],
)
def test_what_the_host_did_not_tell_enough_of_is_refused(
    offender: Offender, said: str, outpost: Outpost
) -> None:
    tell(outpost, offender)
    with pytest.raises(ConflictError, match=said) as caught:
        give(offender)
    assert "on the host" in caught.value.remedy
    assert (newest(limit=1)[0].action, MemoryOrder.objects.count()) == ("node.admit", 0)


def _named_only(outpost: Outpost) -> Seen:
    tell(outpost, more={"x": "unlogged"})
    return seen_of(Offender(key="x", kind="unlogged"))


def _as_logged_by_now(outpost: Outpost) -> Seen:
    tell(outpost, *TOLD)
    tell(outpost, *TOLD[1:], nth=1)
    return seen_of(TOLD[0])


def _changed_again(outpost: Outpost) -> Seen:
    tell(outpost, *TOLD)
    tell(outpost, TOLD[0].model_copy(update={"found": OTHER}), nth=1)
    return seen_of(TOLD[0])


def _logged_meanwhile(outpost: Outpost) -> Seen:
    tell(outpost, TOLD[0].model_copy(update={"seq": 8}))
    return seen_of(TOLD[0])


def _no_proof(outpost: Outpost) -> Seen:
    tell(outpost, *TOLD, failed=True)
    return seen_of(TOLD[0])


def _forked(outpost: Outpost) -> Seen:
    tell(outpost, *TOLD)
    IntakeFinding.objects.create(node_id="lab-1", code=CODE, subject=ORIGIN, ref="x", seen_at=AT)
    return seen_of(TOLD[0])


def _retired(outpost: Outpost) -> Seen:
    tell(outpost, *TOLD)
    Node.objects.update(retired_at=AT)
    return seen_of(TOLD[0])


def _waits_already(outpost: Outpost) -> Seen:
    tell(outpost, *TOLD)
    give(TOLD[0])
    return seen_of(TOLD[0])


def _began_anew(outpost: Outpost) -> Seen:
    tell(outpost, *TOLD)
    restart_log(ORIGIN, by="ada", why="a new disk", at=AT + minutes(1))
    return seen_of(TOLD[0])


def _of_nobody(outpost: Outpost) -> Seen:
    tell(outpost, *TOLD)
    return seen_of(TOLD[0], node_id="lab-9")


def _of_another_log(outpost: Outpost) -> Seen:
    tell(outpost, *TOLD)
    return seen_of(TOLD[0], origin="mythos/lab-1/other")


@pytest.mark.parametrize(
    ("given", "family", "said"),
    [
        (_named_only, ConflictError, "has not told of this key yet"),
        (_as_logged_by_now, NotFoundError, "nothing wrong"),
        (_changed_again, ConflictError, "not what was shown"),
        (_logged_meanwhile, ConflictError, "not what was shown"),
        (_no_proof, ConflictError, "does not hold"),
        (_forked, ConflictError, "does not hold"),
        (_retired, NotFoundError, "no host is called"),
        (_waits_already, ConflictError, "waits already"),
        (_began_anew, NotFoundError, "nothing wrong"),
        (_of_nobody, NotFoundError, "no host is called"),
        (_of_another_log, NotFoundError, "nothing wrong"),
    ],
)
def test_an_order_is_refused_with_a_remedy(
    given: object, family: type[MythosError], said: str, outpost: Outpost
) -> None:
    assert callable(given)
    seen = given(outpost)
    before = (len(newest(limit=9)), MemoryOrder.objects.count())
    with pytest.raises(family, match=said) as caught:
        order(seen, why=WHY, by="ada", at=AT + minutes(2))
    assert caught.value.remedy
    assert (len(newest(limit=9)), MemoryOrder.objects.count()) == before


@pytest.mark.parametrize("why", ["", " \n", "x" * 201, "a\u202eb", "a\x00b", "a\x1b[2J"])
def test_a_reason_is_one_line_of_1_to_200_characters(why: str, outpost: Outpost) -> None:
    tell(outpost, *TOLD)
    with pytest.raises(UsageError):
        give(TOLD[0], why=why)
    assert not MemoryOrder.objects.exists()


@pytest.mark.parametrize(("by", "why"), [("a" * 58, "w" * 200), ("ada: bob", WHY)])
def test_what_a_host_could_not_write_into_its_log_is_no_order(
    by: str, why: str, outpost: Outpost
) -> None:
    tell(outpost, *TOLD)
    with pytest.raises(UsageError) as caught:
        give(TOLD[0], by=by, why=why)
    assert caught.value.remedy
    assert not MemoryOrder.objects.exists()
    give(TOLD[0], by="a" * 57, why="w" * 200)


@given(st.integers(1, 150))
def test_every_reason_that_is_taken_has_room_beside_its_name_in_the_entry_of_the_host(
    n: int,
) -> None:
    by, longest = "a" * n, longest_why("a" * n)
    assert 100 <= longest <= 200
    why = checked_why("x" * longest, by=by)
    assert len(ordered_ref(reason_ref(by, why), "0" * 32)) <= MAX_REF_CHARS
    with pytest.raises(UsageError):
        checked_why("x" * (longest + 1), by=by)


def test_at_most_as_many_orders_wait_as_a_view_holds(outpost: Outpost) -> None:
    for nth in range(MAX_ORDERS):
        offender = TOLD[2].model_copy(update={"key": f"{nth}.md"})
        tell(outpost, offender, nth=nth)
        give(offender, nth=nth)
    tell(outpost, *TOLD, nth=MAX_ORDERS)
    with pytest.raises(ConflictError, match="100 orders wait"):
        give(TOLD[0])
    first = MemoryOrder.objects.last()
    assert first is not None
    withdraw("lab-1", first.order_id, by="ada", at=AT)
    give(TOLD[0])
    assert len(_view(view_for("lab-1", at=AT)).orders) == MAX_ORDERS


def test_a_withdrawn_order_travels_no_more_and_its_key_can_be_ordered_again(
    outpost: Outpost,
) -> None:
    tell(outpost, *TOLD)
    made = give(TOLD[0])
    withdraw("lab-1", made.order_id, by="bob", at=AT + minutes(2))
    assert orders_for(Node.objects.get()) == ()
    assert (newest(limit=1)[0].action, newest(limit=1)[0].by) == ("memory.withdraw", "bob")
    with pytest.raises(ConflictError, match="withdrawn already"):
        withdraw("lab-1", made.order_id, by="bob", at=AT + minutes(3))
    assert give(TOLD[0]).order_id != made.order_id


def test_an_order_is_withdrawn_only_as_one_of_its_host(outpost: Outpost) -> None:
    tell(outpost, *TOLD)
    made = give(TOLD[0])
    for node, order_id in (("lab-2", made.order_id), ("lab-1", "0" * 32)):
        with pytest.raises(NotFoundError):
            withdraw(node, order_id, by="bob", at=AT)
    tell(outpost, nth=2, answers=(OrderAnswer(id=made.order_id, outcome="accepted", seq=9),))
    with pytest.raises(ConflictError, match="accepted already"):
        withdraw("lab-1", made.order_id, by="bob", at=AT)


def _became(made: MemoryOrder) -> tuple[str, int | None, str]:
    made.refresh_from_db()
    return made.outcome, made.entry, made.answer


def test_an_answer_is_kept_with_its_entry_or_its_reason(outpost: Outpost) -> None:
    tell(outpost, *TOLD)
    one, two, three = (give(each) for each in TOLD)
    answers = (
        OrderAnswer(id=one.order_id, outcome="accepted", seq=9),
        OrderAnswer(id=two.order_id, outcome="refused", why="it is there again"),
    )
    tell(outpost, *TOLD, nth=2, answers=answers)
    assert (_became(one), _became(two)) == (
        ("accepted", 9, ""),
        ("refused", None, "it is there again"),
    )
    assert one.answered_at == AT + minutes(2)
    assert [each.id for each in orders_for(Node.objects.get())] == [three.order_id]


@pytest.mark.parametrize("turned", [False, True])
def test_answers_that_come_twice_or_in_another_order_come_to_the_same(
    turned: bool, outpost: Outpost
) -> None:
    tell(outpost, *TOLD)
    made = give(TOLD[0])
    accepted = OrderAnswer(id=made.order_id, outcome="accepted", seq=9)
    refused = OrderAnswer(id=made.order_id, outcome="refused", why="the log goes on")
    said = [accepted, refused, accepted][:: -1 if turned else 1]
    for nth, answer in enumerate([*said, refused], 2):
        tell(outpost, *TOLD, nth=nth, answers=(answer, answer))
    assert _became(made) == ("accepted", 9, "")
    assert made.answered_at == AT + minutes(2)


def test_only_the_node_whose_order_it_is_answers_it(outpost: Outpost) -> None:
    tell(outpost, *TOLD)
    made = give(TOLD[0])
    other = Outpost(node="lab-2")
    admit(other.request, "lab")
    told = (
        OrderAnswer(id=made.order_id, outcome="accepted", seq=1),
        OrderAnswer(id="f" * 32, outcome="accepted", seq=1),
    )
    assert accept_envelope(other.sealed(answers=told), at=AT).counted
    assert _became(made) == ("", None, "")


def test_the_answer_to_a_withdrawn_order_is_kept(outpost: Outpost) -> None:
    tell(outpost, *TOLD)
    made = give(TOLD[0])
    withdraw("lab-1", made.order_id, by="ada", at=AT + minutes(1))
    tell(outpost, nth=2, answers=(OrderAnswer(id=made.order_id, outcome="accepted", seq=9),))
    assert _became(made) == ("accepted", 9, "")
    assert made.withdrawn_at == AT + minutes(1)


def test_a_log_that_begins_anew_takes_back_what_waits_of_it_alone(outpost: Outpost) -> None:
    tell(outpost, *TOLD)
    made, answered = give(TOLD[0]), give(TOLD[1])
    tell(outpost, *TOLD, nth=2, answers=(OrderAnswer(id=answered.order_id, outcome="accepted"),))
    other = MemoryOrder.objects.create(
        order_id="e" * 32, node_id="lab-1", origin="mythos/lab-1/other", key="a.md",
        order={**made.order, "id": "e" * 32, "origin": "mythos/lab-1/other"}, ordered_at=AT,
    )  # fmt: skip
    assert [each.orders for each in remembered()] == [1]
    restart_log(ORIGIN, by="ada", why="a new disk", at=AT + minutes(3))
    made.refresh_from_db()
    answered.refresh_from_db()
    assert (made.withdrawn_at, answered.withdrawn_at) == (AT + minutes(3), None)
    assert [each.id for each in orders_for(Node.objects.get())] == [other.order_id]
    assert newest(limit=1)[0].details["orders_withdrawn"] == "1"


def test_orders_about_a_log_that_contradicts_itself_are_held_back(outpost: Outpost) -> None:
    tell(outpost, *TOLD)
    made = give(TOLD[0])
    forged = outpost.sealed(
        counter=2, sent_at=int((AT + minutes(2)).timestamp()),
        checkpoints=(Log(history="forged").note(outpost.key, 9),),
    )  # fmt: skip
    assert accept_envelope(forged, at=AT + minutes(2)).orders == 0
    assert _view(view_for("lab-1", at=AT)).orders == ()
    restart_log(ORIGIN, by="ada", why="looked into", at=AT + minutes(3))
    made.refresh_from_db()
    assert made.withdrawn_at == AT + minutes(3)


def test_a_retired_host_is_told_nothing(outpost: Outpost) -> None:
    tell(outpost, *TOLD)
    made = give(TOLD[0])
    Node.objects.update(retired_at=AT)
    assert _view(view_for("lab-1", at=AT)).orders == ()
    withdraw("lab-1", made.order_id, by="ada", at=AT)


several = pytest.mark.skipif(
    connection.vendor == "sqlite", reason="in memory it serves one thread; see the served tests"
)


@pytest.mark.django_db(transaction=True)
@several
def test_of_operators_who_accept_one_key_at_once_one_gives_the_order(outpost: Outpost) -> None:
    together = Barrier(4)

    def given(nth: int) -> str:
        try:
            together.wait(timeout=60)
            return give(TOLD[0], by=f"op-{nth}").order_id
        except ConflictError:
            return ""
        finally:
            connection.close()

    tell(outpost, *TOLD)
    with ThreadPoolExecutor(4) as pool:
        for _ in range(8):
            (made,) = filter(None, pool.map(given, range(4)))
            withdraw("lab-1", made, by="ada", at=AT)
    assert check().problem == ""


@pytest.mark.django_db(transaction=True)
@several
def test_operators_hosts_and_restarts_at_once_do_not_block_each_other(
    outpost: Outpost,
) -> None:
    def ordered(nth: int) -> None:
        made = give(TOLD[nth % 3], by=f"op-{nth}")
        if nth % 2:
            withdraw("lab-1", made.order_id, by=f"op-{nth}", at=AT)

    def answered(nth: int) -> None:
        waiting = [OrderAnswer(id=each.id, outcome="refused") for each in orders_for(node)]
        tell(outpost, *TOLD, nth=nth, answers=tuple(waiting))

    def restarted(nth: int) -> None:
        restart_log(ORIGIN, by="ada", why=f"no. {nth}", at=AT + minutes(nth))

    def done(nth: int) -> bool:
        try:
            (answered if nth % 5 == 0 else restarted if nth % 13 == 0 else ordered)(nth)
        except (ConflictError, NotFoundError):
            return False
        finally:
            connection.close()
        return True

    tell(outpost, *TOLD)
    node = Node.objects.get()
    with ThreadPoolExecutor(6) as pool:
        assert any(pool.map(done, range(1, 61)))
    made = MemoryOrder.objects.all()
    logged = [each.details["order"] for each in newest(limit=200) if each.action == "memory.accept"]
    assert sorted(logged) == sorted(each.order_id for each in made)
    waiting = [each.key for each in orders_for(node)]
    assert len(waiting) == len(set(waiting))
    assert check().problem == ""
