"""Documents drawn from a JSON schema: of 2020-12, only what our generated schemas use."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC
from typing import Any

from hypothesis import strategies as st

JSON = st.none() | st.booleans() | st.integers(-9, 9) | st.text("ab", max_size=3)
_MOST = 2  # of anything: enough to tell one from many
_HANDLED = frozenset(
    """
    $defs $id $ref $schema additionalProperties anyOf const default description enum format items
    maxItems maxLength maxProperties maximum minItems minLength minProperties minimum oneOf pattern
    patternProperties prefixItems properties propertyNames required title type
    """.split()  # noqa: SIM905
)

Defs = dict[str, st.SearchStrategy[Any]]


def documents(schema: dict[str, Any]) -> st.SearchStrategy[Any]:
    """Values that the schema allows."""
    defs: Defs = {}
    for name, part in schema.get("$defs", {}).items():
        defs[name] = _later(part, defs)
    return _documents(schema, defs)


def _later(part: dict[str, Any], defs: Defs) -> st.SearchStrategy[Any]:
    return st.deferred(lambda: _documents(part, defs))


def _documents(schema: dict[str, Any], defs: Defs) -> st.SearchStrategy[Any]:
    assert schema.keys() <= _HANDLED, schema.keys() - _HANDLED
    if "$ref" in schema:
        return defs[schema["$ref"].removeprefix("#/$defs/")]
    if "const" in schema:
        return st.just(schema["const"])
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    if branches := schema.get("anyOf") or schema.get("oneOf"):
        return st.one_of([_documents(branch, defs) for branch in branches])
    return _typed(schema, defs)


def _typed(schema: dict[str, Any], defs: Defs) -> st.SearchStrategy[Any]:
    low, high = schema.get("minimum", -(2**53)), schema.get("maximum", 2**53)
    drawn: dict[str | None, Callable[[], st.SearchStrategy[Any]]] = {
        None: lambda: JSON,
        "null": st.none,
        "boolean": st.booleans,
        "integer": lambda: st.integers(low, high),
        "number": lambda: st.floats(low, high, allow_nan=False),
        "string": lambda: _texts(schema),
        "array": lambda: _arrays(schema, defs),
        "object": lambda: _objects(schema, defs),
    }
    return drawn[schema.get("type")]()


def _texts(schema: dict[str, Any]) -> st.SearchStrategy[str]:
    least, most = schema.get("minLength", 0), schema.get("maxLength", 2_000)
    if schema.get("format") == "date-time":
        return st.datetimes(timezones=st.just(UTC)).map(lambda at: at.isoformat())
    if "pattern" in schema:
        whole = _to_the_end(schema["pattern"])
        matching = st.from_regex(whole, alphabet=st.characters(codec="ascii"))
        return matching.filter(lambda text: least <= len(text) <= most)
    return st.text("ab /:", min_size=least, max_size=max(least, min(most, 8)))


def _to_the_end(pattern: str) -> str:
    """Python's `$` would also stop before a last line feed."""
    return pattern.removesuffix("$") + r"\Z" if pattern.endswith("$") else pattern


def _arrays(schema: dict[str, Any], defs: Defs) -> st.SearchStrategy[list[Any]]:
    if "prefixItems" in schema:
        return st.tuples(*(_documents(item, defs) for item in schema["prefixItems"])).map(list)
    least = schema.get("minItems", 0)
    items = _documents(schema.get("items", {}), defs)
    return st.lists(items, min_size=least, max_size=max(least, _MOST))


def _objects(schema: dict[str, Any], defs: Defs) -> st.SearchStrategy[dict[str, Any]]:
    declared = {name: _documents(part, defs) for name, part in schema.get("properties", {}).items()}
    required = set(schema.get("required", ()))
    fixed = st.fixed_dictionaries(
        {name: declared[name] for name in declared if name in required},
        optional={name: declared[name] for name in declared if name not in required},
    )
    others, naming = schema.get("additionalProperties", True), schema.get("propertyNames", {})
    for pattern, part in schema.get("patternProperties", {}).items():
        others, naming = part, {"pattern": pattern, **naming}
    if others is False:
        return fixed
    names = _documents({"type": "string", **naming}, defs)
    free = st.dictionaries(
        names.filter(lambda name: name not in declared),
        JSON if others is True else _documents(others, defs),
        min_size=schema.get("minProperties", 0),
        max_size=_MOST,
    )
    return st.builds(lambda known, more: {**more, **known}, fixed, free)
