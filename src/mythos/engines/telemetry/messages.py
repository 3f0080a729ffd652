"""User-role message parts of a span, in whichever of five forms its dialect writes them.

Law: a part whose text was not captured or was masked is the empty text: the user spoke, what was
said is unknown. Tool responses that travel under the user role are no message of the user.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import count, takewhile
from typing import TypeAlias

import orjson

from mythos.engines.telemetry import table
from mythos.engines.telemetry.masking import is_masked
from mythos.values.event import Json, Kind, Span

Message: TypeAlias = tuple[str, tuple[str, ...]]  # role, texts
_SPEAKING = frozenset({Kind.MODEL_CALL, Kind.AGENT_RUN, Kind.WORKFLOW_RUN, Kind.STEP, Kind.OTHER})


def texts_of(span: Span, kind: Kind) -> tuple[str, ...]:
    """User-role message parts that a span carries, in order.

    A model call gives all it was sent. Any other span may hold the finished history of a whole
    run, so it gives only those before the first word of an assistant.

    Returns:
        Texts; `""` for a part that was not captured. Empty for tool calls and the like.
    """
    if kind not in _SPEAKING:
        return ()
    messages = _messages_of(span)
    if kind is not Kind.MODEL_CALL:
        messages = takewhile(lambda m: m[0] not in table.ASSISTANT_ROLES, messages)
    return tuple([text for role, texts in messages if role in table.USER_ROLES for text in texts])


def _messages_of(span: Span) -> Iterable[Message]:
    attributes = span.attributes
    for key in table.MESSAGE_KEYS:
        if key in attributes and (messages := _listed(attributes[key])):
            return messages
    for role_key, text_key, part_key in table.FLAT_MESSAGES:
        if role_key.format(0) in attributes:
            return _flat(attributes, role_key, text_key, part_key)
    return _noted(span) if span.notes else ()


def _listed(value: Json) -> list[Message]:
    """Messages of a JSON list, given as text or as OTLP array."""
    if isinstance(value, str):
        try:
            value = orjson.loads(value)
        except orjson.JSONDecodeError:
            return []
    if not isinstance(value, list):
        return []
    return [
        (role, tuple(_parts(message)))
        for message in value
        if isinstance(message, dict) and isinstance(role := message.get("role"), str)
    ]


def _parts(message: Mapping[str, Json]) -> Iterator[str]:
    parts = message.get("parts", message.get("content"))
    if not isinstance(parts, list):
        yield _captured(parts)
        return
    for part in parts:
        if isinstance(part, str):
            yield _captured(part)
        elif isinstance(part, dict) and part.get("type", "text") in {"text", "input_text"}:
            yield _captured(part.get("content", part.get("text")))


def _flat(
    attributes: Mapping[str, Json], role_key: str, text_key: str, part_key: str
) -> Iterator[Message]:
    for index in count():
        role = attributes.get(role_key.format(index))
        if not isinstance(role, str):
            return
        texts = [attributes.get(text_key.format(index))]
        if texts == [None] and part_key:
            texts = list(_numbered(attributes, part_key, index)) or texts
        yield role, tuple([_captured(text) for text in texts])


def _numbered(attributes: Mapping[str, Json], part_key: str, index: int) -> Iterator[Json]:
    for number in count():
        text = attributes.get(part_key.format(index, number))
        if text is None:
            return
        yield text


def _noted(span: Span) -> Iterator[Message]:
    for note in span.notes:
        if "gen_ai.input.messages" in note.attributes:
            yield from _listed(note.attributes["gen_ai.input.messages"])
        elif role := table.NOTE_ROLES.get(note.name):
            yield role, (_captured(note.attributes.get("content")),)


def _captured(text: Json) -> str:
    return text if isinstance(text, str) and not is_masked(text) else ""
