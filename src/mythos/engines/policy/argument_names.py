"""Arguments that rules name, against those that their tools can have."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from difflib import get_close_matches

from mythos.engines.policy.problem import Problem
from mythos.engines.policy.rule import Rule
from mythos.engines.policy.shape import arguments_shape
from mythos.values.tools import ToolCatalogue


def unknown_arguments(rules: Sequence[Rule], covered: Sequence[ToolCatalogue]) -> Iterator[Problem]:
    """Arguments that no tool of a rule has: to Cedar `context.input has X` is then just false.

    Args:
        rules: that name no unknown tool.
        covered: every catalogue that the policy set covers.
    """
    tools = [tool for catalogue in covered for tool in catalogue.tools]
    for rule in rules:
        known: set[str] = set()
        for tool in tools:
            if rule.about(tool.name):
                known.update(arguments_shape(tool.parameters).fields or ())
        for name in sorted((rule.use.arguments or frozenset()) - known):
            line, column = place_of(rule, name, f'"{name}"')
            yield Problem(
                line,
                column,
                f"rule {rule.id!r} reads context.input.{name}, which none of its tools can have",
                _meant(name, known) or "correct the name, or declare the argument",
            )


def _meant(name: str, known: Iterable[str]) -> str:
    near = get_close_matches(name, sorted(known), n=1)
    return f"write {near[0]}" if near else ""


def place_of(rule: Rule, *words: str) -> tuple[int, int]:
    """Where the first of these words that the rule holds stands; else where the rule begins."""
    for word in words:
        for token in rule.source.tokens:
            if token.text == word:
                return token.line, token.column
    return rule.line, rule.source.column
