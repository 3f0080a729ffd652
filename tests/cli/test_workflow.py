"""`mythos workflow check` and `align`, through the real entry point."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from mythos.cli.root import root
from mythos.engines.conformance import compile_blueprint
from mythos.engines.conformance.consistency import Followed
from mythos.values.event import Span
from tests.cli.policy_command import EXAMPLE, TOOLS, Said, written
from tests.cli.retail_traces import NEW_YEAR_S, run, write
from tests.engines.telemetry.making import Loose, agent, call

CANCEL = EXAMPLE / "workflows/cancel-order.yaml"
RETURN = EXAMPLE / "workflows/return-order.yaml"
SHOP = """\
schema: mythos.ritual/1
name: shop
steps:
  seq:
    - act: search
    - opt: {act: compare}
    - act: buy
weights:
  buy: {skip: 3}
"""


def workflow(*arguments: str | Path) -> Said:
    result = CliRunner().invoke(root, ["workflow", *map(str, arguments)])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return Said(result.exit_code, result.stdout, result.stderr)


def shop(folder: Path, text: str = SHOP) -> Path:
    return written(folder / "shop.yaml", text)


def variants(path: Path, *pairs: tuple[list[str], int]) -> Path:
    body = json.dumps({"variants": [{"trace": trace, "count": n} for trace, n in pairs]}).encode()
    path.write_bytes(gzip.compress(body) if path.suffix == ".gz" else body)
    return path


def shopping(number: int, *tools: str, **root_attributes: Loose) -> list[Span]:
    """One run that calls these tools, two seconds apart."""
    start, trace = NEW_YEAR_S + 60 * number, f"{number + 1:032x}"
    calls = [
        call(2 + i, 1, tool, at_s=start + 2 * i + 1, trace=trace) for i, tool in enumerate(tools)
    ]
    return [agent(1, name="shopper", at_s=start, for_s=50, trace=trace, **root_attributes), *calls]


def archive(folder: Path, requests: Iterable[list[Span]]) -> Path:
    return write(folder / "traces.jsonl.gz", requests)


def test_check_says_what_was_understood() -> None:
    said = workflow("check", CANCEL, RETURN)
    assert said.code == 0
    assert "cancel-order version 1" in said.out
    assert "shortest run  4 steps: identify → read-order → confirm → cancel" in said.out
    assert "automaton of 5 states" in said.out
    assert "      8  confirm     skip 5 extra 1  gen_ai.tool.name=ask_customer" in said.out
    assert said.out.splitlines()[-1] == "ok: 2 workflows, 10 steps"


def test_check_json_names_each_step_with_its_block_and_line() -> None:
    (file,) = workflow("check", CANCEL, "--json").json["files"]
    assert file["steps"][2] == {
        "label": "confirm",
        "match": {"gen_ai.tool.name": "ask_customer"},
        "block": "steps/seq/2/act",
        "line": 8,
        "skip": 5,
        "extra": 1,
    }
    assert (file["route"], file["states"]) == ("automaton", 5)


def test_the_shortest_run_is_the_one_of_fewest_steps_whatever_they_weigh(tmp_path: Path) -> None:
    text = SHOP.replace("- act: search", "- xor: [{act: search}, {seq: [{act: a}, {act: b}]}]")
    text += "  search: {skip: 9}\n"
    (file,) = workflow("check", shop(tmp_path, text), "--json").json["files"]
    assert file["shortest_run"] == ["search", "buy"]


def test_every_problem_of_every_file_is_told_with_its_line_and_block(tmp_path: Path) -> None:
    bad = shop(tmp_path, SHOP.replace("- act: search", "- {act: ''}").replace("opt:", "opz:"))
    other = written(tmp_path / "other.yaml", "schema: mythos.ritual/1\nname: x\n")
    said = workflow("check", bad, other, CANCEL, "--json")
    assert said.code == 1
    places = [(Path(one["file"]).name, one["line"]) for one in said.json["problems"]]
    assert places == [("shop.yaml", 5), ("shop.yaml", 6), ("other.yaml", 1)]
    assert said.json["problems"][0]["message"].startswith("steps/seq/0/act: ")
    assert [one["workflow"] for one in said.json["files"]] == ["cancel-order"]


def test_a_problem_is_shown_in_its_line(tmp_path: Path) -> None:
    said = workflow("check", shop(tmp_path, SHOP.replace("{skip: 3}", "{skip: 30}")))
    assert said.code == 1
    assert "    9 │   buy: {skip: 30}" in said.out
    assert said.out.splitlines()[-1] == "NOT ok: 1 problems in 1 files"


def test_steps_that_no_tool_can_be_are_warned_of_and_are_no_failure(tmp_path: Path) -> None:
    text = CANCEL.read_text().replace("find_customer_by_email", "find_customer")
    text = text.replace("{act: cancel, match: {gen_ai.tool.name: cancel_order}}", "act: cancel")
    said = workflow("check", shop(tmp_path, text), "--tools", TOOLS, "--json")
    assert said.code == 0
    assert [(one["line"], one["message"].partition(":")[0]) for one in said.json["warnings"]] == [
        (6, "steps/seq/0/act"),
        (9, "steps/seq/3/act"),
    ]


def test_tools_beside_the_workflows_folder_are_found(tmp_path: Path) -> None:
    written(tmp_path / "tools/retail.json", TOOLS.read_text())
    file = written(tmp_path / "workflows/shop.yaml", SHOP)
    assert "warning" in workflow("check", file).out
    assert "warning" not in workflow("check", CANCEL).out


def test_a_weight_of_a_step_that_is_not_there_is_warned_of(tmp_path: Path) -> None:
    said = workflow("check", shop(tmp_path, SHOP.replace("buy: {skip", "by: {skip")), "--json")
    (warning,) = said.json["warnings"]
    assert (warning["line"], warning["message"].partition(":")[0]) == (9, "weights/by")


LOST = """\
schema: mythos.ritual/1
name: lost
steps:
  graph:
    nodes:
      ask: {act: ask}
      to/pay: {act: pay}
      never: {act: never}
      stuck: {act: stuck}
    start: [ask]
    edges: [[ask, to/pay], [never, to/pay], [ask, stuck], [stuck, stuck]]
    ends: [to/pay]
"""


def test_nodes_that_lie_on_no_walk_are_warned_of_with_their_line(tmp_path: Path) -> None:
    said = workflow("check", shop(tmp_path, LOST), "--json")
    assert said.code == 0
    never, stuck = said.json["warnings"]
    assert (never["line"], stuck["line"]) == (8, 9)
    assert "graph/nodes/never: no walk comes to node 'never'" in never["message"]
    assert "graph/nodes/stuck: node 'stuck' is a dead end" in stuck["message"]
    assert all(one["remedy"] for one in said.json["warnings"])


ONCE = """\
schema: mythos.ritual/1
name: once
steps:
  seq:
    - loop:
        do: {act: ask}
        redo: {act: retry}
        max: 1
    - loop: {do: {act: pay}, redo: {act: retry}, max: 2}
    - loop: {do: {act: tell}, max: 1}
"""


def test_a_redo_that_is_never_taken_is_warned_of(tmp_path: Path) -> None:
    said = workflow("check", shop(tmp_path, ONCE), "--json")
    assert said.code == 0
    (warning,) = said.json["warnings"]
    assert (warning["line"], warning["message"].partition(":")[0]) == (7, "steps/seq/0/loop/redo")


def test_variants_are_answered_in_their_order(tmp_path: Path) -> None:
    file = variants(
        tmp_path / "v.json.gz",
        *((["search", "buy"], 6), (["search"], 2), (["search", "sing", "buy"], 2)),
    )
    said = workflow("align", shop(tmp_path), "--variants", file, "--json")
    assert said.code == 0
    assert [(one["cost"], one["exact"]) for one in said.json["variants"]] == [
        *((0, True), (3, True), (1, True))
    ]
    assert said.json["variants"][1]["fitness"] == pytest.approx(1 - 3 / 5)
    assert said.json["consistency"] == pytest.approx(1 - (2 * 3 + 2) / (6 * 6 + 2 * 5 + 2 * 7))
    assert said.json["fitting"] == pytest.approx(0.6)
    assert {*said.json["variants"][0]} == {"cost", "fitness", "exact"}


def test_fewer_than_five_runs_have_no_consistency(tmp_path: Path) -> None:
    file = variants(tmp_path / "v.json", (["search", "buy"], 4))
    said = workflow("align", shop(tmp_path), "--variants", file, "--json")
    assert (said.json["consistency"], said.json["fitting"]) == (None, 1.0)
    told = workflow("align", shop(tmp_path), "--variants", file, "--fail-under", "0.5")
    assert (told.code, "too few for a consistency" in told.out) == (1, True)


def test_a_variant_that_strays_is_drawn(tmp_path: Path) -> None:
    file = variants(tmp_path / "v.json", (["buy", "sing"], 5), (["search", "buy"], 1))
    said = workflow("align", shop(tmp_path), "--variants", file)
    assert said.out.splitlines()[:5] == [
        "variants/0  5 runs",
        "  cost 2 of 6, fitness 0.667",
        "    − search  skipped, line 5",
        "    ✔ buy",
        "    + sing    extra",
    ]


@pytest.mark.parametrize(
    "body",
    [
        *(b"[]", b'{"variants": [{"trace": "ab"}]}', b'{"variants": [{"trace": [1]}]}'),
        *(b'{"variants": [{"trace": [], "count": -1}]}', b'{"variants": [{"count": true}]}'),
        *(b"\x1f\x8b rubbish", b'{"variants": [', b'{"variants": [{"trace":[],"count":true}]}'),
    ],
)
def test_a_file_that_holds_no_variants_is_refused(tmp_path: Path, body: bytes) -> None:
    file = tmp_path / "v.json"
    file.write_bytes(body)
    said = workflow("align", shop(tmp_path), "--variants", file, "--json")
    assert (said.code, said.json["error"]["where"]) == (1, str(file))


def test_runs_are_drawn_worst_first_with_times_and_places(tmp_path: Path) -> None:
    traces = archive(
        tmp_path,
        [
            *(run(i) for i in range(4)),
            *(run(4 + i, asks=False) for i in range(2)),
        ],
    )
    said = workflow("align", CANCEL, "--traces", traces)
    assert said.code == 0
    assert said.out.splitlines() == [
        f"trace {5:032x}  orders  2026-01-01T00:04:00Z  and 1 run alike",
        "  cost 5 of 11, fitness 0.545",
        "  3.0 s  ✔ identify    find_customer_by_email",
        "  5.0 s  ✔ read-order  get_order",
        "         − confirm     skipped (weight 5), line 8",
        "  7.0 s  ✔ cancel      cancel_order",
        "",
        "most skipped",
        "  confirm  2 runs  33%  line 8",
        "cancel-order: 6 runs, 4 fit (67%); consistency 0.857",
    ]


def test_what_align_counts_is_what_the_audit_scores(tmp_path: Path) -> None:
    traces = archive(tmp_path, [run(i, asks=i % 3 > 0) for i in range(9)])
    said = workflow("align", CANCEL, "--traces", traces, "--json")
    audited = CliRunner().invoke(
        root, ["audit", "--traces", str(traces), "--workflow", str(CANCEL), "--json"]
    )
    (node,) = json.loads(audited.stdout)["nodes"]
    (component,) = (
        one for one in node["components"] if one["name"] == "ritual_execution_consistency"
    )
    assert said.json["consistency"] == pytest.approx(component["mid"])


def test_a_run_counts_for_the_workflow_that_it_names_else_for_the_one_it_fits(
    tmp_path: Path,
) -> None:
    window = written(
        tmp_path / "look.yaml", SHOP.replace("shop", "look").replace("act: buy", "act: leave")
    )
    requests = [
        shopping(0, "search", "buy"),
        shopping(1, "search", "leave"),
        shopping(2, "search", "leave", mythos__workflow="shop"),
        shopping(3, "search", "buy", mythos__workflow="unheard-of"),
    ]
    traces = archive(tmp_path, requests)
    said = workflow("align", shop(tmp_path), "--others", window, "--traces", traces, "--json").json
    assert (said["runs"], said["other_workflows"], said["unknown_workflows"]) == (2, 1, 1)
    (worst,) = said["worst"]
    assert worst["trace_id"] == f"{3:032x}"
    assert [(move["kind"], move["label"], move["at_s"]) for move in worst["moves"]] == [
        *(("match", "search", 1.0), ("extra", "leave", 3.0), ("skip", "buy", None))
    ]


def test_an_agent_document_says_whose_workflow_it_is(tmp_path: Path) -> None:
    document = (EXAMPLE / "agents/orders.yaml").read_text()
    document = document.replace("name: orders", "name: shopper").replace("cancel-order]", "look]")
    shopper = written(tmp_path / "agent.yaml", document)
    look = written(tmp_path / "look.yaml", SHOP.replace("name: shop", "name: look"))
    traces = archive(tmp_path, [shopping(0, "search", "buy")])
    for file, other, runs in ((shop(tmp_path), look, 0), (look, shop(tmp_path), 1)):
        said = workflow(
            *("align", file, "--others", other, "--agent", shopper),
            *("--traces", traces, "--json"),
        )
        assert said.json["runs"] == runs, said.out


def test_only_the_agents_asked_for_are_looked_at(tmp_path: Path) -> None:
    traces = archive(tmp_path, [shopping(0, "search", "buy"), run(1)])
    said = workflow(
        "align", shop(tmp_path), "--traces", traces, "--agent-name", "shopper", "--json"
    )
    assert (said.json["runs"], said.json["archived"]) == (1, 2)


def test_steps_at_the_same_time_are_drawn_in_their_best_order(tmp_path: Path) -> None:
    start, trace = NEW_YEAR_S, f"{1:032x}"
    spans = [
        agent(1, name="shopper", at_s=start, for_s=50, trace=trace),
        call(2, 1, "buy", at_s=start + 1, for_s=5, trace=trace),
        call(3, 1, "search", at_s=start + 2, for_s=5, trace=trace),
        call(4, 1, "sing", at_s=start + 20, trace=trace),
    ]
    said = workflow("align", shop(tmp_path), "--traces", archive(tmp_path, [spans]))
    assert said.out.splitlines()[2:5] == [
        "   2.0 s  ✔ search  concurrent",
        "   1.0 s  ✔ buy     concurrent",
        "  20.0 s  + sing    extra",
    ]


def test_what_costs_nothing_is_drawn_and_not_listed(tmp_path: Path) -> None:
    file = shop(tmp_path, SHOP + "  sing: {extra: 0}\n")
    traces = archive(tmp_path, [shopping(0, "sing", "dance", "search", "buy")])
    said = workflow("align", file, "--traces", traces)
    assert "+ sing    extra (weight 0)" in said.out
    _, _, listed = said.out.partition("most extra\n")
    assert listed.splitlines()[0].split() == ["dance", "1", "run", "100%", "no", "step", "of", "it"]


def test_a_call_tried_again_is_one_step(tmp_path: Path) -> None:
    spans = shopping(0, "search", "buy", "buy")
    retried = [
        span if span.span_id == spans[1].span_id else _with_id(span, "call-7") for span in spans
    ]
    traces = archive(tmp_path, [retried])
    said = workflow("align", shop(tmp_path), "--traces", traces, "--json")
    assert (said.json["runs"], said.json["fitting"]) == (1, 1.0)


def _with_id(span: Span, call_id: str) -> Span:
    return replace(span, attributes={**span.attributes, "gen_ai.tool.call.id": call_id})


@pytest.mark.parametrize("threshold", [(0.5, 0), (0.99, 1)])
def test_fail_under_makes_a_low_consistency_a_failure(
    tmp_path: Path, threshold: tuple[float, int]
) -> None:
    bound, code = threshold
    file = variants(tmp_path / "v.json", (["search"], 5), (["search", "buy"], 5))
    said = workflow("align", shop(tmp_path), "--variants", file, "--fail-under", str(bound))
    assert said.code == code


@pytest.mark.parametrize(
    "extra", [(), ("--variants", "F", "--traces", "F"), ("--variants", "F", "--others", "W")]
)
def test_what_cannot_be_asked_is_bad_usage(tmp_path: Path, extra: tuple[str, ...]) -> None:
    file = variants(tmp_path / "v.json")
    named = {"F": str(file), "W": str(CANCEL)}
    said = workflow("align", shop(tmp_path), *(named.get(word, word) for word in extra))
    assert (said.code, "→" in said.err) == (2, True)


def test_protobuf_of_real_frameworks_is_read(shared: Path, tmp_path: Path) -> None:
    fixtures = shared / "data/agents/otlp-fixtures"
    traces = [arg for path in sorted(fixtures.glob("*.pb")) for arg in ("--traces", path)]
    said = workflow("align", shop(tmp_path), *traces, "--json").json
    assert said["runs"] == said["archived"] > 8
    assert "search" in {one["label"] for one in said["skipped"]}


_labels = st.lists(st.sampled_from(["search", "compare", "buy", "sing"]), max_size=6)


@given(st.lists(st.tuples(_labels, st.integers(0, 3)), max_size=6))
def test_measuring_is_aligning_without_the_moves(pairs: list[tuple[list[str], int]]) -> None:
    model = compile_blueprint(
        {"seq": [{"act": "search"}, {"opt": {"act": "compare"}}, {"act": "buy"}]}
    )
    one_by_one = Followed()
    for trace, count in pairs:
        alignment = model.align(trace)
        measured = model.measure(trace)
        assert (measured.cost, measured.exact, measured.fitness, measured.denominator) == (
            *(alignment.cost, alignment.exact, alignment.fitness, alignment.denominator),
        )
        for _ in range(count):
            one_by_one += Followed.of(alignment)
    at_once = sum((Followed.of(model.measure(t), count=n) for t, n in pairs), start=Followed())
    assert at_once == one_by_one
