"""Origin: where the value of a sink argument was seen before the call.

| origin    | the value occurs in                                               |
|-----------|-------------------------------------------------------------------|
| user      | the user's text, or the answer of a tool that asks the user       |
| trusted   | the output, or the trusted fields of it, of a tool so declared    |
| untrusted | any other output: other tools and fields, failed calls            |
| unknown   | nothing that was seen                                             |

The first that applies counts. "Occurs" means: as whole words, ignoring case, width and runs of
white space. Every value of a list counts, and the worst origin is the argument's. What was not
captured could have held the value, so it adds what the origin then would be.

A first version: it sees no value that was built from parts, spelt anew or translated.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from mythos.engines.policy.request import Origin
from mythos.errors import DocumentError
from mythos.values.event import Event, Json
from mythos.values.tools import Tool
from mythos.values.yaml_text import parse_yaml

_WORST = (Origin.USER, Origin.TRUSTED, Origin.UNKNOWN, Origin.UNTRUSTED)
_PRECEDENCE = (Origin.USER, Origin.TRUSTED, Origin.UNTRUSTED)
_MAX_PARSED = 2**18  # characters of an output in which named fields are looked for


@dataclass(slots=True)
class Sources:
    """Different texts seen so far in one run, by origin. Owned by the sweep that fills it."""

    texts: dict[Origin, dict[str, None]] = field(
        default_factory=lambda: {origin: {} for origin in _PRECEDENCE}
    )
    hidden: set[Origin] = field(default_factory=set)

    def hear(self, text: str) -> None:
        """Take in what the user said."""
        self.texts[Origin.USER][normal(text)] = None

    def hide(self, origin: Origin) -> None:
        """Note that something of this origin was not captured."""
        self.hidden.add(origin)

    def take_output(self, tool: Tool | None, call: Event) -> None:
        """Take in the output of a call of `tool`; None for an undeclared one."""
        trusted: bool | tuple[str, ...] = False
        if tool and not call.failed:
            trusted = True if tool.user else tool.trusted
        best = Origin.USER if tool and tool.user else Origin.TRUSTED
        if not call.output_captured:
            self.hidden.update({best} if trusted else ())
            self.hidden.update({Origin.UNTRUSTED} if trusted is not True else ())
            return
        if isinstance(trusted, tuple) and trusted:
            self._take_fields(_structured(call.output), frozenset(trusted))
            return
        origin = best if trusted is True else Origin.UNTRUSTED
        self.texts[origin][_text(_leaves(call.output))] = None

    def _take_fields(self, output: Json, trusted: frozenset[str]) -> None:
        named: list[str] = []
        other = list(_split(output, trusted, named))
        self.texts[Origin.TRUSTED][_text(iter(named))] = None
        self.texts[Origin.UNTRUSTED][_text(iter(other))] = None

    def origins_of(self, value: Json) -> frozenset[Origin]:
        """The origins an argument's value may have; one if all sources were captured.

        Returns:
            Empty for a value that holds nothing to send: null, empty text, empty list.
        """
        found: frozenset[Origin] = frozenset()
        for leaf in filter(None, map(normal, _leaves(value))):
            one = self._origins_of_leaf(leaf)
            found = frozenset(_worse(a, b) for a in found for b in one) if found else one
        return found

    def _origins_of_leaf(self, leaf: str) -> frozenset[Origin]:
        possible: set[Origin] = set()
        for origin in _PRECEDENCE:
            if any(_occurs(leaf, text) for text in self.texts[origin]):
                return frozenset(possible | {origin})
            if origin in self.hidden:
                possible.add(origin)
        return frozenset(possible | {Origin.UNKNOWN})


def normal(text: str) -> str:
    """A text for comparison: one width, one case, single spaces."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def _worse(one: Origin, other: Origin) -> Origin:
    return max(one, other, key=_WORST.index)


def _occurs(value: str, text: str) -> bool:
    """Whether `value` stands in `text` with no letter or digit running on at either end."""
    start = text.find(value)
    while start >= 0:
        end = start + len(value)
        runs_in = value[0].isalnum() and start > 0 and text[start - 1].isalnum()
        runs_on = value[-1].isalnum() and end < len(text) and text[end].isalnum()
        if not runs_in and not runs_on:
            return True
        start = text.find(value, start + 1)
    return False


def _leaves(value: Json) -> Iterator[str]:
    """Every text and number in a value, keys included: outputs are often keyed by an id."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield key
            yield from _leaves(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _leaves(inner)
    elif isinstance(value, str):
        yield value
    elif value is not None and not isinstance(value, bool):
        yield str(value)


def _split(value: Json, trusted: frozenset[str], named: list[str]) -> Iterator[str]:
    """Yield what is not under a trusted field; put what is into `named`."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            if key in trusted:
                named.extend(_leaves(inner))
            else:
                yield key
                yield from _split(inner, trusted, named)
    elif isinstance(value, list):
        for inner in value:
            yield from _split(inner, trusted, named)
    else:
        yield from _leaves(value)


def _structured(output: Json) -> Json:
    """An output as fields: many tools answer in YAML, whose quoting keeps texts in their field."""
    if not isinstance(output, str) or len(output) > _MAX_PARSED:
        return output
    try:
        return parse_yaml(output).value
    except DocumentError:
        return output


def _text(leaves: Iterator[str]) -> str:
    return "\n".join(filter(None, map(normal, leaves)))
