"""Roles: who may only look, and who may act. `mythos user role NAME ROLE` gives one.

A role is a group of Django's: `operator`, `approver` or `admin`; who is in none is a viewer. A
superuser, as `mythos serve --create-admin` makes one, is an admin. Reading asks for no role.
"""

from __future__ import annotations

from typing import Literal

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser, User

from mythos.errors import IdentityError

Role = Literal["viewer", "operator", "approver", "admin"]
OPERATING: tuple[Role, ...] = ("operator", "approver", "admin")


def role_of(user: User) -> Role:
    """The strongest role of a user."""
    if user.is_superuser:
        return "admin"
    groups = {each.name for each in user.groups.all()}
    return next((role for role in reversed(OPERATING) if role in groups), "viewer")


def why_barred(user: AbstractBaseUser | AnonymousUser) -> str:
    """Why a user may not act; empty when they may."""
    if not isinstance(user, User) or not user.is_active:
        return "Needs an operator; you are not signed in."
    if user.is_superuser or user.groups.filter(name__in=OPERATING).exists():
        return ""
    return "Needs an operator; you are a viewer."


def require_operator(user: AbstractBaseUser | AnonymousUser) -> User:
    """The user, who may act.

    Raises:
        IdentityError: they may only look.
    """
    barred = why_barred(user)
    if barred or not isinstance(user, User):
        raise IdentityError(
            barred.rstrip("."),
            remedy="ask an administrator, who runs on the server: mythos user role NAME operator",
        )
    return user
