"""`mythos policy test`: are the promises kept that policy sets make with `expect`?"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mythos.cli.output import as_json, bar, chosen
from mythos.cli.policy_files import (
    Loaded,
    governing,
    notes_json,
    sources,
    tell_notes,
    tools_option,
)
from mythos.cli.policy_rules import Shown, tell_rules
from mythos.cli.source_lines import file_lines, marked_line, plain

if TYPE_CHECKING:
    from mythos.cli.policy_engines import Engines
    from mythos.engines.policy.document import PolicyDocument
    from mythos.engines.policy.expectation import Status
    from mythos.values.expected import ExpectedRequest
    from mythos.values.policy import Expectation

NOT_PROVED = "not proved: needs mythos-fleet[prove]"
_MARKS: dict[Status, str] = {"passed": "✔", "failed": "✖", "skipped": "–"}


@dataclass(frozen=True, slots=True)
class _Result:
    """One entry of `expect` and what became of it.

    `shown` are the rules that decided, `call` is one that breaks a property.
    """

    document: PolicyDocument
    number: int
    status: Status
    expected: str
    got: str
    why: str
    shown: Shown = field(default_factory=Shown)
    call: ExpectedRequest | None = None

    @property
    def name(self) -> str:
        """The entry's name."""
        return self.document.policy_set.expect[self.number].name

    @property
    def line(self) -> int:
        """The entry's line in its file."""
        return self.document.places.part_line(("expect", self.number))


@click.command(short_help="Try what policy sets promise with `expect`.")
@sources
@tools_option
@as_json
@click.pass_context
def test(
    ctx: click.Context, files: tuple[Path, ...], tools: tuple[Path, ...], as_json: bool
) -> None:
    """Try what policy sets promise with `expect`, each set alone.

    A call with its decision is tried with the engine. A property over all calls is proved, which
    needs mythos-fleet[prove]; without, it counts as skipped. Exits 1 if one fails.
    """
    found = governing(files, tools)
    results = list(_results(found))
    counts = Counter(result.status for result in results)
    chosen(as_json, _as_json(found, results, counts), lambda: _tell(found, results, counts))
    if counts["failed"]:
        ctx.exit(1)


def _results(found: Loaded) -> Iterator[_Result]:
    from mythos.cli.policy_engines import Engines

    engines = Engines(found)
    total = sum(len(document.policy_set.expect) for document in found.documents)
    with bar("testing", total=total) as progress:
        for document in found.documents:
            for number, entry in enumerate(document.policy_set.expect):
                if entry.request is None:
                    yield _proved(document, number, entry, engines)
                else:
                    yield _tried(document, number, entry, engines)
                progress.advance()


def _tried(document: PolicyDocument, number: int, entry: Expectation, engines: Engines) -> _Result:
    from mythos.engines.policy.expectation import attempt, catalogue_of
    from mythos.engines.policy.identity import digest

    request, wanted = entry.request, entry.decision
    if request is None or wanted is None:  # a property; `values.policy` keeps the two apart
        return _proved(document, number, entry, engines)
    catalogue = catalogue_of(request, document.policy_set, engines.catalogues)
    if catalogue is None:
        why = f"no catalogue given declares {request.tool}"
        return _Result(document, number, "skipped", wanted, "", why)
    name = digest(document.policy_set)
    done = attempt(
        request, wanted, document.policy_set, digest=name, engine=engines.by_domain(catalogue)
    )
    answer = done.answer
    if answer is None:
        return _Result(document, number, done.status, wanted, "", done.why)
    shown = Shown(answer.policy_sets, answer.rules)
    return _Result(document, number, done.status, wanted, answer.word, done.why, shown)


def _proved(document: PolicyDocument, number: int, entry: Expectation, engines: Engines) -> _Result:
    from mythos.engines.coherence.promise import prove
    from mythos.engines.policy.expectation import expected_of
    from mythos.engines.policy.identity import digest
    from mythos.engines.policy.kept_call import kept_call

    wanted = f"never {entry.never}" if entry.never else f"always {entry.always}"
    name = digest(document.policy_set)
    undecided = ""
    for catalogue in engines.catalogues:
        try:
            done = prove(entry, digest=name, engine=engines.by_domain(catalogue))
        except ImportError:
            return _Result(document, number, "skipped", wanted, "", NOT_PROVED)
        if done.request and done.answer:
            shown = Shown(done.answer.policy_sets, done.answer.rules)
            every = [engines.by_domain(one) for one in engines.catalogues]
            kept = kept_call(done.request, document.policy_set, every)
            call = kept.request if kept else expected_of(done.request, digest=name)
            got = done.answer.word
            return _Result(document, number, "failed", wanted, got, done.why, shown, call)
        undecided = undecided or done.why
    if undecided:
        return _Result(document, number, "skipped", wanted, "", f"undecided: {undecided}")
    return _Result(document, number, "passed", wanted, wanted, "proved for every call")


def _as_json(found: Loaded, results: Sequence[_Result], counts: Counter[Status]) -> dict[str, Any]:
    return {
        "passed": counts["passed"],
        "failed": counts["failed"],
        "skipped": counts["skipped"],
        "results": [
            {
                "file": result.document.places.source,
                "line": result.line,
                "name": result.name,
                "status": result.status,
                "expected": result.expected,
                "got": result.got,
                "rules": list(result.shown.rules),
                "why": result.why,
                "call": _call(result),
            }
            for result in results
        ],
        "notes": notes_json(found),
    }


def _call(result: _Result) -> dict[str, Any] | None:
    call = result.call
    return None if call is None else call.model_dump(mode="json", exclude_none=True)


def _tell(found: Loaded, results: Sequence[_Result], counts: Counter[Status]) -> None:
    tell_notes(found)
    file = ""
    for result in results:
        if result.document.places.source != file:
            file = result.document.places.source
            click.echo(plain(file))
        skipped = f"  {plain(result.why)}" if result.status == "skipped" else ""
        click.echo(f"  {_MARKS[result.status]} {plain(result.name)}{skipped}")
        if result.status == "failed":
            _tell_failure(result)
    if not results:
        click.echo("no policy set given has an `expect` entry")
    click.echo(", ".join(f"{counts[status]} {status}" for status in _MARKS))


def _tell_failure(result: _Result) -> None:
    by = ", ".join(dict.fromkeys(result.shown.rules))
    click.echo(f"    expected {result.expected}, got {result.got}{by and ' by '}{plain(by)}")
    if result.why:
        click.echo(f"    {plain(result.why)}")
    if result.call is not None:
        changed = result.call.model_dump(mode="json", exclude_defaults=True)
        click.echo(f"    by the call {plain(json.dumps(changed, ensure_ascii=False))}")
    click.echo(f"  expect   {result.document.places.source}:{result.line}")
    for line in marked_line(file_lines(result.document.places.source), result.line, 0):
        click.echo(line)
    entry = result.document.policy_set.expect[result.number]
    call = entry.request or result.call
    tool = call.tool if call else ""
    tell_rules(result.shown, [result.document], tool=tool, told=set())
