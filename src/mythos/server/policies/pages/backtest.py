"""What another version would have said of the calls that were kept.

A sample holds a call's arguments and the facts that did not hold; what else the rules read was not
kept. Such a call is decided with every value that the rest may have had, and counts as undecidable
unless they all agree. So a call that changed sides changed them whatever the rest was.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache

from mythos.engines.policy.compile import PolicyEngine, compile_policies
from mythos.engines.policy.identity import digest
from mythos.engines.policy.replay import Answer, answer_of
from mythos.engines.policy.request import Request
from mythos.errors import PolicyError
from mythos.server.policies.pages.facts import CallFact, PolicyFact
from mythos.values.policy import PolicySet
from mythos.values.tools import ToolCatalogue

MAX_CALLS, MAX_SHOWN = 200, 8
NS = 10**9


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
    """Kept calls by what became of them; `problem` says why they could not be tried."""

    calls: int
    same: int = 0
    now_blocked: int = 0
    now_allowed: int = 0
    undecidable: int = 0
    changed: tuple[ChangedSide, ...] = ()
    problem: str = ""


def backtest_of(
    old: PolicyFact, new: PolicyFact, calls: Iterable[CallFact], catalogue: ToolCatalogue | None
) -> BacktestShown:
    """Decide kept calls by two versions, each alone.

    Args:
        old, new: the versions.
        calls: kept calls, newest first; at most 200 are tried.
        catalogue: declares their tools; without one nothing can be tried.
    """
    unique = list({each.sample.span_id: each for each in calls}.values())[:MAX_CALLS]
    if catalogue is None:
        return BacktestShown(len(unique), problem="no tool catalogue of its bundle is known")
    try:
        engine = _engine(old, new, catalogue.model_dump_json())
    except PolicyError as error:
        return BacktestShown(len(unique), problem=error.message)
    names = digest(old.policy_set), digest(new.policy_set)
    counted: Counter[str] = Counter()
    changed = []
    for each in unique:
        was, now = (_answer(engine, each, name) for name in names)
        turn = _turn(was, now)
        counted[turn] += 1
        if turn in {"now_blocked", "now_allowed"}:
            changed.append(_side(each, turn, was=was, now=now))
    return BacktestShown(
        calls=len(unique),
        same=counted["same"],
        now_blocked=counted["now_blocked"],
        now_allowed=counted["now_allowed"],
        undecidable=counted["undecidable"],
        changed=tuple(changed[:MAX_SHOWN]),
    )


def _engine(old: PolicyFact, new: PolicyFact, catalogue: str) -> PolicyEngine:
    return _compiled(old.policy_set.model_dump_json(), new.policy_set.model_dump_json(), catalogue)


@lru_cache(maxsize=8)
def _compiled(old: str, new: str, catalogue: str) -> PolicyEngine:
    """Both versions ready to decide; a page refreshes every few seconds."""
    sets = [PolicySet.model_validate_json(each) for each in (old, new)]
    return compile_policies(sets, ToolCatalogue.model_validate_json(catalogue))


def _answer(engine: PolicyEngine, call: CallFact, name: str) -> Answer:
    sample = call.sample
    request = Request(
        agent=sample.agent,
        tool=sample.tool,
        arguments=sample.arguments,
        facts={name: dict.fromkeys(sample.missing, False)},
        licensed=None,
        now_ns=sample.at * NS,
        depth=None,
    )
    return answer_of(engine.decide(request, in_force=[name]))


def _turn(was: Answer, now: Answer) -> str:
    words = was.word, now.word
    if words == ("allow", "deny"):
        return "now_blocked"
    if words == ("deny", "allow"):
        return "now_allowed"
    return "undecidable" if "undecidable" in words else "same"


def _side(call: CallFact, turn: str, *, was: Answer, now: Answer) -> ChangedSide:
    sample, denying = call.sample, now if turn == "now_blocked" else was
    return ChangedSide(
        at=datetime.fromtimestamp(sample.at, UTC),
        host=call.node_id,
        tool=sample.tool,
        agent=sample.agent,
        outcome=sample.outcome.value,
        turn=turn,
        rules=denying.rules,
        why=denying.why,
    )
