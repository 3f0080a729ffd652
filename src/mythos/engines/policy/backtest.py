"""Back-test: the calls of a recorded run that another version of a policy set decides otherwise.

Both versions are asked about the same occasions, with the same sets beside them, so whatever
differs comes from the change alone. Recorded calls happened as they did: had the new version been
in force, a call that it blocks would not have been made, and what came after it might differ. A
back-test does not guess at that; it says what the new version says of what was done.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal, TypeAlias

from mythos.engines.policy.compile import PolicyEngine
from mythos.engines.policy.facts.history import History
from mythos.engines.policy.occasion import Occasion
from mythos.engines.policy.occasions import occasions_of
from mythos.engines.policy.replay import Answer, answer_of
from mythos.values.event import Run

Turn: TypeAlias = Literal["now_blocked", "now_allowed", "other"]


@dataclass(frozen=True, slots=True)
class Changed:
    """One call that the two versions decide differently."""

    occasion: Occasion
    was: Answer
    now: Answer

    @property
    def turn(self) -> Turn:
        """Blocked now, allowed now, or a change to or from undecidable."""
        if (self.was.word, self.now.word) == ("allow", "deny"):
            return "now_blocked"
        if (self.was.word, self.now.word) == ("deny", "allow"):
            return "now_allowed"
        return "other"


@dataclass(frozen=True, slots=True)
class Backtest:
    """What a run says of a change: how many calls there were, and those decided differently."""

    n_calls: int
    changed: tuple[Changed, ...]


def backtest(
    run: Run,
    engine: PolicyEngine,
    *,
    was: Collection[str],
    now: Collection[str],
    past: History | None = None,
) -> Backtest:
    """Decide every call of a run by two versions.

    Args:
        run: assembled.
        engine: compiled for the run's tools, with every set of both sides.
        was: digests of the sets in force before the change.
        now: digests of those in force after it.
        past: what the runs before it left (`replay.long_memory`); takes in this run too.

    Returns:
        Changed calls by (start, span id); attempts that the run says were denied are calls too.

    Raises:
        PolicyError: a digest that the engine does not hold.
    """
    told = occasions_of(run, engine, past=past)
    if past is not None:
        past.absorb(told.history)
    found = []
    for occasion in told.found:
        before, after = (
            answer_of(engine.decide(occasion.request, in_force=sets)) for sets in (was, now)
        )
        if before.word != after.word:
            found.append(Changed(occasion, before, after))
    return Backtest(len(told.found), tuple(found))
