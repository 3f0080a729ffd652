"""The rules that decided something, as commands show them: with their lines, each once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from mythos.cli.source_lines import rule_lines

if TYPE_CHECKING:
    from mythos.engines.policy.document import PolicyDocument

_MARKS = {"allow": "✔ allow", "deny": "✖ deny", "undecidable": "? undecidable"}


@dataclass(frozen=True, slots=True)
class Shown:
    """Rules by name, each with the policy set it stands in, in one order."""

    policy_sets: Sequence[str] = ()
    rules: Sequence[str] = ()

    def pairs(self) -> Iterator[tuple[str, str]]:
        """Policy set and rule."""
        return zip(self.policy_sets, self.rules, strict=True)


def marked(word: str) -> str:
    """A decision with its mark, readable without colour."""
    return f"{_MARKS[word]:<13}"


def tell_rules(
    shown: Shown, documents: Sequence[PolicyDocument], *, told: set[tuple[str, str]]
) -> None:
    """Print where each rule stands and its lines; of one that was told before nothing."""
    for policy_set, name in shown.pairs():
        if (policy_set, name) in told:
            continue
        told.add((policy_set, name))
        for document in documents:
            if document.policy_set.policy_set != policy_set:
                continue
            for rule in document.rules:
                if rule.id == name:
                    click.echo(f"  rule     {document.places.rule(rule.line)}")
                    for line in rule_lines(document, rule):
                        click.echo(line)
