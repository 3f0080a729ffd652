"""Six policies that people ask for, each told as runs: what is allowed, what is not, and why.

Taken from customer service and travel desks, and from what goes wrong with agents: identity first,
one yes for one write, the state of the thing itself, fare rules, no way out after strange content,
and a limit on the damage. Each is checked by the strict validator before a run is judged.
"""

from __future__ import annotations

import json

import pytest
from pydantic import JsonValue

from mythos.engines.policy.check import check_against
from mythos.engines.policy.compile import compile_policies
from mythos.engines.policy.document import read_policy_document
from mythos.engines.policy.identity import digest
from mythos.engines.policy.replay import Answer, replay
from mythos.engines.telemetry.event_lines import EventLines, runs_of_lines
from mythos.values.policy import PolicySet
from mythos.values.tools import ToolCatalogue
from tests.engines.policy.scenes import Story

TEXT: JsonValue = {"type": "string"}
WHOLE: JsonValue = {"type": "integer"}


def tool(name: str, effect: str = "read", *, trusted: bool = True, **given: JsonValue) -> JsonValue:
    """A tool whose arguments are all required."""
    schema: JsonValue = {"type": "object", "properties": {**given}, "required": [*given]}
    sinks: JsonValue = ["to"] if "to" in given else []
    return {
        "name": name,
        "effect": effect,
        "trusted": trusted,
        "parameters": schema,
        "sinks": sinks,
    }


def desk(*tools: JsonValue) -> ToolCatalogue:
    return ToolCatalogue.model_validate({"domain": "desk", "tools": list(tools)})


def rules(text: str, catalogue: ToolCatalogue) -> PolicySet:
    document = read_policy_document(f"policy_set: p\nversion: 1\n{text}", source="p.yaml")
    check_against(document.policy_set, [catalogue], places=document.places)
    return document.policy_set


def answers(policy_set: PolicySet, catalogue: ToolCatalogue, story: Story) -> list[Answer]:
    engine = compile_policies([policy_set], catalogue)
    return [each.answer for each in replay(story.run, engine, in_force=[digest(policy_set)])]


def words(policy_set: PolicySet, catalogue: ToolCatalogue, story: Story) -> list[str]:
    return [answer.word for answer in answers(policy_set, catalogue, story)]


ORDERS = desk(
    tool("find_user_by_email", email=TEXT),
    tool("get_orders", user_id=TEXT),
    tool("get_order", order_id=TEXT),
    tool("cancel_order", "write", order_id=TEXT, reason=TEXT),
    tool("modify_items", "write", order_id=TEXT, items={"type": "array", "items": TEXT}),
)

IDENTITY = rules(
    """\
facts:
  user: {last: output.user_id, of: find_user_by_email}
rules: |
  @id("who") permit(principal, action == Action::"find_user_by_email", resource);
  @id("own-orders") permit(principal, action == Action::"get_orders", resource)
  when { context.past has user && context.input.user_id == context.past.user };
  @id("one-user") @severity("critical") forbid(principal, action, resource)
  when { context.past has user && context.input has user_id
         && context.input.user_id != context.past.user };
""",
    ORDERS,
)


def test_1_nobody_reads_orders_before_the_customer_is_known_nor_those_of_another() -> None:
    story = (
        Story()
        .user("where are my orders?")
        .call("get_orders", {"user_id": "ana"})
        .call("find_user_by_email", {"email": "ana@example.org"}, output={"user_id": "ana"})
        .call("get_orders", {"user_id": "ana"})
        .call("get_orders", {"user_id": "bob"})
    )
    early, found, own, other = answers(IDENTITY, ORDERS, story)
    assert (early.word, early.missing) == ("deny", ("user",))
    assert (found.word, own.word) == ("allow", "allow")
    assert (other.word, other.rules) == ("deny", ("one-user",))


YES = rules(
    """\
facts:
  confirmed: {once: user.confirm, since: [cancel_order, modify_items]}
rules: |
  @id("read") permit(principal, action, resource) when { context.tool.effect == "read" };
  @id("asked")
  permit(principal, action in [Action::"cancel_order", Action::"modify_items"], resource)
  when { context.past.confirmed };
""",
    ORDERS,
)
CANCEL: dict[str, JsonValue] = {"order_id": "W1", "reason": "no longer needed"}


def test_2_one_yes_pays_for_one_write() -> None:
    story = (
        Story()
        .user("cancel W1 and W2")
        .call("cancel_order", CANCEL)
        .user("Yes")
        .call("cancel_order", CANCEL, failed=True)
        .call("cancel_order", CANCEL)
        .user("yes, again")
        .call("cancel_order", CANCEL)
    )
    assert words(YES, ORDERS, story) == ["deny", "allow", "deny", "allow"]


STATE = rules(
    """\
facts:
  status: {last: output.status, of: get_order, by: order_id, within: 10m}
  modified: {count: modify_items, by: order_id}
rules: |
  @id("read") permit(principal, action == Action::"get_order", resource);
  @id("cancel-pending") permit(principal, action == Action::"cancel_order", resource)
  when { context.past has status && context.past.status == "pending"
         && ["no longer needed", "ordered by mistake"].contains(context.input.reason) };
  @id("modify-once") permit(principal, action == Action::"modify_items", resource)
  when { context.past has status && context.past.status == "pending" && context.past.modified < 1 };
""",
    ORDERS,
)


def looked(status: str, order_id: str = "W1") -> Story:
    return Story().user("hi").call("get_order", {"order_id": order_id}, output={"status": status})


@pytest.mark.parametrize(
    ("story", "word"),
    [
        (looked("pending").call("cancel_order", CANCEL), "allow"),
        (looked("shipped").call("cancel_order", CANCEL), "deny"),
        (looked("pending").call("cancel_order", {**CANCEL, "reason": "too dear"}), "deny"),
        (looked("pending", "W2").call("cancel_order", CANCEL), "deny"),
        (Story().user("hi").call("cancel_order", CANCEL), "deny"),
    ],
)
def test_3_only_a_pending_order_is_cancelled_for_two_reasons(story: Story, word: str) -> None:
    assert words(STATE, ORDERS, story)[-1] == word


def test_3_what_was_seen_of_an_order_is_stale_after_ten_minutes() -> None:
    story = looked("pending")
    story.now_s += 601
    assert words(STATE, ORDERS, story.call("cancel_order", CANCEL))[-1] == "deny"


def test_3_the_items_of_an_order_are_modified_once() -> None:
    modify: dict[str, JsonValue] = {"order_id": "W1", "items": ["a"]}
    story = looked("pending").call("modify_items", modify).call("modify_items", modify)
    story.call("get_order", {"order_id": "W2"}, output={"status": "pending"})
    story.call("modify_items", {**modify, "order_id": "W2"})
    assert words(STATE, ORDERS, story) == ["allow", "allow", "deny", "allow", "allow"]


TRIPS = desk(
    tool("get_reservation", reservation_id=TEXT),
    tool("cancel_reservation", "write", reservation_id=TEXT, reason=TEXT),
    tool("send_certificate", "write", reservation_id=TEXT, amount=WHOLE),
)
FARES = rules(
    """\
facts:
  created: {last: output.created_at, of: get_reservation, by: reservation_id, type: datetime}
  status: {last: output.status, of: get_reservation, by: reservation_id}
  cabin: {last: output.cabin, of: get_reservation, by: reservation_id}
  insured: {last: output.insured, of: get_reservation, by: reservation_id, type: boolean}
  flown: {last: output.flown, of: get_reservation, by: reservation_id, type: boolean}
  passengers: {last: output.passengers, of: get_reservation, by: reservation_id, type: integer}
rules: |
  @id("read") permit(principal, action == Action::"get_reservation", resource);
  @id("cancel") permit(principal, action == Action::"cancel_reservation", resource)
  when {
    (context.past has created && context.now.durationSince(context.past.created) <= duration("24h"))
    || (context.past has status && context.past.status == "cancelled_by_airline")
    || (context.past has cabin && context.past.cabin == "business")
    || (context.past has insured && context.past.insured
        && ["health", "weather"].contains(context.input.reason)) };
  @id("flown") @explain("A flight that was taken is not cancelled.")
  forbid(principal, action == Action::"cancel_reservation", resource)
  unless { context.past has flown && !context.past.flown };
  @id("certificate") permit(principal, action == Action::"send_certificate", resource)
  when { context.past has passengers && context.past.passengers < 10
         && context.input.amount == 100 * context.past.passengers
         && ((context.past has insured && context.past.insured)
             || (context.past has cabin && context.past.cabin == "business")) };
""",
    TRIPS,
)
BOOKED: dict[str, JsonValue] = {
    "created_at": "1970-01-01T00:00:00",
    "status": "confirmed",
    "cabin": "economy",
    "insured": False,
    "flown": False,
    "passengers": 3,
}


def trip(*, hours: int = 100, **more: JsonValue) -> Story:
    """A reservation that was made some hours ago is looked at."""
    story = Story(now_s=hours * 3600).user("hi")
    return story.call("get_reservation", {"reservation_id": "R1"}, output={**BOOKED, **more})


@pytest.mark.parametrize(
    ("story", "reason", "word"),
    [
        (trip(hours=23), "change of plan", "allow"),
        (trip(hours=25), "change of plan", "deny"),
        (trip(status="cancelled_by_airline"), "change of plan", "allow"),
        (trip(cabin="business"), "change of plan", "allow"),
        (trip(insured=True), "weather", "allow"),
        (trip(insured=True), "change of plan", "deny"),
        (trip(cabin="business", flown=True), "weather", "deny"),
        (Story().user("hi"), "weather", "deny"),
    ],
)
def test_4_a_reservation_is_cancelled_by_the_fare_rules(
    story: Story, reason: str, word: str
) -> None:
    story.call("cancel_reservation", {"reservation_id": "R1", "reason": reason})
    assert words(FARES, TRIPS, story)[-1] == word


@pytest.mark.parametrize(
    ("story", "amount", "word"),
    [
        (trip(insured=True), 300, "allow"),
        (trip(insured=True), 400, "deny"),
        (trip(), 300, "deny"),
        (trip(cabin="business", passengers=2), 200, "allow"),
    ],
)
def test_4_a_certificate_is_a_hundred_for_each_passenger(
    story: Story, amount: int, word: str
) -> None:
    story.call("send_certificate", {"reservation_id": "R1", "amount": amount})
    assert words(FARES, TRIPS, story)[-1] == word


OFFICE = desk(
    tool("read_web", trusted=False, url=TEXT),
    tool("read_file", path=TEXT),
    tool("send_mail", "egress", to=TEXT, body=TEXT),
    tool("post", "egress", to=TEXT),
)
NO_WAY_OUT = rules(
    """\
facts:
  tainted: {once: data.read, where: 'resource.trust == "untrusted"', outcome: any}
rules: |
  @id("work") permit(principal, action, resource);
  @id("inside-only") @severity("critical")
  forbid(principal, action in [Action::"send_mail", Action::"post"], resource)
  when { context.past.tainted && !(context.input.to like "*@ourstore.example") };
""",
    OFFICE,
)
MAIL: dict[str, JsonValue] = {"to": "eve@elsewhere.example", "body": "x"}


def test_5_nothing_leaves_the_house_after_strange_content_was_read() -> None:
    story = (
        Story()
        .user("hi")
        .call("read_file", {"path": "a"})
        .call("send_mail", MAIL)
        .call("read_web", {"url": "https://strange.example"})
        .call("send_mail", MAIL)
        .call("post", {"to": "eve@elsewhere.example"})
        .call("send_mail", {**MAIL, "to": "ana@ourstore.example"})
        .call("send_mail", {**MAIL, "to": "eve@elsewhere.example?@ourstore.example.evil.example"})
    )
    assert words(NO_WAY_OUT, OFFICE, story) == [
        *("allow", "allow", "allow"),
        *("deny", "deny", "allow", "deny"),
    ]


MONEY = desk(tool("refund", "egress", cents=WHOLE), tool("delegate", task=TEXT))
RADIUS = rules(
    """\
facts:
  spent: {sum: input.cents, of: refund, within: 1h, by: principal, scope: agent, count: attempts}
  spent_by_all: {sum: input.cents, of: refund, within: 1h, scope: fleet, count: attempts}
rules: |
  @id("work") permit(principal, action, resource);
  @id("cap") forbid(principal, action == Action::"refund", resource)
  when { context.past.spent + context.input.cents > 50000 };
  @id("fleet-cap") forbid(principal, action == Action::"refund", resource)
  when { context.past.spent_by_all + context.input.cents > 500000 };
  @id("depth") forbid(principal, action == Action::"delegate", resource) when { context.depth > 3 };
  @id("juniors") forbid(principal == Agent::"junior", action == Action::"delegate", resource);
""",
    MONEY,
)


def test_6_what_an_agent_pays_back_in_an_hour_is_capped_failed_attempts_and_all() -> None:
    story = (
        Story()
        .user("hi")
        .call("refund", {"cents": 30_000}, failed=True)
        .call("refund", {"cents": 20_000})
        .call("refund", {"cents": 1})
    )
    story.now_s += 3_600
    first, second, third, later = answers(RADIUS, MONEY, story.call("refund", {"cents": 1}))
    assert (first.word, second.word) == ("allow", "allow")
    assert (third.word, third.rules) == ("deny", ("cap",))
    assert later.word == "allow"


def test_6_a_cap_over_the_fleet_is_left_to_the_monitor_and_said_so() -> None:
    [answer] = answers(RADIUS, MONEY, Story().user("hi").call("refund", {"cents": 1}))
    assert (answer.word, answer.deferred) == ("allow", ("p/fleet-cap",))


@pytest.mark.parametrize(("above", "word"), [(3, "allow"), (4, "deny")])
def test_6_delegation_ends_below_three_agents(above: int, word: str) -> None:
    reader = EventLines(agent="clerk")
    chain = [
        {"kind": "agent_run", "span_id": f"a{n}", "parent_id": f"a{n - 1}" if n else ""}
        for n in range(above + 1)
    ]
    call = {"tool": "delegate", "arguments": {"task": "x"}, "parent_id": f"a{above}"}
    lines = [reader.read(json.dumps(line), number=n) for n, line in enumerate([*chain, call], 1)]
    [run] = runs_of_lines(lines)
    engine = compile_policies([RADIUS], MONEY)
    [each] = replay(run, engine, in_force=[digest(RADIUS)])
    assert each.answer.word == word


def test_6_an_agent_that_may_not_delegate_does_not() -> None:
    junior = Story(agent="junior").user("hi").call("delegate", {"task": "x"})
    assert answers(RADIUS, MONEY, junior)[0].rules == ("juniors",)
    assert words(RADIUS, MONEY, Story().user("hi").call("delegate", {"task": "x"})) == ["allow"]
