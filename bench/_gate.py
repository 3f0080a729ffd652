"""A node's judge and one run of an agent that reads orders, action by action.

An action is what a node does for one call: the model's span and the call's are received, and one
question is answered between them. The judge works on a store of its own, by the example's policy
sets and the baseline; a question goes in and comes out as bytes.
"""

from __future__ import annotations

import json
import time
from pathlib import Path

from mythos.adapters.baseline import baseline_policy_set
from mythos.engines.judge.rulebook import Rulebook, make_rulebook
from mythos.engines.policy.document import load_policy_set
from mythos.engines.telemetry.json_writer import encode_json
from mythos.node.duty import Duty
from mythos.node.judge import JSON, Judge
from mythos.node.store import NodeStore
from mythos.values.enrolment import Acceptance
from mythos.values.event import Json, Span
from mythos.values.tools import ToolCatalogue

EXAMPLE = Path(__file__).resolve().parents[1] / "examples" / "retail-care"
BATCH = 500
AGENT = "refunds"
TRACE = "0af7651916cd43dd8448eb211c80319c"
MS = 10**6
WHO = Acceptance(node="n", environment="e", key_id="k", packets_root="", deployments_root="")


def rulebook() -> Rulebook:
    """The example's policy sets and the baseline, for the example's tools."""
    texts = [path.read_text() for path in sorted((EXAMPLE / "policies").glob("*.yaml"))]
    sets = [load_policy_set(text, source="example") for text in texts]
    tools = ToolCatalogue.model_validate_json((EXAMPLE / "tools" / "retail-care.json").read_text())
    return make_rulebook([*sets, baseline_policy_set()], [tools], ())


class Desk:
    """A node's judge and one run that goes on, `spans` long at first."""

    def __init__(self, folder: Path, spans: int) -> None:
        self.judge = Judge(NodeStore(folder / "node.db"), WHO, Duty(None, rulebook(), {}))
        self._made = 0
        self._first_ns = time.time_ns() - (spans + 10_000) * MS
        self._receive(self._tool("find_customer_by_email", {"email": "ada@mail.example"}))
        while self._made < spans:
            held = min(BATCH, spans - self._made)
            self._receive(*(span for _ in range(0, held, 2) for span in self._step()))
        self.action()

    def action(self) -> bool:
        """One action at the gate; whether it was allowed."""
        model, call = self._step()
        self._receive(model)
        allowed = self.ask(call)
        self._receive(call)
        return allowed

    def ask(self, call: Span) -> bool:
        """Whether the call may be made."""
        question = {
            "trace_id": TRACE, "agent": AGENT, "tool": "get_order", "service": "retail-care",
            "arguments": json.loads(str(call.attributes["gen_ai.tool.call.arguments"])),
            "call_id": call.attributes["gen_ai.tool.call.id"],
        }  # fmt: skip
        return self.judge.decide(json.dumps(question).encode())["decision"] == "allow"

    def _receive(self, *spans: Span) -> None:
        self.judge.receive(encode_json(spans), JSON)

    def _step(self) -> tuple[Span, Span]:
        said = [{"role": "user", "parts": [{"type": "text", "content": "Read all my orders"}]}]
        model: dict[str, Json] = {
            "gen_ai.operation.name": "chat",
            "gen_ai.request.model": "model-1",
            "gen_ai.input.messages": json.dumps(said),
            "gen_ai.usage.input_tokens": 10,
        }
        number = self._made
        return self._span("chat", model), self._tool("get_order", {"order_id": f"O-{number:05}"})

    def _tool(self, tool: str, arguments: dict[str, Json]) -> Span:
        result = {**arguments, "status": "delivered", "items": [f"thing {self._made % 97}"]}
        return self._span(
            f"execute_tool {tool}",
            {
                "gen_ai.operation.name": "execute_tool",
                "gen_ai.tool.name": tool,
                "gen_ai.tool.call.id": f"call-{self._made}",
                "gen_ai.tool.call.arguments": json.dumps(arguments),
                "gen_ai.tool.call.result": json.dumps(result),
            },
        )

    def _span(self, name: str, attributes: dict[str, Json]) -> Span:
        self._made += 1
        start_ns = self._first_ns + self._made * MS
        return Span(
            trace_id=TRACE,
            span_id=f"{self._made + 1:016x}",
            parent_id=f"{1:016x}",
            name=name,
            start_ns=start_ns,
            end_ns=start_ns + MS // 2,
            attributes=attributes,
            resource={"service.name": "retail-care"},
        )
