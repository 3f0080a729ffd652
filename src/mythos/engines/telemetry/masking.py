"""Recognising captured content that was masked or cut before it reached us.

Law: what was masked is *unknown*, never a value; callers turn it into undecidable, not into a
pass. Only a whole text counts: an argument that merely mentions a mask is still an argument.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from mythos.values.event import Json

# What SDKs and collectors write in place of content: stars, or a bracketed word.
_MASK: Final = re.compile(
    r"\*{3,}"
    r"|redacted"
    r"|(?:<|\[|\(|\{|__)\s*(?:redacted|masked|filtered|scrubbed|omitted|hidden|removed|truncated)"
    r"(?![a-z])[^\n]{0,80}(?:>|\]|\)|\}|__)",
    re.IGNORECASE,
)
_LONGEST: Final = 120


def is_masked(text: str) -> bool:
    """Tell whether a whole text stands in for content that was not captured."""
    return len(text) <= _LONGEST and _MASK.fullmatch(text.strip()) is not None


def is_all_masked(values: Mapping[str, Json]) -> bool:
    """Tell whether every value of a non-empty object is masked, so that only its keys are known."""
    return bool(values) and all(isinstance(v, str) and is_masked(v) for v in values.values())
