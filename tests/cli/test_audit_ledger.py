"""The books of an audit: rolled up on entry, and no different for it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from mythos.adapters.baseline import baseline_policy_set
from mythos.cli.audit_ledger import CELL_S, Ledger
from mythos.engines.judge.judgement import judge_run
from mythos.engines.judge.rows import Place, rows_of
from mythos.engines.judge.rulebook import Rulebook, make_rulebook
from mythos.engines.resilience.reading import read_node
from mythos.engines.telemetry import assemble
from mythos.values.event import Run
from mythos.values.tools import ToolCatalogue
from mythos.values.workflow import load_workflow
from tests.cli.retail_traces import EXAMPLE, NEW_YEAR_S, run

DAY_NS = 86_400 * 10**9


@pytest.fixture(scope="module")
def rulebook() -> Rulebook:
    tools = (EXAMPLE / "tools/retail-care.json").read_text()
    workflow = (EXAMPLE / "workflows/cancel-order.yaml").read_text()
    return make_rulebook(
        [baseline_policy_set()],
        [ToolCatalogue.model_validate_json(tools)],
        [load_workflow(workflow, source="cancel-order.yaml")],
    )


def runs_over(days: float, *, every_days: float) -> list[Run]:
    """Runs at equal distances, every third without asking the customer."""
    made = []
    for number in range(int(days / every_days)):
        shift = round(number * every_days * DAY_NS)
        made += [
            replace(span, start_ns=span.start_ns + shift, end_ns=span.end_ns + shift)
            for span in run(number, asks=number % 3 > 0)
        ]
    return assemble(made)


@pytest.mark.parametrize(("days", "every_days"), [(0.1, 0.01), (3, 0.11), (40, 1.3)])
def test_rolling_up_on_entry_changes_no_number_of_the_reading(
    rulebook: Rulebook, days: float, every_days: float
) -> None:
    runs = runs_over(days, every_days=every_days)
    as_of = datetime.fromtimestamp(max(one.ended_ns for one in runs) / 10**9, UTC)
    ledger = Ledger(rulebook, as_of=as_of)
    place = Place("till-1", "audit", "", CELL_S)
    rows = []
    for one in runs:
        ledger.enter(one)
        judged = judge_run(one, rulebook, claimed=True)
        rows += rows_of(judged, place, agent_ref=rulebook.agent_ref)
    [node] = ledger.nodes()
    plain = read_node(rows, node="till-1", environment="audit", as_of=as_of, facts=ledger.facts)
    assert (node.reading.state, node.reading.runs) == (plain.state, plain.runs)
    for part, expected in zip(node.reading.components, plain.components, strict=True):
        assert (part.name, part.n, part.detail) == (expected.name, expected.n, expected.detail)
        assert (part.low, part.mid, part.high) == pytest.approx(
            (expected.low, expected.mid, expected.high)
        )
    assert [flag.fingerprint for flag in node.reading.flags] == [
        flag.fingerprint for flag in plain.flags
    ]


def test_books_grow_with_hours_and_not_with_runs(rulebook: Rulebook) -> None:
    end = datetime.fromtimestamp(NEW_YEAR_S, UTC) + timedelta(hours=1)
    ledger = Ledger(rulebook, as_of=end)
    sizes = []
    for number in range(50):
        [one] = assemble(run(number))
        ledger.enter(one)
        sizes.append(sum(len(page.bodies) for page in ledger._pages.values()))
    assert sizes[0] == sizes[-1]


def test_runs_before_the_window_are_counted_and_not_scored(rulebook: Rulebook) -> None:
    late = datetime.fromtimestamp(NEW_YEAR_S, UTC) + timedelta(days=60)
    ledger = Ledger(rulebook, as_of=late)
    [one] = assemble(run(0))
    ledger.enter(one)
    [node] = ledger.nodes()
    assert (node.runs, node.reading.state, node.rows) == (1, "IDLE", ())


def test_the_last_24_hours_begin_within_an_hour(rulebook: Rulebook) -> None:
    """A run just before they begin is not held against its agent, one just after is."""
    [skips] = assemble(run(0, asks=False))
    for shift_s, codes in ((-60, []), (90, ["WORKFLOW_NONCONFORMANT"])):
        end = datetime.fromtimestamp(skips.ended_ns / 10**9 - shift_s, UTC) + timedelta(days=1)
        ledger = Ledger(rulebook, as_of=end)
        ledger.enter(skips)
        [node] = ledger.nodes()
        found = [flag.code for flag in node.reading.flags if flag.code.startswith("WORKFLOW")]
        assert found == codes, shift_s
