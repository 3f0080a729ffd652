"""`mythos policy backtest`: which recorded calls would a new version decide otherwise?

Memory is bounded: of each kind of change the first calls are kept, the others are counted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mythos.cli.output import as_json, chosen
from mythos.cli.policy_files import (
    READABLE,
    Loaded,
    governing,
    notes_json,
    tell_notes,
    tools_option,
    versions_of,
)
from mythos.cli.policy_rules import Shown, marked, tell_rules, telling
from mythos.cli.source_lines import call_line, plain

if TYPE_CHECKING:
    from mythos.cli.policy_engines import Engines
    from mythos.engines.policy.backtest import Changed, Turn
    from mythos.engines.policy.document import PolicyDocument
    from mythos.engines.policy.replay import Answer
    from mythos.values.event import Run

SHOWN = 20
_TURNS: dict[Turn, str] = {
    "now_blocked": "now blocked",
    "now_allowed": "now allowed",
    "other": "otherwise changed",
}


@dataclass(slots=True)
class _Kept:
    """One kind of change so far: the first calls as they are printed, and exact counts."""

    rows: list[dict[str, Any]] = field(default_factory=list)
    n: int = 0
    rules: Counter[str] = field(default_factory=Counter)
    agents: Counter[str] = field(default_factory=Counter)


@dataclass(slots=True)
class _Tested:
    """A back-test so far."""

    kinds: dict[Turn, _Kept]
    n_runs: int = 0
    n_calls: int = 0
    n_unjudged: int = 0

    @property
    def n_changed(self) -> int:
        """Calls that are decided differently."""
        return sum(kept.n for kept in self.kinds.values())


@click.command(short_help="Which recorded calls would a new version decide otherwise?")
@click.argument("old", metavar="OLD", type=READABLE)
@click.argument("new", metavar="NEW", type=READABLE)
@click.option(
    "--traces",
    type=click.Path(path_type=Path, exists=True),
    multiple=True,
    required=True,
    help="OTLP as JSON lines or protobuf, plain or gzip; or a folder of them. Repeatable.",
)
@tools_option
@click.option(
    "--others",
    "--policy",
    "others",
    type=READABLE,
    multiple=True,
    help="A policy set in force beside both versions. Repeatable.",
)
@click.option("--all", "show_all", is_flag=True, help="Show every changed call, not the first 20.")
@as_json
@click.pass_context
def backtest(
    ctx: click.Context,
    old: Path,
    new: Path,
    traces: tuple[Path, ...],
    tools: tuple[Path, ...],
    others: tuple[Path, ...],
    show_all: bool,
    as_json: bool,
) -> None:
    """Replay recorded calls under the policy sets OLD and NEW, and show which come out otherwise.

    Exits 1 if any is, or no call was decided.
    """
    found = governing([old, new, *others], tools)
    sides = versions_of(found, old, new)
    tested = _tested(found, sides, traces, limit=None if show_all else SHOWN)
    if not tested.n_calls and not tested.n_unjudged:
        found.notes.append("no call was decided, so nothing is known of the change")
    if tested.n_unjudged:
        found.notes.append(f"no tool catalogue given fits {tested.n_unjudged} of the runs")
    chosen(as_json, _as_json(found, tested), lambda: _tell(found, tested, sides))
    if tested.n_changed or not tested.n_calls:
        ctx.exit(1)


def _tested(
    found: Loaded,
    sides: tuple[PolicyDocument, PolicyDocument],
    traces: Sequence[Path],
    *,
    limit: int | None,
) -> _Tested:
    from mythos.adapters.span_spill import SpanSpill
    from mythos.cli.policy_engines import Engines
    from mythos.cli.recorded_runs import recorded_traces, spill_archive
    from mythos.engines.policy.identity import digest

    engines = Engines(found)
    names = [digest(document.policy_set) for document in sides]
    beside = set(engines.digests) - set(names)
    in_force = frozenset({names[0], *beside}), frozenset({names[1], *beside})
    tested = _Tested({turn: _Kept() for turn in _TURNS})
    with SpanSpill() as spill:
        for trace in recorded_traces(spill, n_traces=spill_archive(spill, traces)):
            for run in trace.runs:
                _enter(tested, run, engines, in_force=in_force, limit=limit)
    return tested


def _enter(
    tested: _Tested,
    run: Run,
    engines: Engines,
    *,
    in_force: tuple[frozenset[str], frozenset[str]],
    limit: int | None,
) -> None:
    """Back-test one run, and count it."""
    from mythos.engines.policy.backtest import backtest

    tested.n_runs += 1
    engine = engines.of(run)
    if engine is None:
        tested.n_unjudged += 1
        return
    was, now = in_force
    done = backtest(run, engine, was=was, now=now, past=engines.past_of(run, engine))
    tested.n_calls += done.n_calls
    for changed in done.changed:
        kept = tested.kinds[changed.turn]
        kept.n += 1
        kept.agents[changed.occasion.event.agent] += 1
        kept.rules.update(_deciding(changed))
        if limit is None or len(kept.rows) < limit:
            kept.rows.append(_row(changed))


def _deciding(changed: Changed) -> Iterator[str]:
    """The rules that make the difference: those that deny now, else those that denied before."""
    answer = changed.was if changed.now.word == "allow" else changed.now
    for policy_set, rule in zip(answer.policy_sets, answer.rules, strict=True):
        yield f"{policy_set}/{rule}"


def _row(changed: Changed) -> dict[str, Any]:
    from datetime import UTC, datetime

    from mythos.engines.judge.samples import shown

    occasion = changed.occasion
    event = occasion.event
    at = datetime.fromtimestamp(event.start_ns // 10**9, UTC)
    return {
        "trace_id": event.trace_id,
        "span_id": event.span_id,
        "at": f"{at:%Y-%m-%dT%H:%M:%SZ}",
        "agent": event.agent,
        "tool": event.tool,
        "arguments": shown(occasion.arguments),
        "executed": occasion.executed,
        "was": _side(changed.was),
        "now": _side(changed.now),
    }


def _side(answer: Answer) -> dict[str, Any]:
    return {
        "decision": answer.word,
        "rules": list(answer.rules),
        "policy_sets": list(answer.policy_sets),
        "missing": list(answer.missing),
        "why": answer.why,
    }


def _as_json(found: Loaded, tested: _Tested) -> dict[str, Any]:
    return {
        "runs": tested.n_runs,
        "calls": tested.n_calls,
        "unchanged": tested.n_calls - tested.n_changed,
        "now_blocked": tested.kinds["now_blocked"].rows,
        "now_allowed": tested.kinds["now_allowed"].rows,
        "other_changes": tested.kinds["other"].rows,
        "counts": {
            "other_changes" if turn == "other" else turn: {
                "calls": kept.n,
                "rules": dict(kept.rules.most_common()),
                "agents": dict(kept.agents.most_common()),
            }
            for turn, kept in tested.kinds.items()
        },
        "notes": notes_json(found),
    }


def _tell(found: Loaded, tested: _Tested, sides: tuple[PolicyDocument, PolicyDocument]) -> None:
    tell_notes(found)
    told: set[tuple[str, ...]] = set()
    for turn, kept in tested.kinds.items():
        if not kept.n:
            continue
        click.echo(f"\n{_TURNS[turn]}: {kept.n:,}")
        click.echo(f"  by rule   {_counted(kept.rules)}")
        click.echo(f"  by agent  {_counted(kept.agents)}")
        for row in kept.rows:
            _tell_call(row, found, sides, told=told)
        if kept.n > len(kept.rows):
            click.echo(f"  and {kept.n - len(kept.rows):,} more; --all shows them")
    changes = ", ".join(f"{kept.n:,} {_TURNS[turn]}" for turn, kept in tested.kinds.items())
    unchanged = tested.n_calls - tested.n_changed
    click.echo(
        f"{tested.n_calls:,} calls in {tested.n_runs:,} runs: {changes}, {unchanged:,} unchanged"
    )


def _tell_call(
    row: Mapping[str, Any],
    found: Loaded,
    sides: tuple[PolicyDocument, PolicyDocument],
    *,
    told: set[tuple[str, ...]],
) -> None:
    was, now = row["was"], row["now"]
    turned = f"{marked(was['decision']).rstrip()} → {marked(now['decision']).rstrip()}"
    click.echo(f"  {turned}  {call_line(row['tool'], row['arguments'])}  by {plain(row['agent'])}")
    click.echo(f"    where  trace {row['trace_id']}, span {row['span_id']}, {row['at']}")
    for word, side in (("was", was), ("now", now)):
        by = ", ".join(telling(side["rules"])) or "no policy set"
        why = f": {side['why']}" if side["why"] else ""
        click.echo(f"    {word}    {plain(by)}{plain(why)}")
    old, new = sides
    deciding, other = (was, new) if now["decision"] == "allow" else (now, old)
    documents = [document for document in found.documents if document is not other]
    shown = Shown(deciding["policy_sets"], deciding["rules"])
    tell_rules(shown, documents, tool=row["tool"], told=told)


def _counted(counts: Counter[str]) -> str:
    return ", ".join(f"{plain(name) or '(unnamed)'} {n:,}" for name, n in counts.most_common(10))
