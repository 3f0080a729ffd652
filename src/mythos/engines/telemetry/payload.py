"""Arguments and results of a tool call, as its dialect captured them.

Law: arguments are an object or unknown (None): never a guess. Absent, masked, truncated and
unparsable are all unknown. LangChain's wrappers, which two dialects pass on, are taken off. JSON
text nested deeper than `MAX_DEPTH` stays text: nothing that reads a value may run out of stack.
Of arguments that give one key several times every value is kept (`Repeated`), for another reader
may take another of them than we would; an output that does stays text.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

import orjson

from mythos.engines.telemetry import table
from mythos.engines.telemetry.masking import is_all_masked, is_masked
from mythos.values.event import Json, keyed
from mythos.values.json_text import repeats_a_key

MAX_DEPTH: Final = 64
_MAX_LITERAL: Final = 20_000  # characters of Python source we are willing to parse


@dataclass(frozen=True, slots=True)
class Payload:
    """What went into a tool call and what came out. `captured` speaks of the output."""

    arguments: Mapping[str, Json] | None
    output: Json
    captured: bool
    call_id: str


def payload_of(attributes: Mapping[str, Json]) -> Payload:
    """Read arguments, output and call id of a tool span from its attributes."""
    raw = _first(attributes, table.ARGUMENT_KEYS)
    sent = _sent(raw)
    call_id = _first(attributes, table.CALL_ID_KEYS)
    output = next((attributes[key] for key in table.OUTPUT_KEYS if key in attributes), None)
    captured = output is not None and not (isinstance(output, str) and is_masked(output))
    result, result_id = _result(parsed_text(output)) if captured else (None, "")
    arguments, wrapper_id = _arguments(sent, traceloop="traceloop.span.kind" in attributes)
    known = str(call_id) if call_id is not None else wrapper_id or result_id
    return Payload(arguments, result, captured, known)


def _first(attributes: Mapping[str, Json], keys: tuple[str, ...]) -> Json:
    return next((attributes[key] for key in keys if attributes.get(key) not in (None, "")), None)


def parsed_text(value: Json) -> Json:
    """JSON text as its value.

    Any other text, one nested too deeply and one that gives a key several times stay as they are.
    """
    if not isinstance(value, str):
        return value
    try:
        parsed: Json = orjson.loads(value)
    except orjson.JSONDecodeError:
        return value
    if _is_too_deep(value, parsed) or repeats_a_key(value):
        return value
    # A long number would lose digits as a float: account numbers stay text.
    return value if isinstance(parsed, float) and str(parsed) != value.strip() else parsed


def _sent(value: Json) -> Json:
    """What was sent to a tool: like `parsed_text`, with all values of a key."""
    parsed = parsed_text(value)
    if not isinstance(parsed, str) or not parsed.lstrip().startswith("{"):
        return parsed
    try:
        if _is_too_deep(parsed, orjson.loads(parsed)):
            return parsed
        found: Json = json.loads(parsed, object_pairs_hook=keyed)
    except ValueError:
        return parsed
    return found


def _is_too_deep(text: str, value: Json) -> bool:
    """Whether the value of a JSON text nests deeper than `MAX_DEPTH`; most texts cannot."""
    if text.count("[") + text.count("{") <= MAX_DEPTH:
        return False
    level = [value]
    for _ in range(MAX_DEPTH):
        level = [inner for outer in level for inner in _inside(outer)]
    return any(isinstance(each, list | dict) for each in level)


def _inside(value: Json) -> Iterable[Json]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


def _arguments(sent: Json, *, traceloop: bool) -> tuple[Mapping[str, Json] | None, str]:
    if not isinstance(sent, dict) or is_all_masked(sent):
        return None, ""
    if not traceloop or "input_str" not in sent:
        return sent, ""
    extra = sent.get("kwargs")
    call_id = extra.get("tool_call_id") if isinstance(extra, dict) else None
    inner = sent.get("inputs")
    arguments = inner if isinstance(inner, dict) else _literal(sent["input_str"])
    return arguments, call_id if isinstance(call_id, str) else ""


def _literal(text: Json) -> Mapping[str, Json] | None:
    """Read a Python dict of plain values from its repr; None if it is anything else."""
    if not isinstance(text, str) or len(text) > _MAX_LITERAL:
        return None
    try:
        value = ast.literal_eval(text)
        return dict(orjson.loads(orjson.dumps(value))) if isinstance(value, dict) else None
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return None


def _result(output: Json) -> tuple[Json, str]:
    """Take a LangChain tool message out of its wrappers: its content and call id."""
    if not isinstance(output, dict):
        return output, ""
    message = output.get("output", output)
    if not isinstance(message, dict):
        return output, ""
    inner = message.get("kwargs") if message.get("lc") else message.get("data")
    if not isinstance(inner, dict) or inner.get("type") != "tool" or "content" not in inner:
        return output, ""
    call_id = inner.get("tool_call_id")
    return parsed_text(inner["content"]), call_id if isinstance(call_id, str) else ""
