"""Every pattern of a document that people write can be told in words."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import pytest
from pydantic import JsonValue

from mythos.values.in_words import IN_WORDS
from mythos.values.schemas import schema_of

WRITTEN = ("agent", "bundle-source", "fleet", "policy-set", "tool-catalogue", "workflow")


def patterns(schema: JsonValue) -> Iterator[str]:
    if isinstance(schema, dict):
        found = schema.get("pattern")
        if isinstance(found, str):
            yield found
        for inner in schema.values():
            yield from patterns(inner)
    elif isinstance(schema, list):
        for inner in schema:
            yield from patterns(inner)


@pytest.mark.parametrize("name", WRITTEN)
def test_a_document_has_no_pattern_without_words(name: str) -> None:
    schema = json.loads(json.dumps(schema_of(name)))
    assert set(patterns(schema)) <= IN_WORDS.keys()


@pytest.mark.parametrize("pattern", IN_WORDS)
def test_the_example_in_the_words_fits_the_pattern(pattern: str) -> None:
    _, how = IN_WORDS[pattern]
    _, such, example = how.partition("such as ")
    assert not such or re.search(pattern, example)
