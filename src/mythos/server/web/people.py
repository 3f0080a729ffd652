"""Reads of who may sign in."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.contrib.auth.models import User

from mythos.server.web.roles import Role, role_of


@dataclass(frozen=True, slots=True)
class Person:
    """An account and its role; `active` is False where it may not sign in any more."""

    name: str
    role: Role
    active: bool
    last_login: datetime | None


def people() -> list[Person]:
    """Everybody who has an account, by name."""
    found = User.objects.order_by("username").prefetch_related("groups")
    return [
        Person(each.get_username(), role_of(each), each.is_active, each.last_login)
        for each in found
    ]
