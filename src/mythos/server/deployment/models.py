"""Bundles, and what each environment was told to run."""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from mythos.server.catalog.models import (
    DIGEST,
    Assistant,
    EncodedRitualBlueprint,
    Environment,
    SwarmCodex,
    ToolCatalogueDocument,
)


class MythOSDeploymentPacket(models.Model):
    """A bundle (the brief's model; more fields stand beside its own).

    `deployment_vector` holds one destination URI a line; `symbolic_deployment_tags` the labels an
    environment must carry.
    """

    deployment_name = models.CharField(max_length=150)
    bundled_codices = models.ManyToManyField(SwarmCodex, related_name="packets")
    included_assistants = models.ManyToManyField(Assistant, related_name="packets")
    ritual_archive = models.ManyToManyField(EncodedRitualBlueprint, related_name="packets")
    symbolic_deployment_tags = models.JSONField(default=dict)
    deployment_vector = models.TextField(blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    version = models.PositiveIntegerField()
    tool_catalogues = models.ManyToManyField(ToolCatalogueDocument, related_name="packets")
    digest = models.CharField(max_length=DIGEST, unique=True)
    size_bytes = models.BigIntegerField(default=0)
    manifest = models.JSONField(default=dict)
    config = models.JSONField(default=dict)

    class Meta:
        ordering: ClassVar = ["-id"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["deployment_name", "version"], name="packet_name_version"
            )
        ]

    def __str__(self) -> str:
        return f"{self.deployment_name} v{self.version}"


class Rollout(models.Model):
    """A decision that an environment runs a bundle now; the newest sequence stands."""

    class State(models.TextChoices):
        """What the assignment says."""

        RUN = "run"
        HALTED = "halted"

    environment = models.ForeignKey(Environment, on_delete=models.PROTECT, related_name="rollouts")
    packet = models.ForeignKey(
        MythOSDeploymentPacket, on_delete=models.PROTECT, related_name="rollouts"
    )
    sequence = models.PositiveIntegerField()
    state = models.CharField(max_length=16, choices=State.choices, default=State.RUN)
    decided_by = models.CharField(max_length=150)
    decision = models.CharField(max_length=300, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering: ClassVar = ["-id"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["environment", "sequence"], name="rollout_sequence")
        ]

    def __str__(self) -> str:
        return f"{self.environment} #{self.sequence}: {self.packet} {self.state}"
