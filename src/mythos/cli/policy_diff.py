"""`mythos policy diff`: does a new version allow any call that the old one denied, or deny more?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mythos.cli.output import as_json, bar, chosen
from mythos.cli.policy_charges import charges_json, charges_line, tell_charges
from mythos.cli.policy_coherence import compiled, need_solver
from mythos.cli.policy_files import (
    READABLE,
    Loaded,
    governing,
    notes_json,
    tell_notes,
    tools_option,
    versions_of,
)
from mythos.cli.policy_witness import Sets, decision_line, versions_json, witness_lines
from mythos.cli.source_lines import plain

if TYPE_CHECKING:
    from mythos.engines.coherence.charges import Charges
    from mythos.engines.coherence.difference import ChangedCall, Difference
    from mythos.engines.policy.compile import PolicyEngine
    from mythos.engines.policy.document import PolicyDocument

_SAYS = {
    "equal": "= equal: both decide every call alike",
    "tightened": "▼ tightened: it allows nothing that the old version did not",
    "loosened": "▲ loosened: it allows calls that the old version denied",
    "incomparable": "◆ incomparable: it allows some calls that were denied, and denies others",
    "undecided": "? undecided",
}


@click.command(short_help="Does a new version allow more, or less?")
@click.argument("old", metavar="OLD", type=READABLE)
@click.argument("new", metavar="NEW", type=READABLE)
@tools_option
@click.option(
    "--others",
    type=READABLE,
    multiple=True,
    help="A policy set in force beside both versions. Repeatable.",
)
@as_json
@click.pass_context
def diff(
    ctx: click.Context,
    old: Path,
    new: Path,
    tools: tuple[Path, ...],
    others: tuple[Path, ...],
    as_json: bool,
) -> None:
    """Compare the policy sets OLD and NEW over all requests.

    Exits 1 unless NEW is equal or tightened. That it denies more or less loudly is told beside.
    """
    need_solver()
    found = governing([old, new, *others], tools)
    sides, engines = versions_of(found, old, new), compiled(found)
    difference, loud = _compared(found, sides, engines)
    sets = Sets(found.documents, engines)
    body = {**_as_json(found, difference, sets), "charges": charges_json(loud, sets)}

    def tell() -> None:
        _tell(found, difference, sets)
        tell_charges(loud, sets)
        click.echo(_SAYS[difference.verdict])
        if loud.calls:
            click.echo(charges_line(loud))

    chosen(as_json, body, tell)
    if difference.verdict not in {"equal", "tightened"}:
        ctx.exit(1)


def _compared(
    found: Loaded, sides: tuple[PolicyDocument, PolicyDocument], engines: list[PolicyEngine]
) -> tuple[Difference, Charges]:
    from mythos.engines.coherence.charges import charges, joined
    from mythos.engines.coherence.coherence import n_tools
    from mythos.engines.coherence.difference import compare, merged
    from mythos.engines.policy.identity import digest

    was, now = (digest(side.policy_set) for side in sides)
    beside = {digest(each.policy_set) for each in found.documents if each not in sides}
    before, after = {was, *beside}, {now, *beside}
    with bar("comparing", total=n_tools(engines)) as progress:

        def step(_: str) -> None:
            progress.advance()

        difference = merged([compare(one, before, after, on_tool=step) for one in engines])
        return difference, joined([charges(one, before, after) for one in engines])


def _as_json(found: Loaded, difference: Difference, sets: Sets) -> dict[str, Any]:
    return {
        "verdict": difference.verdict,
        "witnesses": [_call(each, sets) for each in difference.calls],
        "undecided": list(difference.doubts),
        "notes": notes_json(found),
    }


def _call(each: ChangedCall, sets: Sets) -> dict[str, Any]:
    return {"change": each.change, **versions_json(each.old, each.new, sets)}


def _tell(found: Loaded, difference: Difference, sets: Sets) -> None:
    for each in difference.calls:
        seen = each.new if each.new.allowed else each.old
        click.echo(f"{each.change}: a call of {plain(each.new.request.tool)}")
        *lines, _ = witness_lines(seen, sets)
        for line in lines:
            click.echo(line)
        click.echo(f"  old      {decision_line(each.old, sets)}")
        click.echo(f"  new      {decision_line(each.new, sets)}")
        for key in dict.fromkeys((*each.old.denied_by, *each.new.denied_by, *seen.permitted_by)):
            for line in sets.lines(key):
                click.echo(line)
        click.echo()
    for doubt in difference.doubts:
        click.echo(f"undecided: {plain(doubt)}")
    tell_notes(found)
