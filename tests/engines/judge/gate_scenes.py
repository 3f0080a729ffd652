"""Traces as they reach a node, span by span, with questions between: for tests of the gate."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache

from hypothesis import strategies as st

from mythos.adapters.baseline import baseline_policy_set
from mythos.engines.judge.rulebook import Rulebook, make_rulebook
from mythos.engines.policy.document import load_policy_set
from mythos.values.event import Json, Span
from mythos.values.tools import ToolCatalogue
from tests.engines.telemetry.making import Loose, agent, call, chat, said, span

TRACE = "0af7651916cd43dd8448eb211c80319c"
TEXTS = ("u:pay anna@shop.example", "u:yes", "u:follow the instructions in notes.txt", "u:", "a:ok")
WORDS = ("anna@shop.example", "bob", "https://evil.example/x", "notes.txt", "<REDACTED>")

PARAMETERS: Json = {
    "type": "object",
    "properties": {"to": {"type": "string"}, "cents": {"type": "integer"}},
    "required": ["to", "cents"],
}
TOOLS = ToolCatalogue.model_validate(
    {
        "domain": "desk",
        "tools": [
            {"parameters": PARAMETERS, **tool}
            for tool in (
                {"name": "pay", "effect": "egress", "consequential": True, "sinks": ["to"]},
                {"name": "look", "effect": "read", "trusted": False},
                {"name": "book", "effect": "read", "trusted": True},
                {"name": "ask", "effect": "read", "user": True},
            )
        ],
    }
)
FACTS = """
policy_set: desk
version: 1
facts:
  looked: {once: look, since: pay}
  confirmed: {once: user.confirm, since: pay, within: 20s}
  paid: {count: pay, within: 30s, by: to}
  tried: {count: pay, outcome: any}
  failed: {count: pay, outcome: error}
  talked: {count: user.message}
  spent: {sum: input.cents, of: pay, scope: agent, within: 1h}
  seen: {last: output.status, of: look, type: string}
  target: {last: input.to, of: pay, by: principal}
MORE
rules: |
  @id("any") permit(principal, action, resource);
  @id("cap") forbid(principal, action == Action::"pay", resource)
  when { context.past.paid > 2 || context.past.tried > 4 || context.past.failed > 1
    || context.past.talked > 9 };
  @id("sum") forbid(principal, action == Action::"pay", resource) when { context.past.spent > 90 };
  @id("yes") forbid(principal, action == Action::"pay", resource)
  unless { context.past.confirmed || context.past.looked };
  @id("odd") forbid(principal, action in [Action::"pay", Action::"look"], resource)
  when { context.past has seen && context.past.seen == "odd" };
  @id("again") forbid(principal, action == Action::"pay", resource)
  when { context.past has target && context.past.target == context.input.to RULE };
"""
NESTED = '  after: {count: look, where: "past.confirmed"}\n'


@cache
def rulebook(*, nested: bool) -> Rulebook:
    """Facts of every form, one of them over another if `nested`, and the baseline."""
    text = FACTS.replace("MORE\n", NESTED if nested else "")
    text = text.replace("RULE", "&& context.past.after > 1" if nested else "")
    return make_rulebook([load_policy_set(text, source="desk"), baseline_policy_set()], [TOOLS], ())


@dataclass(frozen=True)
class Ask:
    """A question of an agent at a time."""

    agent: str
    tool: str
    to: str
    call_id: str
    now_ns: int


Step = Ask | list[Span]
_ids = st.sampled_from(("", "", "one", "two", "three"))
_short = st.integers(0, 6)
_rarely = st.sampled_from((False,) * 24 + (True,))


@st.composite
def _calls(draw: st.DrawFn, number: int, parent: int, at_s: int) -> Span:
    more: Loose = {"at_s": at_s, "for_s": draw(st.integers(-1, 6))}
    to = draw(st.sampled_from(WORDS))
    kept = draw(st.sampled_from(("all", "all", "all", "bare", "none")))
    if kept == "all":
        more["gen_ai__tool__call__arguments"] = json.dumps({"to": to, "cents": 20})
    if kept == "bare":
        more["input__value"] = to
    if draw(st.booleans()):
        output = draw(st.sampled_from(("odd", "bob", "yes", "https://evil.example/x")))
        more["gen_ai__tool__call__result"] = json.dumps({"status": output, "text": output})
    if call_id := draw(_ids):
        more["gen_ai__tool__call__id"] = call_id
    if draw(st.integers(0, 4)) == 0:
        more["mcp__method__name"] = "tools/call"
    if draw(st.integers(0, 5)) == 0:
        more["error__type"] = "boom"
    return call(number, parent, draw(st.sampled_from(sorted(TOOLS.names))), **more)


@st.composite
def _models(draw: st.DrawFn, number: int, parent: int, at_s: int) -> Span:
    texts = draw(st.lists(st.sampled_from(TEXTS), max_size=3))
    more: Loose = {"gen_ai__request__model": draw(st.sampled_from(("m", "m", "m-1", "n")))}
    if draw(st.integers(0, 3)) == 0:
        name = "llm.output_messages.0.message.tool_calls.0.tool_call.function."
        more[name + "name"] = draw(st.sampled_from(sorted(TOOLS.names)))
        more[name + "arguments"] = json.dumps({"to": draw(st.sampled_from(WORDS))})
    messages = said(*texts) if texts else ""
    return chat(number, parent, messages, at_s=at_s, for_s=draw(_short), **more)


@st.composite
def _spans(draw: st.DrawFn, number: int, parent: int, at_s: int) -> Span:
    kind = draw(st.sampled_from(("call", "call", "call", "chat", "chat", "step", "agent", "deny")))
    if kind == "call":
        return draw(_calls(number, parent, at_s))
    if kind == "chat":
        return draw(_models(number, parent, at_s))
    more: Loose = {"at_s": at_s, "for_s": draw(_short)}
    if draw(st.integers(0, 3)) == 0:
        more["gen_ai__input__messages"] = said(draw(st.sampled_from(TEXTS)))
    if kind == "agent":
        return agent(number, parent, draw(st.sampled_from(("helper", "scout"))), **more)
    if kind == "deny":
        more |= {"mythos__policy__verdict": "deny", "gen_ai__tool__name": "pay"}
    return span(number, parent, **more)


@st.composite
def scenes(draw: st.DrawFn) -> list[Step]:
    """Batches of spans, sent when they end but for a few, and questions between them."""
    n = draw(st.integers(1, 14))
    spans = [
        draw(_spans(at, draw(_parents(at, n)), draw(st.integers(0, 3)) + 2 * at))
        for at in range(1, n + 1)
    ]
    delays_s = {one.span_id: draw(st.sampled_from((0, 0, 0, 0, 1, 9))) for one in spans}
    sent = sorted(spans, key=lambda one: one.end_ns + 10**9 * delays_s[one.span_id])
    if draw(_rarely):
        sent.append(draw(_spans(draw(st.integers(1, n)), 99, 2 * n)))
    steps: list[Step] = []
    now_ns = 0
    while sent:
        size = draw(st.integers(1, 3))
        batch, sent = sent[:size], sent[size:]
        steps.append(batch)
        now_ns = max(now_ns, *(one.end_ns for one in batch))
        for _ in range(draw(st.integers(0, 2))):
            now_ns += draw(st.sampled_from((0, 1, 10**8, 10**9, -(10**9))))
            steps.append(draw(_asks(max(now_ns, 0))))
    return [*steps, draw(_asks(now_ns + 1)), draw(_asks(now_ns + 2))]


@st.composite
def _parents(draw: st.DrawFn, number: int, n: int) -> int:
    """A root that never comes, or a span before; rarely none, or one that makes a circle."""
    usual = (99, 99, 98, *range(max(number - 4, 1), number))
    chosen: int = draw(st.sampled_from((0, *range(1, n + 1)) if draw(_rarely) else usual))
    return chosen


def _asks(now_ns: int) -> st.SearchStrategy[Ask]:
    return st.builds(
        Ask,
        st.sampled_from(("clerk", "clerk", "clerk", "scout")),
        st.sampled_from((*sorted(TOOLS.names), "pay", "unheard")),
        st.sampled_from(WORDS),
        _ids,
        st.just(now_ns),
    )


def plain_step(number: int, *, at_s: int) -> list[Span]:
    """A model call and a call after it, as an agent without nesting makes them."""
    arguments: dict[str, Json] = {"to": f"bob-{number}", "cents": 1}
    return [
        chat(2 * number, 99, said("u:yes"), at_s=at_s),
        call(2 * number + 1, 99, "look", at_s=at_s + 1, for_s=0.5,
             gen_ai__tool__call__arguments=json.dumps(arguments),
             gen_ai__tool__call__id=f"call-{number}"),
    ]  # fmt: skip
