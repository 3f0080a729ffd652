"""Orders to accept: carried out while log and store are what the operator saw, and never else."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mythos.adapters.memory_auditor import audit_store
from mythos.adapters.memory_baseline import seed
from mythos.adapters.memory_log import LogPlace, open_log
from mythos.adapters.memory_recorder import Recorder
from mythos.adapters.memory_store_directory import DirectoryStore
from mythos.engines.memory.as_seen import MAX_AGE
from mythos.engines.memory.entry import entry_content_hash
from mythos.engines.memory.live import Unreadable
from mythos.errors import MemoryLogError
from mythos.values.accept_order import AcceptOrder
from mythos.values.memory import MemoryEntry, Offender
from tests.adapters.memory.conftest import AT, Place

ORIGIN = "mythos/n1/clerk"
SECRET = bytes(range(32))
KEY = "k"


def seen(place: Place, key: str = KEY) -> Offender | None:
    """What the control plane is told of a key; None where nothing is wrong with it."""
    found = audit_store(place.live, place.log, at=AT, secret=SECRET)
    assert found.proof_failed is None
    return next((one for one in found.offenders if one.key == key), None)


def order_for(offender: Offender | None, number: int = 1, **changes: object) -> AcceptOrder:
    assert offender is not None
    made = AcceptOrder(
        id=f"{number:032x}", origin=ORIGIN, key=offender.key, kind=offender.kind,
        seq=offender.seq, found=offender.found, by="ada", why="pasted by hand",
        ts=int(AT.timestamp() * 1000),
    )  # fmt: skip
    return made.model_copy(update=changes)


def carry_out(place: Place, order: AcceptOrder, *, later: timedelta = timedelta()) -> MemoryEntry:
    with place.recorder() as recorder:
        return recorder.accept_as_seen(order, secret=SECRET, at=AT + later)


def put(place: Place, content: bytes) -> None:
    place.record(KEY, content)


def tamper(place: Place, content: bytes) -> None:
    place.store.mkdir(exist_ok=True)
    (place.store / KEY).write_bytes(content)


def remove(place: Place, _: bytes) -> None:
    (place.store / KEY).unlink(missing_ok=True)


def link(place: Place, _: bytes) -> None:
    remove(place, b"")
    (place.store / KEY).symlink_to("elsewhere")


def forget(place: Place, _: bytes) -> None:
    with place.recorder() as recorder:
        recorder.forget(KEY, source="agent", at=AT)


def erase(place: Place, _: bytes) -> None:
    with place.recorder() as recorder:
        recorder.erase(KEY, source="agent", at=AT)


def accept(place: Place, _: bytes) -> None:
    with place.recorder() as recorder, suppress(MemoryLogError):  # as logged, or a link
        recorder.accept(KEY, at=AT)


def elsewhere(place: Place, content: bytes) -> None:
    place.record("other", content)


def put_and_removed(place: Place, content: bytes) -> None:
    put(place, content)
    remove(place, content)


def planted(place: Place, content: bytes) -> None:
    forget(place, content)
    tamper(place, content)


Step = tuple[Callable[[Place, bytes], None], bytes]
contents = st.sampled_from([b"", b"a", b"b"])
wrong = st.tuples(st.sampled_from([tamper, remove, planted, put_and_removed, link]), contents)
right = st.tuples(st.sampled_from([put, forget, erase, accept, elsewhere]), contents)
steps = st.lists(wrong | right, max_size=3)


@given(steps, wrong, steps | st.lists(st.tuples(st.just(tamper), contents), max_size=1))
def test_an_order_is_carried_out_iff_an_audit_would_still_say_the_same(
    tmp_path_factory: pytest.TempPathFactory, before: list[Step], last: Step, after: list[Step]
) -> None:
    place = Place(folder := tmp_path_factory.mktemp("m"), folder.parent / f"{folder.name}.db")
    seed(place.live, place.log, {KEY: b"a"}, origin=ORIGIN, at=AT)
    for change, content in [*before, last]:
        change(place, content)
    if (then := seen(place)) is None:
        return
    order = order_for(then)
    for change, content in after:
        change(place, content)
    now, files = seen(place), _files(place)
    bound = then.kind == "missing" or then.found is not None
    same = now is not None and (now.seq, now.kind, now.found) == (then.seq, then.kind, then.found)
    with open_log(place.log) as log:
        size = log.size
    if bound and same:
        entry = carry_out(place, order)
        assert (entry.seq, entry.op, entry.source) == (size, "accept", "operator")
        assert entry.policy_ref == f"ada: pasted by hand (order {order.id})"
        assert seen(place) is None
        assert carry_out(place, order) == entry, "the same order is in the log already"
    else:
        for _ in range(2):
            with pytest.raises(MemoryLogError):
                carry_out(place, order)
        assert seen(place) == now
    assert _files(place) == files, "no order changes a memory"
    with open_log(place.log) as log:
        assert log.size == size + (bound and same)


def _files(place: Place) -> dict[str, bytes | str]:
    return {
        path.name: str(path.readlink()) if path.is_symlink() else path.read_bytes()
        for path in place.store.iterdir()
    }


def test_in_a_file_and_on_a_server_an_order_is_carried_out_once(
    tmp_path: Path, log_place: LogPlace
) -> None:
    store = DirectoryStore(tmp_path / "m")
    seed(store, log_place, {KEY: b"a"}, origin=ORIGIN, at=AT)
    (store.path / KEY).write_bytes(b"b")
    (offender,) = audit_store(store, log_place, at=AT, secret=SECRET).offenders
    order = order_for(offender)
    with Recorder(store, log_place) as recorder:
        first = recorder.accept_as_seen(order, secret=SECRET, at=AT)
        recorder.record(KEY, b"c", source="agent", at=AT)
        assert recorder.accept_as_seen(order, secret=SECRET, at=AT) == first
        with pytest.raises(MemoryLogError, match="its newest log entry is number 2, not number 0"):
            recorder.accept_as_seen(order_for(offender, 2), secret=SECRET, at=AT)
    assert audit_store(store, log_place, at=AT).size == 3


def test_what_a_host_tells_of_an_unlogged_memory_cannot_be_guessed_elsewhere(
    place: Place,
) -> None:
    (place.store / "pin").write_bytes(b"1234")
    told = [
        next(
            one.found
            for one in audit_store(place.live, place.log, at=AT, secret=secret).offenders
            if one.key == "pin"
        )
        for secret in (SECRET, SECRET, bytes(32), None)
    ]
    assert told[0] == told[1]
    assert len(set(told)) == 3
    assert told[3] is None
    assert told[0] not in {entry_content_hash(salt, b"1234") for salt in (SECRET, bytes(32))}


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"seq": 0}, "its newest log entry is number 3, not number 0"),
        ({"seq": None}, "its newest log entry is number 3, not none"),
        ({"kind": "missing"}, "it is altered, not missing"),
        ({"kind": "unlogged"}, "it is altered, not unlogged"),
        ({"found": f"salted-sha256:{'0' * 64}"}, "its content is another"),
        ({"found": f"sha256:{'0' * 64}"}, "its content is another"),
        ({"found": None}, "no hash of what was seen"),
        ({"key": "MEMORY.md"}, "its newest log entry is number 0, not number 3"),
        ({"key": "../state/memory.db"}, "is not a plain relative path"),
        ({"origin": "mythos/n1/other"}, "the order is for 'mythos/n1/other'"),
        ({"by": "ada: bob"}, "does not say who decided"),
        ({"by": "a" * 150, "why": "w" * 110}, "leaves no room to name order"),
        ({"why": " "}, "does not say who decided"),
    ],
)
def test_an_order_that_says_anything_else_is_refused_and_says_why(
    place: Place, changed: dict[str, object], why: str
) -> None:
    (place.store / "user" / "tea.md").write_bytes(b"likes gin")
    order = order_for(seen(place, "user/tea.md"))
    with pytest.raises(MemoryLogError, match=why):
        carry_out(place, order.model_copy(update=changed))
    assert place.audit().size == 4
    assert carry_out(place, order).seq == 4


def test_what_is_as_logged_cannot_be_accepted_by_order(place: Place) -> None:
    """An accept makes a content nobody's: no order may take its run from a poisoned memory."""
    with open_log(place.log) as log:
        entry = log.entry(3)
    true = Offender(key="user/tea.md", kind="altered", seq=3, found=entry.content_hash)
    with pytest.raises(MemoryLogError, match="it is as logged, not altered"):
        carry_out(place, order_for(true))


def test_an_order_holds_a_month_whatever_the_clock_did_before(place: Place) -> None:
    (place.store / "late.md").write_bytes(b"x")
    order = order_for(seen(place, "late.md"))
    with pytest.raises(MemoryLogError, match="ordered at 2026-01-02 00:00Z, and it is 2026-02-01"):
        carry_out(place, order, later=MAX_AGE + timedelta(seconds=1))
    assert carry_out(place, order, later=-timedelta(days=9_000)).seq == 4
    assert carry_out(place, order, later=9 * MAX_AGE).seq == 4, "it was done in time"


@pytest.mark.parametrize(
    "key",
    ["a b", "line\nbreak", 'quo"te\\', "\x1b[2J", "\u202egnp.exe", "ключ/🗝", "é", "e\u0301",
     "sha256:" + "0" * 64, "sha256:", ".hidden", "-rf", "x" * 255, "d/" * 100 + "f"],
)  # fmt: skip
def test_a_key_may_have_any_name_that_a_file_can_have(place: Place, key: str) -> None:
    path = place.store / key
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"here")
    assert carry_out(place, order_for(seen(place, key))).seq == 4
    path.unlink()
    missing = order_for(seen(place, key), 2)
    assert (missing.kind, carry_out(place, missing).seq) == ("missing", 5)
    assert place.audit().score == 1.0


@pytest.mark.parametrize(
    "key", ["/etc/passwd", "../x", "a//b", "a/", ".", "nul\0", ".mythos-pending", "x" * 256]
)
def test_a_key_that_names_no_memory_is_refused(place: Place, key: str) -> None:
    (place.store / ".mythos-pending").write_bytes(b"x")
    order = order_for(Offender(key=key, kind="missing", seq=None))
    with pytest.raises(MemoryLogError):
        carry_out(place, order)
    assert place.audit().size == 4


def test_no_writer_comes_between_what_an_order_finds_and_its_entry(place: Place) -> None:
    put(place, b"first")
    outcomes = {"accepted": 0, "refused": 0}
    for number in range(24):
        tamper(place, b"tampered %d" % number)
        order = order_for(seen(place), number)
        both = threading.Barrier(2)

        def write(both: threading.Barrier = both, number: int = number) -> None:
            both.wait()
            place.record(KEY, b"written %d" % number)

        writer = threading.Thread(target=write)
        writer.start()
        both.wait()
        try:
            entry = carry_out(place, order)
        except MemoryLogError:
            outcomes["refused"] += 1
        else:
            outcomes["accepted"] += 1
            assert _before(place, entry) == order.seq
            with open_log(place.log) as log:
                salt, content = log.kept(order.seq or 0), log.kept(entry.seq)
            assert salt is not None
            assert content is not None
            assert content.content is not None
            assert entry_content_hash(salt.salt, content.content) == order.found
        writer.join()
    assert sum(outcomes.values()) == 24
    assert place.audit().score == 1.0, "what was written last stands"


class Quick(DirectoryStore):
    """A store whose intruder writes right after it was read."""

    def get(self, key: str) -> bytes | Unreadable | None:
        found = DirectoryStore.get(self, key)
        (self.path / key).write_bytes(b"wire the money")
        return found


def test_what_is_written_past_the_log_right_after_the_look_is_not_vouched_for(place: Place) -> None:
    tamper(place, b"pasted")
    order = order_for(seen(place))
    with Recorder(Quick(place.store), place.log) as recorder:
        entry = recorder.accept_as_seen(order, secret=SECRET, at=AT)
    with open_log(place.log) as log:
        kept = log.kept(entry.seq)
    assert kept is not None
    assert kept.content == b"pasted"
    assert place.audit().altered == (KEY,)


def _before(place: Place, entry: MemoryEntry) -> int | None:
    with open_log(place.log) as log:
        numbers = [one.seq for one in log.entries() if one.key_hash == entry.key_hash]
    return numbers[numbers.index(entry.seq) - 1]
