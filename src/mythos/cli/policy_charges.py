"""Charges as `policy diff` shows them: denials that are louder or quieter than before."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from mythos.cli.policy_witness import Sets, decision_line, versions_json, witness_lines
from mythos.cli.source_lines import plain

if TYPE_CHECKING:
    from mythos.engines.coherence.charges import ChangedCharge, ChangedNotes, Charges


def charges_json(loud: Charges, sets: Sets) -> dict[str, Any]:
    """Rules that say something else when they deny, and calls that are denied otherwise."""
    return {
        "rules": [_rule(each) for each in loud.rules],
        "calls": [_call(each, sets) for each in loud.calls],
        "undecided": list(loud.doubts),
    }


def _rule(each: ChangedNotes) -> dict[str, Any]:
    return {
        "policy_set": each.policy_set,
        "rule": each.new.id,
        "severity": {"old": each.old.severity.value, "new": each.new.severity.value},
        "explanation": {"old": each.old.explanation, "new": each.new.explanation},
    }


def _call(each: ChangedCharge, sets: Sets) -> dict[str, Any]:
    was, now = each.severities
    return {
        "change": each.change,
        "severity": {"old": was.value, "new": now.value},
        **versions_json(each.old, each.new, sets),
    }


def tell_charges(loud: Charges, sets: Sets) -> None:
    """Print them, each call with both decisions."""
    from mythos.engines.coherence.wording import charge_sentence, notes_sentence

    for each in loud.calls:
        click.echo(plain(charge_sentence(each)))
        *lines, _ = witness_lines(each.new, sets)
        for line in lines:
            click.echo(line)
        was, now = each.severities
        click.echo(f"  old      {decision_line(each.old, sets)} ({was.value})")
        click.echo(f"  new      {decision_line(each.new, sets)} ({now.value})")
        click.echo()
    for notes in loud.rules:
        click.echo(plain(notes_sentence(notes)))
    for doubt in loud.doubts:
        click.echo(f"undecided: {plain(doubt)}")


def charges_line(loud: Charges) -> str:
    """What the changed calls come to."""
    changes = {each.change for each in loud.calls}
    if changes == {"quieter"}:
        return "~ other severity: some calls that both deny are charged less loudly than before"
    if changes == {"louder"}:
        return "~ other severity: some calls that both deny are charged more loudly than before"
    return "~ other severity: of the calls that both deny some are louder now, and some quieter"
