"""What was seen so far: an index of texts by the words, links and addresses in them.

One look-up costs what the value's own words cost, however much was seen. A text is read once; the
same text again costs one hash. A value of several words was seen where each two neighbouring words
of it stand side by side in texts of one kind: the index keeps words and pairs, no texts.

Law: order and repetition of texts do not matter.

Memory is bounded by `MAX_KEYS` different words, pairs, links and addresses over all kinds, about
100 bytes each. A text for which there is no room, or longer than `MAX_TEXT`, is refused whole:
`take` says so, and whoever asks must then treat its kind as one of which something was not
captured.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import blake2b
from itertools import pairwise

from mythos.engines.policy.links import (
    Link,
    addresses,
    links,
    mentions,
    without_addresses,
    without_links,
)
from mythos.engines.policy.words import numbers, only_number, plain, words

MAX_KEYS = 2**18
MAX_TEXT = 2**20  # characters
BREAK = "\x1e"  # stands between texts that are taken in as one: no pair spans it


@dataclass(frozen=True, slots=True)
class Sought:
    """One thing a value names: a link, or an address, or else words (and their long number)."""

    link: Link | None = None
    address: str = ""
    words: tuple[str, ...] = ()
    number: str = ""


def sought(text: str) -> list[Sought]:
    """Everything that a value's text names.

    Returns:
        Its links and addresses, and what other words stand beside them; a name that goes with an
        address is none of its own. Empty for white space; words that are none for mere marks.
    """
    found = [Sought(address=each) for each in addresses(text)]
    text = without_addresses(text, BREAK)
    found += [Sought(link=each) for each in links(text)]
    parts = [part for part in without_links(text, BREAK).split(BREAK) if part.strip()]
    spoken = [Sought(words=words(part), number=only_number(part)) for part in parts]
    found += [one for one in spoken if one.words]
    return found or [Sought() for _ in parts[:1]]


@dataclass(slots=True)
class Vocabulary:
    """Numbers for words, shared by all kinds, and how much is kept in all."""

    numbers: dict[str, int] = field(default_factory=dict)
    n_keys: int = 0

    def number(self, word: str) -> int:
        """The word's number; a new word gets the next."""
        return self.numbers.setdefault(word, len(self.numbers))


@dataclass(slots=True)
class Seen:
    """Texts of one kind. Owned by the sweep that fills it."""

    vocabulary: Vocabulary
    _texts: set[bytes] = field(default_factory=set)
    _words: set[int] = field(default_factory=set)
    _pairs: set[tuple[int, int]] = field(default_factory=set)
    _spelt: set[str] = field(default_factory=set)

    def take(self, text: str) -> bool:
        """Read a text in; False if there is no room for it."""
        name = blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()
        if name in self._texts:
            return True
        if self.vocabulary.n_keys >= MAX_KEYS or len(text) > MAX_TEXT:
            return False
        before = self._size()
        self._texts.add(name)
        for reading in {text, plain(text)}:
            self._read(reading)
        self.vocabulary.n_keys += self._size() - before
        return True

    def _size(self) -> int:
        return len(self._texts) + len(self._words) + len(self._pairs) + len(self._spelt)

    def _read(self, text: str) -> None:
        for part in text.split(BREAK):
            row = [self.vocabulary.number(word) for word in words(part)]
            self._words.update(row)
            self._pairs.update(pairwise(row))
        self._spelt.update(f"#{each}" for each in numbers(text))
        self._spelt.update(f"@{each}" for each in addresses(text))
        self._spelt.update(each.key for each in mentions(text))

    def holds(self, one: Sought) -> bool:
        """Whether texts of this kind named this very thing."""
        if one.link:
            return one.link.key in self._spelt
        if one.address:
            return f"@{one.address}" in self._spelt
        return self._holds_words(one.words) or f"#{one.number}" in self._spelt

    def covers(self, one: Sought) -> bool:
        """Whether they named it, or, of a link, its host with a beginning of its path."""
        if one.link:
            return not self._spelt.isdisjoint(one.link.covering())
        return self.holds(one)

    def _holds_words(self, said: tuple[str, ...]) -> bool:
        row = [self.vocabulary.numbers.get(word, -1) for word in said]
        if len(row) < 2:
            return bool(row) and row[0] in self._words
        return all(pair in self._pairs for pair in pairwise(row))
