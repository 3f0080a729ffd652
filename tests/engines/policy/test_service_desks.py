"""Policy sets for two service desks, judged over recorded runs of real agents.

The recordings are not part of the repository; without them only the sets themselves are read.
"""

from __future__ import annotations

import gzip
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from mythos.engines.policy.check import check_against
from mythos.engines.policy.compile import PolicyEngine, compile_policies
from mythos.engines.policy.document import PolicyDocument, read_policy_document
from mythos.engines.policy.expectation import attempt
from mythos.engines.policy.identity import digest
from mythos.engines.policy.replay import Replayed, replay
from mythos.engines.telemetry.archive import spans_of_line
from mythos.engines.telemetry.runs import assemble
from mythos.values.event import Kind, Run
from mythos.values.outcome import INVALID_ARGUMENTS
from mythos.values.tools import ToolCatalogue

SETS = Path(__file__).parent / "sets"
DESKS = ("retail", "airline")


def document(desk: str) -> PolicyDocument:
    source = SETS / f"tau_{desk}.yaml"
    return read_policy_document(source.read_text("utf-8"), source=source.name)


def catalogue(shared: Path, desk: str) -> ToolCatalogue:
    text = (shared / "data/agents/domains" / f"tau_{desk}.json").read_text("utf-8")
    return ToolCatalogue.model_validate_json(text)


@pytest.fixture(scope="module")
def runs(shared: Path) -> list[Run]:
    with gzip.open(shared / "data/agents/traces.otlp.jsonl.gz") as lines:
        return [run for line in lines for run in assemble(spans_of_line(line))]


def judged(desk: str, shared: Path, runs: list[Run]) -> Iterator[Replayed]:
    policy_set = document(desk).policy_set
    engine: PolicyEngine = compile_policies([policy_set], catalogue(shared, desk))
    for run in runs:
        if run.service == f"tau-{desk}":
            yield from replay(run, engine, in_force=[digest(policy_set)])


@pytest.mark.parametrize("desk", DESKS)
def test_the_set_reads_without_its_tools(desk: str) -> None:
    assert len(document(desk).rules) >= 7


@pytest.mark.parametrize("desk", DESKS)
def test_the_set_fits_its_tools_and_keeps_what_it_promises(desk: str, shared: Path) -> None:
    read, tools = document(desk), catalogue(shared, desk)
    check_against(read.policy_set, [tools], places=read.places)
    engine = compile_policies([read.policy_set], tools)
    name = digest(read.policy_set)
    tried = {
        entry.name: attempt(
            entry.request, entry.decision, read.policy_set, digest=name, engine=engine
        ).status
        for entry in read.policy_set.expect
        if entry.request is not None and entry.decision is not None
    }
    assert len(tried) >= 5
    assert {name: status for name, status in tried.items() if status != "passed"} == {}


@pytest.mark.parametrize("desk", DESKS)
def test_every_recorded_call_is_decided_and_both_kept_and_broken_rules_are_found(
    desk: str, shared: Path, runs: list[Run]
) -> None:
    told = judged(desk, shared, runs)
    answers = Counter(each.answer.word for each in told)
    own = [run for run in runs if run.service == f"tau-{desk}"]
    calls = sum(event.kind is Kind.TOOL_CALL for run in own for event in run.events)
    assert answers.total() == calls
    untold = [each for each in told if each.answer.word == "undecidable"]
    assert {each.occasion.event.tool for each in untold} <= {"think"}, "it has no effect"
    assert all("arguments do not fit" in each.answer.why for each in untold)
    assert answers["allow"] > answers["deny"] > 0


@pytest.mark.parametrize("desk", DESKS)
def test_a_write_that_was_made_without_a_yes_is_found(
    desk: str, shared: Path, runs: list[Run]
) -> None:
    denied = [each for each in judged(desk, shared, runs) if each.answer.word == "deny"]
    unasked = [each for each in denied if "confirmed" in each.answer.missing]
    assert len(unasked) > len(denied) / 2
    tools = {tool.name: tool for tool in catalogue(shared, desk).tools}
    assert {tools[each.occasion.event.tool].effect for each in unasked} == {"write"}


def test_what_the_state_of_an_order_forbids_the_shop_itself_refused(
    shared: Path, runs: list[Run]
) -> None:
    """An outside check: where nothing but the state denies, the shop's own software said no."""
    by_state = [
        each.occasion.event
        for each in judged("retail", shared, runs)
        if each.answer.word == "deny"
        and not each.answer.missing
        and INVALID_ARGUMENTS not in each.answer.rules
    ]
    assert len(by_state) >= 5
    assert [event.span_id for event in by_state if not event.failed] == []
