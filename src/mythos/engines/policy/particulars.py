"""What exactly a rule objected to: the values and counts behind its signals, in a few words.

Only what the rules read is told, so a finding names the argument, link or count that made it.
Values are cut, and whoever shows them redacts them first.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

from mythos.engines.policy.origin_name import Origin
from mythos.engines.policy.request import Request
from mythos.engines.policy.rule import Rule
from mythos.values.event import Json

_TELLING = frozenset({"sinks", "origin", "links", "repeats", "run"})
_FINE = frozenset({Origin.USER, Origin.TRUSTED})
_MAX_SHOWN = 5
_MAX_VALUE = 80


def particulars(rules: Sequence[Rule], request: Request) -> str:
    """The values behind what these rules read.

    Args:
        rules: those that deny.
        request: the action they deny.

    Returns:
        Such as `recipient "X9" (untrusted)`; empty where they read nothing of the kind.
    """
    read = {part for rule in rules for part in rule.use.parts}
    if read.isdisjoint(_TELLING):
        return ""
    if any("tokens" in rule.words for rule in rules):
        read.add("tokens")
    told = [*_sinks(read, request), *_links(read, request), *_counts(read, request)]
    more = len(told) - _MAX_SHOWN
    return ", ".join(told[:_MAX_SHOWN]) + (f" and {more} more" if more > 0 else "")


def _sinks(read: set[str], request: Request) -> Iterator[str]:
    if read.isdisjoint({"sinks", "origin"}):
        return
    for sink, origins in request.origins.items():
        if not origins <= _FINE:
            value = (request.arguments or {}).get(sink)
            yield f"{sink} {_shown(value)} ({_either(origins)})"


def _shown(value: Json) -> str:
    """A text in quotes, anything else as JSON; the only item of a list as itself."""
    only = value[0] if isinstance(value, list) and len(value) == 1 else value
    if isinstance(only, str):
        return f'"{_cut(only)}"'
    return _cut(json.dumps(only, ensure_ascii=False))


def _links(read: set[str], request: Request) -> Iterator[str]:
    if "links" in read:
        for link, origins in (request.signals.links or {}).items():
            if not origins <= _FINE:
                yield f"link {_cut(link)} ({_either(origins)})"


def _counts(read: set[str], request: Request) -> Iterator[str]:
    course = request.signals.course
    if "repeats" in read and course.repeats:
        yield f"{course.repeats} equal calls before"
    if "tokens" in read:
        yield f"{course.tokens:,} tokens"


def _either(origins: frozenset[Origin]) -> str:
    return " or ".join(sorted(origins))


def _cut(text: str) -> str:
    line = " ".join(text[: 2 * _MAX_VALUE].split())
    return line if len(line) <= _MAX_VALUE else f"{line[:_MAX_VALUE]}…"
