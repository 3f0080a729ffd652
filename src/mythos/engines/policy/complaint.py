"""What Cedar says of a rule that it cannot read, at the word that is wrong.

Cedar's parser names no place. The commonest slips are looked for first: a number with a fraction,
and a string whose closing quote was forgotten, so that it swallowed what came after it. Else the
word that the message quotes is the place, if the rule holds it just once.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from mythos.engines.policy.cedar_text import RuleText, Token, overlong
from mythos.engines.policy.problem import Problem

_NAMED = re.compile(r"[`']([^`']+)[`']|: (\S+)$")
_STRANGE = re.compile(r"[^\w\s\"@(){}\[\],;:.<>=!&|+*?%/-]")


def not_cedar(source: RuleText, message: str) -> Problem:
    """Cedar's complaint about a rule, with its place.

    Args:
        source: the rule.
        message: what Cedar's parser says.
    """
    name = _id_of(source)
    said = f"rule {name!r} is not Cedar: " if name else "this is not Cedar: "
    fraction = _fraction(source.tokens)
    if fraction:
        at, text = fraction
        return Problem(
            at.line,
            at.column,
            f"{said}it has no number {text}",
            f'write decimal("{text}") and compare it with .lessThan(…), or count in whole cents',
        )
    if string := overlong(source.tokens):
        return Problem(
            string.line,
            string.column,
            f"{said}a string that begins here runs past the end of its line",
            "close it on this line",
        )
    at = _named(source.tokens, message) or source.tokens[0]
    return Problem(at.line, at.column, f"{said}{message}", "correct the rule")


def _fraction(tokens: Sequence[Token]) -> tuple[Token, str] | None:
    """The first number with a fraction: digits, a point and digits without a gap."""
    for one, point, other in zip(tokens, tokens[1:], tokens[2:], strict=False):
        joined = one.end == point.start and point.end == other.start
        if joined and point.text == "." and one.text.isdecimal() and other.text.isdecimal():
            return one, f"{one.text}.{other.text}"
    return None


def _named(tokens: Sequence[Token], message: str) -> Token | None:
    """The only word that the message names, or the only one that contains what it names."""
    found = _NAMED.search(message)
    if found is None:
        return next((token for token in tokens if _STRANGE.fullmatch(token.text)), None)
    text = found.group(1) or found.group(2)
    for same in (
        [token for token in tokens if token.text == text],
        [token for token in tokens if text in token.text],
    ):
        if len(same) == 1:
            return same[0]
    return None


def _id_of(source: RuleText) -> str:
    """The `@id` as written, for a rule that Cedar cannot read."""
    texts = [token.text for token in source.tokens]
    for index in range(len(texts) - 3):
        if texts[index : index + 3] == ["@", "id", "("]:
            return texts[index + 3].strip('"')
    return ""
