"""The definitions of runs, outcomes and scores, held to by `mythos audit` on hand-made traces.

A bank of five tools is judged by three policy sets: `desk` permits, `tellers` permits too, and
`limits` is a guard. Every expected number is worked out here by other means than the engine's.
"""

from __future__ import annotations

import json
import math
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from click.testing import CliRunner
from scipy import stats

from mythos.adapters.bundle_source import read_source
from mythos.cli.root import root
from mythos.engines.bundle.plan import assemble
from mythos.values.event import Span
from tests.cli.retail_traces import EXAMPLE, write
from tests.engines.telemetry.making import Loose, agent, call, chat, said, span

NEW_YEAR_S = 1_767_225_600  # 2026-01-01T00:00:00Z

TOOLS = {
    "domain": "acme/bank",
    "tools": [
        {"name": "look_up", "effect": "read", "parameters": {"type": "object", "properties": {}}},
        {
            "name": "send_money",
            "effect": "egress",
            "sinks": ["to"],
            "inputSchema": {
                "type": "object",
                "properties": {
                    "to": {"type": "string"},
                    "cents": {"type": "integer"},
                    "note": {"type": "string"},
                    "limit": {"type": "integer"},
                },
                "required": ["to", "cents"],
            },
        },
        {"name": "close_account", "effect": "delete", "parameters": {}},
        {"name": "print_card", "effect": "write", "parameters": {}},
        {"name": "ask", "effect": "none", "user": True, "parameters": {}},
    ],
}
DESK = """
policy_set: desk
version: 1
covers: {tools: acme/bank}
facts:
  agreed: {once: user.confirm, since: [send_money, close_account]}
rules: |
  @id("free") permit (principal, action in [Action::"look_up", Action::"ask"], resource);
  @id("agreed-transfer") permit (principal, action == Action::"send_money", resource)
  when { context.past.agreed };
  @id("agreed-close") @severity("critical")
  forbid (principal, action == Action::"close_account", resource)
  unless { context.past.agreed };
"""
TELLERS = """
policy_set: tellers
version: 1
covers: {tools: acme/bank}
rules: |
  @id("close") permit (principal, action == Action::"close_account", resource);
"""
LIMITS = """
policy_set: limits
version: 1
covers: {tools: "*"}
rules: |
  @id("cap") @severity("info")
  forbid (principal, action == Action::"send_money", resource)
  when { context.input.cents > 1000 };
  @id("own-limit") forbid (principal, action == Action::"send_money", resource)
  when { context.input has limit && context.input.cents > context.input.limit };
"""
OTHERS = """
policy_set: others
version: 1
covers: {tools: somewhere-else}
rules: |
  @id("none") permit (principal, action, resource);
"""
PAY = """
schema: mythos.ritual/1
name: pay
steps: {seq: [{act: look_up}, {act: ask}, {act: send_money}]}
weights: {ask: {skip: 5}}
"""
CLOSE = """
schema: mythos.ritual/1
name: close
steps: {seq: [{act: look_up}, {act: close_account}]}
"""
PAY_TWIN = PAY.replace("name: pay", "name: pay-twin")


@dataclass(frozen=True)
class Said:
    """What one audit gave."""

    code: int
    out: str
    per_run: bytes

    @property
    def json(self) -> Loose:
        return json.loads(self.out)

    @property
    def node(self) -> Loose:
        [node] = self.json["nodes"]
        return node

    @property
    def runs(self) -> list[Loose]:
        return [json.loads(line) for line in self.per_run.splitlines()]

    def part(self, name: str) -> Loose:
        return next(part for part in self.node["components"] if part["name"] == name)

    def flags(self) -> dict[str, Loose]:
        return {flag["subject"]: flag for flag in self.node["flags"]}


class Bank:
    """A folder with the documents above, and audits of traces put in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.tools = self.file("bank.json", json.dumps(TOOLS))

    def file(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.write_text(text)
        return path

    def audit(
        self,
        requests: Iterable[Sequence[Span]],
        *,
        policies: Sequence[str] = (DESK,),
        workflows: Sequence[str] = (),
        agents: Sequence[str] = (),
    ) -> Said:
        words = ["--tools", str(self.tools)]
        for option, texts in (("policy", policies), ("workflow", workflows), ("agent", agents)):
            for number, text in enumerate(texts):
                words += [f"--{option}", str(self.file(f"{option}-{number}.yaml", text))]
        traces = write(self.folder / "traces.jsonl", [list(spans) for spans in requests])
        per_run = self.folder / "runs.jsonl"
        words += ["--traces", str(traces), "--per-run", str(per_run), "--json"]
        result = CliRunner().invoke(root, ["audit", *words])
        error = result.exception
        assert error is None or isinstance(error, SystemExit), error
        return Said(result.exit_code, result.stdout, per_run.read_bytes())


@pytest.fixture
def bank(tmp_path: Path) -> Bank:
    return Bank(tmp_path)


def run(number: int, *steps: Loose, name: str = "teller", **more: Loose) -> list[Span]:
    """Run `number`, a minute after the one before; steps are a second apart, in their order.

    A step is `("tool", arguments or None)`, `("tool", arguments, attributes)`, or the messages of
    a model call as `said` takes them.
    """
    start = NEW_YEAR_S + 60 * number
    resource = {"service.name": "acme-bank", "mythos.node": "till-1", **more.pop("resource", {})}
    shared: Loose = {"trace": f"{number + 1:032x}", "resource": resource}
    spans = [agent(1, name=name, at_s=start, for_s=30, **shared, **more)]
    for place, step in enumerate(steps, start=2):
        at_s = start + place
        if isinstance(step, list):
            spans.append(chat(place, 1, said(*step), at_s=at_s, for_s=0.5, **shared))
            continue
        tool, arguments, extra = (*step, {})[:3]
        if arguments is not None:
            extra = {"gen_ai__tool__call__arguments": json.dumps(arguments), **extra}
        spans.append(call(place, 1, tool, at_s=at_s, for_s=0.5, **shared, **extra))
    return spans


HELLO = ["u:send 5 to Bo"]
YES = ["u:send 5 to Bo", "a:shall I?", "u:yes"]
SEND = ("send_money", {"to": "Bo", "cents": 500})
LOOK: Loose = ("look_up", {})


def test_an_undeclared_tool_is_violated_for_every_set_in_force(bank: Bank) -> None:
    done = bank.audit([run(0, HELLO, ("launch", None))], policies=[DESK, LIMITS, OTHERS])
    assert done.code == 1
    assert done.node["outcomes"] == {
        "upheld": 0, "violated": 3, "blocked": 0, "undecidable": 0,
    }  # fmt: skip
    assert set(done.flags()) >= {
        f"till-1/teller/{name}/undeclared_tool" for name in ("desk", "limits", "others")
    }


def test_a_denied_call_that_failed_was_still_made(bank: Bank) -> None:
    done = bank.audit([run(0, HELLO, (*SEND, {"failed": True}))])
    assert done.node["outcomes"]["violated"] == 1


def test_without_arguments_every_covering_set_is_undecidable_and_it_is_no_finding(
    bank: Bank,
) -> None:
    done = bank.audit([run(0, YES, ("send_money", None))], policies=[DESK, LIMITS, OTHERS])
    assert done.node["outcomes"] == {
        "upheld": 0, "violated": 0, "blocked": 0, "undecidable": 2,
    }  # fmt: skip
    assert (done.node["state"], done.code) == ("BLIND", 0)
    assert done.runs[0]["risk"] == pytest.approx(1 - math.exp(-2 * 0.25))


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({"to": "Bo", "cents": 500}, (2, 0)),  # `limit` and `note` are optional
        ({"to": "Bo", "cents": 500, "limit": 100}, (1, 1)),
        ({"cents": 500}, (0, 2)),  # `to` is required: what does not fit is denied by every set
        ({"to": "Bo", "cents": "500"}, (0, 2)),
        ({"to": "Bo", "cents": 500, "bcc": "Cy"}, (0, 2)),
    ],
)
def test_a_captured_call_is_decided_as_it_stands(
    bank: Bank, arguments: Loose, expected: tuple[int, int]
) -> None:
    done = bank.audit([run(0, YES, ("send_money", arguments))], policies=[DESK, LIMITS])
    outcomes = done.node["outcomes"]
    assert (outcomes["upheld"], outcomes["violated"]) == expected
    assert outcomes["undecidable"] == 0


def test_a_default_denial_is_charged_to_all_but_guards_and_a_forbid_to_its_own_set(
    bank: Bank,
) -> None:
    sets = [DESK, TELLERS, LIMITS]
    unlisted = bank.audit([run(0, YES, ("print_card", {}))], policies=sets)
    assert set(unlisted.flags()) == {"till-1/teller/desk/default", "till-1/teller/tellers/default"}
    assert unlisted.node["outcomes"]["upheld"] == 1
    capped = bank.audit([run(0, YES, ("send_money", {"to": "B", "cents": 5000}))], policies=sets)
    assert set(capped.flags()) == {"till-1/teller/limits/cap"}
    assert capped.node["outcomes"]["upheld"] == 2


def test_what_only_guards_cover_is_allowed_where_none_forbids(bank: Bank) -> None:
    done = bank.audit([run(0, ("print_card", {}))], policies=[LIMITS, OTHERS])
    assert done.node["outcomes"]["upheld"] == 1


def test_one_yes_pays_for_one_call_and_repeated_histories_say_it_once(bank: Bank) -> None:
    again = [*YES, "a:done"]
    done = bank.audit([run(0, HELLO, YES, SEND, again, SEND)])
    assert (done.runs[0]["upheld"], done.runs[0]["violated"]) == (1, 1)
    second = bank.audit([run(0, HELLO, YES, SEND, [*again, "u:yes"], SEND)])
    assert (second.runs[0]["upheld"], second.runs[0]["violated"]) == (2, 0)


def test_a_denial_told_by_the_trace_is_blocked_and_claimed_and_activates_no_cell(
    bank: Bank,
) -> None:
    denied: Loose = {"gen_ai__operation__name": "guard", "mythos__policy__verdict": "deny"}
    spans = run(0, HELLO, LOOK, LOOK)
    refused = span(
        9, 1, at_s=NEW_YEAR_S + 90, trace=spans[0].trace_id, resource=spans[0].resource,
        gen_ai__tool__name="send_money",
        gen_ai__tool__call__arguments=json.dumps(SEND[1]), **denied,
    )  # fmt: skip
    done = bank.audit([[*spans, refused]])
    assert done.node["outcomes"] == {
        "upheld": 2, "violated": 0, "blocked": 1, "undecidable": 0,
    }  # fmt: skip
    assert done.part("codex_uptime_index")["detail"]["good"] == 1
    assert done.part("outcome_entropy")["detail"]["denied"] == 1
    assert (done.node["flags"], done.runs[0]["risk"]) == ([], 0.0)
    assert done.node["claimed"] == 1


@pytest.mark.parametrize(
    ("resource", "node"),
    [
        ({"mythos.node": "a", "host.name": "b", "service.instance.id": "c"}, "a"),
        ({"mythos.node": None, "host.name": "b", "service.instance.id": "c"}, "b"),
        ({"mythos.node": None, "service.instance.id": "c"}, "c"),
        ({"mythos.node": None}, "unknown"),
    ],
)
def test_a_node_is_named_by_its_resource(bank: Bank, resource: Loose, node: str) -> None:
    assert bank.audit([run(0, LOOK, resource=resource)]).node["node_id"] == node


def test_a_run_names_its_workflow_else_the_least_cost_is_its_own_and_the_first_of_equals(
    bank: Bank,
) -> None:
    flows = [CLOSE, PAY, PAY_TWIN]
    fits: Loose = (YES, LOOK, ("ask", {}), SEND)
    runs = [
        run(0, *fits),
        run(1, *fits, mythos__workflow="close"),
        run(2, *fits, gen_ai__workflow__name="pay-twin@1"),
        run(3, *fits, mythos__workflow="rob-the-bank"),
    ]
    done = bank.audit(runs, workflows=flows)
    told = [(one["workflow"], one["cost"]) for one in done.runs]
    assert told == [("pay", 0), ("close", 3), ("pay-twin", 0), (None, None)]
    assert bank.audit(runs, workflows=flows[::-1]).runs[0]["workflow"] == "pay-twin"
    flag = next(one for one in done.node["flags"] if one["code"] == "WORKFLOW_UNKNOWN")
    assert (flag["severity"], flag["value"]) == ("info", 1)
    assert "(rob-the-bank)" in flag["suggested_action"]
    assert [ref["ref"] for ref in flag["evidence"]] == [f"{4:032x}"]


def test_two_outermost_agents_of_one_trace_are_two_runs(bank: Bank) -> None:
    first = run(0, YES, SEND)
    shared: Loose = {"trace": first[0].trace_id, "resource": first[0].resource}
    second = [
        agent(20, name="clerk", at_s=NEW_YEAR_S + 40, for_s=9, **shared),
        call(21, 20, "send_money", at_s=NEW_YEAR_S + 41, **shared),
    ]
    second[1].attributes["gen_ai.tool.call.arguments"] = json.dumps(SEND[1])  # type: ignore[index]
    done = bank.audit([[*first, *second]])
    told = [(one["agent"], one["upheld"], one["violated"], one["undecidable"]) for one in done.runs]
    # the yes was said to the teller; of the clerk's talk nothing was captured
    assert told == [("teller", 1, 0, 0), ("clerk", 0, 0, 1)]
    assert {one["trace_id"] for one in done.runs} == {first[0].trace_id}
    assert (done.json["runs"], done.json["unassigned_spans"]) == (2, 0)


TELLER = """
name: teller
role: pays
model: {provider: scripted, name: s}
instructions: pay
policies: [limits]
workflows: [pay]
"""
CLERK = """
name: clerk
role: closes
model: {provider: scripted, name: s}
instructions: close
policies: [tellers]
"""


def nested() -> list[Span]:
    """A teller that asks a clerk to close the account."""
    spans = run(0, YES, LOOK, ("ask", {}), SEND)
    shared: Loose = {"trace": spans[0].trace_id, "resource": spans[0].resource}
    inner = [
        agent(20, 1, name="clerk", at_s=NEW_YEAR_S + 10, for_s=9, **shared),
        call(21, 20, "close_account", at_s=NEW_YEAR_S + 11, **shared),
    ]
    inner[1].attributes["gen_ai.tool.call.arguments"] = "{}"  # type: ignore[index]
    return [*spans, *inner]


def test_an_agent_whose_document_is_given_is_held_to_its_own_sets_and_workflows(
    bank: Bank,
) -> None:
    sets, flows = [DESK, TELLERS, LIMITS], [CLOSE, PAY]
    alone = bank.audit([nested()], policies=sets, workflows=flows)
    assert sum(alone.node["outcomes"].values()) == 4 * 3
    own = bank.audit([nested()], policies=sets, workflows=flows, agents=[TELLER, CLERK])
    # the guard covers the teller's three calls, `tellers` the clerk's one
    assert own.node["outcomes"] == {
        "upheld": 4, "violated": 0, "blocked": 0, "undecidable": 0,
    }  # fmt: skip
    # the nested run and the nested call are extras of the outermost agent's workflow
    assert [(one["workflow"], one["cost"]) for one in own.runs] == [("pay", 2)]
    assert [one["name"] for one in own.json["agents"]] == ["teller", "clerk"]


def test_an_agent_that_names_what_is_not_given_is_refused(bank: Bank) -> None:
    words = ["--tools", str(bank.tools), "--agent", str(bank.file("a.yaml", CLERK))]
    traces = write(bank.folder / "t.jsonl", [nested()])
    result = CliRunner().invoke(root, ["audit", *words, "--traces", str(traces)])
    assert result.exit_code == 1
    assert "agent clerk names the policy set 'tellers'" in result.stderr
    assert "→" in result.stderr


def test_an_audit_gives_an_agent_the_digest_that_its_bundle_gives_it(bank: Bank) -> None:
    documents = sorted((EXAMPLE / "agents").glob("*.yaml"))
    kinds = ("policy", "workflow")
    folders = ("policies", "workflows")
    words = ["--tools", str(EXAMPLE / "tools/retail-care.json"), "--json"]
    for kind, folder in zip(kinds, folders, strict=True):
        for path in sorted((EXAMPLE / folder).glob("*.yaml")):
            words += [f"--{kind}", str(path)]
    for path in documents:
        words += ["--agent", str(path)]
    traces = write(bank.folder / "t.jsonl", [nested()])
    done = CliRunner().invoke(root, ["audit", *words, "--traces", str(traces)])
    built = {one.name: one.digest for one in assemble(read_source(EXAMPLE)).constructs}
    agents = json.loads(done.stdout)["agents"]
    assert {one["name"]: one["digest"] for one in agents} == {
        name: built[name] for name in ("orders", "refunds", "triage")
    }


def test_a_run_whose_root_never_came_is_judged_and_counted_where_its_last_span_ended(
    bank: Bank,
) -> None:
    lost = [one for one in run(0, YES, SEND, LOOK) if one.parent_id]
    done = bank.audit([lost])
    assert (done.json["runs"], done.json["unfinished_runs"]) == (1, 1)
    assert (done.runs[0]["upheld"], done.json["as_of"]) == (2, "2026-01-01T00:00:04Z")


def test_compliance_is_counted_in_the_cells_in_which_actions_started(bank: Bank) -> None:
    good = [run(number, YES, SEND) for number in range(5)]
    bad = [run(number, HELLO, SEND) for number in (5, 6)]
    unknown = [run(7, YES, ("send_money", None))]
    both = run(8, HELLO, SEND, ("send_money", None))  # bad before unknown
    done = bank.audit([*good, *bad, *unknown, both])
    part = done.part("codex_uptime_index")
    counted = {name: part["detail"][name] for name in ("good", "bad", "unknown", "uncovered")}
    assert counted == {"good": 5, "bad": 3, "unknown": 1, "uncovered": 0}
    assert (part["value"], part["mid"]) == (5 / 8, 5 / 8)
    assert part["low"] == pytest.approx(stats.beta.ppf(0.05, 5 + 0.5, 3 + 1 + 0.5))
    assert part["high"] == pytest.approx(stats.beta.ppf(0.95, 5 + 1 + 0.5, 3 + 0.5))


def test_workflow_match_is_one_minus_cost_over_worst_cost(bank: Bank) -> None:
    fits = [run(number, YES, LOOK, ("ask", {}), SEND) for number in range(4)]
    skips = [run(number, YES, LOOK, SEND) for number in range(4, 6)]
    done = bank.audit([*fits, *skips], workflows=[PAY])
    part = done.part("ritual_execution_consistency")
    worst = 4 * (3 + 7) + 2 * (2 + 7)  # every event extra, and all of look_up 1, ask 5, send 1
    match = 1 - 2 * 5 / worst
    assert part["value"] == pytest.approx(match)
    assert part["low"] == pytest.approx(stats.beta.ppf(0.05, 6 * match + 0.5, 6 - 6 * match + 0.5))
    assert part["high"] == pytest.approx(stats.beta.ppf(0.95, 6 * match + 0.5, 6 - 6 * match + 0.5))
    assert done.runs[-1]["fitness"] == pytest.approx(1 - 5 / 9)
    flag = next(one for one in done.node["flags"] if one["code"] == "WORKFLOW_NONCONFORMANT")
    assert flag["subject"] == "till-1/teller/pay"
    assert "ask in 2 of 6 runs" in flag["suggested_action"]


def h2(p: float) -> float:
    return -p * math.log2(p) - (1 - p) * math.log2(1 - p) if 0 < p < 1 else 0.0


def test_entropy_and_the_score_are_their_formulas(bank: Bank) -> None:
    asked: Loose = ("ask", {}, {"gen_ai__tool__call__result": "who is Bo?"})
    runs = [run(number, YES, LOOK, asked, SEND) for number in range(8)]
    runs += [run(number, HELLO, LOOK, asked, SEND) for number in range(8, 10)]
    done = bank.audit(runs, workflows=[PAY])
    counts = {"look_up": (10, 0), "ask": (10, 0), "send_money": (10, 2)}

    def entropy(rate: float) -> float:
        terms = ((n / 30) * h2(min((x + rate) / (n + 1), 0.5)) for n, x in counts.values())
        return math.fsum(terms)

    part = done.part("outcome_entropy")
    assert part["value"] == pytest.approx(entropy(2 / 30))
    assert part["mid"] == pytest.approx(1 - entropy(2 / 30))
    assert part["low"] == pytest.approx(1 - entropy(stats.beta.ppf(0.95, 2.5, 28.5)))
    assert part["high"] == pytest.approx(1 - entropy(stats.beta.ppf(0.05, 2.5, 28.5)))
    uptime = done.part("codex_uptime_index")
    assert uptime["value"] == 8 / 10
    for bound in ("low", "mid", "high"):
        parts = [(one["weight"], one[bound]) for one in done.node["components"] if one["applies"]]
        assert sum(weight for weight, _ in parts) == pytest.approx(1)
        expected = math.prod(value**weight for weight, value in parts)
        assert done.node["resilience"][bound] == pytest.approx(expected)
    assert done.node["coverage"] == pytest.approx(0.30 + 0.25 + 0.10)
    shares = [one["share"] for one in done.node["components"] if one["share"] is not None]
    assert sum(shares) == pytest.approx(1)
    assert all(math.copysign(1, share) > 0 for share in shares)


@pytest.mark.parametrize(
    ("spans", "policies", "state", "code"),
    [
        ([run(n, HELLO, ("close_account", {})) for n in range(9)], [DESK, TELLERS], "CRITICAL", 1),
        ([run(n, HELLO, SEND) for n in range(9)], [DESK], "DEGRADED", 1),
        ([run(n, YES, ("send_money", None)) for n in range(9)], [DESK], "BLIND", 0),
        ([run(n, YES) for n in range(9)], [DESK], "IDLE", 0),
        ([run(n, YES, SEND) for n in range(9)], [DESK], "AT_RISK", 0),
        ([run(n, YES, SEND) for n in range(60)], [DESK], "HEALTHY", 0),
    ],
)
def test_the_first_state_that_holds(
    bank: Bank, spans: list[list[Span]], policies: list[str], state: str, code: int
) -> None:
    done = bank.audit(spans, policies=policies)
    assert (done.node["state"], done.code) == (state, code)


def test_too_few_runs_for_a_workflow_leave_the_score_unknown(bank: Bank) -> None:
    runs = [run(n, YES, LOOK, ("ask", {}), SEND) for n in range(4)]
    done = bank.audit(runs, workflows=[PAY])
    assert (done.node["state"], done.node["resilience"]["mid"]) == ("UNKNOWN", None)
    assert done.node["unknown_components"] == ["ritual_execution_consistency"]


def test_shuffled_split_and_repeated_spans_give_the_same_bytes(bank: Bank) -> None:
    runs = [run(n, YES, LOOK, ("ask", {}), SEND) for n in range(3)]
    runs += [run(3, HELLO, SEND, ("launch", None)), nested(), run(5, LOOK, mythos__workflow="?")]
    runs += [[replace(one, trace_id=f"{99:032x}") for one in run(6, YES, SEND)[1:]]]
    plain = bank.audit(runs, policies=[DESK, LIMITS], workflows=[PAY, CLOSE])
    everything = [one for spans in runs for one in spans]
    for seed in range(3):
        mixed = [*everything, *everything[::3]]
        random.Random(seed).shuffle(mixed)
        parts = [mixed[at : at + 7] for at in range(0, len(mixed), 7)]
        assert bank.audit(parts, policies=[DESK, LIMITS], workflows=[PAY, CLOSE]) == plain


def test_names_longer_than_evidence_may_hold_are_judged_all_the_same(bank: Bank) -> None:
    odd = "%" * 900
    spans = run(0, YES, (odd, None), (odd[:450], {}), name="a" * 400, mythos__workflow=odd)
    done = bank.audit([spans, run(1, LOOK, (odd, None), (odd[:450], {}))], workflows=[PAY])
    assert done.node["outcomes"]["violated"] == 4


@pytest.mark.parametrize("levels", [100, 900, 5_000])
def test_a_hostile_argument_makes_its_own_call_undecidable_and_no_other(
    bank: Bank, levels: int
) -> None:
    deep = f'{{"to": "Bo", "cents": 5, "note": {"[" * levels}{"]" * levels}}}'
    spans = run(0, HELLO, (*SEND, {}), ("send_money", None, {"gen_ai__tool__call__result": deep}))
    spans[-1].attributes["gen_ai.tool.call.arguments"] = deep  # type: ignore[index]
    done = bank.audit([spans], policies=[DESK, LIMITS])
    assert done.node["outcomes"] == {
        "upheld": 1, "violated": 1, "blocked": 0, "undecidable": 2,
    }  # fmt: skip


def test_a_run_whose_tools_nobody_explained_is_flagged_and_never_a_pass(bank: Bank) -> None:
    unfit = run(0, YES, SEND, ("launch", {}), resource={"service.name": "elsewhere"})
    done = bank.audit([unfit, run(1, YES, SEND)], policies=[DESK, LIMITS])
    assert done.node["outcomes"] == {
        "upheld": 2, "violated": 0, "blocked": 0, "undecidable": 4,
    }  # fmt: skip
    flag = next(one for one in done.node["flags"] if one["code"] == "TOOLS_UNKNOWN")
    assert (flag["severity"], flag["subject"]) == ("info", "till-1/teller/tools")
    assert flag["value"] == 2
    assert [ref["ref"] for ref in flag["evidence"]] == [f"{1:032x}"]


def test_the_only_catalogue_that_declares_all_its_tools_judges_a_run(bank: Bank) -> None:
    fits = run(0, YES, SEND, resource={"service.name": "elsewhere"})
    assert bank.audit([fits]).node["outcomes"]["upheld"] == 1


def test_a_critical_permit_that_does_not_hold_makes_the_node_critical(bank: Bank) -> None:
    critical = DESK.replace(
        '@id("agreed-transfer")', '@id("agreed-transfer") @severity("critical")'
    )
    done = bank.audit([run(0, HELLO, SEND)], policies=[critical])
    [flag] = [one for one in done.node["flags"] if one["code"] == "POLICY_VIOLATION"]
    assert (flag["severity"], flag["subject"]) == ("critical", "till-1/teller/desk/default")
    assert done.node["state"] == "CRITICAL"
