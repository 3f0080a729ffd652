"""What a question at a node's decision point costs while its run goes on.

An agent reads orders: a model call, a question at the gate, the call, and so on. Each action is
what the node does for it: two spans received, one question answered. The node's own judge works on
its own store, by the example's policy sets and the baseline; a question goes in and comes out as
bytes. Held against each other: an action after 100 spans of the run, and after many more.
"""

from __future__ import annotations

import gc
import json
import sys
import tempfile
import time
from pathlib import Path

from rows import Row, report

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
SIZES = (100, 1_000, 10_000)
ACTIONS = 20
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


def measure() -> list[Row]:
    """CPU-milliseconds of one action at each size, the sizes taken in turns."""
    with tempfile.TemporaryDirectory() as folder:
        desks = {size: Desk(_made(Path(folder) / str(size)), size) for size in SIZES}
        rounds = [{size: _action_s(desk) for size, desk in desks.items()} for _ in range(3)]
    best = {size: min(taken[size] for taken in rounds) for size in SIZES}
    return [
        Row(
            f"action after {size:,} spans",
            taken_s * 1_000,
            "CPU-ms",
            f"after {SIZES[0]:,} spans",
            best[SIZES[0]] / taken_s,
            ">= 0.8" if size == SIZES[-1] else None,
        )
        for size, taken_s in best.items()
    ]


def _action_s(desk: Desk) -> float:
    """CPU-seconds of one action, the mean of several."""
    gc.collect()
    start = time.process_time()
    allowed = sum(desk.action() for _ in range(ACTIONS))
    taken_s = time.process_time() - start
    if allowed != ACTIONS:
        raise RuntimeError(f"{allowed} of {ACTIONS} actions were allowed")
    return taken_s / ACTIONS


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


if __name__ == "__main__":
    sys.exit(report("gate", measure()))
