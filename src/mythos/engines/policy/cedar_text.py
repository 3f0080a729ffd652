"""Cedar text, split: where each rule of a policy set begins and which words it is made of.

Cedar's own parser names no line, and one nested deep enough ends the process. So the text is cut
here first, by Cedar's lexical grammar alone: comments, strings, words, signs. A rule ends at `;`,
which Cedar uses for nothing else. Whether a rule makes sense is Cedar's to say, not this module's.

Source: Cedar policy language reference, "Grammar specification", lexical productions.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from mythos.engines.policy.problem import Problem

MAX_NESTING = 100  # Cedar parses 300 nested brackets and dies of 5,000
MAX_TOKENS = 4_000  # per rule; chains of operators nest too
MAX_CONDITIONALS = 100  # `if` nests without brackets
MAX_RULES = 10_000
KEYWORDS = frozenset({"true", "false", "if", "then", "else", "in", "is", "like", "has"})
"""Cedar reads no attribute of these names after a point."""

_TOKEN = re.compile(
    r"""
    (?P<blank>\s+|//[^\n]*)
    | (?P<string>"(?:\\.|[^"\\])*")
    | (?P<word>[A-Za-z_][A-Za-z0-9_]*)
    | (?P<number>[0-9]+)
    | (?P<sign>::|==|!=|<=|>=|&&|\|\||.)
    """,
    re.VERBOSE | re.DOTALL,
)
_OPENING = frozenset("([{")
_CLOSING = frozenset(")]}")


@dataclass(frozen=True, slots=True)
class Token:
    """One word, string, number or sign; `line` and `column` count from 1 within the rules."""

    text: str
    start: int
    line: int
    column: int

    @property
    def end(self) -> int:
        """Offset of the character after the token."""
        return self.start + len(self.text)


@dataclass(frozen=True, slots=True)
class RuleText:
    """The verbatim text of one rule, from its first annotation to its `;`, with its tokens."""

    text: str
    tokens: tuple[Token, ...]

    @property
    def line(self) -> int:
        """The line on which the rule begins, from 1 within the rules."""
        return self.tokens[0].line

    @property
    def column(self) -> int:
        """The column at which the rule begins, from 1."""
        return self.tokens[0].column


def plain_newlines(rules: str) -> str:
    """The same rules with every line ended by a single line feed."""
    return rules.replace("\r\n", "\n").replace("\r", "\n")


def split_rules(rules: str) -> tuple[tuple[RuleText, ...], tuple[Problem, ...]]:
    """Cut a text into its rules.

    Args:
        rules: Cedar policies, lines ended by line feeds.

    Returns:
        The rules in order, and what could not be cut; a rule with a problem is left out.
    """
    found: list[RuleText] = []
    problems: list[Problem] = []
    pending: list[Token] = []
    for token in tokens_of(rules):
        pending.append(token)
        if token.text == '"':
            break
        if token.text == ";":
            _keep(rules, pending, found, problems)
            pending = []
    if pending:
        problems.append(_unfinished(pending))
    if len(found) > MAX_RULES:
        problems.append(_too_many(found))
    return tuple(found), tuple(problems)


def tokens_of(rules: str) -> Iterator[Token]:
    """The words, strings, numbers and signs of a text, without blanks and comments."""
    line, line_start = 1, 0
    for match in _TOKEN.finditer(rules):
        if match.lastgroup != "blank":
            yield Token(match.group(), match.start(), line, match.start() - line_start + 1)
        breaks = match.group().count("\n")
        if breaks:
            line += breaks
            line_start = match.start() + match.group().rindex("\n") + 1


def _keep(rules: str, tokens: list[Token], found: list[RuleText], problems: list[Problem]) -> None:
    rule = RuleText(rules[tokens[0].start : tokens[-1].end], tuple(tokens))
    problem = _too_complex(rule)
    if problem:
        problems.append(problem)
    else:
        found.append(rule)


def _too_complex(rule: RuleText) -> Problem | None:
    depth = deepest = 0
    for token in rule.tokens:
        depth += (token.text in _OPENING) - (token.text in _CLOSING)
        deepest = max(deepest, depth)
    conditionals = sum(token.text == "if" for token in rule.tokens)
    if deepest <= MAX_NESTING and conditionals <= MAX_CONDITIONALS:
        if len(rule.tokens) <= MAX_TOKENS:
            return None
        seen = f"a rule of {len(rule.tokens)} words and signs is longer than {MAX_TOKENS}"
    else:
        seen = f"a rule nests {max(deepest, conditionals)} deep, more than {MAX_NESTING}"
    return Problem(
        rule.line, rule.column, seen, "split the rule, or test a set with `[...].contains(x)`"
    )


def _unfinished(tokens: list[Token]) -> Problem:
    last = tokens[-1]
    if last.text == '"':
        at = overlong(tokens) or last
        return Problem(at.line, at.column, 'a string has no closing "', "close it on this line")
    first = tokens[0]
    return Problem(first.line, first.column, "this rule has no closing ;", "end the rule with ;")


def overlong(tokens: Iterable[Token]) -> Token | None:
    """The first string that runs past the end of its line.

    Cedar allows it; nearly always its closing quote was forgotten, and the next quote closed it.
    """
    return next((t for t in tokens if t.text.startswith('"') and "\n" in t.text), None)


def _too_many(found: list[RuleText]) -> Problem:
    rule = found[MAX_RULES]
    return Problem(
        rule.line,
        rule.column,
        f"{len(found)} rules are more than the {MAX_RULES} a policy set may have",
        "split the policy set",
    )
