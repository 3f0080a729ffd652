"""Recorded runs of real agents: every action is judged, and none of them crashes the judge."""

from __future__ import annotations

import gzip
from collections import Counter
from itertools import islice
from pathlib import Path

import pytest

from mythos.adapters.baseline import baseline_policy_set
from mythos.engines.policy.compile import compile_policies
from mythos.engines.policy.document import load_policy_set
from mythos.engines.policy.identity import digest
from mythos.engines.policy.rulings import rulings_of
from mythos.engines.telemetry.archive import spans_of_line
from mythos.engines.telemetry.catalogue import choose_catalogue
from mythos.engines.telemetry.runs import assemble
from mythos.values.event import Kind, Run
from mythos.values.outcome import Outcome
from mythos.values.tools import ToolCatalogue

BASELINE = baseline_policy_set()
RETAIL = load_policy_set(
    """\
policy_set: tau-retail
version: 1
covers: {tools: tau/retail}
facts:
  identified: {once: [find_user_id_by_email, find_user_id_by_name_zip]}
  confirmed:
    once: user.confirm
    since: [cancel_pending_order, exchange_delivered_order_items, modify_pending_order_address,
            modify_pending_order_items, modify_pending_order_payment, modify_user_address,
            return_delivered_order_items]
rules: |
  @id("free")
  permit(principal, action, resource) when { !context.tool.consequential };

  @id("hand-over")
  permit(principal, action == Action::"transfer_to_human_agents", resource);

  @id("confirmed-write") @severity("critical")
  permit(principal, action, resource) when { context.past.identified && context.past.confirmed };

  @id("cancel-reasons")
  forbid(principal, action == Action::"cancel_pending_order", resource)
  unless { ["no longer needed", "ordered by mistake"].contains(context.input.reason) };
""",
    source="tau-retail.yaml",
)


@pytest.fixture(scope="module")
def catalogues(shared: Path) -> list[ToolCatalogue]:
    folder = shared / "data" / "agents" / "domains"
    return [ToolCatalogue.model_validate_json(path.read_text()) for path in folder.glob("*.json")]


@pytest.fixture(scope="module")
def runs(shared: Path) -> list[Run]:
    with gzip.open(shared / "data" / "agents" / "traces.otlp.jsonl.gz") as lines:
        spans = [spans_of_line(line) for line in islice(lines, 150)]
    return [run for batch in spans for run in assemble(batch)]


def test_every_call_gets_one_outcome_of_the_baseline(
    runs: list[Run], catalogues: list[ToolCatalogue]
) -> None:
    engines = {each.domain: compile_policies([BASELINE], each) for each in catalogues}
    for run in runs:
        catalogue = choose_catalogue(run, catalogues)
        assert catalogue is not None
        engine = engines[catalogue.domain]
        rulings = rulings_of(run, engine, sets_of=lambda _: [digest(BASELINE)])
        calls = [event.span_id for event in run.events if event.kind is Kind.TOOL_CALL]
        assert [each.span_id for each in rulings.in_force] == calls


def test_a_retail_policy_finds_both_kept_and_broken_rules_in_real_runs(
    runs: list[Run], catalogues: list[ToolCatalogue]
) -> None:
    (catalogue,) = [each for each in catalogues if each.domain == "tau/retail"]
    engine = compile_policies([RETAIL, BASELINE], catalogue)
    counts: Counter[Outcome] = Counter()
    for run in runs:
        if choose_catalogue(run, catalogues) is catalogue:
            rulings = rulings_of(run, engine, sets_of=lambda _: [digest(RETAIL)])
            counts.update(each.outcome for each in rulings.in_force)
            assert rulings == rulings_of(run, engine, sets_of=lambda _: [digest(RETAIL)])
    assert counts[Outcome.UPHELD] > counts[Outcome.VIOLATED] > 0
