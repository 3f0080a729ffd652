"""Benign marks: what an operator has looked at and found harmless, and until when.

Law: a mark covers one kind of call and nothing beside it. It names the agent, the policy set by
digest, the rule, the tool and at least the arguments that matter, with the values they had; a call
of another agent, under another rule or version, of another tool or with another value is not
covered. Marks enter no count, no component and no score: they only say whether a flag fires.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from pydantic import JsonValue

from mythos.engines.evidence.sample import Sample
from mythos.engines.resilience.moment import written
from mythos.values.digest import canonical_bytes
from mythos.values.outcome import Outcome
from mythos.values.reading import BenignNote


@dataclass(frozen=True, slots=True)
class BenignMark:
    """One mark that stands: neither expired nor revoked. `policy_set` is a digest."""

    id: str
    agent: str
    policy_set: str
    rule: str
    tool: str
    until: datetime
    by: str
    why: str
    arguments: Mapping[str, JsonValue] = field(default_factory=dict)

    def covers(self, sample: Sample, *, policy_set: str) -> bool:
        """Whether a call that was made although denied is the one that was marked.

        Args:
            sample: the call; one whose arguments were not captured is never covered.
            policy_set: digest of the set that denied it.
        """
        given = sample.arguments
        return (
            given is not None
            and sample.outcome is Outcome.VIOLATED
            and (sample.agent, policy_set) == (self.agent, self.policy_set)
            and (sample.rule, sample.tool) == (self.rule, self.tool)
            and all(
                name in given and canonical_bytes(given[name]) == canonical_bytes(value)
                for name, value in self.arguments.items()
            )
        )

    def note(self) -> BenignNote:
        """What a flag says of the mark."""
        return BenignNote(mark=self.id, until=written(self.until), by=self.by, why=self.why)


def covering(marks: Iterable[BenignMark], sample: Sample, *, policy_set: str) -> BenignMark | None:
    """The mark that covers a call for the longest; None if none does."""
    found = [mark for mark in marks if mark.covers(sample, policy_set=policy_set)]
    return max(found, key=lambda mark: (mark.until, mark.id), default=None)
