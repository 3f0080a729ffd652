"""Fields of what a call carried and gave back, for facts that read them.

Many tools answer in text that is JSON or YAML; it is read as the fields it spells. A value that
Cedar cannot say (null, a fraction of more than four places, an integer beyond 64 bits) is left out,
so a condition that reads it fails to evaluate: it is never taken for something else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import orjson
from pydantic import JsonValue

from mythos.engines.policy.arguments import cedar_value
from mythos.engines.policy.shape import Shape
from mythos.engines.telemetry.masking import is_masked
from mythos.errors import DocumentError
from mythos.values.event import Json
from mythos.values.json_text import repeats_a_key
from mythos.values.yaml_text import parse_yaml

_MAX_PARSED = 2**18  # characters of a text in which fields are looked for
_SHAPES = ((bool, Shape("Boolean")), (int, Shape("Long")), (float, Shape("decimal")))
_TEXT = Shape("String")


def structured(output: Json) -> Json:
    """An output as fields: a text that spells JSON or YAML is read as what it spells."""
    if not isinstance(output, str) or len(output) > _MAX_PARSED:
        return output
    try:
        return _json(output) if output.lstrip()[:1] in {"{", "["} else parse_yaml(output).value
    except (DocumentError, orjson.JSONDecodeError):
        return output


def field_of(value: Json, path: Sequence[str]) -> Json:
    """The value at `a.b.c`; None where there is none."""
    for name in path:
        if not isinstance(value, Mapping):
            return None
        value = value.get(name)
    return value


def has_mask(value: Json) -> bool:
    """Whether a value holds a text that only stands in for what was sent."""
    if isinstance(value, Mapping):
        return any(map(has_mask, value.values()))
    if isinstance(value, list):
        return any(map(has_mask, value))
    return isinstance(value, str) and is_masked(value)


def loose_value(value: Json) -> JsonValue:
    """A value in Cedar's JSON form as far as Cedar can say it; None where it cannot."""
    if isinstance(value, Mapping):
        fitted = {name: loose_value(inner) for name, inner in value.items()}
        return {name: inner for name, inner in fitted.items() if inner is not None}
    if isinstance(value, list):
        return [inner for each in value if (inner := loose_value(each)) is not None]
    shape = next((shape for type_, shape in _SHAPES if isinstance(value, type_)), _TEXT)
    return cedar_value(shape, value)[0]


def _json(text: str) -> Json:
    found: Json = orjson.loads(text)
    return text if repeats_a_key(text) else found
