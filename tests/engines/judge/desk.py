"""The refunds desk of the example, told span by span, and the rulebook of its bundle."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from mythos.adapters.bundle_source import read_source
from mythos.engines.bundle.plan import BuiltBundle, assemble
from mythos.engines.evidence.row import EvidenceRow
from mythos.engines.judge.judgement import Judgement, judge_run
from mythos.engines.judge.rows import Place, rows_of
from mythos.engines.judge.rulebook import Rulebook, make_rulebook
from mythos.engines.policy.blocked import DeniedAttempt
from mythos.engines.telemetry.runs import assemble as assemble_runs
from mythos.values.agent import Agent
from mythos.values.event import Json, Run, Span
from mythos.values.policy import PolicySet
from mythos.values.tools import ToolCatalogue
from mythos.values.workflow import Workflow, workflow_of

EXAMPLE = Path(__file__).resolve().parents[3] / "examples" / "retail-care"
SECOND = 10**9
TRACE = "0af7651916cd43dd8448eb211c80319c"
START_S = 1_893_456_000  # 2030-01-01, the start of an hour
PLACE = Place("cloud-eu-1", "cloud-eu", "", 60)


@cache
def built() -> BuiltBundle:
    return assemble(read_source(EXAMPLE))


def _documents(kind: str) -> list[tuple[str, Json]]:
    bundle = built()
    return [
        (one.digest, json.loads(bundle.blobs[one.digest]))
        for one in bundle.constructs
        if one.kind == kind
    ]


def policies() -> list[PolicySet]:
    return [PolicySet.model_validate(one) for _, one in _documents("policy_set")]


def catalogues() -> list[ToolCatalogue]:
    return [ToolCatalogue.model_validate(one) for _, one in _documents("tools")]


def workflows() -> list[Workflow]:
    return [workflow_of(one, source="example") for _, one in _documents("workflow")]


def agents() -> list[tuple[str, Agent]]:
    return [(digest, Agent.model_validate(one)) for digest, one in _documents("agent")]


@cache
def rulebook() -> Rulebook:
    """What a node that launched the example judges by."""
    return make_rulebook(policies(), catalogues(), workflows(), agents=agents())


def policy_digest(name: str) -> str:
    return next(key for key, one in rulebook().policies.items() if one.policy_set == name)


def agent_digest(name: str) -> str:
    return rulebook().agents[name].digest


@dataclass
class Talk:
    """One run of an agent, a second a step."""

    agent: str = "refunds"
    service: str = "retail-care"
    trace: str = TRACE
    now_s: int = START_S
    spans: list[Span] = field(default_factory=list)
    said: list[Json] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.started_s = self.now_s

    def span(self, name: str, attributes: dict[str, Json], *, failed: bool = False) -> Span:
        """One span below the agent's."""
        number = len(self.spans) + 2
        made = Span(
            trace_id=self.trace,
            span_id=f"{number:016x}",
            parent_id=f"{1:016x}",
            name=name,
            start_ns=self.now_s * SECOND,
            end_ns=self.now_s * SECOND + SECOND // 2,
            attributes=attributes,
            resource={"service.name": self.service},
            failed=failed,
        )
        self.spans.append(made)
        self.now_s += 1
        return made

    def user(self, text: str) -> Talk:
        """The user says something; the next model call carries the history."""
        self.said.append({"role": "user", "parts": [{"type": "text", "content": text}]})
        self.span(
            "chat",
            {
                "gen_ai.operation.name": "chat",
                "gen_ai.input.messages": json.dumps(self.said),
                "gen_ai.usage.input_tokens": 100,
                "gen_ai.usage.output_tokens": 10,
            },
        )
        return self

    def call(
        self,
        tool: str,
        arguments: dict[str, Json] | None = None,
        *,
        result: Json = "done",
        failed: bool = False,
        call_id: str = "",
    ) -> Talk:
        """A tool call; without arguments they were not captured."""
        attributes: dict[str, Json] = {
            "gen_ai.operation.name": "execute_tool",
            "gen_ai.tool.name": tool,
            "gen_ai.tool.call.result": json.dumps(result),
        }
        if arguments is not None:
            attributes["gen_ai.tool.call.arguments"] = json.dumps(arguments)
        if call_id:
            attributes["gen_ai.tool.call.id"] = call_id
        self.span(f"running {tool}", attributes, failed=failed)
        return self

    def wait(self, seconds: int) -> Talk:
        self.now_s += seconds
        return self

    def whole(self) -> list[Span]:
        """Every span, the agent's own last, as an exporter sends them."""
        root = Span(
            trace_id=self.trace,
            span_id=f"{1:016x}",
            parent_id="",
            name=f"invoke_agent {self.agent}",
            start_ns=self.started_s * SECOND,
            end_ns=self.now_s * SECOND,
            attributes={
                "gen_ai.operation.name": "invoke_agent",
                "gen_ai.agent.name": self.agent,
            },
            resource={"service.name": self.service},
        )
        return [*self.spans, root]

    @property
    def run(self) -> Run:
        (run,) = assemble_runs(self.whole())
        return run

    def judged(self, book: Rulebook | None = None, *attempts: DeniedAttempt) -> Judgement:
        return judge_run(self.run, book or rulebook(), attempts=attempts)

    def rows(self, book: Rulebook | None = None, place: Place = PLACE) -> list[EvidenceRow]:
        found = book or rulebook()
        return rows_of(self.judged(found), place, agent_ref=found.agent_ref)


def identified(*, agent: str = "refunds", service: str = "retail-care", trace: str = TRACE) -> Talk:
    """A customer is known, and their order was read."""
    return (
        Talk(agent, service, trace)
        .user("I want to return order O-0002")
        .call("find_customer_by_email", {"email": "customer002@mail.example"}, result={"id": "C"})
        .call("get_order", {"order_id": "O-0002"}, result={"status": "delivered"})
    )


def asked(talk: Talk, answer: str = "Yes, please.") -> Talk:
    """The desk asks, and the customer answers."""
    return talk.call("ask_customer", {"question": "Shall I?"}, result=answer)


def returned(talk: Talk) -> Talk:
    return talk.call("return_order", {"order_id": "O-0002", "item_ids": ["I-1"]})


def refunded(talk: Talk, cents: int = 1_000) -> Talk:
    return talk.call(
        "issue_refund",
        {"order_id": "O-0002", "amount_cents": cents, "payment_method": "card-0002"},
    )


def proper_return(*, service: str = "retail-care", trace: str = TRACE) -> Talk:
    """A return and refund as the workflow and the rules want them."""
    return refunded(asked(returned(asked(identified(service=service, trace=trace)))))
