"""Names from spans, made fit for evidence rows.

Agents choose the names of their tools and of themselves. A name that is too long, or that breaks
lines, must neither stop the judge nor share a row with another: it is cut, and its digest kept.
"""

from __future__ import annotations

import hashlib

from mythos.engines.evidence.plain import plain_text

MAX_AGENT = 195  # with `name:` before it, what a row's agent may hold
MAX_SUBJECT = 300
MAX_LABEL = 200
_DIGITS = 16


def short(name: str, limit: int) -> str:
    """A name of one printable line and at most `limit` characters.

    Args:
        name: any text.
        limit: characters, more than 17.

    Returns:
        The name itself where it fits; else its beginning, `~` and 16 digits of its SHA-256, so
        that names that differ stay different.
    """
    if len(name) <= limit and name.isprintable():
        return name
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:_DIGITS]
    line = "".join(char if char.isprintable() else " " for char in plain_text(name))
    return f"{line[: limit - _DIGITS - 1]}~{digest}"
