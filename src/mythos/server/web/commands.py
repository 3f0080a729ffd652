"""Writes of the front door: make a one-time sign-in link, and use it up."""

from __future__ import annotations

import hashlib
import secrets
from datetime import datetime, timedelta

from django.contrib.auth.models import User
from django.db import transaction

from mythos.errors import IdentityError
from mythos.server.web.models import LoginLink

LINK_LIFE = timedelta(minutes=15)


def make_login_link(user: User, *, at: datetime) -> str:
    """A one-time code that signs `user` in at `/login/once?code=…` for a quarter of an hour."""
    code = secrets.token_urlsafe(24)
    LoginLink.objects.create(code_hash=_hash_of(code), user=user, expires_at=at + LINK_LIFE)
    return code


@transaction.atomic
def use_login_link(code: str, *, at: datetime) -> User:
    """Use up a code and name its user.

    Raises:
        IdentityError: the code is unknown, used or expired, or its user may not sign in.
    """
    found = (
        LoginLink.objects.select_for_update()
        .filter(code_hash=_hash_of(code), used_at=None, expires_at__gt=at, user__is_active=True)
        .select_related("user")
        .first()
    )
    if found is None:
        raise IdentityError(
            "this sign-in link is unknown, used or expired",
            remedy="ask for a new link, or sign in with a name and password at /login",
        )
    found.used_at = at
    found.save(update_fields=["used_at"])
    return found.user


def _hash_of(code: str) -> str:
    return hashlib.sha256(code.encode()).hexdigest()
