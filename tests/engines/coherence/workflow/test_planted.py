"""Impossible steps planted in a service workflow are named, and no others."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from pydantic import JsonValue

from mythos.engines.coherence.workflow.check import check_workflow
from mythos.engines.coherence.workflow.verdict import Status, WorkflowVerdict
from mythos.engines.policy.compile import PolicyEngine, compile_policies
from mythos.engines.policy.document import load_policy_set
from mythos.values.policy import PolicySet
from mythos.values.tools import ToolCatalogue
from mythos.values.workflow import Workflow, bare_workflow


def tool(name: str, effect: str = "none", *, user: bool = False, **arguments: str) -> JsonValue:
    properties: dict[str, JsonValue] = {key: {"type": kind} for key, kind in arguments.items()}
    schema: JsonValue = {"type": "object", "properties": properties, "required": [*arguments]}
    return {"name": name, "effect": effect, "parameters": schema, "user": user}


CARE = ToolCatalogue.model_validate(
    {
        "domain": "care-desk",
        "tools": [
            {**tool("find_customer", "read", email="string"), "trusted": True},  # type: ignore[dict-item]
            tool("read_page", "read", url="string"),
            tool("ask_customer", user=True, question="string"),
            tool("refund_order", "egress", order_id="string", cents="integer"),
            tool("compensate", "egress", cents="integer"),
            tool("send_mail", "egress", to="string"),
            tool("change_items", "write", order_id="string"),
            tool("cancel_order", "write", order_id="string", reason="string"),
            tool("close_case", "write"),
        ],
    }
)

RULES = """
@id("open") permit(principal, action in [Action::"find_customer", Action::"read_page",
  Action::"ask_customer", Action::"close_case"], resource);
@id("agreed") permit(principal, action in [Action::"refund_order", Action::"change_items"],
  resource) when { context.past.identified && context.past.confirmed };
@id("two-reasons") permit(principal, action == Action::"cancel_order", resource)
  when { context.past.confirmed
    && ["no longer needed", "ordered by mistake"].contains(context.input.reason) };
@id("partners") permit(principal, action == Action::"send_mail", resource)
  when { context.input.to like "*@partner.example" };
@id("worth-it") permit(principal, action == Action::"compensate", resource)
  when { context.input.cents >= 30000 };
"""
GUARD = """
@id("once") forbid(principal, action == Action::"change_items", resource)
  when { context.past.changes >= 1 };
@id("no-leak") forbid(principal, action == Action::"send_mail", resource)
  when { context.past.tainted && !(context.input.to like "*@ourstore.example") };
@id("one-reason") forbid(principal, action == Action::"cancel_order", resource)
  unless { context.input.reason == "lost in transit" };
@id("cap") forbid(principal, action == Action::"compensate", resource)
  when { context.past.spent + context.input.cents > 20000 };
"""


def policy_set(name: str, rules: str, facts: dict[str, JsonValue]) -> PolicySet:
    document: JsonValue = {"policy_set": name, "version": 1, "rules": rules, "facts": facts}
    return load_policy_set(json.dumps(document), source=f"{name}.json")


def care(by: str | None = None) -> PolicyEngine:
    changes: dict[str, JsonValue] = {"count": "change_items", "outcome": "any"}
    if by:
        changes["by"] = by
    facts: dict[str, JsonValue] = {
        "identified": {"once": "find_customer"},
        "confirmed": {"once": "user.confirm", "since": ["refund_order", "change_items"]},
    }
    watched: dict[str, JsonValue] = {
        "changes": changes,
        "tainted": {
            "once": "data.read",
            "where": 'resource.trust == "untrusted"',
            "outcome": "any",
        },
        "spent": {"sum": "input.cents", "of": "compensate"},
    }
    return compile_policies(
        [policy_set("care", RULES, facts), policy_set("guard", GUARD, watched)], CARE
    )


def acts(*labels: str) -> JsonValue:
    return {"seq": [{"act": label} for label in labels]}


def workflow(*branches: JsonValue) -> Workflow:
    find: JsonValue = {"act": "find_customer"}
    return bare_workflow({"seq": [find, {"xor": [*branches]}]}, name="care")


SERVICE = workflow(
    acts("refund_order"),
    acts("read_page", "send_mail"),
    acts("ask_customer", "change_items", "ask_customer", "change_items", "close_case"),
    acts("ask_customer", "cancel_order"),
    acts("compensate"),
    acts("ask_customer", "refund_order"),
    acts("send_mail"),
)
BRANCH = "steps/seq/1/xor"


def paths(verdict: WorkflowVerdict, *statuses: Status) -> set[str]:
    return {each.step.path for each in verdict.steps if each.status in statuses}


def test_exactly_the_planted_steps_are_never_permitted() -> None:
    verdict = check_workflow(SERVICE, care())
    assert paths(verdict, "never permitted") == {
        f"{BRANCH}/0/seq/0/act",  # a refund before the customer was asked
        f"{BRANCH}/1/seq/1/act",  # mail to others after an untrusted page
        f"{BRANCH}/2/seq/3/act",  # a second change
        f"{BRANCH}/3/seq/1/act",  # a cancellation for which no reason will do
        f"{BRANCH}/4/seq/0/act",  # compensation over the cap
    }
    assert paths(verdict, "behind a blocked step") == {f"{BRANCH}/2/seq/4/act"}
    assert not paths(verdict, "undecided")
    assert verdict.can_finish


@pytest.mark.parametrize(
    ("path", "missing", "rules"),
    [
        (f"{BRANCH}/0/seq/0/act", {("confirmed", "false", "true")}, {"default"}),
        (f"{BRANCH}/1/seq/1/act", {("tainted", "true", "false")}, {"no-leak"}),
        (f"{BRANCH}/2/seq/3/act", {("changes", "1", "0")}, {"once"}),
        (f"{BRANCH}/3/seq/1/act", set(), {"one-reason"}),
    ],
)
def test_the_closest_facts_and_the_rules_that_deny_are_named(
    path: str, missing: set[tuple[str, str, str]], rules: set[str]
) -> None:
    step = check_workflow(SERVICE, care()).of(path)
    assert {(each.fact, each.value, each.wanted) for each in step.missing} == missing
    assert step.denial is not None
    charged = {v.rule for v in step.denial.decision.verdicts if v.standing == "charged"}
    assert charged >= rules


def test_a_step_that_no_fact_decides_is_never_permitted_and_a_call_shows_it() -> None:
    never = """@id("rest") permit(principal, action, resource);
        @id("no-mail") forbid(principal, action == Action::"send_mail", resource);"""
    policy = PolicySet.model_validate({"policy_set": "quiet", "version": 1, "rules": never})
    flow = bare_workflow({"xor": [{"act": "send_mail"}, {"act": "close_case"}]}, name="desk")
    verdict = check_workflow(flow, compile_policies([policy], CARE))
    (step,) = (each for each in verdict.steps if each.status == "never permitted")
    assert step.step.tool == "send_mail"
    assert step.denial is not None


def test_a_step_behind_a_blocked_one_names_it_and_the_way_there() -> None:
    step = check_workflow(SERVICE, care()).of(f"{BRANCH}/2/seq/4/act")
    assert step.behind == f"{BRANCH}/2/seq/3/act"
    assert [each.text for each in step.path] == [
        "find_customer",
        "ask_customer, the user confirms",
        "change_items",
        "ask_customer",
    ]


def test_given_a_fact_by_argument_then_another_thing_may_be_changed_and_the_same_is_blocked() -> (
    None
):
    step = check_workflow(SERVICE, care(by="order_id")).of(f"{BRANCH}/2/seq/3/act")
    assert step.status == "sometimes blocked"
    states = {(fact.fact, fact.value) for each in step.blocked for fact in each.facts}
    assert ("changes", "1") in states


def test_given_a_fact_of_what_went_well_then_a_failure_before_it_leaves_the_way_open() -> None:
    once: dict[str, JsonValue] = {"tainted": {"once": "read_page"}}
    rules = (
        '@id("all") permit(principal, action, resource);'
        '@id("no-leak") forbid(principal, action == Action::"send_mail", resource)'
        " when { context.past.tainted };"
    )
    engine = compile_policies([policy_set("p", rules, once)], CARE)
    verdict = check_workflow(bare_workflow(acts("read_page", "send_mail")), engine)
    assert verdict.of("steps/seq/1/act").status == "sometimes blocked"
    assert [each.text for each in verdict.path] == ["read_page fails", "send_mail"]


def test_given_no_step_that_asks_then_the_user_may_confirm_at_any_time() -> None:
    verdict = check_workflow(workflow(acts("refund_order"), acts("close_case")), care())
    step = verdict.of(f"{BRANCH}/0/seq/0/act")
    assert step.status == "sometimes blocked"
    assert [(fact.fact, fact.value) for fact in step.blocked[0].facts] == [("confirmed", "false")]
    assert step.permitted is not None
    assert care().decide(step.permitted, in_force=care().policy_sets).allowed


def test_a_workflow_without_a_way_round_cannot_finish() -> None:
    verdict = check_workflow(workflow(acts("read_page", "send_mail", "close_case")), care())
    assert verdict.can_finish is False
    assert verdict.path == ()


def test_the_way_to_the_end_is_told_with_what_the_user_does() -> None:
    verdict = check_workflow(bare_workflow(acts("find_customer", "refund_order")), care())
    assert verdict.can_finish
    assert [each.text for each in verdict.path] == [
        "find_customer",
        "the user confirms",
        "refund_order",
    ]


def test_a_tool_that_nobody_declared_is_denied_and_an_agent_is_not_judged() -> None:
    unknown: JsonValue = {"act": "pay", "match": {"gen_ai.tool.name": "wire_money"}}
    steps: JsonValue = {"xor": [unknown, {"act": "planner"}]}
    verdict = check_workflow(bare_workflow(steps), care())
    assert verdict.of("steps/xor/0/act").status == "never permitted"
    assert verdict.of("steps/xor/1/act").status == "reachable"
    assert verdict.unjudged == ("steps/xor/1/act",)


def test_rules_that_only_the_monitor_can_judge_are_left_out_and_named() -> None:
    fleet: dict[str, JsonValue] = {
        "paid": {"sum": "input.cents", "of": "compensate", "scope": "fleet", "within": "1h"}
    }
    rules = (
        '@id("all") permit(principal, action, resource);'
        '@id("fleet") forbid(principal, action == Action::"compensate", resource)'
        " when { context.past.paid > 5 };"
    )
    engine = compile_policies([policy_set("swarm", rules, fleet)], CARE)
    verdict = check_workflow(bare_workflow(acts("compensate")), engine)
    assert verdict.can_finish
    assert verdict.deferred == ("swarm/fleet",)


def tau_retail() -> ToolCatalogue:
    shared = os.environ.get("MYTHOS_SHARED", "")
    file = Path(shared) / "data/agents/domains/tau_retail.json"
    if not shared or not file.is_file():
        pytest.skip("MYTHOS_SHARED does not hold the retail domain")
    return ToolCatalogue.model_validate_json(file.read_text())


TAU_RULES = """
@id("reading") permit(principal, action in [Action::"find_user_id_by_email",
  Action::"get_order_details", Action::"calculate", Action::"think"], resource);
@id("agreed") permit(principal, action in [Action::"modify_pending_order_items",
  Action::"return_delivered_order_items"], resource)
  when { context.past.identified && context.past.confirmed };
@id("reason") permit(principal, action == Action::"cancel_pending_order", resource)
  when { context.past.confirmed && context.input.reason == "found it cheaper" };
@id("reasons") forbid(principal, action == Action::"cancel_pending_order", resource)
  unless { ["no longer needed", "ordered by mistake"].contains(context.input.reason) };
@id("hand-over") permit(principal, action == Action::"transfer_to_human_agents", resource)
  unless { context.past.tainted };
@id("once") forbid(principal, action == Action::"modify_pending_order_items", resource)
  when { context.past.modified >= 1 };
@id("cap") forbid(principal, action == Action::"return_delivered_order_items", resource)
  when { context.past.returns >= 2 };
"""
TAU_FACTS: dict[str, JsonValue] = {
    "identified": {"once": ["find_user_id_by_email", "find_user_id_by_name_zip"]},
    "confirmed": {
        "once": "user.confirm",
        "since": ["modify_pending_order_items", "return_delivered_order_items"],
    },
    "modified": {"count": "modify_pending_order_items", "outcome": "any"},
    "returns": {"count": "return_delivered_order_items", "outcome": "any"},
    "tainted": {"once": "calculate", "where": 'tool.trust == "untrusted"', "outcome": "any"},
}


def test_the_planted_steps_of_a_retail_workflow_are_named() -> None:
    engine = compile_policies([policy_set("retail", TAU_RULES, TAU_FACTS)], tau_retail())
    yes, back = "user.confirm", "return_delivered_order_items"
    change = "modify_pending_order_items"
    branches: list[JsonValue] = [
        acts(back),
        acts("calculate", "transfer_to_human_agents"),
        acts(yes, change, yes, change, "get_order_details"),
        acts(yes, "cancel_pending_order"),
        acts(yes, back, yes, back, yes, back),
        acts(yes, change),
        acts("transfer_to_human_agents"),
    ]
    find: JsonValue = {"act": "find_user_id_by_email"}
    steps: JsonValue = {"seq": [find, {"act": "get_order_details"}, {"xor": branches}]}
    verdict = check_workflow(bare_workflow(steps, name="retail"), engine)
    branch = "steps/seq/2/xor"
    assert verdict.can_finish
    assert paths(verdict, "behind a blocked step") == {f"{branch}/2/seq/4/act"}
    assert not paths(verdict, "undecided")
    assert paths(verdict, "never permitted") == {
        f"{branch}/0/seq/0/act",
        f"{branch}/1/seq/1/act",
        f"{branch}/2/seq/3/act",
        f"{branch}/3/seq/1/act",
        f"{branch}/4/seq/5/act",
    }


def test_steps_in_copies_and_on_walks_are_asked_about_like_others() -> None:
    graph: JsonValue = {
        "nodes": {
            "ask": {"act": "ask_customer"},
            "change": {"act": "change_items"},
            "page": {"act": "read_page"},
            "close": {"act": "close_case"},
        },
        "start": ["ask", "change"],
        "edges": [["ask", "change"], ["change", "ask"], ["page", "close"]],
        "ends": ["change"],
    }
    refunds: JsonValue = {"map": {"do": acts("ask_customer", "refund_order"), "max": 3}}
    found = check_workflow(workflow(refunds, {"graph": graph}), care())
    copies, nodes = f"{BRANCH}/0/map/do/seq", f"{BRANCH}/1/graph/nodes"
    assert found.can_finish
    assert paths(found, "reachable") == {
        "steps/seq/0/act",
        f"{copies}/0/act",
        f"{nodes}/ask/act",
    }
    assert paths(found, "sometimes blocked") == {
        f"{copies}/1/act",  # once another copy has used up the yes
        f"{nodes}/change/act",  # which the walk may begin with
    }
