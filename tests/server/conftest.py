"""Fixtures of the server's tests."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.core.cache import cache
from django.test import Client
from pytest_django import Settings


@pytest.fixture(autouse=True)
def _nothing_remembered() -> None:
    """Counts that a process keeps for a minute are of the fleet of the test before."""
    cache.clear()


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
