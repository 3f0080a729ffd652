"""Fixtures of the server's tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from django.contrib.auth.models import Group, User
from django.core.cache import cache
from django.core.signals import request_finished, request_started
from django.db import close_old_connections
from django.test import Client
from pytest_django import Settings

from mythos.server.catalog.commands import admit
from mythos.server.catalog.models import Environment
from tests.server.outpost import Outpost


@pytest.fixture(autouse=True)
def _nothing_remembered() -> None:
    """Counts that a process keeps for a minute are of the fleet of the test before."""
    cache.clear()


@pytest.fixture(autouse=True)
def _home(settings: Settings, tmp_path: Path) -> None:
    """Keys that are made on first use lie in the test's own folder."""
    settings.MYTHOS = settings.MYTHOS.model_copy(update={"home": tmp_path / "home"})


@pytest.fixture(autouse=True)
def _one_connection() -> Iterator[None]:
    """A call of the application within a test's transaction keeps the test's connection.

    Django's own client does so too; SQLite in memory hides it, for there closing does nothing.
    """
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


@pytest.fixture
def outpost(db: None) -> Outpost:
    """A node enrolled in `lab`, whose envelopes a test seals itself."""
    Environment.objects.create(name="lab")
    made = Outpost()
    admit(made.request, "lab")
    return made


@pytest.fixture
def operator(db: None, settings: Settings) -> User:
    """A person who may sign in; the password is hashed fast, for nothing is behind it."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    return User.objects.create_user("operator", password="open-sesame-42")


@pytest.fixture
def browser(client: Client, operator: User) -> Client:
    """A browser in which the operator has signed in."""
    client.force_login(operator)
    return client


@pytest.fixture
def ada(client: Client, db: None) -> Client:
    """A browser in which somebody who may act has signed in."""
    ada = User.objects.create_user("ada")
    ada.groups.add(Group.objects.get_or_create(name="operator")[0])
    client.force_login(ada)
    return client
