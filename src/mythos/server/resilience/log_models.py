"""Memory logs as the witness knows them, their newest entries, and what operators said of them."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q


class MemoryCheckpoint(models.Model):
    """The newest checkpoint of a memory log that the control plane has witnessed.

    `note` is as the node signed it, `cosigned` with the witness's line. `epoch` and `counter` name
    the newest envelope that said so, `seen_at` its time by the node's clock.
    """

    origin = models.CharField(max_length=300, unique=True)
    node_id = models.CharField(max_length=150)
    size = models.BigIntegerField()
    root = models.CharField(max_length=64)
    note = models.TextField()
    seen_at = models.DateTimeField()
    epoch = models.CharField(max_length=64, blank=True)
    counter = models.BigIntegerField(default=0)
    cosigned = models.TextField(blank=True)

    def __str__(self) -> str:
        return f"{self.origin} @ {self.size}"


class LogRestart(models.Model):
    """An operator's word that a memory log begins anew after what was remembered of it then.

    `size`, `epoch`, `counter` and `seen_at` are those of the `MemoryCheckpoint` that was forgotten:
    what the node said after that is of the new log.
    """

    origin = models.CharField(max_length=300)
    node_id = models.CharField(max_length=150)
    size = models.BigIntegerField()
    epoch = models.CharField(max_length=64, blank=True)
    counter = models.BigIntegerField(default=0)
    seen_at = models.DateTimeField()
    restarted_at = models.DateTimeField()

    class Meta:
        ordering: ClassVar = ["id"]
        indexes: ClassVar = [models.Index(fields=["node_id", "origin"], name="restart_of_log")]

    def __str__(self) -> str:
        return f"{self.origin} anew after {self.size}"


class UnprovedCheckpoint(models.Model):
    """A checkpoint that is larger than the witnessed one, and not yet proved to extend it.

    It waits for the envelope before it, or for a proof from what the witness remembers. `tail` is
    the `LogTail` that came with it.
    """

    origin = models.CharField(max_length=300)
    node_id = models.CharField(max_length=150)
    size = models.BigIntegerField()
    root = models.CharField(max_length=64)
    note = models.TextField()
    seen_at = models.DateTimeField()
    epoch = models.CharField(max_length=64)
    counter = models.BigIntegerField()
    growth = models.JSONField(default=list)
    tail = models.JSONField(null=True, default=None)
    received_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["origin", "size", "root"], name="unproved_once")
        ]
        indexes: ClassVar = [models.Index(fields=["node_id"], name="unproved_of_node")]

    def __str__(self) -> str:
        return f"{self.origin} @ {self.size}, unproved"


class MemoryTail(models.Model):
    """The newest entries of a witnessed log: a `LogTail` that its checkpoints proved."""

    origin = models.CharField(max_length=300, unique=True)
    node_id = models.CharField(max_length=150)
    tail = models.JSONField()

    class Meta:
        indexes: ClassVar = [models.Index(fields=["node_id"], name="tail_of_node")]

    def __str__(self) -> str:
        return f"newest entries of {self.origin}"


class MemoryOrder(models.Model):
    """An operator's `AcceptOrder` to a host, and what became of it.

    It waits until the host has answered or the operator has withdrawn it. `outcome` is empty,
    `accepted` (then `entry` is the number of the log entry) or `refused` (then `answer` says why).
    """

    order_id = models.CharField(max_length=32, unique=True)
    node_id = models.CharField(max_length=150)
    origin = models.CharField(max_length=300)
    key = models.TextField()
    order = models.JSONField()
    ordered_at = models.DateTimeField()
    withdrawn_at = models.DateTimeField(null=True, blank=True)
    answered_at = models.DateTimeField(null=True, blank=True)
    outcome = models.CharField(max_length=16, blank=True)
    entry = models.BigIntegerField(null=True, blank=True)
    answer = models.CharField(max_length=500, blank=True)

    class Meta:
        ordering: ClassVar = ["-id"]
        indexes: ClassVar = [
            models.Index(fields=["node_id", "-id"], name="order_of_node"),
            models.Index(
                fields=["node_id"],
                condition=Q(withdrawn_at=None, answered_at=None),
                name="order_waiting",
            ),
        ]

    def __str__(self) -> str:
        return f"accept {self.key[:80]} of {self.origin}"
