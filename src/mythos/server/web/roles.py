"""Roles: who may only look, and who may act.

A role is a group of Django's: `operator`, `approver` or `admin`; who is in none is a viewer. A
superuser, as `mythos serve --create-admin` makes one, is an admin. Reading asks for no role.
"""

from __future__ import annotations

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser, User

from mythos.errors import IdentityError

OPERATING = ("operator", "approver", "admin")


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
            remedy="ask an administrator to add you to the group `operator`",
        )
    return user
