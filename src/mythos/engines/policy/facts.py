"""Facts about the past: newest times of events, and whether a declared `once` holds.

`once E since R` holds iff the newest E is later than the newest R and, with `within`, no older
than that. Newest times are all it takes, so a state is a map of max registers: merging two
states takes the maximum of each, which is commutative, associative and idempotent. Spans may
come late, twice or from several observers, and cost per action does not grow with history.

What counts for an action that starts at t:

- an E that is a tool call counts from its end, when its result is known: end <= t, and only with
  the fact's `outcome`;
- an R that is a tool call counts from its start, whatever its result: an attempt uses up what
  it needed, so two calls in flight cannot share one confirmation. No call counts for itself;
- a user event counts from its time <= t, as E and as R;
- an event that may have happened unseen is a *doubt*. A fact that comes out differently with
  and without the doubts is neither true nor false.

What this module does not do: facts over more than one run, and other forms than `once`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from mythos.values.policy import Events, Fact, Last, Once, PolicySet, Summed

USER_EVENTS = frozenset({"user.message", "user.confirm"})

_UNIT_NS = {"s": 10**9, "m": 60 * 10**9, "h": 3_600 * 10**9, "d": 86_400 * 10**9}
_NEVER = -1


@dataclass(frozen=True, slots=True)
class FactState:
    """Newest times (Unix ns) per event name: begun, succeeded, failed, and perhaps happened.

    A commutative, idempotent monoid under `|`; `FactState()` is the identity. Instances are
    never changed: each observation gives a new state.
    """

    begun: Mapping[str, int] = field(default_factory=dict)
    succeeded: Mapping[str, int] = field(default_factory=dict)
    failed: Mapping[str, int] = field(default_factory=dict)
    doubted: Mapping[str, int] = field(default_factory=dict)

    def began(self, name: str, at_ns: int) -> FactState:
        """With a call of the tool `name` begun at `at_ns`."""
        return replace(self, begun=_later(self.begun, name, at_ns))

    def observe(self, name: str, at_ns: int, *, ok: bool = True) -> FactState:
        """With a call of the tool `name` ended at `at_ns`, well or with an error."""
        if ok:
            return replace(self, succeeded=_later(self.succeeded, name, at_ns))
        return replace(self, failed=_later(self.failed, name, at_ns))

    def said(self, name: str, at_ns: int) -> FactState:
        """With the user event `name` at `at_ns`."""
        return self.began(name, at_ns).observe(name, at_ns)

    def doubt(self, name: str, until_ns: int) -> FactState:
        """With the event `name` perhaps unseen at any time up to `until_ns`."""
        return replace(self, doubted=_later(self.doubted, name, until_ns))

    def __or__(self, other: FactState) -> FactState:
        """Both states' events: the later of each time."""
        return FactState(
            _latest(self.begun, other.begun),
            _latest(self.succeeded, other.succeeded),
            _latest(self.failed, other.failed),
            _latest(self.doubted, other.doubted),
        )


def _later(times: Mapping[str, int], name: str, at_ns: int) -> Mapping[str, int]:
    if times.get(name, _NEVER) >= at_ns:
        return times
    return MappingProxyType({**times, name: at_ns})


def _latest(mine: Mapping[str, int], theirs: Mapping[str, int]) -> Mapping[str, int]:
    merged = {name: max(at, theirs.get(name, at)) for name, at in mine.items()}
    return MappingProxyType({**theirs, **merged})


def event_names(fact: Fact) -> frozenset[str]:
    """Every event a fact speaks of: tool names and user events."""
    if isinstance(fact, Once):
        return _names(fact.once) | _names(fact.since)
    if isinstance(fact, Summed | Last):
        return _names(fact.of)
    return _names(fact.count)


def _names(events: Events | None) -> frozenset[str]:
    if events is None:
        return frozenset()
    return frozenset({events} if isinstance(events, str) else events)


def duration_ns(text: str) -> int:
    """A window such as `10m` in nanoseconds."""
    return int(text[:-1]) * _UNIT_NS[text[-1]]


def once_holds(fact: Once, state: FactState, now_ns: int) -> bool | None:
    """Whether a `once` fact holds for an action that starts at `now_ns`.

    Args:
        fact: the declaration.
        state: the events that count for the action.
        now_ns: the action's start, Unix nanoseconds.

    Returns:
        True or False; None if that depends on an event that may have happened unseen.
    """
    wanted, reset = _names(fact.once), _names(fact.since)
    seen = _newest(_outcomes(fact, state), wanted)
    undone = _newest((state.begun,), reset)
    at_best = _holds(fact, max(seen, _newest((state.doubted,), wanted)), undone, now_ns)
    at_worst = _holds(fact, seen, max(undone, _newest((state.doubted,), reset)), now_ns)
    return at_best if at_best == at_worst else None


def _holds(fact: Once, seen: int, undone: int, now_ns: int) -> bool:
    fresh = fact.within is None or now_ns - seen <= duration_ns(fact.within)
    return seen > undone and fresh


def _outcomes(fact: Once, state: FactState) -> tuple[Mapping[str, int], ...]:
    if fact.outcome == "any":
        return state.succeeded, state.failed
    return (state.succeeded,) if fact.outcome == "ok" else (state.failed,)


def _newest(tables: Iterable[Mapping[str, int]], names: frozenset[str]) -> int:
    return max((table.get(name, _NEVER) for table in tables for name in names), default=_NEVER)


def fact_values(policy_set: PolicySet, state: FactState, now_ns: int) -> dict[str, bool | None]:
    """Every `once` fact of a policy set for an action that starts at `now_ns`.

    Returns:
        Name to True, False or None (see `once_holds`); other forms of facts are left out.
    """
    return {
        name: once_holds(fact, state, now_ns)
        for name, fact in policy_set.facts.items()
        if isinstance(fact, Once)
    }
