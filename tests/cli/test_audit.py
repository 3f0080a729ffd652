"""`mythos audit`: files in, counts, scores and findings out."""

from __future__ import annotations

import base64
import json
import random
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from mythos.cli.root import root
from mythos.engines.telemetry import encode_json
from tests.cli.retail_traces import EXAMPLE, JUDGED_BY, run, write
from tests.engines.telemetry.making import Loose

CLEAN = [run(number) for number in range(6)]
BROKEN = [*CLEAN, run(6, node="till-2", asks=False)]


@dataclass(frozen=True)
class Said:
    """What one call of the command gave."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Loose:
        return json.loads(self.out)


def audit(*arguments: str | Path) -> Said:
    result = CliRunner().invoke(root, ["audit", *map(str, arguments)])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return Said(result.exit_code, result.stdout, result.stderr)


def lines(path: Path) -> list[Loose]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_one_violation_ends_in_1_with_every_output_written(tmp_path: Path) -> None:
    traces, per_run = write(tmp_path / "t.jsonl", BROKEN), tmp_path / "runs.jsonl"
    said = audit(*JUDGED_BY, "--traces", traces, "--per-run", per_run, "--json")
    assert said.code == 1
    worst, clean = said.json["nodes"]
    assert (worst["node_id"], worst["runs"], worst["state"]) == ("till-2", 1, "CRITICAL")
    assert worst["outcomes"] == {"upheld": 5, "violated": 1, "blocked": 0, "undecidable": 0}
    flag = worst["flags"][0]
    assert (flag["code"], flag["severity"], flag["state"]) == (
        "POLICY_VIOLATION",
        "critical",
        "firing",
    )
    assert flag["subject"] == "till-2/orders/care-rules/explicit-yes"
    assert (clean["node_id"], clean["runs"], clean["outcomes"]["violated"]) == ("till-1", 6, 0)
    assert [one["node_id"] for one in lines(per_run)] == ["till-1"] * 6 + ["till-2"]


def test_a_clean_archive_ends_in_0_and_scores_every_node(tmp_path: Path) -> None:
    said = audit(*JUDGED_BY, "--traces", write(tmp_path / "t.jsonl", CLEAN), "--json")
    assert said.code == 0
    assert (said.json["as_of"], said.json["runs"]) == ("2026-01-01T00:05:30Z", 6)
    assert said.json["unassigned_spans"] == 0
    assert [one["name"] for one in said.json["policies"]] == ["care-rules", "refund-rules"]
    [node] = said.json["nodes"]
    assert set(node["resilience"]) == {"low", "mid", "high"}
    assert node["resilience"]["mid"] == 1.0
    parts = {part["name"]: part for part in node["components"] if part["applies"]}
    assert parts["codex_uptime_index"]["value"] == 1.0
    assert parts["codex_uptime_index"]["detail"]["uncovered"] == 0
    assert parts["ritual_execution_consistency"]["value"] == 1.0


def test_a_run_is_one_line_with_exactly_these_keys(tmp_path: Path) -> None:
    traces, per_run = write(tmp_path / "t.jsonl", BROKEN), tmp_path / "runs.jsonl"
    audit(*JUDGED_BY, "--traces", traces, "--per-run", per_run, "--json")
    broken = lines(per_run)[-1]
    assert broken.pop("risk") > 0
    assert broken.pop("fitness") == pytest.approx(1 - 5 / 11)  # confirm weighs 5 of 3 + 8
    assert broken == {
        "trace_id": f"{7:032x}",
        "node_id": "till-2",
        "agent": "orders",
        "workflow": "cancel-order",
        "upheld": 5,
        "violated": 1,
        "blocked": 0,
        "undecidable": 0,
        "cost": 5,
        "alarm": True,
    }


def test_without_a_workflow_cost_and_fitness_are_null(tmp_path: Path) -> None:
    traces, per_run = write(tmp_path / "t.jsonl", CLEAN[:1]), tmp_path / "runs.jsonl"
    audit(*JUDGED_BY[:4], *JUDGED_BY[-2:], "--traces", traces, "--per-run", per_run)
    [one] = lines(per_run)
    assert (one["workflow"], one["cost"], one["fitness"]) == (None, None, None)
    assert one["risk"] == 0.0


def test_without_a_policy_the_baseline_is_in_force(tmp_path: Path) -> None:
    traces = write(tmp_path / "t.jsonl", CLEAN)
    said = audit("--tools", EXAMPLE / "tools/retail-care.json", "--traces", traces, "--json")
    assert [one["name"] for one in said.json["policies"]] == ["mythos-baseline"]
    assert sum(said.json["nodes"][0]["outcomes"].values()) == 6 * 4


def test_without_tools_nothing_is_decided_and_nobody_is_healthy(tmp_path: Path) -> None:
    traces = write(tmp_path / "t.jsonl", CLEAN)
    said = audit("--traces", traces, "--json")
    [node] = said.json["nodes"]
    assert node["outcomes"] == {"upheld": 0, "violated": 0, "blocked": 0, "undecidable": 24}
    assert node["state"] == "BLIND"
    assert "without --tools" in audit("--traces", traces).out


def test_gzip_and_plain_give_one_answer(tmp_path: Path) -> None:
    plain = audit(*JUDGED_BY, "--traces", write(tmp_path / "t.jsonl", BROKEN), "--json")
    packed = audit(*JUDGED_BY, "--traces", write(tmp_path / "t.gz", BROKEN), "--json")
    assert plain == packed


def test_a_pretty_printed_request_is_read_as_one(tmp_path: Path) -> None:
    plain = audit(*JUDGED_BY, "--traces", write(tmp_path / "t.jsonl", BROKEN), "--json")
    whole = json.loads(encode_json(span for spans in BROKEN for span in spans))
    pretty = tmp_path / "pretty.json"
    pretty.write_text(json.dumps(whole, indent=2))
    assert audit(*JUDGED_BY, "--traces", pretty, "--json") == plain


def test_protobuf_is_known_by_its_content(tmp_path: Path) -> None:
    full = pytest.importorskip("opentelemetry.proto.collector.trace.v1.trace_service_pb2")
    json_format = pytest.importorskip("google.protobuf.json_format")
    request = json.loads(encode_json(span for spans in BROKEN for span in spans))
    for group in request["resourceSpans"]:
        for span in (span for scoped in group["scopeSpans"] for span in scoped["spans"]):
            for key in ("traceId", "spanId", "parentSpanId"):
                span[key] = base64.b64encode(bytes.fromhex(span[key])).decode()
    body = json_format.ParseDict(request, full.ExportTraceServiceRequest()).SerializeToString()
    (tmp_path / "named.json").write_bytes(body)
    plain = audit(*JUDGED_BY, "--traces", write(tmp_path / "t.jsonl", BROKEN), "--json")
    assert audit(*JUDGED_BY, "--traces", tmp_path / "named.json", "--json") == plain


def test_requests_of_a_real_framework_are_runs(shared: Path) -> None:
    fixtures = shared / "data/agents/otlp-fixtures"
    names = ("pydantic_ai_01_scripted", "oa_run")
    said = audit(*(word for n in names for word in ("--traces", fixtures / f"{n}.pb")), "--json")
    assert said.json["runs"] == len(names)


def test_spans_in_any_order_files_and_batches_give_one_answer(tmp_path: Path) -> None:
    folder = tmp_path / "parts"
    folder.mkdir()
    spans = [[span] for spans in BROKEN for span in spans]
    random.Random(7).shuffle(spans)
    write(folder / "a.jsonl", spans[:11])
    write(folder / "b.gz", [*spans[11:], *spans[:3]])
    plain = audit(*JUDGED_BY, "--traces", write(tmp_path / "t.jsonl", BROKEN), "--json")
    said = audit(*JUDGED_BY, "--traces", folder, "--json")
    assert said == plain


def test_a_denial_that_was_obeyed_is_blocked_and_no_finding(tmp_path: Path) -> None:
    spans = run(0, asks=False)
    executed = spans.pop()
    refusal = {"gen_ai.operation.name": "run_guardrail", "mythos.policy.verdict": "deny"}
    denied = replace(executed, attributes={**executed.attributes, **refusal})
    traces = write(tmp_path / "t.jsonl", [[*spans, denied]])
    said = audit(*JUDGED_BY[:4], *JUDGED_BY[-2:], "--traces", traces, "--json")
    [node] = said.json["nodes"]
    assert node["outcomes"] == {"upheld": 4, "violated": 0, "blocked": 1, "undecidable": 0}
    assert said.code == 0


def test_a_node_that_names_itself_oddly_is_named_in_safe_letters(tmp_path: Path) -> None:
    odd = write(tmp_path / "t.jsonl", [run(0, node="../till 1\x1b[31m"), run(1, node="")])
    said = audit(*JUDGED_BY, "--traces", odd, "--json")
    assert {one["node_id"] for one in said.json["nodes"]} == {"till-1-31m", "unknown"}


@pytest.mark.parametrize("bad", [b'{"resourceSpans": [}\n', b"hello\n", b'{"resourceSpans": 1}\n'])
def test_a_malformed_line_is_named_and_nothing_is_written(tmp_path: Path, bad: bytes) -> None:
    traces, per_run = write(tmp_path / "t.jsonl", CLEAN[:2]), tmp_path / "runs.jsonl"
    traces.write_bytes(traces.read_bytes() + bad)
    said = audit(*JUDGED_BY, "--traces", traces, "--per-run", per_run, "--json")
    assert said.code == 1
    error = said.json["error"]
    assert (error["type"], error["where"]) == ("TelemetryError", f"{traces}:3")
    assert error["remedy"]
    assert sorted(tmp_path.iterdir()) == [traces]


def test_a_cut_gzip_file_is_named(tmp_path: Path) -> None:
    traces = write(tmp_path / "t.gz", CLEAN)
    traces.write_bytes(traces.read_bytes()[:-20])
    said = audit(*JUDGED_BY, "--traces", traces)
    assert said.code == 1
    assert f"{traces}: the gzip stream is broken" in said.err


def test_a_wrong_policy_set_is_named_by_file_and_line(tmp_path: Path) -> None:
    policy = tmp_path / "care.yaml"
    rules = (EXAMPLE / "policies/care-rules.yaml").read_text()
    policy.write_text(rules.replace('Action::"get_order"', 'Action::"get_odrer"'))
    traces = write(tmp_path / "t.jsonl", CLEAN[:1])
    said = audit("--policy", policy, *JUDGED_BY[-2:], "--traces", traces)
    line = rules[: rules.index('Action::"get_order"')].count("\n") + 1
    assert said.code == 1
    assert f"{policy}:{line}:" in said.err
    assert "→" in said.err


@pytest.mark.parametrize("arguments", [(), ("--traces", "no-such-file"), ("--traces",)])
def test_bad_usage_ends_in_2(arguments: tuple[str, ...]) -> None:
    assert audit(*arguments).code == 2


@pytest.mark.parametrize("text", ["", '{"resourceSpans": []}\n', '{"resourceLogs": []}\n'])
def test_an_archive_without_a_span_is_no_clean_bill(tmp_path: Path, text: str) -> None:
    traces = tmp_path / "t.jsonl"
    traces.write_text(text)
    said = audit("--traces", traces, "--json")
    assert said.code == 1
    assert said.json["error"]["where"] == str(traces)
    assert "no span" in said.json["error"]["message"]


def test_lines_that_policy_decide_reads_are_no_archive(tmp_path: Path) -> None:
    traces = tmp_path / "t.jsonl"
    traces.write_text('{"user": "hi"}\n')
    said = audit("--traces", traces)
    assert said.code == 1
    assert f"{traces}:1: no OTLP trace request: no `resourceSpans`, but user" in said.err
    assert "`mythos policy decide --events`" in said.err


def test_people_see_the_worst_node_the_call_and_the_rule(tmp_path: Path) -> None:
    said = audit(*JUDGED_BY, "--traces", write(tmp_path / "t.jsonl", BROKEN))
    policy = EXAMPLE / "policies/care-rules.yaml"
    line = policy.read_text().split("explicit-yes", maxsplit=1)[0].count("\n") + 1
    assert said.code == 1
    assert said.out.index("✖ CRITICAL  till-2") < said.out.index("till-1")
    assert "cancel_order(order_id='W1', reason='no longer needed')" in said.out
    assert f"{policy}:{line}:" in said.out
    assert f'{line:>5} │ @id("explicit-yes")' in said.out
    assert "unless { context.past.confirmed };" in said.out
    assert "confirmed: once user.confirm since cancel_order, return_order" in said.out


def test_people_see_which_step_was_left_out(tmp_path: Path) -> None:
    guard = EXAMPLE / "policies/refund-rules.yaml"
    traces = write(tmp_path / "t.jsonl", BROKEN)
    said = audit("--policy", guard, *JUDGED_BY[4:], "--traces", traces)
    assert said.code == 1
    assert "WORKFLOW_NONCONFORMANT" in said.out
    assert "identify → read-order → [skip confirm] → cancel" in said.out


def test_people_see_what_a_node_without_findings_still_lacks(tmp_path: Path) -> None:
    said = audit(*JUDGED_BY, "--traces", write(tmp_path / "t.jsonl", CLEAN[:2]))
    assert said.code == 0
    assert "? UNKNOWN" in said.out
    assert "No finding. till-1: workflow match needs 3 more finished runs" in said.out


def test_what_a_trace_says_cannot_write_to_the_terminal(tmp_path: Path) -> None:
    spans = run(0, asks=False)
    spans[-1].attributes["gen_ai.tool.call.arguments"] = (  # type: ignore[index]
        '{"order_id": "\\u001b[2J", "reason": "\\u009b31m"}'
    )
    said = audit(*JUDGED_BY, "--traces", write(tmp_path / "t.jsonl", [spans]))
    assert "\x1b" not in said.out
    assert "\x9b" not in said.out


def test_525_recorded_runs_count_the_same_by_run_and_by_node(shared: Path, tmp_path: Path) -> None:
    data, per_run = shared / "data/agents", tmp_path / "runs.jsonl"
    tools = [word for one in sorted((data / "domains").glob("*.json")) for word in ("--tools", one)]
    archive = data / "traces.otlp.jsonl.gz"
    said = audit(*tools, "--traces", archive, "--per-run", per_run, "--json")
    runs, nodes = lines(per_run), said.json["nodes"]
    assert (len(runs), said.json["runs"], sum(one["runs"] for one in nodes)) == (525, 525, 525)
    for outcome in ("upheld", "violated", "blocked", "undecidable"):
        assert sum(one[outcome] for one in runs) == sum(one["outcomes"][outcome] for one in nodes)
    decided = sum(one["upheld"] + one["violated"] for one in runs)
    untold = sum(one["undecidable"] for one in runs)
    assert (decided, untold) == (2864, 55), "55 thoughts were no JSON"
    assert all(0 <= one["risk"] < 1 for one in runs)
    assert all((one["violated"] > 0) == one["alarm"] for one in runs)


def test_what_is_wrong_with_every_policy_set_is_told_at_once(tmp_path: Path) -> None:
    one, other = tmp_path / "one.yaml", tmp_path / "other.yaml"
    one.write_text("policy_set: one\nversion: 1\nrules: 7\n")
    other.write_text("policy_set: other\nversion: x\nrules: ''\n")
    traces = write(tmp_path / "t.jsonl", CLEAN)
    said = audit("--policy", one, "--policy", other, "--traces", traces)
    assert (said.code, f"{one}:3:8" in said.err, f"{other}:2:10" in said.err) == (1, True, True)


def test_no_folder_is_made_for_a_file_of_runs(tmp_path: Path) -> None:
    traces, absent = write(tmp_path / "t.jsonl", CLEAN[:1]), tmp_path / "absent"
    said = audit(*JUDGED_BY, "--traces", traces, "--per-run", absent / "deep" / "runs.jsonl")
    assert said.code == 1
    assert "cannot be written: No such file or directory" in said.err
    assert not absent.exists()
