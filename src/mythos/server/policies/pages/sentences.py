"""Declared facts and promises as sentences: what holds when, and what is promised."""

from __future__ import annotations

from collections.abc import Iterator

import orjson
from pydantic import JsonValue

from mythos.values.policy import Counted, Events, Expectation, Fact, Last, Once, Summed

_EVENTS = {"user.confirm": "a yes of the user", "user.message": "a message of the user"}
_UNITS = {"s": "second", "m": "minute", "h": "hour", "d": "day"}
_SCOPES = {
    "session": "in this run",
    "agent": "over all runs of this agent on this host",
    "node": "over all runs on this host",
    "fleet": "over the whole fleet",
}
_RESULTS = {"ok": "", "error": " that failed", "any": ", whatever its result,"}


def sentence_of(fact: Fact) -> str:
    """What a fact is, in one sentence that ends with a stop."""
    return f"{_claim(fact)}{''.join(_limits(fact))}, {_SCOPES[fact.scope]}."


def _claim(fact: Fact) -> str:
    if isinstance(fact, Once):
        held = f"Holds when {_event(fact.once)}{_result(fact, fact.once)} came"
        return held if fact.since is None else f"{held} after the last {_names(fact.since)}"
    if isinstance(fact, Counted):
        return f"Counts how often {_event(fact.count)}{_result(fact, fact.count)} came"
    if isinstance(fact, Summed):
        tried = ", attempts included" if fact.count == "attempts" else ""
        return f"Adds up {fact.sum} of every {_names(fact.of)}{tried}"
    assert isinstance(fact, Last)  # noqa: S101 - the grammar of facts is closed
    return f"Is {fact.last} of the newest {_names(fact.of)}{_result(fact, fact.of)}"


def _limits(fact: Fact) -> Iterator[str]:
    if fact.by is not None:
        keys = (fact.by,) if isinstance(fact.by, str) else fact.by
        yield f", with the same {_listed(keys, 'and')} as the call"
    if fact.where is not None:
        yield f", where {fact.where}"
    if fact.within is not None:
        yield f", no more than {_duration(fact.within)} before"


def _event(events: Events) -> str:
    names = (events,) if isinstance(events, str) else events
    return _listed(tuple(_EVENTS.get(name, f"a call of {name}") for name in names), "or")


def _names(events: Events) -> str:
    names = (events,) if isinstance(events, str) else events
    return _listed(tuple(name.replace("user.confirm", "yes") for name in names), "or")


def _result(fact: Fact, events: Events) -> str:
    names = {events} if isinstance(events, str) else set(events)
    return "" if names <= _EVENTS.keys() else _RESULTS[fact.outcome]


def _duration(given: str) -> str:
    number, unit = int(given[:-1]), _UNITS[given[-1]]
    return f"{number} {unit}{'' if number == 1 else 's'}"


def _listed(names: tuple[str, ...], word: str) -> str:
    if len(names) <= 1:
        return "".join(names)
    return f"{', '.join(names[:-1])} {word} {names[-1]}"


def promise_of(promise: Expectation) -> str:
    """What an entry of `expect` promises, in one sentence."""
    if promise.request is not None:
        asked = promise.request.model_dump(mode="json", exclude_defaults=True)
        return f"This request is answered with {promise.decision or '…'}: {_json(asked)}."
    actions = (promise.actions,) if isinstance(promise.actions, str) else promise.actions
    about = f"calls of {_listed(tuple(actions), 'and')}" if actions else "calls of any tool"
    when = f", when {promise.when}" if promise.when else ""
    if promise.never is not None:
        return f"No request ever gets {promise.never}, for {about}{when}."
    return f"Every request gets {promise.always or '…'}, for {about}{when}."


def _json(value: dict[str, JsonValue]) -> str:
    return orjson.dumps(value).decode()
