"""Tools a model was offered in one call, each told by the digest of its definition.

Read from `gen_ai.tool.definitions` (a list, or its JSON text) and `llm.tools.N.tool.json_schema`,
in the shapes of OpenAI, Anthropic and MCP. Law: only what the model reads counts, so the same
tool in two of these shapes has one digest; what cannot be read is no tool.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from typing import Final

import orjson

from mythos.engines.telemetry.payload import parsed_text
from mythos.values.event import Json

_LIST_KEY: Final = "gen_ai.tool.definitions"
_NUMBERED_KEYS: Final = "llm.tools.{}.tool.json_schema"
_SCHEMA_KEYS: Final = ("parameters", "input_schema", "inputSchema")
_MAX_TOOLS: Final = 1_000


def offered_tools(attributes: Mapping[str, Json]) -> dict[str, str]:
    """The tools that a model call's span lists, by name.

    Returns:
        A digest for each; empty where the span lists none, which does not say that none was.
    """
    return {name: digest for each in _entries(attributes) for name, digest in _tool(each)}


def _entries(attributes: Mapping[str, Json]) -> Iterator[Json]:
    listed = parsed_text(attributes.get(_LIST_KEY))
    if isinstance(listed, list):
        yield from map(parsed_text, listed[:_MAX_TOOLS])
    for number in range(_MAX_TOOLS):
        entry = attributes.get(_NUMBERED_KEYS.format(number))
        if entry is None:
            return
        yield parsed_text(entry)


def _tool(entry: Json) -> Iterator[tuple[str, str]]:
    inner = entry.get("function", entry) if isinstance(entry, dict) else None
    if not isinstance(inner, dict) or not isinstance(name := inner.get("name"), str):
        return
    schema = next((inner[key] for key in _SCHEMA_KEYS if key in inner), None)
    read = orjson.dumps([inner.get("description"), schema], option=orjson.OPT_SORT_KEYS)
    yield name, hashlib.sha256(read).hexdigest()
