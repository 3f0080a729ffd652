"""What the control plane knows of: documents by digest, environments, nodes.

A document that a bundle refers to never changes: a new version is a new row.
"""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import models
from django.db.models.signals import pre_delete

from mythos.errors import ConflictError

DIGEST = 71  # "sha256:" and 64 hex digits


class Document(models.Model):
    """A document by digest, frozen from the moment a bundle refers to it."""

    digest = models.CharField(max_length=DIGEST, unique=True)

    class Meta:
        abstract = True

    def save(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - Django's own signature
        """Save, unless a bundle refers to the document.

        Raises:
            ConflictError: it does; a change would make the bundle's digest a lie.
        """
        self.refuse_if_bundled()
        super().save(*args, **kwargs)

    def refuse_if_bundled(self) -> None:
        """Guard every change, deletion included.

        Raises:
            ConflictError: a bundle refers to the document.
        """
        packets = getattr(self, "packets", None) if self.pk else None
        if packets is not None and packets.exists():
            raise ConflictError(
                f"{self} is part of a bundle and cannot change",
                remedy="add the change as a new version and build a new bundle",
            )


class Assistant(Document):
    """One version of an agent document (the brief's Assistant)."""

    name = models.CharField(max_length=150)
    specialty = models.TextField()
    document = models.JSONField()

    class Meta:
        ordering: ClassVar = ["name", "id"]

    def __str__(self) -> str:
        return self.name


class SwarmCodex(Document):
    """One version of a policy set (the brief's SwarmCodex)."""

    title = models.CharField(max_length=150)
    symbolic_domain = models.CharField(max_length=150)
    version = models.PositiveIntegerField()
    document = models.JSONField()

    class Meta:
        ordering: ClassVar = ["title", "version", "id"]
        verbose_name_plural = "swarm codices"

    def __str__(self) -> str:
        return f"{self.title} v{self.version}"


class EncodedRitualBlueprint(Document):
    """One version of a workflow (the brief's EncodedRitualBlueprint)."""

    name = models.CharField(max_length=150)
    version = models.PositiveIntegerField()
    encoded_steps = models.JSONField()

    class Meta:
        ordering: ClassVar = ["name", "version", "id"]

    def __str__(self) -> str:
        return f"{self.name} v{self.version}"


class ToolCatalogueDocument(Document):
    """One version of a tool catalogue."""

    domain = models.CharField(max_length=150)
    document = models.JSONField()

    class Meta:
        ordering: ClassVar = ["domain", "id"]

    def __str__(self) -> str:
        return self.domain


def _refuse_deletion(instance: Document, **_signal: object) -> None:
    """Deletions one by one and in bulk pass here: a bundle must not silently lose a part."""
    instance.refuse_if_bundled()


for _kind in (Assistant, SwarmCodex, EncodedRitualBlueprint, ToolCatalogueDocument):
    pre_delete.connect(_refuse_deletion, sender=_kind)


class Environment(models.Model):
    """A named group of nodes with labels; an air-gapped one reports by file."""

    name = models.CharField(max_length=150, unique=True)
    labels = models.JSONField(default=dict)
    air_gapped = models.BooleanField(default=False)
    dev = models.BooleanField(default=False)
    no_explore = models.BooleanField(default=False)
    report_every_s = models.PositiveIntegerField(default=7 * 86_400)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering: ClassVar = ["name"]

    def __str__(self) -> str:
        return self.name


class Node(models.Model):
    """A host that runs agents, known by its Ed25519 key."""

    class Presence(models.TextChoices):
        """Whether the node beats, or is only seen through its telemetry."""

        HEARTBEAT = "heartbeat"
        TELEMETRY = "telemetry"

    node_id = models.CharField(max_length=150, unique=True)
    environment = models.ForeignKey(Environment, on_delete=models.PROTECT, related_name="nodes")
    public_key = models.TextField()
    key_id = models.CharField(max_length=128, unique=True)
    presence = models.CharField(max_length=16, choices=Presence.choices, default=Presence.HEARTBEAT)
    capacity = models.JSONField(default=dict)
    enrolled_at = models.DateTimeField(auto_now_add=True)
    retired_at = models.DateTimeField(null=True, blank=True)
    last_beat_at = models.DateTimeField(null=True, blank=True)
    last_file_at = models.DateTimeField(null=True, blank=True)
    heartbeat_s = models.PositiveIntegerField(default=60)
    in_force = models.JSONField(default=dict)
    pull_token_hash = models.CharField(max_length=64, blank=True)

    class Meta:
        ordering: ClassVar = ["node_id"]

    def __str__(self) -> str:
        return self.node_id


class EnrolmentCode(models.Model):
    """A one-time code that binds a node id to an environment; only its hash is kept."""

    code_hash = models.CharField(max_length=64, unique=True)
    node_id = models.CharField(max_length=150)
    environment = models.ForeignKey(Environment, on_delete=models.CASCADE)
    capacity = models.JSONField(default=dict)
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"{self.node_id} ({'used' if self.used_at else 'open'})"
