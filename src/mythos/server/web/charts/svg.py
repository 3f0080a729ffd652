"""SVG elements as text: every attribute and text escaped, no `style` ever.

Shapes that stretch live in a nested `<svg preserveAspectRatio="none">`; text and markers are placed
in percent outside it, so type keeps its size at any width.
"""

from __future__ import annotations

from html import escape

from django.utils.safestring import SafeString


def element(name: str, *children: str, **attributes: str | float) -> SafeString:
    """One element.

    Args:
        name: the element's name, given by code, never by data.
        children: text (escaped) or elements made here (kept).
        attributes: `class_` is written `class`, `stroke_width` `stroke-width`; numbers get at
            most two decimals.
    """
    written = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{_value(value)}"'
        for key, value in attributes.items()
    )
    inner = "".join(child if isinstance(child, SafeString) else escape(child) for child in children)
    return SafeString(f"<{name}{written}>{inner}</{name}>" if inner else f"<{name}{written}/>")


def number(value: float) -> str:
    """At most two decimals, without trailing zeros."""
    text = f"{value:.2f}".rstrip("0").rstrip(".")
    return "0" if text in {"-0", ""} else text


def percent(share: float) -> str:
    """A share of the width as `12.5%`."""
    return f"{number(100 * share)}%"


def _value(value: str | float) -> str:
    return escape(value) if isinstance(value, str) else number(value)
