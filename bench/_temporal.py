"""An agent with rules about its past, after so many calls; and a trace of many calls.

One step is what a decision point does for a call: ask each fact, decide, and take the call in.
"""

from __future__ import annotations

from collections.abc import Callable

from mythos.engines.policy.compile import PolicyEngine, compile_policies
from mythos.engines.policy.facts.happening import Happening
from mythos.engines.policy.facts.history import Asker, History
from mythos.engines.policy.identity import digest
from mythos.engines.policy.request import Request
from mythos.engines.policy.rulings import rulings_of
from mythos.values.event import Event, Json, Kind, Run
from mythos.values.policy import PolicySet
from mythos.values.tools import ToolCatalogue

SECOND_NS = 10**9
AGENT = "clerk"
TOOLS = ToolCatalogue.model_validate(
    {
        "domain": "desk",
        "tools": [
            {
                "name": name,
                "effect": effect,
                "parameters": {
                    "type": "object",
                    "properties": {"to": {"type": "string"}, "cents": {"type": "integer"}},
                    "required": ["to", "cents"],
                },
            }
            for name, effect in (("pay", "egress"), ("approve", "read"))
        ],
    }
)
POLICY = PolicySet.model_validate(
    {
        "policy_set": "payments",
        "version": 1,
        "facts": {
            "paid": {"count": "pay", "within": "1h"},
            "spent": {"sum": "input.cents", "of": "pay", "within": "1d", "by": "to"},
            "approved": {"once": "approve", "since": "pay"},
            "target": {"last": "input.to", "of": "approve"},
        },
        "rules": """
            @id("ask") permit(principal, action == Action::"approve", resource);
            @id("pay") permit(principal, action == Action::"pay", resource)
            when { context.past.approved && context.past.paid < 1000
                && context.past.spent + context.input.cents <= 1000000 };
            @id("other") forbid(principal, action == Action::"pay", resource)
            when { context.past has target && context.past.target != context.input.to };
        """,
    }
)
NAME = digest(POLICY)
Call = tuple[str, dict[str, Json]]


def engine() -> PolicyEngine:
    return compile_policies([POLICY], TOOLS)


def asked_as_the_peer_is(form: str) -> PolicySet:
    """One rule over one fact, as `_dogwood` asks it."""
    facts = {
        "count": {"count": "pay", "within": "1h", "by": "to"},
        "sum": {"sum": "input.cents", "of": "pay", "within": "1d", "by": "to"},
    }
    rule = """
        @id("cap") permit(principal, action == Action::"pay", resource)
        when { context.past.used < 1000000000 };
    """
    document = {"policy_set": "cap", "version": 1, "facts": {"used": facts[form]}, "rules": rule}
    return PolicySet.model_validate(document)


def payment(number: int) -> Call:
    """Always to one account."""
    return "pay", {"to": "account-1", "cents": 100 + number % 50}


def call(number: int) -> Call:
    """Two payments follow each approval, so that one is allowed and one is not."""
    to = f"account-{number // 3 % 20}"
    return ("approve" if number % 3 == 0 else "pay"), {"to": to, "cents": 100 + number % 50}


class Desk:
    """One agent's history, and how to go on from there."""

    def __init__(
        self, events: int, policy: PolicySet = POLICY, *, calls: Callable[[int], Call] = call
    ) -> None:
        self._calls = calls
        self._force = frozenset({digest(policy)})
        self._engine = compile_policies([policy], TOOLS)
        self._history = History(self._engine.plans, TOOLS)
        self._at = 0
        for _ in range(events):
            self.observe()

    def observe(self) -> None:
        tool, arguments = self._calls(self._at)
        at_ns = self._at * SECOND_NS
        done = Happening(tool, f"{self._at:016x}", at_ns, at_ns + 1, AGENT, arguments=arguments)
        self._history.began(done)
        self._history.ended(done)
        self._at += 1

    def decide(self) -> bool:
        tool, arguments = self._calls(self._at)
        now_ns = self._at * SECOND_NS
        asker = Asker(AGENT, tool, arguments, frozenset(), now_ns)
        facts = {
            name: {plan.name: self._history.ask(plan, asker) for plan in plans}
            for name, plans in self._engine.facts_about(tool)
        }
        request = Request(AGENT, tool, arguments, facts, now_ns=now_ns)
        return self._engine.decide(request, in_force=self._force).allowed

    def step(self, steps: int) -> int:
        """Decide and observe so many more calls; how many were allowed."""
        allowed = 0
        for _ in range(steps):
            allowed += self.decide()
            self.observe()
        return allowed


def trace(actions: int) -> Run:
    """A closed run of so many calls, one a second."""
    root = _event(0, Kind.AGENT_RUN, "", {}, (actions + 2) * SECOND_NS)
    calls = (_event(n + 1, Kind.TOOL_CALL, *call(n), 1) for n in range(actions))
    return Run(root.trace_id, root, (root, *calls), root.end_ns)


def _event(number: int, kind: Kind, tool: str, arguments: dict[str, Json], lasts_ns: int) -> Event:
    return Event(
        trace_id=f"{7:032x}",
        span_id=f"{number + 1:016x}",
        parent_id=f"{1:016x}" if number else "",
        kind=kind,
        name=tool or "invoke_agent",
        start_ns=number * SECOND_NS,
        end_ns=number * SECOND_NS + lasts_ns,
        agent=AGENT,
        tool=tool,
        arguments=arguments,
        output="done",
        output_captured=True,
        user_texts=() if number else ("Pay what is due.",),
    )


def judge(run: Run, judged_by: PolicyEngine) -> None:
    found = rulings_of(run, judged_by, sets_of=lambda _: (NAME,))
    assert len(found.in_force) == len(run.events) - 1
