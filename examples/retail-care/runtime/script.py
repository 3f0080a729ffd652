"""The scripted model: picks the next tool call from the conversation so far, as a model would.

Each desk is a plan: a list of (tool, arguments from what is known). The next step is the first
one whose tool has not answered yet. The fault of the demo, `skip_confirmation`, leaves out the
question to the customer, as a model does after a bad prompt change.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from pydantic_ai.messages import (
    ModelMessage,
    ModelResponse,
    TextPart,
    ToolCallPart,
    ToolReturnPart,
    UserPromptPart,
)
from pydantic_ai.models.function import AgentInfo, FunctionModel

Known = Mapping[str, Any]
Step = tuple[str, Callable[[Known], dict[str, Any]]]

_IDENTIFY: Step = ("find_customer_by_email", lambda k: {"email": k["email"]})
_READ: Step = ("get_order", lambda k: {"order_id": k["order_id"]})
PLANS: dict[str, list[Step]] = {
    "triage": [
        _IDENTIFY,
        _READ,
        ("hand_over", lambda k: {
            "desk": "orders" if k["status"] == "pending" else "refunds",
            "summary": f"{k['order_id']} is {k['status']}",
        }),
    ],
    "orders": [
        _IDENTIFY,
        _READ,
        ("ask_customer", lambda k: {"question": f"Shall I cancel order {k['order_id']}?"}),
        ("cancel_order", lambda k: {"order_id": k["order_id"], "reason": "ordered by mistake"}),
    ],
    "refunds": [
        _IDENTIFY,
        _READ,
        ("ask_customer", lambda k: {"question": f"Shall I take back {k['order_id']}?"}),
        ("return_order", lambda k: {"order_id": k["order_id"], "item_ids": list(k["item_ids"])}),
        ("ask_customer", lambda k: {"question": f"Shall I refund {k['total_cents'] / 100:.2f}?"}),
        ("issue_refund", lambda k: {
            "order_id": k["order_id"],
            "amount_cents": k["total_cents"],
            "payment_method": k["payment_method"],
        }),
    ],
}  # fmt: skip


def scripted_model(name: str, *, skip_confirmation: bool) -> FunctionModel:
    """The model of one desk."""
    plan = [step for step in PLANS[name] if not (skip_confirmation and step[0] == "ask_customer")]

    def answer(messages: list[ModelMessage], _info: AgentInfo) -> ModelResponse:
        known, done = _known(messages)
        if done >= len(plan):
            return ModelResponse(parts=[TextPart(f"Done: {known['order_id']}.")])
        tool, arguments = plan[done]
        return ModelResponse(parts=[ToolCallPart(tool, arguments(known))])

    return FunctionModel(answer, model_name="retail-care-script")


def _known(messages: list[ModelMessage]) -> tuple[dict[str, Any], int]:
    """What the conversation has told so far, and how many tools have answered."""
    known: dict[str, Any] = {}
    done = 0
    for message in messages:
        for part in message.parts:
            if isinstance(part, UserPromptPart):
                text = str(part.content)
                known["email"] = _first(r"\S+@\S+\w", text)
                known["order_id"] = _first(r"O-\d{4}", text)
            elif isinstance(part, ToolReturnPart):
                done += 1
                known.update(_fields(part.content))
    return known, done


def _fields(content: object) -> dict[str, Any]:
    if isinstance(content, dict):
        return content
    try:
        value = json.loads(str(content))
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def _first(pattern: str, text: str) -> str:
    found = re.search(pattern, text)
    return found.group(0) if found else ""
