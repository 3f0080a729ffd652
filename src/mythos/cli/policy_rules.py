"""The rules that decided something, as commands show them: with their lines, each once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from mythos.cli.source_lines import rule_lines, wanted_rule
from mythos.values.outcome import DEFAULT_RULE

if TYPE_CHECKING:
    from mythos.engines.policy.document import PolicyDocument

_MARKS = {
    "allow": "✔ allow",
    "deny": "✖ deny",
    "undecidable": "? undecidable",
    "ungoverned": "– not governed",
}


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


def telling(rules: Sequence[str]) -> list[str]:
    """Each rule once; that a guard had nothing to say is told only where no rule had."""
    named = list(dict.fromkeys(rules))
    return [name for name in named if name != DEFAULT_RULE] or named


def tell_rules(
    shown: Shown, documents: Sequence[PolicyDocument], *, tool: str, told: set[tuple[str, ...]]
) -> None:
    """Print where each rule stands and its lines; of one that was told before nothing.

    Where no rule permitted the call, the `permit` about its tool is what was wanted.

    Args:
        shown: who decided.
        documents: where rules are looked up; the first set of a name counts.
        tool: that was called.
        told: what was printed before; is added to.
    """
    for policy_set, name in shown.pairs():
        document = next((d for d in documents if d.policy_set.policy_set == policy_set), None)
        if document is None:
            continue
        label, rule = "rule", next((r for r in document.rules if r.id == name), None)
        if name == DEFAULT_RULE:
            label = "wanted"
            rule = wanted_rule(document, tool)
        if rule is None or (label, policy_set, rule.id) in told:
            continue
        told.add((label, policy_set, rule.id))
        click.echo(f"  {label:<8} {document.places.rule(rule.line)}")
        for line in rule_lines(document, rule):
            click.echo(line)
