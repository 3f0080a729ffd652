"""Globs: a text that matches some patterns and not others, or the certainty that there is none.

Candidates made from the patterns themselves are tried first. Only if none fits are the patterns
run together as automata, breadth first, which finds a shortest text or proves that none exists.
Letters that no pattern mentions are all alike, so one stands for them.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import count
from typing import TypeAlias

from mythos.engines.coherence.terms import Pattern, matches

Signed: TypeAlias = "tuple[Pattern, bool]"
MAX_STATES = 20_000
_FILLERS = ("", "x", "any")
_LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789"
_START = 1
_ALIEN = "\U0010fffd"  # a private letter; a pattern that holds it only learns less


class TooManyStatesError(Exception):
    """The patterns were too entangled to decide within `MAX_STATES` states."""


def example(signs: Collection[Signed], avoid: Collection[str] = ()) -> str | None:
    """A text that satisfies every signed pattern and is none of `avoid`.

    Args:
        signs: patterns, each with whether it must match.
        avoid: texts that are taken.

    Returns:
        A text, a short one where it takes a search; None if there is none.

    Raises:
        TooManyStatesError: undecided within the limit.
    """
    text = guess(signs, avoid)
    return _search(signs, avoid) if text is None else text


def guess(signs: Collection[Signed], avoid: Collection[str] = ()) -> str | None:
    """The same without a search: None says nothing."""
    fitting = (text for text in _candidates(signs) if text not in avoid and fits(text, signs))
    return next(fitting, None)


def fits(text: str, signs: Iterable[Signed]) -> bool:
    """Whether a text satisfies every signed pattern."""
    return all(matches(pattern, text) is wanted for pattern, wanted in signs)


def clashes(signs: Collection[Signed]) -> list[list[Signed]]:
    """Pairs of signed patterns that no text satisfies, as far as a look at them tells.

    Two wanted patterns clash where neither beginning, or neither end, continues the other. A
    wanted pattern clashes with an unwanted one that matches all it matches: then it matches the
    wanted one with a letter in place of each `*` that it does not hold itself.
    """
    wanted = [pattern for pattern, holds in signs if holds]
    found = [
        [(one, True), (other, True)]
        for number, one in enumerate(wanted)
        for other in wanted[:number]
        if _ends_clash(one, other)
    ]
    for unwanted, holds in signs:
        if not holds:
            found.extend(
                [(one, True), (unwanted, False)] for one in wanted if _includes(unwanted, one)
            )
    return found


def clash(one: Signed, other: Signed) -> bool:
    """Whether a look at two signed patterns tells that no text satisfies both."""
    (pattern, wanted), (second, also) = one, other
    if wanted and also:
        return _ends_clash(pattern, second)
    if not wanted and not also:
        return False
    return _includes(second, pattern) if wanted else _includes(pattern, second)


def _ends_clash(one: Pattern, other: Pattern) -> bool:
    head, start = one[0] or "", other[0] or ""
    tail, end = one[-1] or "", other[-1] or ""
    begins = head.startswith(start) or start.startswith(head)
    return not (begins and (tail.endswith(end) or end.endswith(tail)))


@lru_cache(maxsize=65_536)
def _includes(wide: Pattern, narrow: Pattern) -> bool:
    return matches(wide, "".join(_ALIEN if part is None else part for part in narrow))


def core(signs: Iterable[Signed], avoid: Collection[str] = ()) -> list[Signed]:
    """A subset of unsatisfiable signed patterns from which none can be left out."""
    kept = list(signs)
    for each in tuple(kept):
        rest = [other for other in kept if other != each]
        try:
            if example(rest, avoid) is None:
                kept = rest
        except TooManyStatesError:
            continue
    return kept


def _candidates(signs: Collection[Signed]) -> Iterator[str]:
    wanted = [pattern for pattern, holds in signs if holds]
    for filler in _FILLERS:
        for pattern in wanted:
            yield "".join(filler if part is None else part for part in pattern)
    if len(wanted) > 1:
        heads = [str(each[0]) for each in wanted if each[0] is not None]
        tails = [str(each[-1]) for each in wanted if each[-1] is not None]
        inner = "".join(part for each in wanted for part in each[1:-1] if part)
        yield max(heads, key=len, default="") + inner + max(tails, key=len, default="")
    yield from (f"{letter}{number or ''}" for number in range(4) for letter in _LETTERS)


@dataclass(frozen=True, slots=True)
class _Automaton:
    """A pattern as a list of letters, None for `*`; a state is a bit mask of places in it."""

    letters: tuple[str | None, ...]
    known: dict[tuple[int, str], int] = field(default_factory=dict)

    @staticmethod
    def of(pattern: Pattern) -> _Automaton:
        letters: list[str | None] = []
        for part in pattern:
            letters.extend([None] if part is None else part)
        return _Automaton(tuple(letters))

    def closed(self, state: int) -> int:
        """With every place that a `*` lets one skip to."""
        for place, letter in enumerate(self.letters):
            if letter is None and state >> place & 1:
                state |= 1 << place + 1
        return state

    def step(self, state: int, read: str) -> int:
        """The state after a letter, computed once."""
        after = self.known.get((state, read))
        if after is None:
            after = self.known[state, read] = self._stepped(state, read)
        return after

    def _stepped(self, state: int, read: str) -> int:
        after = 0
        for place, letter in enumerate(self.letters):
            if state >> place & 1:
                if letter is None:
                    after |= 1 << place
                elif letter == read:
                    after |= 1 << place + 1
        return self.closed(after)

    def accepts(self, state: int) -> bool:
        return bool(state >> len(self.letters) & 1)


def _search(signs: Collection[Signed], avoid: Collection[str]) -> str | None:
    taken = [((text,), False) for text in avoid if fits(text, signs)]
    machines = [(_Automaton.of(pattern), holds) for pattern, holds in (*signs, *taken)]
    alphabet = _alphabet(machine for machine, _ in machines)
    start = tuple(machine.closed(_START) for machine, _ in machines)
    seen = {start}
    queue: deque[tuple[tuple[int, ...], str]] = deque([(start, "")])
    while queue:
        states, text = queue.popleft()
        if all(m.accepts(s) is holds for (m, holds), s in zip(machines, states, strict=True)):
            return text
        for letter in alphabet:
            after = tuple(m.step(s, letter) for (m, _), s in zip(machines, states, strict=True))
            dead = any(not s and holds for (_, holds), s in zip(machines, after, strict=True))
            if not dead and after not in seen:
                seen.add(after)
                queue.append((after, text + letter))
        if len(seen) > MAX_STATES:
            raise TooManyStatesError
    return None


def _alphabet(machines: Iterable[_Automaton]) -> str:
    used = {letter for machine in machines for letter in machine.letters if letter}
    spare = next(each for each in map(_nth_letter, count()) if each not in used)
    return spare + "".join(sorted(used))


def _nth_letter(number: int) -> str:
    return _LETTERS[number] if number < len(_LETTERS) else chr(0x100 + number)
