"""The baseline policy set that ships with MythOS, read from the installed package."""

from __future__ import annotations

from functools import cache
from importlib import resources

from mythos.engines.policy.document import load_policy_set
from mythos.engines.policy.identity import digest
from mythos.values.policy import PolicySet

_PACKAGE = "mythos.engines.policy"
_NAME = "baseline.yaml"


def baseline_text() -> str:
    """The document as it ships."""
    return resources.files(_PACKAGE).joinpath(_NAME).read_text("utf-8")


@cache
def baseline_policy_set() -> PolicySet:
    """The baseline policy set: a guard that fits every tool catalogue.

    Raises:
        PolicyError: the installed file was changed and is no policy set any more.
    """
    return load_policy_set(baseline_text(), source=_NAME)


@cache
def baseline_digest() -> str:
    """By which evidence names it: it is in no bundle, so no catalogue knows it."""
    return digest(baseline_policy_set())
