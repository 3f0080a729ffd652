"""Occasions: each action of a run with what was known when it began.

A sweep over the run in time order (`moments`). An occasion never sees its own result, nor anything
later.
"""

from __future__ import annotations

from dataclasses import dataclass

from mythos.engines.policy.compile import PolicyEngine
from mythos.engines.policy.depth import depths_of
from mythos.engines.policy.facts.history import History
from mythos.engines.policy.moments import moments_of, said_in
from mythos.engines.policy.occasion import Occasion
from mythos.engines.policy.sweep import Sweep
from mythos.values.event import Run


@dataclass(frozen=True, slots=True)
class Occasions:
    """Every occasion of a run, and what the run adds to the history of its facts."""

    found: list[Occasion]
    history: History


def occasions_of(
    run: Run, engine: PolicyEngine, *, past: History | None = None, only: str | None = None
) -> Occasions:
    """Every tool call of a run, and every attempt it says was denied, in order of their start.

    Args:
        run: a closed run; its events need not be sorted.
        engine: knows the run's tools and the facts to keep.
        past: what earlier runs left, for facts that reach beyond one run.
        only: the span id of the one call that is asked about; all others are only taken in.

    Returns:
        Occasions by (start, span id).
    """
    sweep = Sweep(engine, past, only=only, depths=depths_of(run))
    if not any(event.user_texts for event in run.events):
        sweep.doubt_the_user(max(event.start_ns for event in (run.root, *run.events)))
    said = said_in(run.events, engine.catalogue)
    for moment in sorted(moments_of(run.events, said, sweep), key=lambda moment: moment.key):
        moment.step()
    return Occasions(sweep.found, sweep.history)
