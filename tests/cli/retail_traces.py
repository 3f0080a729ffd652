"""Hand-made traces of the retail-care example: a customer asks to have an order cancelled."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable
from pathlib import Path

from mythos.engines.telemetry import encode_json
from mythos.values.event import Span
from tests.engines.telemetry.making import Loose, agent, call, chat, said

EXAMPLE = Path(__file__).resolve().parents[2] / "examples/retail-care"
JUDGED_BY = (
    *("--policy", str(EXAMPLE / "policies/care-rules.yaml")),
    *("--policy", str(EXAMPLE / "policies/refund-rules.yaml")),
    *("--workflow", str(EXAMPLE / "workflows/cancel-order.yaml")),
    *("--tools", str(EXAMPLE / "tools/retail-care.json")),
)
NEW_YEAR_S = 1_767_225_600  # 2026-01-01T00:00:00Z


def run(number: int, *, node: str = "till-1", asks: bool = True) -> list[Span]:
    """One run, a minute after that of the number before; without `asks` nobody is asked."""
    start = NEW_YEAR_S + 60 * number
    shared: Loose = {
        "trace": f"{number + 1:032x}",
        "resource": {"service.name": "retail-care", "service.instance.id": node},
    }
    steps = [
        ("find_customer_by_email", {"email": "ana@example.org"}, {"customer": "ana"}),
        ("get_order", {"order_id": "W1"}, {"order_id": "W1", "state": "pending"}),
        ("ask_customer", {"question": "Shall I cancel W1?"}, "yes, please"),
        ("cancel_order", {"order_id": "W1", "reason": "no longer needed"}, {"ok": True}),
    ]
    if not asks:
        del steps[2]
    spans = [
        agent(1, name="orders", at_s=start, for_s=30, **shared),
        chat(2, 1, said("u:Cancel my order W1, I am ana@example.org"), at_s=start + 1, **shared),
    ]
    for place, (tool, arguments, result) in enumerate(steps):
        spans.append(
            call(
                3 + place,
                1,
                tool,
                at_s=start + 3 + 2 * place,
                gen_ai__tool__call__arguments=json.dumps(arguments),
                gen_ai__tool__call__result=json.dumps(result),
                **shared,
            )
        )
    return spans


def write(path: Path, requests: Iterable[list[Span]]) -> Path:
    """An archive of one request a line; gzip if it is named so."""
    body = b"".join(encode_json(spans) + b"\n" for spans in requests)
    path.write_bytes(gzip.compress(body) if path.suffix == ".gz" else body)
    return path
