"""The desk's tools: thin functions over the store, named as in the tool catalogue.

They are coroutines so that the framework runs them on its own thread, where the store lives.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, TypeVar

from pydantic_ai import ModelRetry, RunContext
from store import ShopError, Store

T = TypeVar("T")


@dataclass
class Desk:
    """What a run works with."""

    store: Store


async def find_customer_by_email(ctx: RunContext[Desk], email: str) -> dict[str, str]:
    """Identify the customer by the e-mail address on file."""
    return {
        "customer_id": _refusable(lambda: ctx.deps.store.customer_by_email(email)),
        "email": email,
    }


async def get_order(ctx: RunContext[Desk], order_id: str) -> dict[str, Any]:
    """Read one order: its state, items, total and payment method."""
    return asdict(_refusable(lambda: ctx.deps.store.order(order_id)))


async def ask_customer(question: str) -> str:
    """Tell the customer what will be done and ask for a yes."""
    return f"Yes, please. ({question})"


async def hand_over(desk: str, summary: str) -> str:
    """Hand the conversation to another desk."""
    return f"handed to {desk}: {summary}"


async def cancel_order(ctx: RunContext[Desk], order_id: str, reason: str) -> str:
    """Cancel a pending order."""
    _refusable(lambda: ctx.deps.store.move(order_id, before="pending", after="cancelled"))
    return f"cancelled {order_id}: {reason}"


async def return_order(ctx: RunContext[Desk], order_id: str, item_ids: list[str]) -> str:
    """Register the return of delivered items of an order."""
    _refusable(lambda: ctx.deps.store.move(order_id, before="delivered", after="returned"))
    return f"return of {len(item_ids)} items of {order_id} registered"


async def issue_refund(
    ctx: RunContext[Desk], order_id: str, amount_cents: int, payment_method: str
) -> str:
    """Pay money back for a returned order to a payment method."""
    ctx.deps.store.refund(order_id, amount_cents, payment_method)
    return f"refunded {amount_cents} to {payment_method}"


def tools_of() -> Sequence[Callable[..., object]]:
    """Every tool of the catalogue."""
    return (
        find_customer_by_email, get_order, ask_customer, hand_over,
        cancel_order, return_order, issue_refund,
    )  # fmt: skip


def _refusable(act: Callable[[], T]) -> T:
    """Run `act`; a refusal of the shop becomes a retry the model can read."""
    try:
        return act()
    except ShopError as refusal:
        raise ModelRetry(str(refusal)) from refusal
