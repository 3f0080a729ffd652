"""Reports: what was checked, whether it holds, and why.

A report never stops at the first failure if a later check can still be made; a check that could
not be made says so (`skip`) and names what was missing. A report passes iff no check failed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from mythos.errors import BundleError, MythosError

CheckState = Literal["pass", "fail", "skip"]


@dataclass(frozen=True, slots=True)
class Check:
    """One named check: its state and, in one sentence, why."""

    name: str
    state: CheckState
    why: str


@dataclass(frozen=True, slots=True)
class Report:
    """Checks in the order they were made."""

    checks: tuple[Check, ...]

    @property
    def passed(self) -> bool:
        """Whether no check failed."""
        return not self.failures

    @property
    def failures(self) -> tuple[Check, ...]:
        """The checks that failed, in order."""
        return tuple(check for check in self.checks if check.state == "fail")

    def __add__(self, other: Report) -> Report:
        """Both reports, one after the other."""
        return Report(self.checks + other.checks)

    def require(self, *, error: type[MythosError] = BundleError, remedy: str) -> None:
        """Raise `error` naming every failed check; do nothing when all hold."""
        if self.failures:
            said = "; ".join(f"{check.name}: {check.why}" for check in self.failures)
            raise error(said, remedy=remedy)


def passed(name: str, why: str) -> Check:
    """A check that holds."""
    return Check(name, "pass", why)


def failed(name: str, why: str) -> Check:
    """A check that does not hold."""
    return Check(name, "fail", why)


def skipped(name: str, why: str) -> Check:
    """A check that could not be made."""
    return Check(name, "skip", why)
