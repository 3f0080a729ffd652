"""Edits of a policy set's rules as text: all that is not changed stays as it was written.

Each edit gives a policy set of the same version; whether it loads and what it decides is for the
caller to see.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from mythos.engines.policy.cedar_text import Token, plain_newlines, tokens_of
from mythos.engines.policy.rule import Rule
from mythos.values.policy import PolicySet

_OPENING, _CLOSING = frozenset("([{"), frozenset(")]}")
_LOOSE = frozenset({"&&", "||", "==", "!=", "<", "<=", ">", ">=", "+", "-", "*"}) | frozenset(
    {"in", "is", "has", "like", "if"}
)


@dataclass(frozen=True, slots=True)
class Clause:
    """A `when` or `unless` of a rule; `start` and `end` bound what stands between its braces."""

    word: Literal["when", "unless"]
    start: int
    end: int


def clauses_of(rule: Rule) -> tuple[Clause, ...]:
    """The clauses of a rule in order; offsets are of the rules' text with plain newlines."""
    return tuple(_clauses(rule.source.tokens))


def _clauses(tokens: tuple[Token, ...]) -> Iterator[Clause]:
    depth = start = 0
    word = before = ""
    for token in tokens:
        if token.text in _CLOSING:
            depth -= 1
            if not depth and word:
                yield Clause("when" if word == "when" else "unless", start, token.start)
                word = ""
        if token.text in _OPENING:
            depth += 1
            if depth == 1 and word:
                start = token.end
        if not depth and before != "@" and token.text in {"when", "unless"}:
            word = token.text
        before = token.text


def without_rule(policy_set: PolicySet, rule: Rule) -> PolicySet:
    """The set without a rule and the comment that stands right above it."""
    rules = plain_newlines(policy_set.rules)
    head, tail = rules[: rule.source.tokens[0].start], rules[rule.source.tokens[-1].end :]
    if not head.rpartition("\n")[2].strip():
        lines = head.split("\n")[:-1]
        while lines and lines[-1].lstrip().startswith("//"):
            lines.pop()
        kept = "\n".join(lines).rstrip()
        gap = "\n".join(lines)[len(kept) :].count("\n") + 1
        head = f"{kept}\n" + "\n" * (gap > 1) if kept else ""
        tail = tail.lstrip()
    joined = f"{head}{tail}".strip("\n")
    return _with(policy_set, f"{joined}\n")


def with_clause(policy_set: PolicySet, rule: Rule, clause: str) -> PolicySet:
    """The set with a clause at the end of a rule."""
    rules = plain_newlines(policy_set.rules)
    at = rule.source.tokens[-1].start
    return _with(policy_set, f"{rules[:at].rstrip()}\n{clause}{rules[at:]}")


def with_body(policy_set: PolicySet, clause: Clause, head: str, tail: str) -> PolicySet:
    """The set with text around what stands between the braces of a clause."""
    rules = plain_newlines(policy_set.rules)
    body = rules[clause.start : clause.end]
    inner = body.strip()
    left, right = body[: len(body) - len(body.lstrip())], body[len(body.rstrip()) :]
    last = "" if _on_one_line(inner.rpartition("\n")[2]) else "\n"
    edited = f"{left}{head}{inner}{last}{tail}{right}"
    return _with(policy_set, rules[: clause.start] + edited + rules[clause.end :])


def with_rule(policy_set: PolicySet, text: str) -> PolicySet:
    """The set with one more rule, at its end."""
    rules = plain_newlines(policy_set.rules).rstrip("\n")
    return _with(policy_set, f"{rules}\n\n{text}\n" if rules else f"{text}\n")


def apart_from(condition: str) -> str:
    """The clause that keeps a rule from matching where a condition holds: shortest form."""
    text = condition.strip()
    negated = _negated(text)
    word, body = ("when", negated) if negated else ("unless", text)
    return f"{word} {{ {body} }}" if _on_one_line(body) else f"{word} {{\n  {body}\n}}"


def _on_one_line(text: str) -> bool:
    """Whether a brace may follow: no comment would swallow it."""
    return "\n" not in text and "//" not in text


def _negated(condition: str) -> str:
    """What `!` stands before, if it is all of the condition; else nothing."""
    tokens = tuple(tokens_of(condition))
    if len(tokens) < 2 or tokens[0].text != "!":
        return ""
    depth = 0
    for token in tokens[1:]:
        depth += (token.text in _OPENING) - (token.text in _CLOSING)
        if not depth and token.text in _LOOSE:
            return ""
    inner = condition[tokens[1].start :]
    if tokens[1].text == "(" and _closes_last(tokens[1:]):
        inner = inner[1:-1].strip()
    return inner


def _closes_last(tokens: tuple[Token, ...]) -> bool:
    """Whether the bracket that comes first is closed by the sign that comes last."""
    depth = 0
    for number, token in enumerate(tokens, start=1):
        depth += (token.text in _OPENING) - (token.text in _CLOSING)
        if not depth:
            return number == len(tokens)
    return False


def _with(policy_set: PolicySet, rules: str) -> PolicySet:
    return policy_set.model_copy(update={"rules": rules})
