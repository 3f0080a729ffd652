"""Origin: where the value of a sink argument was seen before the call.

| origin    | the value was named in                                            |
|-----------|-------------------------------------------------------------------|
| user      | the user's text, or the answer of a tool that asks the user       |
| trusted   | the output, or the trusted fields of it, of a tool so declared    |
| untrusted | any other output: other tools and fields, failed calls            |
| unknown   | nothing that was seen                                             |

The first that applies counts. How spellings are matched: `words`, `links`, `seen`. Every value of
a list counts, and the worst origin is the argument's. What was not captured could have held the
value, so it adds what the origin then would be.

An untrusted value may still stand where the user pointed: in the output of a call that looked up
something the user named (a link, a file, a person). `refers` tells; what to make of it is a rule's
matter.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from mythos.engines.policy.licence import stems
from mythos.engines.policy.origin_name import Origin
from mythos.engines.policy.seen import BREAK, Seen, Sought, Vocabulary, sought
from mythos.errors import DocumentError
from mythos.values.event import Event, Json
from mythos.values.tools import Tool
from mythos.values.yaml_text import parse_yaml

_WORST = (Origin.USER, Origin.TRUSTED, Origin.UNKNOWN, Origin.UNTRUSTED)
_PRECEDENCE = (Origin.USER, Origin.TRUSTED, Origin.UNTRUSTED)
_MAX_PARSED = 2**18  # characters of an output in which named fields are looked for
_REFERRED = "referred"


@dataclass(slots=True)
class Sources:
    """What was seen so far in one run, by origin. Owned by the sweep that fills it.

    `hidden` are origins of which something was not captured, or was too much to keep. `untrusted`
    says that an output came that is not trusted; `pointed_stems` are the word stems of what stood
    where the user pointed.
    """

    hidden: set[Origin] = field(default_factory=set)
    untrusted: bool = False
    pointed_stems: set[str] = field(default_factory=set)
    _seen: dict[str, Seen] = field(default_factory=dict)
    _vocabulary: Vocabulary = field(default_factory=Vocabulary)

    @property
    def n_keys(self) -> int:
        """How much is kept, see `seen`."""
        return self._vocabulary.n_keys

    def hear(self, text: str) -> None:
        """Take in what the user said."""
        self._take(Origin.USER, text)

    def hide(self, origin: Origin) -> None:
        """Note that something of this origin was not captured."""
        self.hidden.add(origin)

    def take_output(self, tool: Tool | None, call: Event) -> None:
        """Take in the output of a call of `tool`; None for an undeclared one."""
        trusted: bool | tuple[str, ...] = False
        if tool and not call.failed:
            trusted = True if tool.user else tool.trusted
        best = Origin.USER if tool and tool.user else Origin.TRUSTED
        self.untrusted |= trusted is not True
        if not call.output_captured:
            self.hidden.update({best} if trusted else ())
            self.hidden.update({Origin.UNTRUSTED} if trusted is not True else ())
        elif isinstance(trusted, tuple) and trusted:
            named: list[str] = []
            other = list(_split(_structured(call.output), frozenset(trusted), named))
            self._take(best, BREAK.join(named))
            self._take_untrusted(other, call)
        elif trusted is True:
            self._take(best, BREAK.join(leaves(call.output)))
        else:
            self._take_untrusted(leaves(call.output), call)

    def _take_untrusted(self, said: Iterable[str], call: Event) -> None:
        text = BREAK.join(said)
        self._take(Origin.UNTRUSTED, text)
        if call.arguments and self._pointed(call.arguments):
            self._take(_REFERRED, text)
            self.pointed_stems |= stems(text)

    def _take(self, kind: str, text: str) -> None:
        seen = self._seen.setdefault(kind, Seen(self._vocabulary))
        if not seen.take(text) and kind in _PRECEDENCE:
            self.hidden.add(Origin(kind))

    def _pointed(self, arguments: Mapping[str, Json]) -> bool:
        """Whether a call looks up something the user named: in letters, no bare number or date."""
        return any(
            all(self._holds(Origin.USER, one) for one in sought(leaf))
            for leaf in leaves(dict(arguments))
            if any(map(str.isalpha, leaf))
        )

    def origins_of(self, value: Json) -> frozenset[Origin]:
        """The origins an argument's value may have; one if all sources were captured.

        Returns:
            Empty for a value that holds nothing to send: null, empty text, empty list.
        """
        return worst(self.origins_of_one(one) for leaf in leaves(value) for one in sought(leaf))

    def origins_of_one(self, one: Sought) -> frozenset[Origin]:
        """The origins that one named thing may have."""
        possible: set[Origin] = set()
        for origin in _PRECEDENCE:
            if self._holds(origin, one):
                return frozenset(possible | {origin})
            if origin in self.hidden:
                possible.add(origin)
        return frozenset(possible | {Origin.UNKNOWN})

    def _holds(self, kind: str, one: Sought) -> bool:
        seen = self._seen.get(kind)
        if seen is None:
            return False
        return seen.holds(one) if kind in (Origin.UNTRUSTED, _REFERRED) else seen.covers(one)

    def refers(self, value: Json) -> bool:
        """Whether all of a value is the user's, trusted, or in what the user pointed to."""
        wanted = (Origin.USER, Origin.TRUSTED, _REFERRED)
        return all(
            any(self._holds(kind, one) for kind in wanted)
            for leaf in leaves(value)
            for one in sought(leaf)
        )


def worst(origins: Iterator[frozenset[Origin]]) -> frozenset[Origin]:
    """The worst of several, each one of the origins it may be; empty of none."""
    found: frozenset[Origin] = frozenset()
    for one in origins:
        found = frozenset(_worse(a, b) for a in found for b in one) if found else one
    return found


def _worse(one: Origin, other: Origin) -> Origin:
    return max(one, other, key=_WORST.index)


def leaves(value: Json) -> Iterator[str]:
    """Every text and number in a value, keys included: outputs are often keyed by an id."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield key
            yield from leaves(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from leaves(inner)
    elif isinstance(value, str):
        yield value
    elif value is not None and not isinstance(value, bool):
        yield str(value)


def _split(value: Json, trusted: frozenset[str], named: list[str]) -> Iterator[str]:
    """Yield what is not under a trusted field; put what is into `named`."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            if key in trusted:
                named.extend(leaves(inner))
            else:
                yield key
                yield from _split(inner, trusted, named)
    elif isinstance(value, list):
        for inner in value:
            yield from _split(inner, trusted, named)
    else:
        yield from leaves(value)


def _structured(output: Json) -> Json:
    """An output as fields: many tools answer in YAML, whose quoting keeps texts in their field."""
    if not isinstance(output, str) or len(output) > _MAX_PARSED:
        return output
    try:
        return parse_yaml(output).value
    except DocumentError:
        return output
