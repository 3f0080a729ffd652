"""Naming a bare argument by the request it answers.

LangChain's OpenInference spans record only the value of a single argument, without its name. The
request of the model names it. Law: the value is the executed one; the request lends its name only
if it asks this tool for exactly one argument with exactly this value.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import count

import orjson

from mythos.engines.telemetry import table
from mythos.engines.telemetry.masking import is_masked
from mythos.values.event import Json, Span


def name_argument(call: Span, tool: str, models: Iterable[Span]) -> Mapping[str, Json] | None:
    """Arguments of a call that kept only a bare value.

    Args:
        call: the tool span.
        tool: the name of its tool.
        models: model calls of the same run, in order.

    Returns:
        One named argument, or None if no request of `models` has this value.
    """
    bare = call.attributes.get(table.BARE_INPUT_KEY)
    if not isinstance(bare, str) or is_masked(bare):
        return None
    asked = (arguments for model in models for arguments in _requested(model.attributes, tool))
    return next((arguments for arguments in asked if _is_value(arguments, bare)), None)


def _requested(attributes: Mapping[str, Json], tool: str) -> Iterator[dict[str, Json]]:
    name_key, arguments_key = table.REQUESTED_CALLS
    for message in count():
        if name_key.format(message, 0) not in attributes:
            return
        for call in count():
            name = attributes.get(name_key.format(message, call))
            if name is None:
                break
            if name == tool:
                yield from _object(attributes.get(arguments_key.format(message, call)))


def _object(text: Json) -> Iterator[dict[str, Json]]:
    if isinstance(text, str):
        try:
            value = orjson.loads(text)
        except orjson.JSONDecodeError:
            return
        if isinstance(value, dict):
            yield value


def _is_value(arguments: Mapping[str, Json], bare: str) -> bool:
    if len(arguments) != 1:
        return False
    (value,) = arguments.values()
    return value == bare or (not isinstance(value, str) and str(value) == bare)
