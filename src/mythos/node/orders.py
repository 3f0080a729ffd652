"""Orders to accept a memory: taken from a signed view, carried out at a beat, answered.

An order waits on disk until it is answered, and its answer until an envelope carries it. A crash
between the log's entry and the answer does no harm: the log knows an order that it has. The owner
of a host may forbid orders; then each is answered with that.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime
from functools import cached_property
from pathlib import Path

from pydantic import JsonValue

from mythos.adapters.memory_recorder import Recorder
from mythos.adapters.memory_store_directory import DirectoryStore
from mythos.engines.memory.checkpoint import log_origin
from mythos.errors import MemoryLogError, MythosError, UnavailableError
from mythos.node.duty import Duty
from mythos.node.home import NodeHome
from mythos.node.store import NodeStore
from mythos.values.accept_order import MAX_ORDERS, AcceptOrder, OrderAnswer

MAX_WHY_CHARS = 500
SHOWN = 20


def take_orders(store: NodeStore, orders: Iterable[AcceptOrder]) -> int:
    """Keep the orders of a view whose signature was verified; says how many are new.

    Beyond `MAX_ORDERS` that wait, more are left for a later view.
    """
    return store.add_orders(
        ((order.id, order.model_dump_json()) for order in orders), at_most=MAX_ORDERS
    )


class Orders:
    """What operators ordered of one node's memories."""

    def __init__(self, home: NodeHome, store: NodeStore, *, allowed: bool = True) -> None:
        self._home = home
        self._store = store
        self._allowed = allowed
        self._hindrance = ""

    @cached_property
    def secret(self) -> bytes:
        """What hashes of contents that are logged nowhere are made with; it stays on this host."""
        return self._store.secret("unlogged contents")

    @property
    def hindrance(self) -> str:
        """Why an order could not be carried out at the newest beat, and waits; else empty."""
        return self._hindrance

    def carry_out(self, duty: Duty, *, node: str, at: datetime) -> None:
        """Answer every order that waits, carried out or refused.

        Raises:
            UnavailableError: the node's state cannot be written. Where a log cannot be, its orders
                wait.
        """
        self._hindrance = ""
        agents = _agents_by_log(duty, node=node)
        held_up: set[str] = set()
        for body in self._store.waiting_orders():
            order = AcceptOrder.model_validate_json(body)
            if order.origin in held_up:
                continue
            try:
                answer = self._answer(order, agents.get(order.origin), at=at)
            except UnavailableError as error:
                held_up.add(order.origin)
                self._hindrance = f"orders for {order.origin} wait: {_told(error)}"
                continue
            self._store.answer_order(order.id, answer.model_dump_json())

    def answers(self) -> list[OrderAnswer]:
        """What is to be told in the next envelope, as much as one may carry."""
        waiting = self._store.untold_answers(limit=MAX_ORDERS)
        return [OrderAnswer.model_validate_json(answer) for _, answer in waiting]

    def _answer(self, order: AcceptOrder, agent: str | None, *, at: datetime) -> OrderAnswer:
        try:
            if agent is None:
                raise _no_such_log(order)
            folder = self._home.memory(agent)
            if not self._allowed:
                raise _forbidden(folder)
            with Recorder(DirectoryStore(folder), self._home.memory_log(agent)) as recorder:
                entry = recorder.accept_as_seen(order, secret=self.secret, at=at)
        except UnavailableError:
            raise
        except MythosError as error:
            return OrderAnswer(id=order.id, outcome="refused", why=_told(error)[:MAX_WHY_CHARS])
        return OrderAnswer(id=order.id, outcome="accepted", seq=entry.seq)


def told_orders(store: NodeStore) -> list[JsonValue]:
    """The newest orders and what became of them, for `mythos node status`.

    The key of an order whose answer was told is forgotten.
    """
    told: list[JsonValue] = []
    for body, answer in store.newest_orders(limit=SHOWN):
        order = json.loads(body)
        said = OrderAnswer.model_validate_json(answer) if answer else None
        told.append(
            {
                "id": order["id"],
                "log": order["origin"],
                **({"key": order["key"]} if "key" in order else {}),
                "by": order["by"],
                "state": said.outcome if said else "waiting",
                **({"entry": said.seq} if said and said.seq is not None else {}),
                **({"why": said.why} if said and said.why else {}),
            }
        )
    return told


def _agents_by_log(duty: Duty, *, node: str) -> dict[str, str]:
    """Agents by the name of their memory log; an agent whose log can have none is left out."""
    agents = {}
    for name, (_, agent) in duty.agents.items():
        if agent.memory is not None:
            with suppress(MemoryLogError):
                agents[log_origin(node, name)] = name
    return agents


def _forbidden(memory: Path) -> MemoryLogError:
    store = shlex.quote(f"dir:{memory}")
    return MemoryLogError(
        "this host takes no orders to accept",
        remedy=f"run on it: mythos memory accept {store} --by WHO --why TEXT -- KEY",
    )


def _no_such_log(order: AcceptOrder) -> MemoryLogError:
    return MemoryLogError(
        f"this host runs no agent with a memory log {order.origin[:150]!r} now",
        remedy="look at what it reports, and order it again when the agent runs there",
    )


def _told(error: MythosError) -> str:
    return f"{error.message}; {error.remedy}"
