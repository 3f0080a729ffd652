"""Writes of the front door: accounts with their roles, and one-time sign-in links."""

from __future__ import annotations

import hashlib
import secrets
from datetime import datetime, timedelta

from django.contrib.auth.models import Group, User
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from mythos.errors import IdentityError, NotFoundError, UsageError
from mythos.server.actions.ledger import SHELL, record
from mythos.server.web.models import LoginLink
from mythos.server.web.roles import OPERATING, Role, role_of

LINK_LIFE = timedelta(minutes=15)


@transaction.atomic
def create_user(name: str, *, password: str, role: Role, by: str = SHELL) -> User:
    """Let somebody sign in, in a role.

    Raises:
        UsageError: the name is taken, or cannot be one.
    """
    user = User(username=name)
    user.set_password(password)
    try:
        user.full_clean()
    except ValidationError as error:
        raise UsageError(
            f"no user can be called {name[:80]!r}: {' '.join(error.messages)}",
            remedy="choose another name, of letters, digits and @.+-_",
        ) from None
    user.save()
    _put_in(user, role)
    record("user.add", name, by=by, at=timezone.now(), details={"role": role})
    return user


@transaction.atomic
def give_role(name: str, role: Role, *, by: str = SHELL) -> Role:
    """Give a user another role in place of the one they have; the answer is what they had.

    A superuser who is made anything but an admin is none any more.

    Raises:
        NotFoundError: there is no such user.
    """
    user = User.objects.filter(username=name).first()
    if user is None:
        raise NotFoundError(
            f"no user is called {name[:80]!r}",
            remedy="see who there is with `mythos user list`, or add one with `mythos user add`",
        )
    before = role_of(user)
    if role != "admin" and user.is_superuser:
        user.is_superuser = user.is_staff = False
        user.save(update_fields=["is_superuser", "is_staff"])
    _put_in(user, role)
    details = {"role": role, "before": before}
    record("user.role", name, by=by, at=timezone.now(), details=details)
    return before


def _put_in(user: User, role: Role) -> None:
    """Put a user into the group of a role and out of those of the others; viewers are in none."""
    user.groups.remove(*Group.objects.filter(name__in=OPERATING).exclude(name=role))
    if role in OPERATING:
        user.groups.add(Group.objects.get_or_create(name=role)[0])


def make_login_link(user: User, *, at: datetime) -> str:
    """A one-time code that signs `user` in at `/login/once?code=…` for a quarter of an hour."""
    code = secrets.token_urlsafe(24)
    LoginLink.objects.create(code_hash=_hash_of(code), user=user, expires_at=at + LINK_LIFE)
    return code


def open_login_link(code: str, *, at: datetime) -> LoginLink:
    """The link of a code that still lets its user in.

    Raises:
        IdentityError: the code is unknown, used or expired, or its user may not sign in.
    """
    found = (
        LoginLink.objects.filter(
            code_hash=_hash_of(code), used_at=None, expires_at__gt=at, user__is_active=True
        )
        .select_related("user")
        .first()
    )
    if found is None:
        raise IdentityError(
            "this sign-in link is unknown, used or expired",
            remedy="take a new link where this one came from (`mythos demo` prints one every "
            f"{LINK_LIFE // timedelta(minutes=1)} minutes), or sign in with a name and password "
            "at /login",
        )
    return found


@transaction.atomic
def use_login_link(code: str, *, at: datetime) -> User:
    """Use up a code and name its user.

    Raises:
        IdentityError: the code is unknown, used or expired, or its user may not sign in.
    """
    LoginLink.objects.select_for_update().filter(code_hash=_hash_of(code)).first()
    found = open_login_link(code, at=at)
    found.used_at = at
    found.save(update_fields=["used_at"])
    return found.user


def _hash_of(code: str) -> str:
    return hashlib.sha256(code.encode()).hexdigest()
