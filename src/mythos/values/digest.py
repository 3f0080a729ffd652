"""Digests: one JSON value has one sequence of bytes (RFC 8785), and those bytes one name.

Equal values give equal bytes whatever their key order or the machine that wrote them. Numbers
that JSON readers disagree about (NaN, infinities, integers outside ±(2^53 − 1)) are refused
rather than rounded.
"""

from __future__ import annotations

import hashlib

import rfc8785
from pydantic import JsonValue

from mythos.errors import DocumentError

__all__ = ["JsonValue", "canonical_bytes", "digest_of"]


def canonical_bytes(value: JsonValue) -> bytes:
    """Serialise a JSON value to its canonical bytes.

    Args:
        value: objects with string keys, arrays, strings, numbers, booleans, null.

    Returns:
        UTF-8 without insignificant white space, object keys in UTF-16 order.

    Raises:
        DocumentError: a number, string or nesting that has no canonical form.

    Source: RFC 8785, section 3.2.
    """
    try:
        return rfc8785.dumps(value)
    except (rfc8785.CanonicalizationError, UnicodeEncodeError, RecursionError) as error:
        raise DocumentError(
            f"the value has no canonical JSON form: {error}",
            remedy="use finite numbers, integers within ±(2^53 − 1) and valid Unicode text",
        ) from error


def digest_of(data: bytes) -> str:
    """Name bytes by their SHA-256, as `sha256:` and 64 hexadecimal digits."""
    return "sha256:" + hashlib.sha256(data).hexdigest()
