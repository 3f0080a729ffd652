"""Operator actions as leaves of a log, and the head that appends take turns on."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q


class ActionLog(models.Model):
    """The one head of the log: how many entries there are. Locked while one is appended."""

    size = models.BigIntegerField(default=0)

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(pk=1), name="one_action_log"),
        ]

    def __str__(self) -> str:
        return f"action log of {self.size}"


class LoggedAction(models.Model):
    """One entry: its canonical text, its leaf hash (hex), and the checkpoint signed over it."""

    seq = models.BigIntegerField(primary_key=True)
    entry = models.TextField()
    leaf = models.CharField(max_length=64)
    note = models.TextField()

    class Meta:
        ordering: ClassVar = ["seq"]
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(seq__gte=0), name="action_seq_not_negative"),
        ]

    def __str__(self) -> str:
        return f"action {self.seq}"
