"""A document that a schema allows is read, and what was read survives being written."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]
from pydantic import TypeAdapter, ValidationError

from mythos.values.schemas import TYPES, schema_of
from tests.values.from_schema import documents

_documents = cache(lambda name: documents(schema_of(name)))
# Laws between fields, which a schema cannot say.
BETWEEN_FIELDS = {"value_error"}


@pytest.mark.parametrize("name", TYPES)
@settings(
    max_examples=25,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
@given(data=st.data())
def test_what_a_schema_allows_is_read_and_survives_being_written(
    name: str, data: st.DataObject
) -> None:
    adapter = TypeAdapter[Any](TYPES[name])
    document = data.draw(_documents(name))
    Draft202012Validator(schema_of(name)).validate(document)
    try:
        value = adapter.validate_python(document)
    except ValidationError as refusal:
        if {problem["type"] for problem in refusal.errors()} <= BETWEEN_FIELDS:
            return
        raise
    written = adapter.dump_json(value, by_alias=True)
    assert adapter.validate_json(written) == value
