"""The next version of a policy set with the exceptions that benign marks stand for."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from mythos.engines.policy.check import covers
from mythos.engines.policy.exception import Excuse, with_exceptions
from mythos.engines.policy.identity import canonical
from mythos.errors import ConflictError, NotFoundError
from mythos.server.catalog.models import ToolCatalogueDocument
from mythos.server.deployment.pages.text import text_of
from mythos.server.policies.pages.facts import PolicyFact
from mythos.server.resilience.models import BenignMark
from mythos.values.policy import PolicySet
from mythos.values.tools import ToolCatalogue


def next_version(policy: PolicyFact, marks: Sequence[BenignMark], *, at: datetime) -> str:
    """The document of the next version, as YAML to be put beside the old one.

    Raises:
        ConflictError: no mark stands any more.
        NotFoundError: no known catalogue declares the tool of a mark.
        PolicyError: an exception cannot be written, or would not be enough.
    """
    standing = [each for each in marks if each.expires_at > at and not _revoked(each)]
    if not standing:
        raise ConflictError(
            "no mark stands, so there is no exception to write",
            remedy="mark the violation benign again, if it still is",
        )
    made = policy.policy_set
    for tool in sorted({mark.tool for mark in standing}):
        excuses = [_excuse(mark) for mark in standing if mark.tool == tool]
        made = with_exceptions(made, excuses, _catalogue(policy.policy_set, tool))
    made = made.model_copy(update={"version": policy.policy_set.version + 1})
    return text_of(canonical(made))


def _revoked(mark: BenignMark) -> bool:
    return getattr(mark, "revocation", None) is not None


def _excuse(mark: BenignMark) -> Excuse:
    return Excuse(
        name=f"benign-{mark.pk}",
        agent=mark.agent,
        tool=mark.tool,
        rule=mark.rule,
        until=mark.expires_at,
        arguments=mark.arguments,
        sent=mark.sample.get("arguments") or {},
        missing=tuple(mark.sample.get("missing", ())),
    )


def _catalogue(policy_set: PolicySet, tool: str) -> ToolCatalogue:
    """The newest known catalogue that the set covers and that declares the tool."""
    for stored in ToolCatalogueDocument.objects.order_by("-pk"):
        catalogue = ToolCatalogue.model_validate(stored.document)
        if covers(policy_set, catalogue) and catalogue.find(tool):
            return catalogue
    raise NotFoundError(
        f"no tool catalogue that {policy_set.policy_set} covers declares {tool!r}",
        remedy="build a bundle whose catalogue declares the tool; then no exception may be needed",
    )
