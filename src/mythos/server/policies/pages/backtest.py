"""What another version would have said of the calls that were kept.

A sample holds a call's arguments, what its version decided, and the facts that did not hold; what
else the rules read was not kept. The version that judged the call is taken at its word. The other
is asked with every value that the rest may have had: of the facts that both declare alike, every
combination with which the first version says what it said. Unless all answers agree, the call is
undecidable, and the reason is told. A call that changed sides changed them whatever the rest was.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from mythos.engines.resilience.moment import moment_of
from mythos.errors import PolicyError
from mythos.server.policies.pages.facts import CallFact, PolicyFact
from mythos.server.policies.pages.kept_call import Said, Versions
from mythos.values.tools import ToolCatalogue

MAX_CALLS, MAX_SHOWN, MAX_REASONS = 200, 8, 5


@dataclass(frozen=True, slots=True)
class ChangedSide:
    """A kept call that one version allows and the other denies."""

    at: datetime
    host: str
    tool: str
    agent: str
    outcome: str
    turn: str
    rules: tuple[str, ...]
    why: str


@dataclass(frozen=True, slots=True)
class BacktestShown:
    """Kept calls by what became of them; `problem` says why they could not be tried.

    `reasons` say why calls are undecidable, each with how many, the commonest first.
    """

    calls: int
    same: int = 0
    now_blocked: int = 0
    now_allowed: int = 0
    undecidable: int = 0
    changed: tuple[ChangedSide, ...] = ()
    reasons: tuple[tuple[str, int], ...] = ()
    problem: str = ""

    @property
    def decidable(self) -> int:
        """Calls of which both versions are certain."""
        return self.calls - self.undecidable


def backtest_of(
    old: PolicyFact, new: PolicyFact, calls: Iterable[CallFact], catalogue: ToolCatalogue | None
) -> BacktestShown:
    """Decide kept calls by two versions, each alone.

    Args:
        old, new: the versions.
        calls: kept under either, newest first; at most 200 are tried.
        catalogue: declares their tools; without one nothing can be tried.
    """
    unique = list({each.sample.span_id: each for each in calls}.values())[:MAX_CALLS]
    if catalogue is None:
        return BacktestShown(len(unique), problem="no tool catalogue of its bundle is known")
    try:
        versions = Versions.of(old, new, catalogue)
    except PolicyError as error:
        return BacktestShown(len(unique), problem=error.message)
    counted: Counter[str] = Counter()
    reasons: Counter[str] = Counter()
    changed = []
    for each in unique:
        was, now = versions.asked(each)
        turn = _turn(was, now)
        counted[turn] += 1
        if turn == "undecidable":
            reasons[was.why if was.word == "undecidable" else now.why] += 1
        elif turn != "same":
            changed.append(_side(each, turn, was=was, now=now))
    return BacktestShown(
        calls=len(unique),
        same=counted["same"],
        now_blocked=counted["now_blocked"],
        now_allowed=counted["now_allowed"],
        undecidable=counted["undecidable"],
        changed=tuple(changed[:MAX_SHOWN]),
        reasons=tuple(reasons.most_common(MAX_REASONS)),
    )


def _turn(was: Said, now: Said) -> str:
    words = was.word, now.word
    if words == ("allow", "deny"):
        return "now_blocked"
    if words == ("deny", "allow"):
        return "now_allowed"
    return "undecidable" if "undecidable" in words else "same"


def _side(call: CallFact, turn: str, *, was: Said, now: Said) -> ChangedSide:
    sample, denying = call.sample, now if turn == "now_blocked" else was
    return ChangedSide(
        at=moment_of(sample.at),
        host=call.node_id,
        tool=sample.tool,
        agent=sample.agent,
        outcome=sample.outcome.value,
        turn=turn,
        rules=denying.rules,
        why=denying.why,
    )
