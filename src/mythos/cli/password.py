"""A password for a new account: from the environment, else typed twice on a terminal."""

from __future__ import annotations

import os
import sys

import click

from mythos.errors import UsageError


def chosen_password(variable: str) -> str:
    """A password that is good enough; Django must be loaded.

    Raises:
        UsageError: it is too weak, or there is no terminal to type it on.
    """
    from django.contrib.auth.password_validation import validate_password
    from django.core.exceptions import ValidationError

    password = os.environ.get(variable) or _typed(variable)
    try:
        validate_password(password)
    except ValidationError as error:
        raise UsageError(
            " ".join(error.messages),
            remedy=f"type a longer password, or set such a one in {variable}",
        ) from None
    return password


def _typed(variable: str) -> str:
    if not sys.stdin.isatty():
        raise UsageError(
            "a password can be typed on a terminal only, and this is none",
            remedy=f"set {variable}",
        )
    typed: str = click.prompt("Password", hide_input=True, confirmation_prompt=True)
    return typed
