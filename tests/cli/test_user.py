"""Accounts from the command line: who may sign in, and what they may do."""

from __future__ import annotations

import json

import pytest
from django.contrib.auth.models import User

from mythos.server.web.roles import role_of, why_barred
from tests.cli.control_plane import mythos

pytestmark = pytest.mark.django_db
PASSWORD = "correct horse battery"


@pytest.fixture
def ada(monkeypatch: pytest.MonkeyPatch) -> str:
    """An operator made by the command."""
    monkeypatch.setenv("MYTHOS_USER_PASSWORD", PASSWORD)
    ran = mythos("user", "add", "ada", "--role", "operator")
    assert (ran.code, ran.out) == (0, "ada may sign in as operator\n")
    return "ada"


def test_a_user_is_added_in_a_role_and_may_act(ada: str) -> None:
    user = User.objects.get(username=ada)
    assert user.check_password(PASSWORD)
    assert not user.is_superuser
    assert (role_of(user), why_barred(user)) == ("operator", "")


def test_without_a_role_a_user_may_only_look(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MYTHOS_USER_PASSWORD", PASSWORD)
    assert mythos("user", "add", "vic").code == 0
    user = User.objects.get(username="vic")
    assert role_of(user) == "viewer"
    assert why_barred(user) == "Needs an operator; you are a viewer."


@pytest.mark.parametrize("role", ["approver", "admin", "viewer", "operator"])
def test_a_role_takes_the_place_of_the_one_before(role: str, ada: str) -> None:
    ran = mythos("user", "role", ada, role, "--json")
    assert json.loads(ran.out) == {"name": ada, "role": role, "before": "operator"}
    user = User.objects.get(username=ada)
    assert role_of(user) == role
    assert [each.name for each in user.groups.all()] == [role] * (role != "viewer")


def test_an_administrator_who_is_made_a_viewer_may_act_no_more() -> None:
    User.objects.create_superuser("root", password=PASSWORD)
    assert mythos("user", "role", "root", "viewer").out == "root is viewer now, and was admin\n"
    user = User.objects.get(username="root")
    assert (user.is_superuser, user.is_staff) == (False, False)
    assert why_barred(user)


def test_everybody_is_listed_by_name_with_role_and_last_visit(ada: str) -> None:
    User.objects.create_user("Zoe", is_active=False)
    User.objects.create_superuser("bo")
    listed = json.loads(mythos("user", "list", "--json").out)["users"]
    assert [(each["name"], each["role"], each["active"]) for each in listed] == [
        ("Zoe", "viewer", False),
        ("ada", "operator", True),
        ("bo", "admin", True),
    ]
    lines = mythos("user", "list").out.splitlines()
    assert lines[0].split() == ["Zoe", "viewer", "last", "seen", "never", "closed"]
    assert len(lines) == 3


def test_of_nobody_the_list_says_how_the_first_is_made() -> None:
    assert "mythos serve --create-admin NAME" in mythos("user", "list").out


def test_a_name_that_is_taken_is_refused(ada: str) -> None:
    ran = mythos("user", "add", ada)
    assert ran.code == 2
    assert "already exists" in ran.err
    assert role_of(User.objects.get(username=ada)) == "operator"


def test_a_name_that_can_be_none_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MYTHOS_USER_PASSWORD", PASSWORD)
    ran = mythos("user", "add", "a b\x1b[2J")
    assert ran.code == 2
    assert "\x1b" not in ran.err
    assert not User.objects.exists()


def test_a_weak_password_is_refused_and_nobody_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MYTHOS_USER_PASSWORD", "short")
    ran = mythos("user", "add", "ada")
    assert ran.code == 2
    assert "set such a one in MYTHOS_USER_PASSWORD" in ran.err
    assert not User.objects.exists()


def test_a_role_of_nobody_is_told_with_the_way_to_see_who_there_is() -> None:
    ran = mythos("user", "role", "nobody", "operator")
    assert ran.code == 1
    assert "mythos user list" in ran.err
