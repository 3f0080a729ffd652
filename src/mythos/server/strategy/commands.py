"""Writes of strategy: ask placement, and keep what it answers."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from django.db import transaction

from mythos.engines.placement.recommend import recommend
from mythos.engines.placement.request import PlacementInput, inputs_digest, ordered
from mythos.server.deployment.models import MythOSDeploymentPacket
from mythos.server.strategy.models import BeliefDeploymentStrategyEngine
from mythos.server.strategy.models import Recommendation as StoredRecommendation
from mythos.server.strategy.queries import placement_input
from mythos.values.recommendation import Recommendation


def refresh(packet: MythOSDeploymentPacket, *, at: datetime) -> StoredRecommendation:
    """Recommend where a bundle may run, and store it unless the same was asked before."""
    request = placement_input(packet, at=at)
    asked = _question(request)
    newest = StoredRecommendation.objects.filter(bundle=packet.digest).first()
    if newest is not None and newest.inputs_digest == asked:
        return newest
    return _store(recommend(request), inputs=asked)


def _question(request: PlacementInput) -> str:
    """Digest of what is asked to the hour, so that the passing of seconds asks nothing new."""
    hour = request.as_of.replace(minute=0, second=0, microsecond=0)
    return inputs_digest(ordered(_at(request, hour)))


def _at(request: PlacementInput, moment: datetime) -> PlacementInput:
    return replace(request, as_of=moment)


@transaction.atomic
def _store(answer: Recommendation, *, inputs: str) -> StoredRecommendation:
    stored = StoredRecommendation.objects.create(
        bundle=answer.bundle,
        verdict=answer.verdict,
        inputs_digest=inputs,
        evidence_as_of=datetime.fromisoformat(answer.evidence_as_of).astimezone(UTC),
        document=answer.model_dump(mode="json", by_alias=True),
    )
    BeliefDeploymentStrategyEngine.objects.bulk_create(
        BeliefDeploymentStrategyEngine(
            recommendation=stored,
            rank=rank,
            target_environment=advice.target_environment,
            symbolic_alignment_score=advice.symbolic_alignment_score,
            assistant_role_distribution=advice.assistant_role_distribution,
            ritual_density_projection=advice.ritual_density_projection,
            codex_coherence_recommendation=advice.codex_coherence_recommendation,
            verdict=advice.verdict,
            lower=advice.lower,
            coverage=advice.coverage,
            belief=advice.belief,
        )
        for rank, advice in enumerate(answer.environments, start=1)
    )
    return stored
