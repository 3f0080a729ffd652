"""What operators did is in a log: it stands or falls with the act, and shows any change."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.db import transaction
from django.test import Client

from mythos.engines.memory.checkpoint import checkpoint_text
from mythos.engines.memory.note import NoteSigner, sign_note
from mythos.engines.memory.tree import MerkleLog, leaf_hash
from mythos.errors import NotFoundError, UsageError
from mythos.server.actions.ledger import ORIGIN, actions_key, check, newest, newest_note, record
from mythos.server.actions.models import ActionLog, LoggedAction
from mythos.server.catalog.commands import admit, environment_called, import_fleet, issue_code
from mythos.server.web.commands import create_user, give_role
from mythos.values.environment import FleetEnvironment, FleetFile
from tests.e2e.plane import Plane
from tests.server.outpost import AT, Outpost

FLEET = FleetFile(environments=(FleetEnvironment(name="lab"),))


def _three() -> list[str]:
    """Log three actions; the checkpoint over each."""
    notes = []
    for name in ("a", "b", "c"):
        record("user.add", name, by="ada", at=AT)
        notes.append(newest_note())
    return notes


@pytest.mark.django_db
def test_an_action_is_logged_with_who_what_when_and_why() -> None:
    made = record(
        "mark.make", "benign mark 3", by="ada", at=AT, why="a test", details={"rule": "r"}
    )
    (kept,) = newest(limit=9)
    assert kept == made
    assert (kept.seq, kept.by, kept.action, kept.subject) == (
        0,
        "ada",
        "mark.make",
        "benign mark 3",
    )
    assert (kept.ts, kept.why, kept.details) == (AT.timestamp() * 1_000, "a test", {"rule": "r"})
    assert check().problem == ""


@pytest.mark.django_db
def test_an_empty_log_holds_and_has_no_checkpoint() -> None:
    assert (check().size, check().problem, newest_note()) == (0, "", "")


@pytest.mark.django_db
def test_the_log_extends_every_checkpoint_that_was_kept() -> None:
    notes = _three()
    found = check(notes)
    assert (found.size, found.problem, found.note) == (3, "", notes[-1])


@pytest.mark.django_db
def test_what_fails_is_not_logged_and_what_cannot_be_logged_is_not_done() -> None:
    with pytest.raises(NotFoundError):
        issue_code("lab-1", "nowhere", at=AT)
    assert newest(limit=9) == []
    with pytest.raises(UsageError, match="cannot be logged"):
        create_user("ada", password="open-sesame-42", role="viewer", by="")
    assert not User.objects.exists()
    assert (check().size, check().problem) == (0, "")


@pytest.mark.django_db
def test_each_command_of_an_operator_is_an_entry() -> None:
    import_fleet(FLEET)
    issue_code("lab-1", "lab", at=AT, by="ada")
    admit(Outpost(node="lab-2").request, "lab")
    create_user("bob", password="open-sesame-42", role="viewer", by="ada")
    give_role("bob", "approver", by="ada")
    told = [(each.by, each.action, each.subject) for each in reversed(newest(limit=9))]
    assert told == [
        ("shell", "fleet.take_in", "lab"),
        ("ada", "node.invite", "lab-1"),
        ("shell", "node.admit", "lab-2"),
        ("ada", "user.add", "bob"),
        ("ada", "user.role", "bob"),
    ]
    assert newest(limit=1)[0].details == {"role": "approver", "before": "viewer"}
    assert check().problem == ""
    assert environment_called("lab").name == "lab"


def _edit() -> None:
    row = LoggedAction.objects.get(seq=1)
    LoggedAction.objects.filter(seq=1).update(entry=row.entry.replace('"ada"', '"mallory"'))


def _edit_with_leaf() -> None:
    _edit()
    row = LoggedAction.objects.get(seq=1)
    LoggedAction.objects.filter(seq=1).update(leaf=leaf_hash(row.entry.encode()).hex())


def _remove_middle() -> None:
    LoggedAction.objects.filter(seq=1).delete()


def _cut_off_end() -> None:
    LoggedAction.objects.filter(seq=2).delete()


def _respell() -> None:
    row = LoggedAction.objects.get(seq=1)
    LoggedAction.objects.filter(seq=1).update(entry=row.entry.replace(":", ": "))


def _swap_notes() -> None:
    one, other = LoggedAction.objects.get(seq=0), LoggedAction.objects.get(seq=1)
    LoggedAction.objects.filter(seq=0).update(note=other.note)
    LoggedAction.objects.filter(seq=1).update(note=one.note)


@pytest.mark.django_db
@pytest.mark.parametrize(
    "attack", [_edit, _edit_with_leaf, _remove_middle, _cut_off_end, _respell, _swap_notes]
)
def test_a_log_that_was_changed_does_not_hold(attack: Callable[[], None]) -> None:
    _three()
    attack()
    assert check().problem != ""


def _rewrite(*, signed: bool) -> None:
    """Make the log anew, all its checkpoints included, as who holds the database (and the key)."""
    tree = MerkleLog()
    for row in LoggedAction.objects.all():
        row.entry = row.entry.replace('"ada"', '"mallory"')
        row.leaf = leaf_hash(row.entry.encode()).hex()
        tree.append_hash(bytes.fromhex(row.leaf))
        key = actions_key().raw if signed else Outpost().key.raw
        text = checkpoint_text(ORIGIN, tree.size, tree.root())
        row.note = sign_note(text, NoteSigner(ORIGIN, key))
        row.save()


@pytest.mark.django_db
def test_a_log_made_anew_without_the_key_does_not_hold() -> None:
    _three()
    _rewrite(signed=False)
    assert "no known key signed" in check().problem


@pytest.mark.django_db
def test_a_log_made_anew_with_the_key_shows_against_a_kept_checkpoint_only() -> None:
    notes = _three()
    _rewrite(signed=True)
    assert check().problem == ""
    assert "a checkpoint remembers" in check(notes[:1]).problem


@pytest.mark.django_db
def test_an_end_cut_off_with_its_count_shows_against_a_kept_checkpoint_only() -> None:
    notes = _three()
    _cut_off_end()
    ActionLog.objects.update(size=2)
    assert check(notes[:2]).problem == ""
    assert check(notes).problem == "log of 2 entries, a checkpoint remembers 3"


@pytest.mark.django_db
def test_a_checkpoint_of_another_log_or_key_proves_nothing() -> None:
    _three()
    forged = sign_note(
        checkpoint_text(ORIGIN, 0, MerkleLog().root()), NoteSigner("x", Outpost().key.raw)
    )
    for note in (forged, "rubbish", ""):
        assert check([note]).problem != ""


@pytest.mark.django_db(transaction=True)
def test_an_action_that_is_rolled_back_leaves_no_entry() -> None:
    with transaction.atomic():
        record("user.add", "a", by="ada", at=AT)
        transaction.set_rollback(True)
    assert (check().size, check().problem) == (0, "")


def test_operators_in_several_processes_keep_one_log(tmp_path: Path) -> None:
    plane = Plane(tmp_path)
    plane.codes(["first"])
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(lambda n: plane.codes([f"lab-{n}-{m}" for m in range(4)]), range(3)))
    done = subprocess.run(
        [sys.executable, "-m", "mythos", "actions", "verify", "--json"],
        env=plane.environment, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads(done.stdout)["size"] == 2 + 3 * 5


def test_the_page_says_who_did_what_and_that_the_log_holds(browser: Client) -> None:
    record("mark.make", "benign mark 3", by="ada", at=AT, why="a <b>test</b>")
    shown = browser.get("/system/actions").content.decode()
    assert "benign mark 3" in shown
    assert "a &lt;b&gt;test&lt;/b&gt;" in shown
    told = browser.get("/system/actions?format=json").json()
    assert [(each["by"], each["why"]) for each in told["actions"]] == [("ada", "a <b>test</b>")]
    assert (told["checked"]["size"], told["checked"]["problem"]) == (1, "")


def test_the_page_of_a_broken_log_says_so_and_shows_no_entry(browser: Client) -> None:
    _three()
    _edit()
    shown = browser.get("/system/actions").content.decode()
    assert "does not hold" in shown
    assert "mallory" not in shown


def test_the_page_goes_back_by_number(browser: Client) -> None:
    for number in range(60):
        record("user.add", f"u{number}", by="ada", at=AT)
    first = browser.get("/system/actions?format=json").json()
    assert (len(first["actions"]), first["older"]) == (50, 10)
    rest = browser.get(f"/system/actions?format=json&before={first['older']}").json()
    assert [each["number"] for each in rest["actions"]] == list(range(9, -1, -1))
    for odd in ("x", "-1", "9" * 40, "²"):
        assert browser.get(f"/system/actions?before={odd}").status_code == 200


def test_the_page_is_for_those_who_signed_in(client: Client) -> None:
    assert client.get("/system/actions").status_code == 302


def test_the_command_line_keeps_a_checkpoint_and_checks_against_it(tmp_path: Path) -> None:
    plane = Plane(tmp_path)
    plane.codes(["lab-1"])

    def run(*words: str) -> tuple[int, str]:
        done = subprocess.run(
            [sys.executable, "-m", "mythos", "actions", *words],
            env=plane.environment, capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip
        return done.returncode, done.stdout

    assert "node.invite  lab-1" in run("list")[1]
    kept = tmp_path / "kept.note"
    assert run("checkpoint", "--out", str(kept))[0] == 0
    plane.codes(["lab-2"])
    code, told = run("verify", "--checkpoint", str(kept), "--json")
    assert (code, json.loads(told)["ok"], json.loads(told)["checkpoints"]) == (0, True, 1)
    kept.write_text(kept.read_text("utf-8").replace("\n2\n", "\n1\n"), "utf-8")
    assert run("verify", "--checkpoint", str(kept))[0] == 1


def test_an_empty_log_of_actions_says_what_it_is_for(browser: Client) -> None:
    page = browser.get("/system/actions").content.decode()
    assert "Nothing was done yet" in page
    assert "mythos actions checkpoint --out FILE" in page
