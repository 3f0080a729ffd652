"""One JSON value has one sequence of bytes, or none."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mythos.errors import DocumentError
from mythos.values.digest import JsonValue, canonical_bytes, digest_of


@given(st.dictionaries(st.text(alphabet="abcé", max_size=3), st.integers(-9, 9), max_size=5))
def test_the_order_of_keys_does_not_change_the_bytes(value: dict[str, JsonValue]) -> None:
    shuffled = dict(reversed(value.items()))
    assert canonical_bytes(value) == canonical_bytes(shuffled)


def test_bytes_are_those_of_rfc_8785() -> None:
    assert canonical_bytes({"b": [1e30, 4.50, None], "a": "€"}) == (
        '{"a":"€","b":[1e+30,4.5,null]}'.encode()
    )


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 2**53, -(2**53), "\ud800"])
def test_a_value_that_readers_disagree_about_is_refused(value: float | str) -> None:
    with pytest.raises(DocumentError, match="no canonical JSON form") as caught:
        canonical_bytes({"x": value})
    assert "finite numbers" in caught.value.remedy


def test_a_digest_names_its_algorithm() -> None:
    assert digest_of(b"") == (
        "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    )
