"""Replay: every action of a run, decided as the decision point would have decided it.

The one way in which recorded or written events are decided again: what was known when each action
began (`occasions_of`), asked of the engine. An action that comes out open is `undecidable`; at the
decision point it is denied.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from mythos.engines.policy.compile import PolicyEngine
from mythos.engines.policy.facts.history import History
from mythos.engines.policy.occasion import Occasion
from mythos.engines.policy.occasions import occasions_of
from mythos.engines.policy.request import Decision, Standing, Verdict
from mythos.values.event import Run

Word: TypeAlias = Literal["allow", "deny", "undecidable"]


@dataclass(frozen=True, slots=True)
class Answer:
    """A decision in short. `rules` and `policy_sets` stand in one order: who decided it.

    `governed` is False where no policy set in force covers the tool: then nothing decided it.
    `deferred` are rules that only the monitor can judge, as `policy set/rule`.
    """

    word: Word
    rules: tuple[str, ...] = ()
    policy_sets: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    why: str = ""
    governed: bool = True
    deferred: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Replayed:
    """One action with what was known when it began, and the answer."""

    occasion: Occasion
    decision: Decision

    @property
    def answer(self) -> Answer:
        """The decision in short."""
        return answer_of(self.decision)


def long_memory(engine: PolicyEngine) -> History:
    """An empty history of the facts that reach beyond one run, for `replay` to fill."""
    lasting = [plan for plan in engine.plans if plan.scope == "agent"]
    return History(lasting, engine.catalogue)


def replay(
    run: Run, engine: PolicyEngine, *, in_force: Iterable[str], past: History | None = None
) -> list[Replayed]:
    """Decide every action of a run again.

    Args:
        run: assembled.
        engine: compiled for the run's tools, with every set in force.
        in_force: digests of the sets that decide every agent of the run.
        past: what the runs before it left (`long_memory`); takes in this run too.

    Returns:
        Actions by (start, span id); attempts that the run says were denied are among them.

    Raises:
        PolicyError: a digest that the engine does not hold.
    """
    enforced = frozenset(in_force)
    told = occasions_of(run, engine, past=past)
    if past is not None:
        past.absorb(told.history)
    return [
        Replayed(occasion, engine.decide(occasion.request, in_force=enforced))
        for occasion in told.found
    ]


def answer_of(decision: Decision) -> Answer:
    """A decision in short: what denies, else what is open, else what permits."""
    by_standing: Mapping[Standing, list[Verdict]] = {
        standing: [one for one in decision.verdicts if one.standing is standing]
        for standing in Standing
    }
    charged, open_ = by_standing[Standing.CHARGED], by_standing[Standing.OPEN]
    word: Word = "deny" if charged else "undecidable" if open_ else "allow"
    shown = charged or open_ or by_standing[Standing.UPHELD]
    return Answer(
        word,
        rules=tuple(one.rule for one in shown),
        policy_sets=tuple(one.policy_set for one in shown),
        missing=tuple(sorted({name for one in shown for name in one.missing})),
        why="; ".join(dict.fromkeys(one.why for one in shown if one.why)),
        governed=decision.governed,
        deferred=decision.deferred,
    )
