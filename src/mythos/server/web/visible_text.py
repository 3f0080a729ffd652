"""Texts from elsewhere as a page shows them: nothing in them stays unseen, or turns others around.

A key or a reason may hold anything: control characters, marks that reverse what follows, spaces of
no width. Each such character is named in its place. What people write is left alone: letters and
emoji of any script, and the joiners between them.
"""

from __future__ import annotations

from itertools import groupby

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

_JOINERS = "\u200c\u200d"
_LAST_ASCII = "\x7f"


def visible(text: str) -> SafeString:
    """A text as HTML, isolated from what stands beside it; as a path it begins on the left."""
    places = groupby(range(len(text)), key=lambda place: _is_hidden(text, place))
    parts = ((hidden, "".join(text[place] for place in run)) for hidden, run in places)
    shown = format_html_join(
        "", "{}", ((_marked(part) if hidden else part,) for hidden, part in parts)
    )
    return format_html('<bdi dir="ltr">{}</bdi>', shown)


def visible_plainly(text: str) -> str:
    """The same without HTML, for an attribute."""
    return "".join(
        f"[{_number(each)}]" if _is_hidden(text, place) else each for place, each in enumerate(text)
    )


def _is_hidden(text: str, place: int) -> bool:
    each = text[place]
    if each in _JOINERS:
        return place == 0 or text[place - 1] <= _LAST_ASCII
    return not each.isprintable()


def _marked(characters: str) -> SafeString:
    numbers = ((_number(each),) for each in characters)
    return format_html_join("", '<span class="unseen">{}</span>', numbers)


def _number(character: str) -> str:
    return f"U+{ord(character):04X}"
