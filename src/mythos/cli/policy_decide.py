"""`mythos policy decide`: what policy sets say of each action of the runs that a file tells of."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mythos.cli.event_file import Told, read_events
from mythos.cli.output import as_json, chosen
from mythos.cli.policy_files import (
    READABLE,
    Loaded,
    loaded,
    notes_json,
    refuse_versions,
    sources,
    tell_notes,
    tools_option,
)
from mythos.cli.policy_rules import Shown, marked, tell_rules, telling
from mythos.cli.source_lines import call_line, plain
from mythos.values.outcome import NO_CATALOGUE

if TYPE_CHECKING:
    from mythos.engines.policy.compile import PolicyEngine
    from mythos.engines.policy.replay import Replayed
    from mythos.values.event import Event, Json, Run


@click.command(short_help="Decide each action of the runs in a file of events.")
@sources
@click.option(
    "--events",
    type=READABLE,
    required=True,
    help='Events, one JSON object a line: {"user": "…"}, {"tool": "…", "arguments": {…}}, events '
    "as their JSON schema says, or OTLP; or one OTLP request, JSON or protobuf. Plain or gzip.",
)
@tools_option
@click.option(
    "--agent-name",
    metavar="NAME",
    default="agent",
    help="Who acts where a line does not say. Default: agent.",
)
@as_json
@click.pass_context
def decide(
    ctx: click.Context,
    files: tuple[Path, ...],
    events: Path,
    tools: tuple[Path, ...],
    agent_name: str,
    as_json: bool,
) -> None:
    """Decide each action of the runs that a file tells of, with every policy set FILE in force.

    By the code of the decision point: an action sees what happened before it began. Exits 1 if any
    is denied or undecidable, or none was decided.
    """
    found = loaded(files, tools)
    refuse_versions(found.documents)
    told = read_events(events, agent=agent_name)
    rows = sorted(_decided(found, told), key=lambda row: row.fields["line"])
    found.notes.extend(_notes(rows, told))
    result = _as_json(found, rows)
    chosen(as_json, result, lambda: _tell(found, rows, result))
    if result["denied"] or result["undecidable"] or not rows:
        ctx.exit(1)


@dataclass(frozen=True, slots=True)
class _Row:
    """One decided action: what is printed as JSON, and the rules that people are shown."""

    fields: dict[str, Any]
    shown: Shown


def _decided(found: Loaded, told: Told) -> Iterator[_Row]:
    from mythos.cli.policy_engines import Engines

    engines = Engines(found)
    for run in told.runs:
        engine = engines.of(run)
        if engine is None:
            yield from _unknown(run, told)
            continue
        for each in engines.replay(run, engine):
            yield _row(each, told, engine)


def _notes(rows: Sequence[_Row], told: Told) -> Iterator[str]:
    if not rows:
        yield _no_call(told)
    if free := sum(not row.fields["governed"] for row in rows):
        yield f"{free} calls are governed by no policy set given: nothing decided them"
    yield from _silences(rows, told)


def _no_call(told: Told) -> str:
    """What the file tells of instead."""
    from mythos.values.event import Kind

    events = [event for run in told.runs for event in run.events if event.kind != Kind.AGENT_RUN]
    said = sum(bool(event.user_texts) for event in events)
    return (
        f"the file tells of no call of a tool, so nothing was decided: runs {len(told.runs)}, "
        f"events {len(events)}, with words of the user {said}; "
        'a line {"tool": "…", "arguments": {…}} tells of a call'
    )


def _silences(rows: Sequence[_Row], told: Told) -> Iterator[str]:
    """Runs in which something is open and no line says what the user said."""
    open_ = {row.fields["run"] for row in rows if row.fields["decision"] == "undecidable"}
    for run in told.runs:
        if run.trace_id in open_ and not any(event.user_texts for event in run.events):
            yield (
                f"run {plain(run.trace_id)}: no line says what the user said, so nothing about it "
                'can be told; {"user": "…"} does'
            )


def _row(each: Replayed, told: Told, engine: PolicyEngine) -> _Row:
    from mythos.cli.policy_engines import facts_json

    answer = each.answer
    fields = {
        **_named(each.occasion.event, told, each.occasion.arguments),
        "decision": answer.word,
        "governed": answer.governed,
        "rules": list(answer.rules),
        "policy_sets": list(answer.policy_sets),
        "missing": list(answer.missing),
        "why": answer.why if answer.governed else "no policy set given covers the tool",
        "deferred": list(answer.deferred),
        "facts": facts_json(each.occasion, engine),
        "origins": {
            sink: sorted(map(str, origins)) for sink, origins in each.occasion.origins.items()
        },
    }
    shown = Shown(answer.policy_sets, answer.rules) if answer.word != "allow" else Shown()
    return _Row(fields, shown)


def _unknown(run: Run, told: Told) -> Iterator[_Row]:
    """Actions of a run whose tools no catalogue declares: nobody can tell, and that is no pass."""
    from mythos.values.event import Kind

    for event in run.events:
        if event.kind is Kind.TOOL_CALL:
            yield _Row(
                {
                    **_named(event, told, event.arguments),
                    "decision": "undecidable",
                    "governed": True,
                    "rules": [NO_CATALOGUE],
                    "policy_sets": [],
                    "missing": [],
                    "why": "no tool catalogue declares the tools of this run",
                    "deferred": [],
                    "facts": {},
                    "origins": {},
                },
                Shown(),
            )


def _named(event: Event, told: Told, arguments: Mapping[str, Json] | None) -> dict[str, Any]:
    from mythos.engines.judge.samples import shown

    key = event.trace_id, event.span_id
    return {
        "line": told.lines.get(key, 0),
        "trace_id": event.trace_id if key in told.spans else None,
        "span_id": event.span_id if key in told.spans else None,
        "run": event.trace_id,
        "agent": event.agent,
        "tool": event.tool,
        "arguments": shown(arguments),
    }


def _as_json(found: Loaded, rows: Sequence[_Row]) -> dict[str, Any]:
    counts = Counter(row.fields["decision"] for row in rows)
    return {
        "decisions": [row.fields for row in rows],
        "allowed": counts["allow"],
        "denied": counts["deny"],
        "undecidable": counts["undecidable"],
        "ungoverned": sum(not row.fields["governed"] for row in rows),
        "notes": notes_json(found),
    }


def _tell(found: Loaded, rows: Sequence[_Row], result: Mapping[str, Any]) -> None:
    tell_notes(found)
    told: set[tuple[str, ...]] = set()
    for row in rows:
        fields = row.fields
        by = ", ".join(telling(fields["rules"])) or "no rule"
        head = f"{marked(_word(fields))}  line {fields['line']}"
        click.echo(f"{head}  {call_line(fields['tool'], fields['arguments'])}  by {plain(by)}")
        if fields["span_id"]:
            click.echo(f"  where    trace {fields['trace_id']}, span {fields['span_id']}")
        if fields["decision"] != "allow":
            click.echo(f"  why      {plain(fields['why'])}")
        if fields["missing"]:
            click.echo(f"  missing  {plain(', '.join(fields['missing']))}")
        tell_rules(row.shown, found.documents, tool=fields["tool"], told=told)
    ungoverned = f" ({result['ungoverned']} not governed)" if result["ungoverned"] else ""
    click.echo(
        f"{result['allowed']} allowed{ungoverned}, {result['denied']} denied, "
        f"{result['undecidable']} undecidable"
    )


def _word(fields: Mapping[str, Any]) -> str:
    return str(fields["decision"]) if fields["governed"] else "ungoverned"
