"""`/api/v1/strategy`: the newest recommendation, as it was stored. Asks placement nothing."""

from __future__ import annotations

from django.http import HttpRequest
from ninja import Router

from mythos.errors import NotFoundError
from mythos.server.strategy.models import Recommendation as StoredRecommendation
from mythos.values.base import Digest
from mythos.values.problem import REFUSALS, Problem
from mythos.values.recommendation import Recommendation

router = Router(tags=["strategy"], by_alias=True)


@router.get("/strategy", response={200: Recommendation, REFUSALS: Problem})
def read_strategy(request: HttpRequest, bundle: Digest | None = None) -> Recommendation:
    """The newest recommendation, of one bundle or of any."""
    stored = StoredRecommendation.objects.all()
    newest = (stored.filter(bundle=bundle) if bundle else stored).first()
    if newest is None:
        raise NotFoundError(
            "nothing was recommended yet",
            remedy="take a bundle in with `mythos trust sign LAYOUT`; advice follows soon",
        )
    return Recommendation.model_validate(newest.document)
