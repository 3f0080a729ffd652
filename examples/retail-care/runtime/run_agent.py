"""One agent of the example as a process of its own: real framework, scripted model, real store.

The model is a pydantic-ai `FunctionModel`: it reads the conversation and picks the next tool call,
as a language model would, but needs no key and no network. pydantic-ai's own OpenTelemetry
instrumentation exports every span over OTLP/HTTP to the node.

Started by the node with: MYTHOS_AGENT (path of the agent document), MYTHOS_MEMORY (its live
memory), MYTHOS_WORK (a folder of its own), OTEL_EXPORTER_OTLP_ENDPOINT, OTEL_SERVICE_NAME and
OTEL_RESOURCE_ATTRIBUTES. The file `scenario.json` in MYTHOS_WORK says how many runs to do and how
fast; it is read before every run:

    {"runs": 30, "every_s": 1.5, "skip_confirmation": false}

Progress is written to `progress.json` beside it: {"finished": 12}.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from pydantic_ai import Agent
from pydantic_ai.capabilities import Instrumentation
from pydantic_ai.models.instrumented import InstrumentationSettings
from script import scripted_model
from store import ORDERS, Store, email_of, owner_of
from tools import Desk, tools_of

IDLE_S = 0.1
TASKS = {
    "triage": "Hello, this is {email}. Can I still cancel or return my order {order}?",
    "orders": "Hello, this is {email}. Please cancel my order {order}, I ordered it by mistake.",
    "refunds": "Hello, this is {email}. I want to return order {order} and get a refund.",
}


def main() -> int:
    """Do the scenario's runs, one at a time, until told to stop."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # the provider flushes at exit
    work, document = Path(os.environ["MYTHOS_WORK"]), _document()
    provider = TracerProvider(resource=Resource.create())
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(), schedule_delay_millis=200))
    instrumentation = Instrumentation(
        InstrumentationSettings(tracer_provider=provider, include_model_request_parameters=False)
    )
    store = Store(work / "orders.sqlite3")
    name = document["name"]
    finished = _finished(work)
    next_at = time.monotonic()
    while True:
        scenario = _scenario(work)
        wait_s = next_at - time.monotonic()
        if finished >= scenario["runs"] or wait_s > 0:
            time.sleep(IDLE_S if finished >= scenario["runs"] else min(wait_s, IDLE_S))
            continue
        if finished % (ORDERS // 2) == 0:
            store.restock()
        next_at = max(next_at + scenario["every_s"], time.monotonic())
        agent = Agent(
            scripted_model(name, skip_confirmation=scenario["skip_confirmation"]),
            name=name,
            instructions=document["instructions"] + _memory(),
            deps_type=Desk,
            tools=tools_of(),
            capabilities=[instrumentation],
        )
        agent.run_sync(_task(name, finished), deps=Desk(store))
        finished += 1
        _write(work / "progress.json", {"finished": finished})


def _task(name: str, run: int) -> str:
    """The customer's opening words; orders desk gets pending orders, the others delivered ones."""
    number = 1 + (2 * run + (0 if name == "orders" else 1)) % ORDERS
    return TASKS[name].format(email=email_of(owner_of(number)), order=f"O-{number:04}")


def _document() -> dict[str, str]:
    document: dict[str, str] = json.loads(Path(os.environ["MYTHOS_AGENT"]).read_text("utf-8"))
    return document


def _memory() -> str:
    """What the agent remembers: every file of its live memory."""
    files = sorted(path for path in Path(os.environ["MYTHOS_MEMORY"]).rglob("*") if path.is_file())
    return "".join(f"\n\n{path.read_text('utf-8', 'replace')}" for path in files)


def _scenario(work: Path) -> dict[str, float]:
    scenario = {"runs": 0, "every_s": 1.5, "skip_confirmation": False}
    with suppress(FileNotFoundError):
        scenario.update(json.loads((work / "scenario.json").read_text("utf-8")))
    return scenario


def _finished(work: Path) -> int:
    """Runs finished before this process was started again."""
    with suppress(FileNotFoundError):
        return int(json.loads((work / "progress.json").read_text("utf-8"))["finished"])
    return 0


def _write(path: Path, value: dict[str, int]) -> None:
    draft = path.with_suffix(".new")
    draft.write_text(json.dumps(value), "utf-8")
    draft.replace(path)


if __name__ == "__main__":
    sys.exit(main())
