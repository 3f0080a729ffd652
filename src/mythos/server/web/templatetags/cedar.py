"""Cedar source for people: the same characters, with words, texts and comments set apart.

Only marks are added, every character of the source is escaped, and a reader without style sees
the verbatim text.
"""

from __future__ import annotations

import re

from django import template
from django.utils.html import escape
from django.utils.safestring import SafeString

register = template.Library()

_PIECE = re.compile(
    r"""
    (?P<var>"(?:\\.|[^"\\])*")
    | (?P<em>//[^\n]*|@[A-Za-z_]\w*)
    | (?P<b>\b(?:permit|forbid|when|unless|principal|action|resource|context|in|has|like|is|if|then
        |else|true|false)\b)
    """,
    re.VERBOSE,
)


@register.filter
def cedar(text: str) -> SafeString:
    """One line of Cedar with its keywords, strings, annotations and comments marked up."""
    parts: list[str] = []
    at = 0
    for match in _PIECE.finditer(text):
        name = match.lastgroup or "b"
        parts.append(escape(text[at : match.start()]))
        parts.append(f"<{name}>{escape(match.group())}</{name}>")
        at = match.end()
    return SafeString("".join([*parts, escape(text[at:])]))
