"""The drawing of one run beside its workflow: a line a step, done, skipped or extra.

3.0 s  ✔ identify    find_customer_by_email
       − confirm     skipped (weight 5), line 8
7.1 s  + get_user    extra
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from mythos.cli.source_lines import plain

if TYPE_CHECKING:
    from mythos.cli.workflow_files import WorkflowFile
    from mythos.cli.workflow_runs import AlignedRun
    from mythos.cli.workflow_variants import CountedVariants
    from mythos.engines.conformance.alignment import Alignment, Move
    from mythos.engines.judge.run_steps import RunStep

MARKS = {"match": "✔", "skip": "−", "extra": "+"}
_MAX_LABEL = 28
MAX_DRAWN = 200
_NS = 10**9


def run_json(one: AlignedRun) -> dict[str, Any]:
    """A run with its moves; `at_s` counts from the start of the run."""
    from datetime import UTC, datetime

    run, alignment = one.run, one.found.alignment
    at = datetime.fromtimestamp(run.root.start_ns // _NS, UTC)
    return {
        "trace_id": run.trace_id,
        "agent": run.agent,
        "at": f"{at:%Y-%m-%dT%H:%M:%SZ}",
        "cost": alignment.cost,
        "fitness": alignment.fitness,
        "exact": alignment.exact,
        "denominator": alignment.denominator,
        "alike": one.alike,
        "moves": [_move_json(one, move) for move in alignment.moves],
    }


def _move_json(one: AlignedRun, move: Move) -> dict[str, Any]:
    step = _step_of(one, move)
    return {
        "kind": move.kind,
        "label": move.label,
        "block": move.block or None,
        "span_id": step.event.span_id if step else None,
        "name": step.step.name if step else None,
        "at_s": _at_s(one, step) if step else None,
        "attempts": step.attempts if step else None,
        "concurrent": _is_loose(one, move) if step else None,
    }


def _step_of(one: AlignedRun, move: Move) -> RunStep | None:
    return None if move.position is None else one.found.steps[move.position]


def _is_loose(one: AlignedRun, move: Move) -> bool:
    return move.position is not None and one.found.loose[move.position]


def _at_s(one: AlignedRun, step: RunStep) -> float:
    return round((step.event.start_ns - one.run.root.start_ns) / _NS, 3)


def drawn(one: AlignedRun, file: WorkflowFile) -> Iterator[str]:
    """The lines of a run: what it cost, then each step."""
    told = run_json(one)
    agent = plain(told["agent"]) or "(no agent)"
    alignment = one.found.alignment
    alike = f"  and {runs(one.alike)} alike" if one.alike else ""
    yield f"trace {told['trace_id']}  {agent}  {told['at']}{alike}"
    yield f"  {_cost(alignment)}"
    yield from _lines(
        [
            (
                _clock(one, move),
                move,
                _about(move, file, _step_of(one, move), loose=_is_loose(one, move)),
            )
            for move in alignment.moves[:MAX_DRAWN]
        ],
        n=len(alignment.moves),
    )


def drawn_variant(place: int, counted: CountedVariants, file: WorkflowFile) -> Iterator[str]:
    """The lines of a variant, which has no times."""
    variant = counted.variants[place]
    alignment = counted.model.align(variant.trace)
    yield f"variants/{place}  {runs(variant.count)}"
    yield f"  {_cost(alignment)}"
    yield from _lines(
        [("", move, _about(move, file, None)) for move in alignment.moves[:MAX_DRAWN]],
        n=len(alignment.moves),
    )


def _cost(alignment: Alignment) -> str:
    known = "" if alignment.exact else f" (at least {alignment.lower})"
    return (
        f"cost {alignment.cost}{known} of {alignment.denominator}, fitness {alignment.fitness:.3f}"
    )


def _lines(rows: Sequence[tuple[str, Move, str]], *, n: int) -> Iterator[str]:
    labels = [_label(move) for _, move, _ in rows]
    first = max((len(clock) for clock, _, _ in rows), default=0)
    wide = max(map(len, labels), default=0)
    for (clock, move, about), label in zip(rows, labels, strict=True):
        yield f"  {clock:>{first}}  {MARKS[move.kind]} {label:<{wide}}  {about}".rstrip()
    if n > len(rows):
        yield f"  and {n - len(rows):,} more steps; --json has them all"


def _label(move: Move) -> str:
    label = plain(move.label)
    return label if len(label) <= _MAX_LABEL else f"{label[: _MAX_LABEL - 1]}…"


def _clock(one: AlignedRun, move: Move) -> str:
    step = _step_of(one, move)
    return f"{_at_s(one, step):.1f} s" if step else ""


def _about(move: Move, file: WorkflowFile, step: RunStep | None, *, loose: bool = False) -> str:
    """What a line says beside the label."""
    weights, notes = file.workflow.weights, list[str]()
    if step and step.step.name != move.label:
        notes.append(plain(step.step.name))
    if move.kind == "skip":
        line = file.mark(move.block)[0]
        notes += [_weighed("skipped", weights.skip_of(move.label)), f"line {line}" if line else ""]
    if move.kind == "extra":
        notes.append(_weighed("extra", weights.extra_of(move.label)))
    if loose:
        notes.append("concurrent")
    if step and step.attempts > 1:
        notes.append(f"{step.attempts} attempts")
    if step and step.failed:
        notes.append("failed")
    return ", ".join(filter(None, notes))


def runs(n: int) -> str:
    """A number of runs in words."""
    return "1 run" if n == 1 else f"{n:,} runs"


def _weighed(word: str, weight: int) -> str:
    return word if weight == 1 else f"{word} (weight {weight})"
