"""How values are written for people: scores, shares, ages, digests, badges.

Unknown prints as a word or a dash, never as 0. Nothing here decides anything.
"""

from __future__ import annotations

from datetime import datetime

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString

from mythos.server.web import visible_text
from mythos.server.web.badge import BADGES

register = template.Library()


@register.simple_tag
def icon(name: str) -> SafeString:
    """A symbol of the sprite, silent to screen readers: a word stands beside it."""
    return format_html('<svg class="i" aria-hidden="true"><use href="#i-{}"/></svg>', name)


@register.simple_tag
def badge(name: str, word: str = "") -> SafeString:
    """Icon, word and colour of a state; `word` overrides the usual one."""
    known = BADGES[name]
    return format_html(
        '<span class="st {}">{}{}</span>', known.css, icon(known.icon), word or known.word
    )


@register.filter
def css(name: str) -> str:
    """The colour class of a state."""
    return BADGES[name].css


@register.filter
def word(name: str) -> str:
    """The word of a state."""
    return BADGES[name].word


@register.filter
def score(value: float | None) -> str:
    """Three decimals, rounded down so that 0.8996 never reads as 0.900; unknown is a dash."""
    return "–" if value is None else f"{int(value * 1000 + 1e-9) / 1000:.3f}"


@register.filter
def share(value: float | None) -> str:
    """Two decimals without the leading zero, as probabilities are written; unknown is a dash."""
    if value is None:
        return "–"
    return "1" if value >= 1 else f"{value:.2f}".removeprefix("0") if value < 0.995 else "> .99"


@register.filter
def percent(value: float | None) -> str:
    """A share in percent with one decimal; unknown is a dash."""
    return "–" if value is None else f"{100 * value:.1f} %"


@register.filter
def chance(value: float) -> str:
    """A p or q: three decimals, and never a 0 that it is not."""
    return "<0.001" if value < 0.001 else f"{value:.3f}"


@register.simple_tag
def of(part: float, whole: float) -> str:
    """A part of a whole in percent."""
    return percent(part / whole) if whole else "–"


@register.filter
def count(value: float | None) -> str:
    """A count with thousands separators; fractions (weighted runs) keep one decimal."""
    if value is None:
        return "–"
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:,.1f}"


@register.filter
def digest(value: str) -> str:
    """The first eight digits of a digest; nothing is a dash."""
    return f"{value.removeprefix('sha256:')[:8]}…" if value else "–"


@register.filter
def visible(text: str) -> SafeString:
    """A text from elsewhere with nothing in it unseen, isolated from what stands beside it."""
    return visible_text.visible(text)


@register.filter
def plainly(text: str) -> str:
    """The same without HTML, for an attribute."""
    return visible_text.visible_plainly(text)


@register.filter
def ident(value: str) -> str:
    """The first eight characters of a trace or span id."""
    return value if len(value) <= 10 else f"{value[:8]}…"


@register.filter
def age(then: datetime | None, now: datetime) -> str:
    """How long ago, in one unit; never is a dash."""
    return "–" if then is None else duration(max((now - then).total_seconds(), 0.0))


@register.filter
def duration(seconds: float) -> str:
    """A length of time in its largest fitting unit."""
    if seconds < 120:
        return f"{seconds:.0f} s"
    if seconds < 7_200:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3_600:.0f} h" if seconds < 172_800 else f"{seconds / 86_400:.0f} d"


@register.filter
def spaced(span: str) -> str:
    """A range with its number and its unit apart: `24 h`."""
    return span.replace(unit := span.lstrip("0123456789"), f" {unit}")


@register.filter
def clock(then: datetime | None) -> str:
    """Day and time in UTC, to the second."""
    return "–" if then is None else f"{then:%d %b %H:%M:%S}".lstrip("0")


@register.filter
def when(text: str) -> str:
    """A time of a reading or flag, as `clock` writes it."""
    return clock(datetime.fromisoformat(text))


@register.filter
def words(code: str) -> str:
    """A code such as `POLICY_VIOLATION` in words."""
    return code.replace("_", " ").lower()


@register.filter
def size(n_bytes: int) -> str:
    """A size in bytes, kB or MB."""
    if n_bytes < 1_000:
        return f"{n_bytes} B"
    return f"{n_bytes / 1e3:.1f} kB" if n_bytes < 1e6 else f"{n_bytes / 1e6:.1f} MB"


@register.filter
def plural(n: float, noun: str) -> str:
    """`1 run`, `2 runs`: count and noun; `noun` may give both forms as `key,keys`."""
    one, _, many = noun.partition(",")
    return f"{count(n)} {one if n == 1 else many or one + 's'}"
