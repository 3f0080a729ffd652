"""Changes that a proof suggests: a sentence, the text that differs, and what was proved of it.

An engine that suggests none, and a proof that is older than suggestions, show nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

MAX_SUGGESTIONS, MAX_LINES = 20, 120
_MARKS = {"+": "add", "-": "del"}
_EFFECTS = {
    "equal": "no call is decided otherwise",
    "tightened": "allows less, and nothing new",
    "loosened": "allows more, and denies nothing new",
}


@dataclass(frozen=True, slots=True)
class PatchLine:
    """A line of a unified diff; `css` is add, del or nothing."""

    text: str
    css: str


@dataclass(frozen=True, slots=True)
class SuggestionShown:
    """A change to try: what it does to all calls, and which rules it leaves needless.

    `coherence` is the number that was proved with it, None if none was.
    """

    kind: str
    sentence: str
    effect: str
    raises: tuple[str, ...]
    rules: tuple[str, ...]
    patch: tuple[PatchLine, ...]
    coherence: float | None


def suggestions_of(result: Mapping[str, Any]) -> tuple[SuggestionShown, ...]:
    """The suggested changes of a proof, in its order, at most 20; those without a sentence not."""
    found = result.get("suggested_changes") or ()
    return tuple(_suggestion(each) for each in found[:MAX_SUGGESTIONS] if each.get("sentence"))


def _suggestion(given: Mapping[str, Any]) -> SuggestionShown:
    lines = str(given.get("patch") or "").splitlines()
    shown = [PatchLine(line, _css(line)) for line in lines[:MAX_LINES]]
    if len(lines) > MAX_LINES:
        shown.append(PatchLine(f"… {len(lines) - MAX_LINES} lines more", ""))
    return SuggestionShown(
        kind=str(given.get("kind", "")),
        sentence=str(given["sentence"]),
        effect=_EFFECTS.get(str(given.get("effect", "")), ""),
        raises=tuple(map(str, given.get("raises") or ())),
        rules=tuple(map(str, given.get("rules") or ())),
        patch=tuple(shown),
        coherence=given.get("coherence_after"),
    )


def _css(line: str) -> str:
    heading = line.startswith(("+++", "---"))
    return "" if heading else _MARKS.get(line[:1], "")
