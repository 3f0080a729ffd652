"""What a rule reads of `context`, told from its words.

Two parts of the engine need it: facts of several policy sets live side by side in one evaluation,
so `context.past` is renamed to the set's own record; and a rule that reads nothing uncaptured can
be decided without it. Both are exact only while every use names its part, so `context` as a
whole, or a name written with escapes, is refused when the policy set is read.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from mythos.engines.policy import signals
from mythos.engines.policy.cedar_text import RuleText, Token
from mythos.engines.policy.problem import Problem

PARTS = ("input", "past", "licensed", "origin", "sinks", "tool", "now", "depth", *signals.PARTS)

_WHOLE = "read one part of it, such as context.input.amount"
_EACH = "read one fact, such as context.past.confirmed"


@dataclass(frozen=True, slots=True)
class ContextUse:
    """The parts of `context` a rule reads, the facts among them, and where `past` is written.

    `arguments` are the names read of `context.input`, None if it is read as a whole. `facts`
    keeps the token that first names each fact; `pasts` are the tokens to rename.
    """

    parts: frozenset[str]
    arguments: frozenset[str] | None
    facts: dict[str, Token]
    pasts: tuple[Token, ...]


@dataclass(frozen=True, slots=True)
class _Read:
    """One `context.PART`: the token that names the part, its sign, and the index after it."""

    part: Token
    sign: str
    after: int


def context_use(rule: RuleText) -> tuple[ContextUse, tuple[Problem, ...]]:
    """Find every use of `context` in a rule.

    Returns:
        What is read, and the uses that cannot be told apart by their words.
    """
    reads: list[_Read] = []
    problems: list[Problem] = []
    for index in _mentions(rule.tokens):
        read = _step(rule.tokens, index + 1)
        if read is None:
            problems.append(_at(rule.tokens[index], "this reads the context as a whole", _WHOLE))
        elif _name(read.part) not in PARTS:
            problems.append(_unknown(read.part))
        else:
            reads.append(read)
    pasts = [read for read in reads if _name(read.part) == "past"]
    facts: dict[str, Token] = {}
    for read in pasts:
        problems.extend(_fact(rule.tokens, read, facts))
    use = ContextUse(
        parts=frozenset(_name(read.part) for read in reads),
        arguments=_arguments(rule.tokens, reads),
        facts=facts,
        pasts=tuple(read.part for read in pasts),
    )
    return use, tuple(problems)


def renamed_past(rule: RuleText, use: ContextUse, name: str) -> str:
    """The rule's text with `context.past` read from `context.<name>` instead."""
    text, origin = rule.text, rule.tokens[0].start
    for token in sorted(use.pasts, key=lambda each: each.start, reverse=True):
        start, end = token.start - origin, token.end - origin
        new = f'"{name}"' if token.text.startswith('"') else name
        text = text[:start] + new + text[end:]
    return text


def _mentions(tokens: Sequence[Token]) -> Iterator[int]:
    """Indexes of `context` where it is the variable: no attribute, key, type or annotation."""
    for index, token in enumerate(tokens):
        before = tokens[index - 1].text if index else ""
        after = tokens[index + 1].text if index + 1 < len(tokens) else ""
        free = before not in {".", "::", "@", "has"} and after not in {":", "::"}
        if token.text == "context" and free:
            yield index


def _step(tokens: Sequence[Token], index: int) -> _Read | None:
    """The attribute read at `index` by `.name`, `["name"]`, `has name` or `has "name"`."""
    sign = tokens[index].text if index < len(tokens) else ""
    if sign not in {".", "[", "has"} or index + 1 >= len(tokens):
        return None
    named = tokens[index + 1]
    if not _is_name(named, quoted=sign != "."):
        return None
    return _Read(named, sign, index + (3 if sign == "[" else 2))


def _is_name(token: Token, *, quoted: bool) -> bool:
    if token.text.startswith('"'):
        return quoted and "\\" not in token.text
    return token.text.isidentifier()


def _name(token: Token) -> str:
    return token.text.strip('"')


def _arguments(tokens: Sequence[Token], reads: Sequence[_Read]) -> frozenset[str] | None:
    found = set()
    for read in reads:
        if _name(read.part) == "input":
            inner = _step(tokens, read.after)
            if inner is not None:
                found.add(_name(inner.part))
            elif read.sign != "has":
                return None
    return frozenset(found)


def _fact(tokens: Sequence[Token], read: _Read, facts: dict[str, Token]) -> Iterator[Problem]:
    inner = _step(tokens, read.after)
    if inner is not None:
        facts.setdefault(_name(inner.part), inner.part)
    elif read.sign != "has":
        yield _at(read.part, "this reads all facts at once", _EACH)


def _unknown(part: Token) -> Problem:
    return _at(
        part,
        f"the context has no part {_name(part)!r}",
        f"read one of context.{', context.'.join(PARTS)}",
    )


def _at(token: Token, message: str, remedy: str) -> Problem:
    return Problem(token.line, token.column, message, remedy)
