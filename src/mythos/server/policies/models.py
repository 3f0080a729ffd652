"""Proofs of coherence and of what a version changed, kept under all that they depend on."""

from __future__ import annotations

from typing import ClassVar

from django.db import models

DIGEST = 71  # "sha256:" and 64 hex digits


class Proof(models.Model):
    """What a solver found of a policy set, of several together, or of a difference to a version.

    The key is digests alone: of the set, or of the `members` that are proved together; of the
    version it is compared with (empty for coherence); of the tool catalogues. So a proof never
    grows stale; other tools or rules are another row.
    """

    class State(models.TextChoices):
        """Where the work stands."""

        WANTED = "wanted"
        RUNNING = "running"
        DONE = "done"
        FAILED = "failed"

    policy_set = models.CharField(max_length=DIGEST)
    against = models.CharField(max_length=DIGEST, blank=True)
    tools = models.CharField(max_length=DIGEST)
    members = models.JSONField(default=list)
    state = models.CharField(max_length=16, choices=State.choices, default=State.WANTED)
    asked_by = models.CharField(max_length=150, blank=True)
    asked_at = models.DateTimeField()
    began_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    result = models.JSONField(default=dict)
    why = models.CharField(max_length=500, blank=True)

    class Meta:
        ordering: ClassVar = ["-id"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["policy_set", "against", "tools"], name="proof_once")
        ]
        indexes: ClassVar = [models.Index(fields=["state", "id"], name="proof_to_do")]

    def __str__(self) -> str:
        kind = f"against {self.against[7:15]}" if self.against else "coherence"
        return f"{kind} of {self.policy_set[7:15]}: {self.state}"
