"""Evidence as merged rows, and readings as a cache of what it says.

A reading is recomputable: the row keeps the digest of the evidence it was made from.
"""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import F, Q

from mythos.values.reading import STATES


class EvidenceRow(models.Model):
    """One evidence row, merged over every envelope that carried its key."""

    node_id = models.CharField(max_length=150)
    environment = models.CharField(max_length=150)
    bundle = models.CharField(max_length=71, blank=True)
    agent = models.CharField(max_length=200, blank=True)
    kind = models.CharField(max_length=16)
    subject = models.CharField(max_length=300, blank=True)
    cell = models.BigIntegerField()
    width_s = models.PositiveIntegerField()
    body = models.JSONField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=[
                    "node_id", "environment", "kind", "cell", "width_s",
                    "agent", "subject", "bundle",
                ],
                name="evidence_row_key",
            ),
            models.CheckConstraint(condition=Q(cell__gte=0), name="evidence_cell_not_negative"),
        ]  # fmt: skip
        indexes: ClassVar = [
            models.Index(fields=["kind", "environment", "cell"], name="evidence_by_kind")
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.node_id} {self.subject} {self.cell}"


class EnvelopeReceipt(models.Model):
    """An envelope that was counted: its id, and the digest that tells a replay from a fork."""

    key_id = models.CharField(max_length=128)
    epoch = models.CharField(max_length=64)
    counter = models.BigIntegerField()
    digest = models.CharField(max_length=71)
    node_id = models.CharField(max_length=150)
    via_file = models.BooleanField(default=False)
    sent_at = models.DateTimeField()
    received_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["key_id", "epoch", "counter"], name="envelope_id")
        ]
        indexes: ClassVar = [models.Index(fields=["node_id", "received_at"])]

    def __str__(self) -> str:
        return f"{self.key_id[:12]} {self.epoch[:8]} {self.counter}"


class IntakeFinding(models.Model):
    """Something wrong that intake saw and no evidence row can carry, such as a fork."""

    node_id = models.CharField(max_length=150)
    code = models.CharField(max_length=40)
    subject = models.CharField(max_length=300)
    detail = models.TextField()
    ref = models.CharField(max_length=300, blank=True)
    seen_at = models.DateTimeField()
    resolved_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["node_id", "code", "subject"], name="finding_once")
        ]

    def __str__(self) -> str:
        return f"{self.code} {self.node_id} {self.subject}"


class MemoryCheckpoint(models.Model):
    """The newest checkpoint of a memory log that the control plane has witnessed."""

    origin = models.CharField(max_length=300, unique=True)
    node_id = models.CharField(max_length=150)
    size = models.BigIntegerField()
    root = models.CharField(max_length=64)
    note = models.TextField()
    seen_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.origin} @ {self.size}"


class SymbolicResilienceMonitor(models.Model):
    """A reading of one node (the brief's model; more fields stand beside its own).

    A component without evidence is stored 0.0 and named in `unknown_components`.
    """

    node_id = models.CharField(max_length=150)
    codex_uptime_index = models.FloatField()
    ritual_execution_consistency = models.FloatField()
    memory_integrity_score = models.FloatField()
    symbolic_warning_flags = models.JSONField(default=list)
    created_at = models.DateTimeField(auto_now_add=True)

    environment = models.CharField(max_length=150, blank=True)
    state = models.CharField(max_length=16, choices=[(state, state) for state in STATES])
    reason = models.TextField(blank=True)
    low = models.FloatField(default=0.0)
    mid = models.FloatField(null=True, blank=True)
    high = models.FloatField(default=1.0)
    unknown_components = models.JSONField(default=list)
    reading = models.JSONField(default=dict)
    evidence_digest = models.CharField(max_length=71, blank=True)
    as_of = models.DateTimeField()

    class Meta:
        ordering: ClassVar = ["-id"]
        indexes: ClassVar = [models.Index(fields=["node_id", "-id"], name="reading_newest")]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(codex_uptime_index__range=(0, 1))
                & Q(ritual_execution_consistency__range=(0, 1))
                & Q(memory_integrity_score__range=(0, 1)),
                name="reading_shares",
            ),
            models.CheckConstraint(
                condition=Q(low__gte=0) & Q(high__lte=1) & Q(low__lte=F("high")),
                name="reading_bounds",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.node_id} {self.state}"
