"""Evidence as merged rows, and readings as a cache of what it says.

A reading is recomputable: the row keeps the digest of the evidence it was made from.
"""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import models
from django.db.models import F, Q

from mythos.errors import ConflictError
from mythos.server.resilience import log_models  # noqa: F401 - Django finds models through here
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


class NewestAudit(models.Model):
    """The newest audit of one memory log, and the envelope that told it.

    A copy of one evidence row's body. `epoch_seq` orders the node's epochs by when each was first
    heard of, `counter` the envelopes within one; both 0 where that is not known.
    """

    node_id = models.CharField(max_length=150)
    environment = models.CharField(max_length=150)
    subject = models.CharField(max_length=300)
    epoch_seq = models.BigIntegerField(default=0)
    counter = models.BigIntegerField(default=0)
    cell = models.BigIntegerField()
    body = models.JSONField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["node_id", "environment", "subject"], name="newest_audit_of_log"
            )
        ]

    def __str__(self) -> str:
        return f"{self.subject} at {self.cell}"


class AuditCounts(models.Model):
    """The counts of one audit as columns: four weeks of a log are forty thousand of them."""

    row = models.OneToOneField(EvidenceRow, on_delete=models.CASCADE, primary_key=True)
    log = models.ForeignKey(NewestAudit, on_delete=models.CASCADE, db_index=False)
    cell = models.BigIntegerField()
    size = models.BigIntegerField()
    ok = models.BigIntegerField()
    altered = models.BigIntegerField()
    missing = models.BigIntegerField()
    unlogged = models.BigIntegerField()
    failed = models.BooleanField()

    class Meta:
        indexes: ClassVar = [models.Index(fields=["log", "cell"], name="audits_of_log")]

    def __str__(self) -> str:
        return f"audit at {self.cell}"


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
        indexes: ClassVar = [
            models.Index(fields=["node_id", "received_at"]),
            models.Index(fields=["node_id", "epoch", "id"], name="first_of_epoch"),
        ]

    def __str__(self) -> str:
        return f"{self.key_id[:12]} {self.epoch[:8]} {self.counter}"


class IntakeFinding(models.Model):
    """Something wrong that intake saw and no evidence row can carry, such as a fork.

    `evidence` is what shows it: of a rewritten memory log both signed checkpoints and the proof,
    the first contradiction and the newest few.
    """

    node_id = models.CharField(max_length=150)
    code = models.CharField(max_length=40)
    subject = models.CharField(max_length=300)
    detail = models.TextField()
    ref = models.CharField(max_length=300, blank=True)
    evidence = models.JSONField(default=list)
    seen_at = models.DateTimeField()
    resolved_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["node_id", "code", "subject"], name="finding_once")
        ]

    def __str__(self) -> str:
        return f"{self.code} {self.node_id} {self.subject}"


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


class _Appended(models.Model):
    """A row that is written once: part of the record of what operators did."""

    class Meta:
        abstract = True

    def save(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - Django's own signature
        """Save a new row.

        Raises:
            ConflictError: the row is there already.
        """
        if self.pk is not None:
            raise self._kept()
        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:  # noqa: ANN401
        """Refuse.

        Raises:
            ConflictError: always.
        """
        raise self._kept()

    def _kept(self) -> ConflictError:
        return ConflictError(
            f"{self} is on record and stays as it is",
            remedy="revoke a mark, or withdraw a baseline: that is a row of its own",
        )


class BenignMark(_Appended):
    """An operator's word that one kind of call is harmless, until a day.

    It names environment, agent, policy set (by digest), rule and tool, and the values of the
    `arguments` that matter. `sample` is the call it was made on, as the evidence kept it. Marks
    rewrite no evidence and enter no score.
    """

    environment = models.CharField(max_length=150)
    agent = models.CharField(max_length=200)
    policy_set = models.CharField(max_length=71)
    rule = models.CharField(max_length=1_000)
    tool = models.CharField(max_length=1_000)
    arguments = models.JSONField(default=dict)
    node_id = models.CharField(max_length=150)
    sample = models.JSONField()
    why = models.CharField(max_length=500)
    made_by = models.CharField(max_length=150)
    made_at = models.DateTimeField()
    expires_at = models.DateTimeField()

    class Meta:
        ordering: ClassVar = ["-id"]
        indexes: ClassVar = [
            models.Index(fields=["environment", "expires_at"], name="mark_standing"),
            models.Index(fields=["policy_set"], name="mark_of_set"),
        ]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(expires_at__gt=F("made_at")), name="mark_ends_after_it_begins"
            ),
            models.CheckConstraint(
                condition=~Q(why="") & ~Q(made_by=""), name="mark_says_who_and_why"
            ),
        ]

    def __str__(self) -> str:
        return f"benign mark {self.pk} on {self.rule}"


class BenignRevocation(_Appended):
    """The end of a mark before its day: who ended it, when and why."""

    mark = models.OneToOneField(BenignMark, on_delete=models.PROTECT, related_name="revocation")
    why = models.CharField(max_length=500)
    made_by = models.CharField(max_length=150)
    made_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=~Q(why="") & ~Q(made_by=""), name="revocation_says_who_and_why"
            )
        ]

    def __str__(self) -> str:
        return f"revocation of {self.mark}"


class AcceptedBaseline(_Appended):
    """An operator's word that a stretch of evidence shows a workflow run as it should be.

    It names the workflow by digest, and one host (`node_id`) or, where that is empty, every host of
    the environment. The newest of its scope that was not withdrawn stands; that of a host goes
    before the environment's.
    `summary` is a copy: later evidence, or its loss, changes no baseline.
    """

    environment = models.CharField(max_length=150)
    node_id = models.CharField(max_length=150, blank=True)
    workflow = models.CharField(max_length=71)
    since = models.DateTimeField()
    until = models.DateTimeField()
    runs = models.PositiveBigIntegerField()
    summary = models.JSONField()
    ways = models.JSONField(default=dict)
    digest = models.CharField(max_length=71)
    why = models.CharField(max_length=500)
    made_by = models.CharField(max_length=150)
    made_at = models.DateTimeField()

    class Meta:
        ordering: ClassVar = ["-id"]
        indexes: ClassVar = [
            models.Index(fields=["environment", "workflow"], name="baseline_of_workflow")
        ]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(until__gt=F("since")), name="baseline_ends_after_it_begins"
            ),
            models.CheckConstraint(
                condition=~Q(why="") & ~Q(made_by=""), name="baseline_says_who_and_why"
            ),
            models.CheckConstraint(condition=Q(runs__gte=20), name="baseline_has_runs"),
        ]

    def __str__(self) -> str:
        return f"baseline {self.pk} of {self.workflow}"


class BaselineWithdrawal(_Appended):
    """The end of a baseline: who withdrew it, when and why. The one before it stands again."""

    baseline = models.OneToOneField(
        AcceptedBaseline, on_delete=models.PROTECT, related_name="withdrawal"
    )
    why = models.CharField(max_length=500)
    made_by = models.CharField(max_length=150)
    made_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=~Q(why="") & ~Q(made_by=""), name="withdrawal_says_who_and_why"
            )
        ]

    def __str__(self) -> str:
        return f"withdrawal of {self.baseline}"
