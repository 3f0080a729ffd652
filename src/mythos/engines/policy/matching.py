"""Matching: which rules match in a context, told without Cedar where that is exact.

Rules with an exact translation (`native`) are evaluated without Cedar if the context is seen to be
of the schema's types. Cedar is asked about all others, and where one of them errs.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import compress

import cedarpy
import orjson
from pydantic import JsonValue

from mythos.engines.policy.result import Result, read_answer
from mythos.engines.policy.schema import AGENT
from mythos.engines.policy.slice import Runnable, Slice

_NO_ENTITIES = cedarpy.Entities.from_json_str("[]")


def result_in(
    rules: Slice, agent: str, context: dict[str, JsonValue], runnable: Runnable, *, fits: bool
) -> Result:
    """Which rules match in a context, and so what they say together.

    Args:
        rules: the slice.
        agent: who acts.
        context: the parts of it that the rules read, in Cedar's JSON form.
        runnable: the rules that are evaluated, of this slice.
        fits: whether the context is seen to be of the schema's types; else Cedar checks it.
    """
    if not agent.isascii():
        agent = agent.encode("utf-8", "replace").decode()
    told = _without_cedar(rules, agent, context, runnable) if fits else None
    if told is not None:
        return told
    record = context.get("input")
    if isinstance(record, dict) and rules.arguments is not None:
        context["input"] = {name: record[name] for name in rules.arguments if name in record}
    try:
        written = orjson.dumps(context).decode()
    except TypeError as error:  # a number beyond 64 bits, or text that is no Unicode
        return Result(allowed=False, broken=f"the context cannot be written: {error}")
    answer = cedarpy.is_authorized(
        {
            "principal": {"type": AGENT, "id": agent},
            "action": rules.action,
            "resource": rules.resource,
            "context": written,
        },
        runnable.handle,
        _NO_ENTITIES,
        None if fits else rules.schema,
    )
    return read_answer(answer, runnable.members)


def _without_cedar(
    rules: Slice, agent: str, context: Mapping[str, JsonValue], runnable: Runnable
) -> Result | None:
    """None where a rule has no translation, or errs."""
    if runnable.matcher is None:
        return None
    try:
        forbidding, permitting = runnable.matcher(agent, context)
    except (KeyError, OverflowError):
        return None
    denying = tuple(compress(runnable.forbids, forbidding))
    if denying:
        return Result(allowed=False, denying=denying)
    hits = tuple(compress(runnable.permits, permitting))
    return Result(bool(hits) or rules.only_guards, hits)
