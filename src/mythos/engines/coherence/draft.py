"""Drafts: values of variables, settled term by term until, with luck, all terms hold.

A draft begins with usual values. Each term that is settled narrows what some variables may be, just
as far as it needs; of several ways the first that fits is taken, and nothing is taken back later.
So a draft is quick, has no more in it than it must, and often fails where values exist.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TypeAlias, cast

from mythos.engines.coherence import globs
from mythos.engines.coherence.terms import Pattern, Term, matches

Value: TypeAlias = "bool | int | str | frozenset[int | str]"
_Span: TypeAlias = "tuple[int, int]"
_Marks: TypeAlias = "dict[int | str, bool]"

_MANY = 16
_DEFAULTS: Mapping[str, bool | int | str] = {"bool": False, "int": 0, "text": "x"}


@dataclass(frozen=True, slots=True)
class _Word:
    """What a text has to be like: this constant, or these signs and none of these texts."""

    constant: str | None = None
    signs: tuple[globs.Signed, ...] = ()
    banned: tuple[str, ...] = ()

    def allows(self, text: str) -> bool:
        one = self.constant is None or self.constant == text
        return one and text not in self.banned and globs.fits(text, self.signs)


@dataclass(frozen=True, slots=True)
class Variables:
    """What is known of variables by their names.

    `sorts` says which there are, `bounds` the least and greatest value of an integer, `usual`
    a value of some where any will do.
    """

    sorts: Mapping[str, str]
    bounds: Callable[[str], tuple[int, int]]
    usual: Mapping[str, int | str]


class Draft:
    """Values of variables, and what was settled of each."""

    def __init__(self, variables: Variables, lucky: dict[Term, int]) -> None:
        """Begin with nothing settled.

        Args:
            variables: what is known of them.
            lucky: of terms with many parts, the place of one that fitted; shared by drafts.
        """
        self._lucky = lucky
        self.values: dict[str, Value] = {}
        self._variables = variables
        self._settled: dict[str, object] = {}
        self._trail: list[tuple[str, object, Value | None]] = []

    def meet(self, name: str) -> None:
        """Give a variable its usual value, if it has none; a set stays without members."""
        sort = self._variables.sorts.get(name)
        if name in self.values or sort is None:
            return
        value = self._variables.usual.get(name, _DEFAULTS[sort])
        if sort == "int":
            low, high = self._variables.bounds(name)
            value = min(max(int(value), low), high)
        self.values[name] = value

    @property
    def in_bounds(self) -> bool:
        """Whether every integer is one that it can be; there may be none such."""
        sorts, bounds = self._variables.sorts, self._variables.bounds
        numbers = ((bounds(n), v) for n, v in self.values.items() if sorts.get(n) == "int")
        return all(low <= cast("int", value) <= high for (low, high), value in numbers)

    def settle(self, term: object, *, want: bool = True) -> bool:
        """Make a bool term hold, or not hold.

        Returns:
            Whether that was possible. If not, part of it may be settled.
        """
        if not isinstance(term, Term):
            return term is want
        if term.op == "not":
            return self.settle(term.args[0], want=not want)
        if term.op in {"and", "or"}:
            if (term.op == "and") is want:
                return all(self.settle(each, want=want) for each in term.args)
            return self._chosen(term, want=want)
        return self._atom(term, want=want)

    def _chosen(self, term: Term, *, want: bool) -> bool:
        """Settle any one part; of many, go on from where one fitted before."""
        parts = term.args
        start = self._lucky.get(term, 0) if len(parts) > _MANY else 0
        for place in (*range(start, len(parts)), *range(start)):
            if self._tried(parts[place], want=want):
                self._lucky[term] = place
                return True
        return False

    def _tried(self, term: object, *, want: bool) -> bool:
        """Settle a term, or leave everything as it was."""
        mark = len(self._trail)
        if self.settle(term, want=want):
            return True
        while len(self._trail) > mark:
            self._put(*self._trail.pop())
        return False

    def _atom(self, term: Term, *, want: bool) -> bool:  # noqa: PLR0911 - a line an operator
        one, other = term.args[0], term.args[-1]
        match term.op:
            case "bool":
                return self._truth(str(one), want=want)
            case "le":
                return self._below(one, other) if want else self._below(other, one, gap=1)
            case "eq":
                return self._equal(one, other, want=want)
            case "same":
                return self._same(one, other, want=want)
            case "like":
                return self._like(one, cast("Pattern", other), want=want)
            case "member":
                return self._member(str(one), other, want=want)
        return False

    def _keep(self, name: str, settled: object, value: Value) -> bool:
        self._trail.append((name, self._settled.get(name), self.values.get(name)))
        self._put(name, settled, value)
        return True

    def _put(self, name: str, settled: object, value: Value | None) -> None:
        self._settled[name] = settled
        if value is None:
            self.values.pop(name, None)
        else:
            self.values[name] = value

    def _truth(self, name: str, *, want: bool) -> bool:
        settled = self._settled.get(name)
        return self._keep(name, want, want) if settled is None else settled is want

    def _below(self, one: object, other: object, *, gap: int = 0) -> bool:
        """`one + gap <= other`: one side moves, the other stays what it is."""
        if isinstance(other, Term) and (low := self._pinned(one)) is not None:
            return self._within(other, low + gap, None)
        high = self._pinned(other)
        return high is not None and self._within(one, None, high - gap)

    def _equal(self, one: object, other: object, *, want: bool) -> bool:
        value = self._pinned(other)
        if value is None:
            return False
        if want:
            return self._within(one, value, value)
        return self._within(one, value + 1, None) or self._within(one, None, value - 1)

    def _pinned(self, term: object) -> int | None:
        """The value of an integer term, which from now on stays as it is."""
        line = _line(term)
        if line is None:
            return None
        name, factor, offset = line
        if not name:
            return offset
        self.meet(name)
        value = cast("int", self.values[name])
        self._keep(name, (value, value), value)
        return factor * value + offset

    def _within(self, term: object, low: int | None, high: int | None) -> bool:
        """Keep an integer term between two values."""
        line = _line(term)
        if line is None:
            return False
        name, factor, offset = line
        if not name:
            return (low is None or low <= offset) and (high is None or offset <= high)
        if factor < 0:
            low, high = (None if high is None else -high), (None if low is None else -low)
            factor, offset = -factor, -offset
        self.meet(name)
        least, most = cast("_Span", self._settled.get(name) or self._variables.bounds(name))
        if low is not None:
            least = max(least, -((offset - low) // factor))
        if high is not None:
            most = min(most, (high - offset) // factor)
        value = min(max(cast("int", self.values[name]), least), most)
        return least <= most and self._keep(name, (least, most), value)

    def _same(self, one: object, other: object, *, want: bool) -> bool:
        text, (name, word) = self._fixed(other), self._word(one)
        if want:
            return word.allows(text) and self._spelt(name, replace(word, constant=text))
        return self._spelt(name, replace(word, banned=(*word.banned, text)))

    def _fixed(self, text: object) -> str:
        """The value of a text, which from now on stays as it is."""
        if isinstance(text, str):
            return text
        name, word = self._word(text)
        value = str(self.values[name])
        self._keep(name, replace(word, constant=value), value)
        return value

    def _word(self, text: object) -> tuple[str, _Word]:
        name = str(cast("Term", text).args[0])
        self.meet(name)
        return name, cast("_Word", self._settled.get(name) or _Word())

    def _like(self, text: object, pattern: Pattern, *, want: bool) -> bool:
        name, word = self._word(text)
        if word.constant is not None:
            return matches(pattern, word.constant) is want
        sign = (pattern, want)
        if any(globs.clash(each, sign) for each in word.signs):
            return False
        return self._spelt(name, replace(word, signs=(*word.signs, sign)))

    def _spelt(self, name: str, word: _Word) -> bool:
        """Keep what a text has to be like, if a text for it is found at once."""
        text: str | None = word.constant or str(self.values[name])
        if word.constant is None and not word.allows(str(text)):
            text = globs.guess(word.signs, word.banned)
        return text is not None and word.allows(text) and self._keep(name, word, text)

    def _member(self, name: str, element: object, *, want: bool) -> bool:
        worded = isinstance(element, str) or (isinstance(element, Term) and element.op == "text")
        value = self._fixed(element) if worded else self._pinned(element)
        marks = cast("_Marks", self._settled.get(name) or {})
        if value is None or marks.get(value, want) is not want:
            return False
        marks = {**marks, value: want}
        return self._keep(name, marks, frozenset(each for each, there in marks.items() if there))


def _line(term: object) -> tuple[str, int, int] | None:
    """An integer term as a variable times a factor, plus an offset; the name is empty for none."""
    if not isinstance(term, Term):
        return "", 0, cast("int", term)
    if term.op == "int":
        return str(term.args[0]), 1, 0
    if term.op == "scale":
        by, line = cast("int", term.args[0]), _line(term.args[1])
        return line and (line[0], by * line[1], by * line[2])
    if term.op == "add":
        one, other = map(_line, term.args)
        if one and other and not (one[0] and other[0]):
            return one[0] or other[0], one[1] + other[1], one[2] + other[2]
    return None
