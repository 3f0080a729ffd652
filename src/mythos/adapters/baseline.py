"""The baseline policy set that ships with MythOS, read from the installed package."""

from __future__ import annotations

from importlib import resources

from mythos.engines.policy.document import load_policy_set
from mythos.values.policy import PolicySet

_PACKAGE = "mythos.engines.policy"
_NAME = "baseline.yaml"


def baseline_text() -> str:
    """The document as it ships."""
    return resources.files(_PACKAGE).joinpath(_NAME).read_text("utf-8")


def baseline_policy_set() -> PolicySet:
    """The baseline policy set: a guard that fits every tool catalogue.

    Raises:
        PolicyError: the installed file was changed and is no policy set any more.
    """
    return load_policy_set(baseline_text(), source=_NAME)
