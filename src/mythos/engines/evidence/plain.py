"""JSON from outside, made safe to sign: finite, bounded, and with one canonical form.

Arguments of an observed call are the agent's words, so they may hold any number, any text and any
depth. A sample keeps what a person needs to see; what has no canonical form (RFC 8785) is shown
as text instead of refusing the whole row, and what is too long ends in an ellipsis.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from pydantic import JsonValue

MAX_TEXT = 2_000
MAX_LINE = 500
MAX_ITEMS = 100
MAX_DEPTH = 12
_EXACT = 2**53 - 1  # RFC 8785: integers every JSON reader agrees about
_ELLIPSIS = "…"


def plain(value: object, *, depth: int = 0) -> JsonValue:
    """Copy a JSON value into one that always has canonical bytes.

    Args:
        value: what a span carried; anything that is no JSON becomes its text.
        depth: how deep this value lies; below 12 levels only an ellipsis is kept.

    Returns:
        The value itself where it is already plain. `plain(plain(x)) == plain(x)`.
    """
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return plain_text(value)
    if isinstance(value, int):
        return value if -_EXACT <= value <= _EXACT else _wide(value)
    if isinstance(value, float):
        return value if math.isfinite(value) and not _reads_as_wide(value) else str(value)
    return _nested(value, depth=depth)


def plain_text(value: str) -> str:
    """Return the text without lone surrogates and cut to 2,000 characters."""
    whole = value if value.isascii() else value.encode("utf-8", "replace").decode("utf-8")
    return whole if len(whole) <= MAX_TEXT else whole[: MAX_TEXT - 1] + _ELLIPSIS


def plain_line(value: str, *, limit: int = MAX_LINE) -> str:
    """Return the text in one printable line of up to `limit` characters."""
    shown = value[: limit + 1].encode("utf-8", "replace").decode("utf-8")
    line = "".join(char if char.isprintable() else " " for char in shown)
    return line if len(line) <= limit else line[: limit - 1] + _ELLIPSIS


def _reads_as_wide(value: float) -> bool:
    return value.is_integer() and abs(value) > _EXACT


def _wide(value: int) -> str:
    return str(value) if value.bit_length() <= 256 else f"an integer of {value.bit_length()} bits"


def _nested(value: object, *, depth: int) -> JsonValue:
    if depth >= MAX_DEPTH:
        return _ELLIPSIS
    if isinstance(value, Mapping):
        pairs = list(value.items())[:MAX_ITEMS]
        return {plain_text(str(key)): plain(item, depth=depth + 1) for key, item in pairs}
    if isinstance(value, list | tuple):
        return [plain(item, depth=depth + 1) for item in value[:MAX_ITEMS]]
    return plain_text(str(value))
