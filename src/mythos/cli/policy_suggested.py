"""Suggested changes, as `policy coherence` shows them: a sentence, its effect and a patch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mythos.cli.documents import document_text
from mythos.cli.output import bar
from mythos.cli.patch import Edit, Patch, patch_of
from mythos.cli.policy_witness import Sets
from mythos.cli.source_lines import plain
from mythos.errors import DocumentError, PolicyError

if TYPE_CHECKING:
    from mythos.engines.coherence.coherence import Coherence
    from mythos.engines.coherence.memory import Memory
    from mythos.engines.coherence.suggest.suggest import Suggested, Suggestion
    from mythos.engines.policy.compile import PolicyEngine

_EFFECTS = {
    "equal": "= no call is decided otherwise",
    "tightened": "▼ allows less, and nothing new",
    "loosened": "▲ allows more, and denies nothing new",
}


def suggested(engines: Sequence[PolicyEngine], result: Coherence, memory: Memory) -> Suggested:
    """Seek a change for each finding, with a progress bar."""
    from mythos.engines.coherence.suggest.suggest import MAX_FINDINGS, curable, suggested_changes

    with bar("seeking cures", total=min(MAX_FINDINGS, len(curable(result)))) as progress:

        def step(_: object) -> None:
            progress.advance()

        return suggested_changes(engines, result, memory=memory, on_finding=step)


def suggestion_json(each: Suggestion, result: Coherence, sets: Sets) -> dict[str, Any]:
    """A suggestion with the findings it resolves, by their places in `findings`, and a patch."""
    patch = _patch(each, sets)
    return {
        "kind": each.change.kind.value,
        "sentence": each.change.sentence,
        "effect": each.difference.verdict,
        "rules": [sets.as_json(key) for key in each.change.rules],
        "added": [
            {"policy_set": sets.name(digest), "rule": rule} for digest, rule in each.change.added
        ],
        "resolves": [result.findings.index(one) for one in each.resolves],
        "raises": [one.sentence for one in each.raises],
        "coherence_after": round(each.coherence, 6),
        "patch": patch.text,
        "apply": patch.apply,
    }


def tell_suggestions(found: Suggested, result: Coherence, sets: Sets) -> None:
    """Print each suggestion with its patch."""
    if found.suggestions:
        click.echo("suggested changes, each applied and proved by itself:")
    for number, each in enumerate(found.suggestions, start=1):
        click.echo(f"  {number}. {plain(each.change.sentence)}")
        rise = f"; coherence {result.coherence:.3f} → {each.coherence:.3f}"
        more = rise if each.coherence > result.coherence else ""  # fewer rules weigh more each
        click.echo(f"     {_EFFECTS[each.difference.verdict]}{more}")
        for one in each.raises:
            click.echo(f"     then {plain(one.sentence)}")
        for line in _patch(each, sets).lines:
            click.echo(f"     │ {plain(line.rstrip())}".rstrip())
    if found.n_untried:
        click.echo(f"  {found.n_untried} more findings: deal with these first")
    if found.suggestions or found.n_untried:
        click.echo()


def _patch(each: Suggestion, sets: Sets) -> Patch:
    return patch_of(list(_edits(each, sets)))


def _edits(each: Suggestion, sets: Sets) -> Iterator[Edit]:
    """The edits of the files; none of one that is gone or cannot be edited."""
    from mythos.engines.policy.document_edit import edited_text

    for digest, edited in each.after.items():
        document = sets.document(digest)
        source = Path(document.places.source)
        try:
            before = document_text(source, PolicyError)
        except DocumentError:
            continue
        after = edited_text(before, document, edited)
        if after is not None:
            yield Edit(source, before, after)
