"""Naming a bare argument by the request it answers.

LangChain's OpenInference spans record only the value of a single argument, without its name. The
request of the model names it. Law: the value is the executed one; the request lends its name only
if it asks this tool for exactly one argument with exactly this value.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import count
from typing import TypeAlias

from mythos.engines.telemetry import table
from mythos.engines.telemetry.masking import is_masked
from mythos.engines.telemetry.payload import parsed_text
from mythos.values.event import Json, Span

Requests: TypeAlias = dict[tuple[str, str], dict[str, Json]]


def requests_of(models: Iterable[Span]) -> Requests:
    """Single arguments that models asked for, by tool and value as text; the first asker stays."""
    asked: Requests = {}
    for model in models:
        for tool, arguments in _requested(model.attributes):
            if len(arguments) == 1:
                (value,) = arguments.values()
                text = value if isinstance(value, str) else str(value)
                asked.setdefault((tool, text), arguments)
    return asked


def name_argument(call: Span, tool: str, requests: Requests) -> Mapping[str, Json] | None:
    """Arguments of a call that kept only a bare value.

    Args:
        call: the tool span.
        tool: the name of its tool.
        requests: what the model calls of the same run asked for.

    Returns:
        One named argument, or None if no request has this value.
    """
    bare = call.attributes.get(table.BARE_INPUT_KEY)
    if not isinstance(bare, str) or is_masked(bare):
        return None
    return requests.get((tool, bare))


def _requested(attributes: Mapping[str, Json]) -> Iterator[tuple[str, dict[str, Json]]]:
    name_key, arguments_key = table.REQUESTED_CALLS
    for message in count():
        for call in count():
            tool = attributes.get(name_key.format(message, call))
            arguments = parsed_text(attributes.get(arguments_key.format(message, call)))
            if not isinstance(tool, str):
                break
            if isinstance(arguments, dict):
                yield tool, arguments
        if not call:
            return
