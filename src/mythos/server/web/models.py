"""One-time sign-in links: how the demo and an operator's shell let a person in without a password.

Only the hash of a code is kept, and a code opens the door once.
"""

from __future__ import annotations

from django.conf import settings
from django.db import models


class LoginLink(models.Model):
    """A one-time code that signs one user in until it expires."""

    code_hash = models.CharField(max_length=64, unique=True)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE)
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"{self.user} ({'used' if self.used_at else 'open'})"
