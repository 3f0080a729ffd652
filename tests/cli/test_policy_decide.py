"""`mythos policy decide`: events in, one decision an action out, with its rules and their lines."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from mythos.engines.telemetry import encode_json
from tests.cli.policy_command import CARE, CARE_RULES, REFUNDS, TOOLS, Said, policy, written
from tests.cli.retail_traces import run
from tests.engines.telemetry.making import Loose

FOUND = {
    "tool": "find_customer_by_email",
    "arguments": {"email": "ana@example.org"},
    "output": {"customer": "ana"},
}
CANCEL = {
    "tool": "cancel_order",
    "arguments": {"order_id": "W1", "reason": "no longer needed"},
}


def decide(folder: Path, *lines: Loose, more: tuple[str, ...] = ("--json",)) -> Said:
    text = "".join(json.dumps(line) + "\n" for line in lines)
    events = written(folder / "e.jsonl", text)
    return policy("decide", CARE, REFUNDS, "--events", events, "--tools", TOOLS, *more)


def test_a_write_is_denied_before_the_yes_and_allowed_after_it(tmp_path: Path) -> None:
    said = decide(tmp_path, FOUND, {"user": "cancel W1"}, CANCEL, {"user": "yes"}, CANCEL)
    assert said.code == 1
    found, before, after = said.json["decisions"]
    assert (found["line"], found["decision"]) == (1, "allow")
    assert (before["line"], before["decision"], before["rules"]) == (3, "deny", ["explicit-yes"])
    assert (before["policy_sets"], before["missing"]) == (["care-rules"], ["confirmed"])
    assert before["facts"]["care-rules"] == {"identified": True, "confirmed": False}
    assert before["why"].startswith("No order is changed")
    assert (after["line"], after["decision"]) == (5, "allow")
    assert (after["run"], after["agent"], after["tool"]) == ("1", "agent", "cancel_order")
    counts = {key: said.json[key] for key in ("allowed", "denied", "undecidable")}
    assert counts == {"allowed": 2, "denied": 1, "undecidable": 0}


def test_a_run_in_which_all_is_allowed_ends_in_0(tmp_path: Path) -> None:
    assert decide(tmp_path, FOUND, {"user": "yes"}, CANCEL).code == 0


def test_a_call_that_was_only_asked_for_uses_up_no_yes(tmp_path: Path) -> None:
    asked = {**CANCEL, "verdict": "deny"}
    said = decide(tmp_path, FOUND, {"user": "yes"}, asked, CANCEL, CANCEL)
    assert [one["decision"] for one in said.json["decisions"]] == ["allow"] * 3 + ["deny"]


def test_each_run_has_its_own_past(tmp_path: Path) -> None:
    said = decide(
        tmp_path,
        *({**line, "run": "a"} for line in (FOUND, {"user": "yes"}, CANCEL)),
        *({**line, "run": "b"} for line in ({"user": "hello"}, CANCEL)),
    )
    assert [(one["run"], one["decision"]) for one in said.json["decisions"]] == [
        ("a", "allow"),
        ("a", "allow"),
        ("b", "deny"),
    ]


def test_what_nobody_captured_is_undecidable_and_a_note_says_what_helps(tmp_path: Path) -> None:
    said = decide(tmp_path, FOUND, CANCEL)
    assert said.code == 1
    assert said.json["decisions"][1]["decision"] == "undecidable"
    assert "no line says what the user said" in said.json["notes"][0]


def test_an_undeclared_tool_is_denied(tmp_path: Path) -> None:
    [one] = decide(tmp_path, {"tool": "launch"}).json["decisions"]
    assert (one["decision"], set(one["rules"])) == ("deny", {"undeclared_tool"})


def test_people_see_the_rule_with_its_lines_once(tmp_path: Path) -> None:
    said = decide(tmp_path, {"user": "hi"}, CANCEL, CANCEL, more=())
    assert said.out.count('│ @id("explicit-yes")') == 1
    assert "✖ deny         line 2  cancel_order(order_id='W1'" in said.out
    assert f"{CARE}:26:3" in said.out
    assert said.out.splitlines()[-1] == "0 allowed, 2 denied, 0 undecidable"


def test_the_events_of_a_collector_are_read_too(tmp_path: Path) -> None:
    spans = encode_json(run(0, asks=False)).decode()
    events = written(tmp_path / "e.jsonl", f"\n{spans}\n")
    said = policy("decide", CARE, "--events", events, "--tools", TOOLS, "--json")
    assert [(one["line"], one["decision"]) for one in said.json["decisions"]] == [
        (2, "allow"),
        (2, "allow"),
        (2, "deny"),
    ]
    assert said.json["decisions"][0]["agent"] == "orders"


def test_decisions_of_spans_name_them(tmp_path: Path) -> None:
    spans = run(0, asks=False)
    events = written(tmp_path / "e.jsonl", encode_json(spans).decode())
    asked = ("decide", CARE, "--events", events, "--tools", TOOLS)
    told = policy(*asked, "--json").json["decisions"]
    calls = [each for each in spans if "gen_ai.tool.name" in each.attributes]
    assert [(one["trace_id"], one["span_id"]) for one in told] == [
        (each.trace_id, each.span_id) for each in calls
    ]
    people = policy(*asked).out
    for each in calls:
        assert f"where    trace {each.trace_id}, span {each.span_id}" in people


def test_lines_that_people_wrote_have_no_span_to_name(tmp_path: Path) -> None:
    [one] = decide(tmp_path, FOUND).json["decisions"]
    assert (one["trace_id"], one["span_id"]) == (None, None)
    assert "where" not in decide(tmp_path, FOUND, more=()).out


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("indent", [None, 2])
def test_a_request_of_many_lines_or_packed_is_read(
    tmp_path: Path, indent: int | None, packed: bool
) -> None:
    request = json.loads(encode_json(run(0, asks=False)))
    body = json.dumps(request, indent=indent).encode()
    events = tmp_path / "events"
    events.write_bytes(gzip.compress(body) if packed else body)
    said = policy("decide", CARE, "--events", events, "--tools", TOOLS, "--json")
    assert [one["decision"] for one in said.json["decisions"]] == ["allow", "allow", "deny"]


def test_protobuf_of_real_frameworks_is_read(shared: Path) -> None:
    events = shared / "data/agents/otlp-fixtures/pydantic_ai_01_scripted.pb"
    said = policy("decide", CARE, "--events", events, "--tools", TOOLS, "--json")
    assert all(one["span_id"] for one in said.json["decisions"])
    assert said.json["decisions"]


def test_written_lines_may_be_packed_too(tmp_path: Path) -> None:
    events = tmp_path / "e.jsonl.gz"
    events.write_bytes(gzip.compress(json.dumps(FOUND).encode()))
    said = policy("decide", CARE, "--events", events, "--tools", TOOLS, "--json")
    assert [one["line"] for one in said.json["decisions"]] == [1]


def test_an_object_over_many_lines_that_is_no_request_says_how_to_write_it(tmp_path: Path) -> None:
    events = written(tmp_path / "e.json", json.dumps(FOUND, indent=2))
    error = policy("decide", CARE, "--events", events, "--tools", TOOLS, "--json").json["error"]
    assert error["where"] == f"{events}:1"
    assert "jq -c ." in error["remedy"]


def test_a_word_of_the_collector_in_a_text_makes_no_request_of_it(tmp_path: Path) -> None:
    said = decide(tmp_path, {"user": 'what is "resourceSpans": ?'}, FOUND)
    assert [one["line"] for one in said.json["decisions"]] == [2]


def test_an_argument_named_like_a_collectors_key_makes_no_request_of_a_call(
    tmp_path: Path,
) -> None:
    hidden = {"tool": "launch", "arguments": {"resourceSpans": []}}
    said = decide(tmp_path, hidden, {"arguments": {"resourceSpans": []}, "tool": "launch"})
    assert [one["line"] for one in said.json["decisions"]] == [1, 2]


def test_a_collectors_request_is_known_wherever_its_key_stands(tmp_path: Path) -> None:
    spans = json.loads(encode_json(run(0, asks=False)))
    said = decide(tmp_path, {"schemaUrl": "x", **spans})
    assert len(said.json["decisions"]) == 3


def test_secrets_among_the_arguments_are_masked(tmp_path: Path) -> None:
    said = decide(tmp_path, {"tool": "launch", "arguments": {"password": "hunter2"}})
    assert "hunter2" not in said.out
    assert said.json["decisions"][0]["arguments"] == {"password": "[masked]"}


def test_every_bad_line_is_named_with_what_to_write(tmp_path: Path) -> None:
    said = decide(tmp_path, {"toll": "x"}, FOUND, {"tool": 7}, more=())
    assert said.code == 1
    assert f"{tmp_path}/e.jsonl:1: toll: this key is unknown here" in said.err
    assert f"{tmp_path}/e.jsonl:3: tool: " in said.err


@pytest.mark.parametrize(
    ("body", "message"),
    [(b'{"resourceSpans": 7}\n', ":1"), (b"\xff\n", "not UTF-8"), (b"{}\n", "neither what")],
)
def test_a_bad_line_is_an_error_with_its_place(tmp_path: Path, body: bytes, message: str) -> None:
    events = tmp_path / "e.jsonl"
    events.write_bytes(body)
    said = policy("decide", CARE, "--events", events, "--tools", TOOLS, "--json")
    error = said.json["error"]
    assert said.code == 1
    assert message in f"{error['where']} {error['message']}"
    assert error["remedy"]


@pytest.mark.parametrize(
    "at", [1577836800, "1577836800", "1900-01-01T00:00:00Z", "2300-01-01T00:00:00Z"]
)
def test_a_time_that_is_none_is_refused_at_its_line(tmp_path: Path, at: Loose) -> None:
    error = decide(tmp_path, FOUND, {**FOUND, "at": at}).json["error"]
    assert error["where"] == f"{tmp_path}/e.jsonl:2"
    assert error["message"].startswith("at: ")
    assert error["remedy"]


def test_a_call_that_no_set_governs_is_told_apart_from_an_allowed_one(tmp_path: Path) -> None:
    toys = written(tmp_path / "toys.yaml", CARE_RULES.replace("retail-care}", "toys}"))
    events = written(tmp_path / "e.jsonl", json.dumps(FOUND))
    asked = ("decide", toys, "--events", events, "--tools", TOOLS)
    said = policy(*asked, "--json")
    [one] = said.json["decisions"]
    assert (said.code, one["decision"], one["governed"]) == (0, "allow", False)
    assert said.json["ungoverned"] == 1
    assert any("governed by no policy set" in note for note in said.json["notes"])
    people = policy(*asked).out
    assert "– not governed  line 1" in people
    assert "1 allowed (1 not governed), 0 denied" in people


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        ((), "runs 0, events 0, with words of the user 0"),
        (({"user": "hi"}, {"user": "yes", "run": "b"}), "runs 2, events 2, with words of the user"),
    ],
)
def test_where_no_call_is_told_of_nothing_was_decided_and_that_is_no_pass(
    lines: tuple[Loose, ...], told: str, tmp_path: Path
) -> None:
    said = decide(tmp_path, *lines)
    assert (said.code, said.json["decisions"]) == (1, [])
    (note,) = said.json["notes"]
    assert note.startswith(f"the file tells of no call of a tool, so nothing was decided: {told}")
    assert 'a line {"tool": ' in note


def test_without_a_catalogue_there_is_nothing_to_decide_by(tmp_path: Path) -> None:
    rules = written(tmp_path / "p.yaml", CARE_RULES)
    events = written(tmp_path / "e.jsonl", "")
    said = policy("decide", rules, "--events", events)
    assert (said.code, "no tool catalogue" in said.err) == (2, True)


FACTS = """\
policy_set: facts
version: 1
covers: {tools: retail-care}
facts:
  refunds: {count: issue_refund}
  state: {last: output.state, of: get_order}
  spent: {sum: input.amount_cents, of: issue_refund, within: 1d, scope: agent}
  fleet_wide: {count: issue_refund, within: 1d, scope: fleet}
rules: |
  @id("cap") forbid(principal, action == Action::"issue_refund", resource)
  when { context.past.refunds > 5 || context.past.spent > 100 || context.past has state };
  @id("fleet") forbid(principal, action == Action::"issue_refund", resource)
  when { context.past.fleet_wide > 5 };
"""
REFUND = {
    "tool": "issue_refund",
    "arguments": {"order_id": "W1", "amount_cents": 70, "payment_method": "card"},
}


def test_every_form_of_fact_is_shown_and_agents_remember_across_runs(tmp_path: Path) -> None:
    rules = written(tmp_path / "facts.yaml", FACTS)
    read = {"tool": "get_order", "arguments": {"order_id": "W1"}, "output": {"state": "open"}}
    told = [{**REFUND, "run": "a"}, {**REFUND, "run": "b"}, {**REFUND, "run": "c"}, read]
    told.append(REFUND)
    events = written(tmp_path / "e.jsonl", "\n".join(map(json.dumps, told)))
    said = policy("decide", rules, "--events", events, "--tools", TOOLS, "--json")
    rows = [one for one in said.json["decisions"] if one["tool"] == "issue_refund"]
    assert [(one["run"], one["decision"]) for one in rows] == [
        ("a", "allow"),
        ("b", "allow"),
        ("c", "deny"),
        ("1", "deny"),
    ]
    assert rows[2]["facts"]["facts"] == {"refunds": 0, "spent": 140, "fleet_wide": None}
    assert rows[3]["facts"]["facts"]["state"] == "open"
    assert rows[0]["deferred"] == ["facts/fleet"]


def test_runs_are_remembered_in_the_order_in_which_they_closed(tmp_path: Path) -> None:
    rules = written(tmp_path / "facts.yaml", FACTS)
    times = {"a": "09:00", "b": "10:00", "c": "11:00"}
    told = {
        r: json.dumps({**REFUND, "run": r, "at": f"2026-01-01T{t}:00Z"}) for r, t in times.items()
    }
    spent = []
    for order in ("abc", "cba", "bca"):
        events = written(tmp_path / "e.jsonl", "\n".join(told[each] for each in order))
        said = policy("decide", rules, "--events", events, "--tools", TOOLS, "--json")
        rows = said.json["decisions"]
        assert [row["line"] for row in rows] == [1, 2, 3]
        spent.append({row["run"]: row["facts"]["facts"]["spent"] for row in rows})
    assert spent == [{"a": 0, "b": 70, "c": 140}] * 3


def test_two_versions_of_one_policy_set_are_never_in_force_together(tmp_path: Path) -> None:
    newer = CARE.read_text().replace("version: 1\n", "version: 2\n")
    other = written(tmp_path / "newer.yaml", newer)
    events = written(tmp_path / "e.jsonl", json.dumps(FOUND))
    for words in (
        ("decide", CARE, other, "--events", events),
        ("coherence", CARE, other),
        ("diff", CARE, other, "--others", written(tmp_path / "third.yaml", newer)),
        ("backtest", CARE, other, "--others", written(tmp_path / "third.yaml", newer),
         "--traces", events),
    ):  # fmt: skip
        said = policy(*words, "--tools", TOOLS)
        assert (said.code, "are both the policy set care-rules" in said.err) == (2, True), words
