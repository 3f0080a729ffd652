"""Recommendations: one slice an environment (the brief's model), and the whole plan."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q

from mythos.server.catalog.models import DIGEST


class Recommendation(models.Model):
    """The whole plan for one bundle, with its bound and gap."""

    bundle = models.CharField(max_length=DIGEST)
    verdict = models.CharField(max_length=16)
    inputs_digest = models.CharField(max_length=DIGEST)
    evidence_as_of = models.DateTimeField()
    document = models.JSONField()
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering: ClassVar = ["-id"]

    def __str__(self) -> str:
        return f"{self.bundle[7:19]} {self.verdict}"


class BeliefDeploymentStrategyEngine(models.Model):
    """The recommendation's slice for one environment (the brief's model)."""

    target_environment = models.CharField(max_length=150)
    symbolic_alignment_score = models.FloatField()
    assistant_role_distribution = models.JSONField(default=dict)
    ritual_density_projection = models.JSONField(default=dict)
    codex_coherence_recommendation = models.TextField()
    created_at = models.DateTimeField(auto_now_add=True)

    recommendation = models.ForeignKey(
        Recommendation, on_delete=models.CASCADE, related_name="slices"
    )
    verdict = models.CharField(max_length=16)
    lower = models.FloatField(default=0.0)
    coverage = models.FloatField(default=0.0)
    belief = models.FloatField(null=True, blank=True)
    rank = models.PositiveIntegerField()

    class Meta:
        ordering: ClassVar = ["recommendation", "rank"]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(symbolic_alignment_score__range=(0, 1)), name="alignment_share"
            )
        ]

    def __str__(self) -> str:
        return f"{self.target_environment} {self.symbolic_alignment_score:.2f}"
